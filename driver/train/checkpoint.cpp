#include "driver/train/checkpoint.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "io/sha256.hpp"
#include "models/registry.hpp"

namespace calofuse {
namespace {
using nlohmann::json;
constexpr char const* kFormat = "calofuse-checkpoint-2";
constexpr char const* kDigest = "sha256";

json to_json(Options const& options)
{
    json out = json::object();
    for (auto const& [key, value] : options.all())
        std::visit([&, name = key](auto const& v) { out[name] = v; }, value);
    return out;
}

Options options_from(json const& document)
{
    Options out;
    for (auto const& [key, value] : document.items()) {
        if (value.is_boolean())
            out.set(key, value.get<bool>());
        else if (value.is_number_integer())
            out.set(key, value.get<std::int64_t>());
        else if (value.is_number())
            out.set(key, value.get<double>());
        else
            out.set(key, value.get<std::string>());
    }
    return out;
}

std::string digest_of(SafeTensors content)
{
    content.metadata.erase(kDigest);
    auto const bytes = to_bytes(content);
    return sha256_of({reinterpret_cast<char const*>(bytes.data()), bytes.size()});
}

std::string tensor_name(Parameters::Entry const& entry)
{
    return (entry.trainable ? "param." : "state.") + entry.spec.name;
}

[[noreturn]] void refuse(std::string const& path, char const* code, std::string const& why)
{
    throw Error(Exit::data, code, quoted(path) + ": " + why,
                "train again, or take another checkpoint");
}
}  // namespace

Checkpoint::Checkpoint(std::string model, Options const& settings, Task const& task)
    : model_(std::move(model)), settings_(settings), task_(task)
{
    content_.metadata = {{"format", kFormat},
                         {"model", model_},
                         {"settings", to_json(settings).dump()},
                         {"task", to_text(task)},
                         {"progress", "{}"}};
}

Checkpoint Checkpoint::read(std::string const& path)
{
    Checkpoint out;
    out.path_ = path;
    out.content_ = read_safetensors(path);
    auto& metadata = out.content_.metadata;
    std::string const format = metadata["format"];
    if (format != kFormat) {
        bool const ours = format.rfind("calofuse-checkpoint-", 0) == 0;
        refuse(path, ours ? "CF-CKPT-22" : "CF-CKPT-20",
               ours ? "format " + quoted(format) + ", this program reads and writes " + kFormat
                    : std::string("is no checkpoint of CaloFuse"));
    }
    if (metadata[kDigest] != digest_of(out.content_))
        refuse(path, "CF-CKPT-21",
               "the content does not match its own SHA-256: the file is damaged");
    try {
        out.model_ = metadata["model"];
        out.settings_ = options_from(json::parse(metadata["settings"]));
        out.task_ = task_from_text(metadata["task"]);
    } catch (json::exception const& e) {
        refuse(path, "CF-CKPT-20", std::string("its metadata cannot be read: ") + e.what());
    }
    return out;
}

void Checkpoint::write(std::string const& path)
{
    content_.metadata[kDigest] = digest_of(content_);
    write_safetensors(path, content_, Overwrite::yes);
}

void Checkpoint::store(Parameters const& parameters)
{
    for (Parameters::Entry const& entry : parameters.entries()) {
        auto const values = parameters.download(entry);
        content_.tensors[tensor_name(entry)] = stored_tensor<float>(values, entry.spec.shape);
    }
}

void Checkpoint::store(Optimizer const& optimizer)
{
    auto const slots = optimizer.download();
    for (std::size_t i = 0; i < slots.size(); ++i)
        set_values(fmt::format("optimizer.{}", i), slots[i]);
    std::int64_t const steps = optimizer.steps_done();
    content_.tensors["optimizer.steps"] = stored_tensor<std::int64_t>(std::span(&steps, 1), {1});
}

void Checkpoint::restore(Parameters& parameters) const
{
    for (Parameters::Entry const& entry : parameters.entries()) {
        StoredTensor const& tensor = content_.at(tensor_name(entry), path_);
        if (tensor.type != StoredType::f32 || tensor.shape != entry.spec.shape)
            refuse(path_, "CF-CKPT-23",
                   entry.spec.name + " is " + tensor.describe() + ", the model has another shape");
        auto const values = tensor.values<float>();
        if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }))
            refuse(path_, "CF-CKPT-24", entry.spec.name + " has values that are not finite");
        parameters.upload(entry, values);
    }
}

void Checkpoint::restore(Optimizer& optimizer) const
{
    std::vector<std::vector<float>> slots;
    while (content_.has(fmt::format("optimizer.{}", slots.size())))
        slots.push_back(values(fmt::format("optimizer.{}", slots.size())));
    auto const steps = content_.at("optimizer.steps", path_).values<std::int64_t>();
    optimizer.restore(slots, steps.at(0));
}

nlohmann::json Checkpoint::progress() const
{
    return json::parse(content_.metadata.at("progress"));
}

void Checkpoint::set_progress(nlohmann::json const& progress)
{
    content_.metadata["progress"] = progress.dump();
}

void Checkpoint::set_values(std::string const& name, std::span<float const> values)
{
    content_.tensors[name] =
        stored_tensor<float>(values, {static_cast<std::int64_t>(values.size())});
}

std::vector<float> Checkpoint::values(std::string const& name) const
{
    return content_.at(name, path_).values<float>();
}

std::unique_ptr<Model> restore_model(Context& ctx,
                                     Checkpoint const& checkpoint,
                                     Dataset const& data)
{
    ModelEntry const& entry = find_model(checkpoint.model());
    auto const seed = static_cast<std::uint64_t>(checkpoint.settings().get_int("general.seed"));
    std::unique_ptr<Model> model =
        entry.make(ctx, data, checkpoint.task(), checkpoint.settings(), seed);
    checkpoint.restore(model->parameters());
    model->bind(data);
    return model;
}
}  // namespace calofuse
