/// \file driver/cli/settings.hpp
/// The settings of the program: one table that the command line, the environment, configuration
/// files and `calofuse config dump` are all derived from.
#pragma once

#include "driver/train/session.hpp"
#include "runtime/options.hpp"

namespace calofuse {
/// Sections general, input, split and train. Models add their own section `model`.
OptionSchema const& program_schema();

/// The entry of `key`, of the table or of the section `hits`; a key that is not there is a bug.
OptionSpec const& setting(std::string const& key);

/// Everything a command line, the environment and a configuration file say about `program_schema()`
/// and `extra` (the section of a model, or that of the simulator). Sections of other commands are let
/// pass, so that one file can serve all; another model's settings are not. `fallback_file` is read where no --config was given: a run
/// directory's own config.toml, or empty.
Options resolve_settings(Session const& session,
                         OptionSchema const& extra = {},
                         std::string const& fallback_file = {});

/// `program_schema()` and `extra` in one table.
OptionSchema with_extra(OptionSchema const& extra);
}  // namespace calofuse
