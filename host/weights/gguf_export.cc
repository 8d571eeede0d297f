// Metadata of each architecture, and what llama.cpp cannot be told.
#include "weights/gguf_export.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/excerpt.h"

namespace slipway {
namespace {

// A config.json that is read for llama.cpp.
class ConfigSource {
 public:
  ConfigSource(const Json& config, std::string origin)
      : config_(config), origin_(std::move(origin)) {}

  bool is_null(const char* key) const {
    const auto found = config_.find(key);
    return found != config_.end() && found->is_null();
  }
  bool has(const char* key) const {
    const auto found = config_.find(key);
    return found != config_.end() && !found->is_null();
  }
  const Json& at(const char* key) const {
    if (!has(key)) fail("{}: config.json: \"{}\" is missing", origin_, key);
    return config_.at(key);
  }
  template <class T>
  T value(const char* key, T fallback) const {
    return has(key) ? at(key).get<T>() : fallback;
  }
  uint32_t whole(const char* key) const { return at(key).get<uint32_t>(); }
  // llama.cpp computes with this and with nothing else.
  void require(const char* key, const Json& wanted, const Json& fallback) const {
    const Json& said = has(key) ? at(key) : fallback;
    if (said != wanted) refuse(key, fmt::format(" ({} is)", wanted.dump()));
  }
  void require_absent(const char* key) const {
    if (has(key)) refuse(key, "");
  }
  [[noreturn]] void refuse(const std::string& key, const std::string& known) const {
    const auto found = config_.find(key);
    fail(
        "{}: config.json: \"{}\" = {} cannot be written as GGUF{}: llama.cpp computes another "
        "model",
        origin_, key, found == config_.end() ? "nothing" : excerpt(found->dump()), known);
  }

 private:
  const Json& config_;
  std::string origin_;
};

struct MetadataWriter {
  const ConfigSource& source;
  std::string prefix;
  GgufDescription& out;

  void add(const std::string& key, GgufWritten value) {
    out.metadata.push_back({prefix + key, std::move(value)});
  }
  void real(const std::string& key, double value) { add(key, static_cast<float>(value)); }
};

// ---- rotary positions ---------------------------------------------------------------------------
Json rope_table(const ConfigSource& s) {
  for (const char* key : {"rope_scaling", "rope_parameters"})
    if (s.has(key) && !s.at(key).empty()) return s.at(key);
  return Json::object();
}

std::string rope_type(const Json& table) {
  for (const char* key : {"rope_type", "type"})
    if (table.contains(key)) return table.at(key);
  return "default";
}

// What Llama 3.1 divides each frequency by.
std::vector<float> llama3_factors(const Json& table, double theta, int64_t width) {
  const double factor = table.at("factor"), low = table.at("low_freq_factor"),
               high = table.at("high_freq_factor"),
               original = table.at("original_max_position_embeddings");
  std::vector<float> out;
  for (int64_t i = 0; i < width; i += 2) {
    const double wave =
        2 * std::numbers::pi * std::pow(theta, static_cast<double>(i) / static_cast<double>(width));
    const double smooth = (original / wave - low) / (high - low);
    out.push_back(static_cast<float>(wave > original / low ? factor
                                     : wave < original / high
                                         ? 1
                                         : 1 / ((1 - smooth) / factor + smooth)));
  }
  return out;
}

void add_rotary(MetadataWriter& w, const Json& table, double theta, int64_t width,
                uint32_t positions) {
  w.real("rope.freq_base", theta);
  const std::string type = rope_type(table);
  if (type == "default") return;
  if (type == "llama3") {
    w.out.factors.emplace_back("rope_freqs.weight", llama3_factors(table, theta, width));
  } else if (type == "linear") {
    w.add("rope.scaling.type", std::string("linear"));
    w.real("rope.scaling.factor", table.at("factor").get<double>());
  } else if (type == "yarn") {
    for (const auto& [key, value] : table.items())
      if (key != "rope_type" && key != "type" && key != "factor" && key != "rope_theta" &&
          key != "original_max_position_embeddings")
        w.source.refuse("rope_scaling", fmt::format(" with \"{}\"", excerpt(key)));
    w.add("rope.scaling.type", std::string("yarn"));
    w.real("rope.scaling.factor", table.at("factor").get<double>());
    w.add("rope.scaling.original_context_length",
          table.value("original_max_position_embeddings", positions));
  } else if (type == "longrope" && table.value("factor", 0.0) == 1.0 &&
             table.value("attention_factor", 1.0) == 1.0 &&
             table.at("short_factor") == table.at("long_factor")) {
    w.out.factors.emplace_back("rope_freqs.weight", table.at("short_factor"));
  } else {
    w.source.refuse(w.source.has("rope_scaling") ? "rope_scaling" : "rope_parameters",
                    " (default, linear, yarn and llama3 are)");
  }
}

double theta_of(const ConfigSource& s, const Json& table, double fallback) {
  return table.contains("rope_theta") ? table.at("rope_theta").get<double>()
                                      : s.value("rope_theta", fallback);
}

// ---- layers -------------------------------------------------------------------------------------
// Which layers have a window: by their list, else all but every `every`-th.
std::vector<bool> windows_of(const ConfigSource& s, uint32_t layers, uint32_t every) {
  std::vector<bool> out;
  for (uint32_t i = 0; i < layers; ++i) out.push_back((i + 1) % every != 0);
  if (!s.has("layer_types")) return out;
  const Json& types = s.at("layer_types");
  if (types.size() != layers) s.refuse("layer_types", " (one a layer is)");
  for (uint32_t i = 0; i < layers; ++i) {
    out[i] = types[i] == "sliding_attention";
    if (!out[i] && types[i] != "full_attention") s.refuse("layer_types", "");
  }
  return out;
}

// llama.cpp gives all layers but every `known`-th a window where the file does not list them.
void add_windows(MetadataWriter& w, const std::vector<bool>& windows, uint32_t known) {
  w.add("attention.sliding_window", w.source.value<uint32_t>("sliding_window", 4096));
  bool same = true;
  for (size_t i = 0; i < windows.size(); ++i) same = same && windows[i] == ((i + 1) % known != 0);
  if (!same) w.add("attention.sliding_window_pattern", windows);
}

// Layers of Mistral and Ministral that see less than all of the longest text; none = it has none.
std::vector<bool> windows_of_mistral(const ConfigSource& s, const std::string& type) {
  if (type != "mistral" && type != "ministral") return {};
  const bool null = s.is_null("sliding_window");
  const auto window = null ? 0 : s.value<uint32_t>("sliding_window", 4096);
  if (window == 0 || window >= s.whole("max_position_embeddings")) return {};
  const auto layers = s.whole("num_hidden_layers");
  std::vector<bool> out =
      s.has("layer_types") ? windows_of(s, layers, 1) : std::vector<bool>(layers, true);
  if (std::ranges::find(out, true) == out.end()) out.clear();
  return out;
}

// llama.cpp's "llama" has no windows. Its "granite_swa" is a Llama with windows, scales, and sinks
// of attention, which take nothing when they lie below all scores.
void add_windows_of_mistral(MetadataWriter& w, const std::vector<bool>& windows, uint32_t heads) {
  constexpr float kNoSink = -1e30f;
  w.add("attention.sliding_window", w.source.value<uint32_t>("sliding_window", 4096));
  w.add("attention.sliding_window_pattern", windows);
  w.real("logit_scale", 1);
  for (size_t i = 0; i < windows.size(); ++i)
    w.out.factors.emplace_back(fmt::format("blk.{}.attn_sinks.weight", i),
                               std::vector<float>(heads, kNoSink));
}

// Where no architecture of llama.cpp has such layers with windows.
void require_no_window(const ConfigSource& s) {
  constexpr const char* kWhy = ", in which this family has no windows";
  if (s.value("use_sliding_window", false)) s.refuse("use_sliding_window", kWhy);
  if (s.has("layer_types"))
    for (const Json& type : s.at("layer_types"))
      if (type != "full_attention") s.refuse("layer_types", kWhy);
}

void add_phi3(MetadataWriter& w, const Json& table, double theta, int64_t width,
              uint32_t positions) {
  const ConfigSource& s = w.source;
  if (s.value<int64_t>("sliding_window", 0) > 0 && s.whole("sliding_window") < positions)
    s.refuse("sliding_window", fmt::format(", in which this family has no windows (none, and {} = "
                                           "max_position_embeddings, are)",
                                           positions));
  const double part = table.value("partial_rotary_factor", s.value("partial_rotary_factor", 1.0));
  const auto count = static_cast<int64_t>(static_cast<double>(width) * part);
  w.add("rope.dimension_count", static_cast<uint32_t>(count));
  const auto original = s.value<uint32_t>("original_max_position_embeddings", 4096);
  w.add("rope.scaling.original_context_length", original);
  if (rope_type(table) == "default") {
    w.real("rope.freq_base", theta);
    return;
  }
  w.real("rope.freq_base", theta);
  const double factor =
      table.value("factor", static_cast<double>(positions) / static_cast<double>(original));
  const double scale =
      factor <= 1 ? 1 : std::sqrt(1 + std::log(factor) / std::log(static_cast<double>(original)));
  w.real("rope.scaling.attn_factor", table.value("attention_factor", scale));
  for (const char* length : {"long", "short"})
    w.out.factors.emplace_back(fmt::format("rope_factors_{}.weight", length),
                               table.at(fmt::format("{}_factor", length)));
}

void require_gemma(const ConfigSource& s, int64_t width, uint32_t layers, uint32_t layers_of_27b) {
  s.require("attention_bias", false, false);
  s.require("hidden_activation", "gelu_pytorch_tanh", "gelu_pytorch_tanh");
  const double scalar =
      layers == layers_of_27b
          ? static_cast<double>(s.whole("hidden_size") / s.whole("num_attention_heads"))
          : static_cast<double>(width);
  if (s.value("query_pre_attn_scalar", 256.0) != scalar)
    s.refuse("query_pre_attn_scalar", fmt::format(" ({} is)", scalar));
}

// The tables of full and of sliding attention.
std::pair<Json, Json> tables_by_type(const ConfigSource& s) {
  Json full = Json::object(), sliding = Json::object();
  if (s.has("rope_parameters")) {
    full = s.at("rope_parameters").value("full_attention", full);
    sliding = s.at("rope_parameters").value("sliding_attention", sliding);
  }
  if (s.has("rope_scaling")) full = s.at("rope_scaling");
  if (rope_type(sliding) != "default") s.refuse("rope_parameters", " (sliding layers without are)");
  return {full, sliding};
}

// `known`: theta of sliding layers where the file does not say it; 0 = always that of the others.
void add_by_type(MetadataWriter& w, double full_theta, double sliding_theta, double known,
                 const char* sliding_key, int64_t width, uint32_t positions) {
  const ConfigSource& s = w.source;
  const auto [full, sliding] = tables_by_type(s);
  const double theta = theta_of(s, full, full_theta);
  const double other = sliding.contains("rope_theta") ? sliding.at("rope_theta").get<double>()
                       : sliding_key != nullptr       ? s.value(sliding_key, sliding_theta)
                                                      : sliding_theta;
  if (known == 0 && other != theta)
    s.refuse("rope_parameters", fmt::format(" (a rope_theta of {} for sliding layers is)", theta));
  add_rotary(w, full, theta, width, positions);
  if (known != 0 && other != known) w.real("rope.freq_base_swa", other);
}

void add_gpt2(MetadataWriter& w) {
  const ConfigSource& s = w.source;
  s.require("activation_function", "gelu_new", "gelu_new");
  s.require("scale_attn_weights", true, true);
  s.require("scale_attn_by_inverse_layer_idx", false, false);
  const auto hidden = s.value<uint32_t>("n_embd", 768);
  w.add("context_length", s.value<uint32_t>("n_positions", 1024));
  w.add("embedding_length", hidden);
  w.add("block_count", s.value<uint32_t>("n_layer", 12));
  w.add("feed_forward_length", s.value<uint32_t>("n_inner", 4 * hidden));
  w.add("attention.head_count", s.value<uint32_t>("n_head", 12));
  w.real("attention.layer_norm_epsilon", s.value("layer_norm_epsilon", 1e-5));
}

// What one family says, or refuses, beside what all say.
void add_family(MetadataWriter& w, std::string_view type, int64_t width, uint32_t layers,
                uint32_t positions) {
  const ConfigSource& s = w.source;
  const Json table = rope_table(s);
  const auto plain = [&](double theta) {
    add_rotary(w, table, theta_of(s, table, theta), width, positions);
  };
  const auto no_biases = [&] {
    for (const char* key : {"attention_bias", "mlp_bias"}) s.require(key, false, false);
  };
  if (type == "qwen2" || type == "qwen3" || type == "smollm3") require_no_window(s);
  if (type == "qwen3" || type == "smollm3" || type.starts_with("olmo")) no_biases();
  if (type == "smollm3") {
    const auto interval = s.value<uint32_t>("no_rope_layer_interval", 4);
    for (uint32_t i = 0; i < layers; ++i)
      if ((s.has("no_rope_layers") ? s.at("no_rope_layers").at(i).get<int>() != 0
                                   : (i + 1) % interval != 0) != ((i + 1) % 4 != 0))
        s.refuse(s.has("no_rope_layers") ? "no_rope_layers" : "no_rope_layer_interval", " (4 is)");
    return plain(2'000'000);
  }
  if (type == "granite") {
    w.real("attention.scale", s.value("attention_multiplier", 1.0));
    w.real("embedding_scale", s.value("embedding_multiplier", 1.0));
    w.real("residual_scale", s.value("residual_multiplier", 1.0));
    w.real("logit_scale", s.value("logits_scaling", 1.0));
  }
  if (type == "phi3") return add_phi3(w, table, theta_of(s, table, 10'000), width, positions);
  if (type == "olmo3") {
    add_windows(w, windows_of(s, layers, 4), 4);
    return add_by_type(w, 500'000, 500'000, 0, nullptr, width, positions);
  }
  if (type == "gemma2" || type == "gemma3_text") {
    require_gemma(s, width, layers, type == "gemma2" ? 46 : 62);
    const uint32_t known = type == "gemma2" ? 2 : 6;
    const auto every = type == "gemma2" ? known : s.value("sliding_window_pattern", known);
    add_windows(w, windows_of(s, layers, every), known);
  }
  if (type == "gemma3_text") {
    s.require_absent("final_logit_softcapping");
    return add_by_type(w, 1'000'000, 10'000, 10'000, "rope_local_base_freq", width, positions);
  }
  if (type == "gemma2") {
    w.real("attn_logit_softcapping", s.at("attn_logit_softcapping").get<double>());
    w.real("final_logit_softcapping", s.at("final_logit_softcapping").get<double>());
  }
  plain(10'000);
}

// eps where the file does not say it.
double default_eps(std::string_view type) {
  return type.starts_with("olmo") || type == "phi3" ? 1e-5 : 1e-6;
}

}  // namespace

GgufDescription gguf_description(const Json& config, const std::string& origin) {
  const std::string type = config.value("model_type", "");
  const ConfigSource s(config, origin);
  const std::vector<bool> windows = windows_of_mistral(s, type);
  // "ministral" is the name of the architecture with windows
  GgufDescription out{gguf_family_of(!windows.empty()      ? "ministral"
                                     : type == "ministral" ? "mistral"
                                                           : type),
                      {},
                      {}};
  if (out.family == nullptr)
    fail("{}: config.json: model_type \"{}\" has no form in GGUF here", origin, excerpt(type));
  const std::string architecture(out.family->architecture);
  out.metadata = {{"general.architecture", architecture}, {"general.type", std::string("model")}};
  MetadataWriter w{s, architecture + ".", out};
  w.add("vocab_size", s.whole("vocab_size"));
  if (type == "gpt2") {
    add_gpt2(w);
    return out;
  }
  const bool gemma = type.starts_with("gemma");
  if (!gemma) s.require("hidden_act", "silu", "silu");
  const uint32_t heads = s.whole("num_attention_heads"), hidden = s.whole("hidden_size"),
                 layers = s.whole("num_hidden_layers"),
                 positions = s.whole("max_position_embeddings");
  const uint32_t width = s.whole("head_dim");
  w.add("context_length", positions);
  w.add("embedding_length", hidden);
  w.add("block_count", layers);
  w.add("feed_forward_length", s.whole("intermediate_size"));
  w.add("attention.head_count", heads);
  w.add("attention.head_count_kv", s.whole("num_key_value_heads"));
  w.real("attention.layer_norm_rms_epsilon", s.value("rms_norm_eps", default_eps(type)));
  w.add("attention.key_length", width);
  w.add("attention.value_length", width);
  if (type != "phi3") w.add("rope.dimension_count", width);
  add_family(w, type, width, layers, positions);
  if (!windows.empty()) add_windows_of_mistral(w, windows, heads);
  return out;
}

}  // namespace slipway
