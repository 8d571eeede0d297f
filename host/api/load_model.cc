// Plugins of models.
#include "api/load_model.h"

#include <algorithm>

#include "base/available_memory.h"
#include "base/error.h"
#include "base/excerpt.h"
#include "base/log.h"
#include "base/place.h"
#include "base/program_folder.h"
#include "model/check_weights.h"
#include "operators/accelerator/device_tensors.h"
#include "weights/adapter_folder.h"
#include "weights/generation_config.h"
#include "weights/other_formats.h"

namespace slipway {

std::vector<fs::path> plugin_folders(const std::vector<fs::path>& more) {
  std::vector<fs::path> out;
  if (const fs::path bundled = parts_folder() / "plugins"; fs::is_directory(bundled))
    out.push_back(bundled);
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

namespace {

bool offers(const slw_descriptor& plugin, std::string_view interface_id) {
  for (const char* const* each = plugin.interfaces; *each != nullptr; ++each)
    if (*each == interface_id) return true;
  return false;
}

double bytes_of(const ParameterSpec& spec, const std::string& origin, const Lora* lora) {
  const auto count =
      static_cast<double>(element_count(spec.shape, origin + ": parameter " + spec.name));
  const bool in_fewer = lora != nullptr && lora->frozen && spec.shape.size() == 2;
  const EncodingTraits format =
      traits(in_fewer ? lora->frozen(spec).value_or(Encoding::kF32) : Encoding::kF32);
  return count / static_cast<double>(format.block) * static_cast<double>(format.bytes);
}

// Refuses sizes that the machine cannot hold: a number in config.json must not end in an allocation
// that fails, or is granted and never fits.
void check_size(const std::vector<ParameterSpec>& parameters, const std::string& origin,
                int64_t ranks, const Lora* lora) {
  double bytes = 0;
  for (const ParameterSpec& each : parameters)
    if (each.tied_to < 0) bytes += bytes_of(each, origin, lora);
  bytes /= static_cast<double>(ranks);
  const uint64_t free =
      accelerator() != nullptr ? accelerator()->free_memory() : available_memory();
  if (free > 0 && bytes > static_cast<double>(free))
    fail("{}: the weights alone need {:.1f} GiB, and {:.1f} GiB are free", origin, bytes / 0x1p30,
         static_cast<double>(free) / 0x1p30);
}

}  // namespace

std::string model_plugin(const Registry& registry, const std::string& use,
                         const ModelSource& source) {
  if (use != "auto") return use;
  // a program is asked for by name
  if (source.weights && !source.weights->read) return "llama";
  const auto type = source.config.find("model_type");
  if (type == source.config.end() || type->is_null()) return "llama";
  const std::vector<std::string> known = registry.names(SLW_KIND_MODEL);
  if (type->is_string() && std::ranges::find(known, type->get<std::string>()) != known.end())
    return *type;
  std::string list;
  for (const std::string& each : known)
    if (each != "torchscript") list += (list.empty() ? "" : ", ") + each;
  fail("{}: config.json: model_type {} is not supported ({} are)", source.origin,
       excerpt(type->dump()), list);
}

Value model_options(const Registry::Found& found, const ModelSource& source,
                    const Location& where) {
  Value out = check_options(found.descriptor->options, nullptr, found.descriptor->id, where);
  Json nulls = Json::array();
  for (const auto& [key, value] : source.config.items())
    if (value.is_null()) nulls.push_back(key);
  out["config"] = value_of(source.config);
  out["config_nulls"] = value_of(nulls);
  if (source.weights && !source.weights->program.empty())
    out["program"] = Value::of(source.weights->program.string());
  return out;
}

LoadedModel create_model(const Registry& registry, const std::string& use, const Location& where,
                         const ModelSource& source, const RunFacts& facts, bool trained,
                         const Sharding& sharding, const Lora* lora) {
  const Registry::Found& found =
      registry.find(model_plugin(registry, use, source), SLW_KIND_MODEL, where);
  if (source.weights && !source.weights->read && !offers(*found.descriptor, SLW_MODEL_TORCH_NATIVE))
    fail(
        "{}: {} is a program with its weights, which {} does not take; write use = \"torchscript\"",
        where.text(), source.weights->origin, found.descriptor->id);
  LoadedModel out;
  out.config = source.config;
  const Value options = model_options(found, source, where);
  try {
    out.plugin = std::make_unique<Plugin>(*found.library, *found.descriptor, options, facts);
  } catch (const Error& e) {
    if (source.origin.empty()) throw;
    fail("{}: {}", source.origin, e.what());
  }
  const std::vector<ParameterSpec> parameters =
      declared_parameters(out.plugin->get(), out.plugin->id());
  if (source.weights && source.weights->read) check_weights(parameters, *source.weights);
  check_size(parameters, source.origin, sharding.cuts_weights() ? sharding.ranks : 1, lora);
  out.model = std::make_unique<Model>(out.plugin->get(), out.plugin->id(), trained, sharding, lora);
  return out;
}

ModelSource open_source(const fs::path& path) {
  ModelWeights weights = open_weights(path);
  Json config = weights.config;
  std::string origin = weights.origin;
  return {std::move(weights), std::move(config), std::move(origin)};
}

ModelSource open_source(const RunConfig& c) {
  if (!c.weights.empty()) return open_source(c.weights);
  Json config = parse_json(read_file(c.model_config), c.model_config.string());
  if (!config.is_object()) fail("{}: is not a JSON object", c.model_config.string());
  return {{}, std::move(config), c.model_config.string()};
}

void fill_weights(LoadedModel& model, const ModelSource& source, uint64_t seed) {
  if (source.weights && source.weights->read)
    model.model->parameters().load(source.weights->read, source.weights->read_rows);
  else if (!source.weights) model.model->parameters().initialise(seed);
}

void fill_adapters(LoadedModel& model, const RunConfig& config) {
  if (model.model->adapters().empty()) return;
  FlatParameters& parameters = model.model->parameters();
  const std::string& folder = config.text("lora", "adapter");
  if (folder.empty())
    return parameters.initialise_adapters(static_cast<uint64_t>(config.integer("train", "seed")));
  load_adapters(parameters, folder);
}

void check_trainable(const LoadedModel& model, const ModelSource& source) {
  if (model.model->in_one_piece()) return;  // such a model drops out by itself
  const std::string type = source.config.value("model_type", "");
  for (const char* key : {"attention_dropout", "resid_pdrop", "embd_pdrop", "attn_pdrop"}) {
    const auto found = source.config.find(key);
    const bool said = found != source.config.end();
    // GPT-2 drops out where its file says nothing
    const double share = said && found->is_number() ? found->get<double>()
                         : type == "gpt2" && !said && key != std::string("attention_dropout") ? 0.1
                                                                                              : 0.0;
    if (share == 0) continue;
    fail(
        "{}: config.json: \"{}\" = {}: training without it would give another model, and there is "
        "no dropout here yet; set it to 0.0 in config.json to train so",
        source.origin, key, share);
  }
}

Tokenizer tokenizer_beside(const fs::path& weights) {
  const bool own = !is_adapter_folder(weights) || path_exists(weights / "tokenizer.json");
  return load_tokenizer(own ? weights : base_model(weights));
}

Tokenizer tokenizer_of(const RunConfig& c) {
  const fs::path program = c.tokenizer.empty() ? program_at(c.weights) : fs::path();
  if (c.tokenizer.empty() && program.empty() && fs::is_directory(c.weights) &&
      !is_adapter_folder(c.weights) && !path_exists(c.weights / "tokenizer.json"))
    // what is wrong with it first
    if (const std::string other = other_format(c.weights); !other.empty())
      fail("{}: {}", c.weights.string(), other);
  if (c.tokenizer.empty() && program.empty() && fs::is_regular_file(c.weights) &&
      c.weights.extension() != ".gguf")
    fail("{}: is not a model; a model folder of Hugging Face's, or a .gguf file, is needed",
         c.weights.string());
  Tokenizer out = !c.tokenizer.empty() ? load_tokenizer(c.tokenizer)
                  : program.empty()    ? tokenizer_beside(c.weights)
                                       : load_tokenizer(fs::absolute(program).parent_path());
  add_end_tokens(out, c.weights);
  return out;
}

void add_end_tokens(Tokenizer& tokenizer, const fs::path& weights) {
  for (const int32_t id : end_tokens_of(base_model(weights))) {
    if (std::ranges::find(tokenizer.ends, id) != tokenizer.ends.end()) continue;
    if (!tokenizer.is_special(id))
      log_warn(
          "{}: \"eos_token_id\" lists {}, which is not a special token of the tokenizer (\"{}\"); "
          "answers end there all the same",
          weights.string(), id, tokenizer.token(id));
    tokenizer.ends.push_back(id);
  }
}

}  // namespace slipway
