#include "driver/commands/register.hpp"

#include "driver/commands/describe.hpp"
#include "driver/focalh/commands/describe.hpp"

namespace calofuse::commands {
void register_all(CommandLine& line)
{
    add_convert(line, convert);
    add_inspect(line, inspect);
    add_verify(line, verify);
    add_report(line, report);
    add_display(line, display);
    add_doctor(line, doctor);
    add_simulate(line, simulate);
    add_graphs(line, graphs);
    add_train(line, train);
    add_evaluate(line, evaluate);
    add_predict(line, predict);
    add_profile(line, profile);
    add_config(line, config_dump);
}
}  // namespace calofuse::commands
