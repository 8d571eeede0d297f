// Reading metadata, and what the others must say.
#include "weights/gguf_metadata.h"

#include <algorithm>
#include <cfloat>

#include "base/error.h"
#include "base/excerpt.h"
#include "base/log.h"

namespace slipway {
namespace {

// Keys that change nothing.
constexpr std::string_view kHarmless[] = {"vocab_size", "rope.scaling.finetuned",
                                          "rope.scaling.original_context_length"};

// Keys with which the model is another one, unless they say what it is without them.
struct Switch {
  std::string_view key;
  double off;
};
constexpr Switch kSwitches[] = {{"rope.scaling.factor", 1},
                                {"rope.scale_linear", 1},
                                {"rope.scaling.attn_factor", 1},
                                {"rope.scaling.yarn_log_multiplier", 0},
                                {"residual_scale", 1},
                                {"embedding_scale", 1},
                                {"logit_scale", 1},
                                {"attention.scale", 0},
                                {"attention.output_scale", 1},
                                {"attention.sliding_window", 0},
                                {"attention.sliding_window_pattern", 0},
                                {"attention.clamp_kqv", 0},
                                {"attention.max_alibi_bias", 0},
                                {"attention.layer_norm_epsilon", -1},
                                {"attention.layer_norm_rms_epsilon", -1},
                                {"attn_logit_softcapping", 0},
                                {"final_logit_softcapping", 0},
                                {"use_parallel_residual", 0},
                                {"expert_count", 0},
                                {"expert_used_count", 0},
                                {"expert_shared_count", 0},
                                {"expert_feed_forward_length", 0},
                                {"expert_weights_scale", 0},
                                {"interleave_moe_layer_step", 0},
                                {"leading_dense_block_count", 0},
                                {"pooling_type", 0},
                                {"attention.temperature_scale", 0},
                                {"attention.temperature_length", 0},
                                {"rope.freq_base_swa", 0},
                                {"nextn_predict_layers", 0}};

}  // namespace

std::string shown(const GgufValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return "\"" + excerpt(*text) + "\"";
  if (const auto* whole = std::get_if<int64_t>(&value)) return std::to_string(*whole);
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  return "(a list)";
}

bool equals(const GgufValue& value, double wanted) {
  if (const auto* whole = std::get_if<int64_t>(&value))
    return static_cast<double>(*whole) == wanted;
  if (const auto* number = std::get_if<double>(&value)) return *number == wanted;
  if (const auto* flag = std::get_if<bool>(&value)) return static_cast<double>(*flag) == wanted;
  return false;
}

const GgufValue* GgufMetadata::find(const std::string& key) const {
  read_.insert(key);
  return file_.find(prefix_ + key);
}

int64_t GgufMetadata::whole(const std::string& key) const {
  read_.insert(key);
  return file_.integer(prefix_ + key);
}

double GgufMetadata::decimal(const std::string& key) const {
  read_.insert(key);
  const double value = file_.number(prefix_ + key);
  if (!(value > 0) || value > FLT_MAX)
    fail("{}: the metadata \"{}\" must be positive, is {}", file_.path().string(), prefix_ + key,
         value);
  return std::stod(fmt::format("{}", static_cast<float>(value)));
}

std::string GgufMetadata::text(const std::string& key, const std::string& fallback) const {
  return has(key) ? file_.text(prefix_ + key) : fallback;
}

std::vector<int64_t> GgufMetadata::list(const std::string& key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return {};
  if (const auto* list = std::get_if<std::vector<int64_t>>(value)) return *list;
  fail("{}: the metadata \"{}\" is not a list of whole numbers or flags", file_.path().string(),
       prefix_ + key);
}

void GgufMetadata::refuse(const std::string& key, const std::string& known) const {
  fail("{}: the metadata \"{}\" = {} is not supported{}: with it the model is another one",
       file_.path().string(), prefix_ + key, shown(*file_.find(prefix_ + key)), known);
}

void GgufMetadata::require(const std::string& key, const GgufValue& wanted) const {
  if (const GgufValue* value = find(key); value != nullptr && *value != wanted)
    refuse(key, " (" + shown(wanted) + " is)");
}

void GgufMetadata::finish() const {
  std::string unknown;
  for (const std::string& key : file_.keys()) {
    if (!key.starts_with(prefix_)) continue;
    const std::string name = key.substr(prefix_.size());
    if (read_.contains(name) || std::ranges::find(kHarmless, name) != std::end(kHarmless)) continue;
    if (const auto* found = std::ranges::find(kSwitches, name, &Switch::key);
        found != std::end(kSwitches)) {
      if (!equals(*file_.find(key), found->off)) refuse(name);
    } else if (name.starts_with("rope.scaling.yarn")) {
      refuse(name);
    } else {
      unknown += (unknown.empty() ? "" : ", ") + excerpt(key);
    }
  }
  if (!unknown.empty())
    log_warn("{}: these metadata are not known and change nothing here: {}", file_.path().string(),
             excerpt(unknown, 500));
}

}  // namespace slipway
