// Deriving generation_config.json.
#include "weights/generation_config.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "weights/model_folder.h"

namespace slipway {
namespace {

// The keys of transformers' GenerationConfig that a config.json may set.
constexpr std::string_view kKeys[] = {"bad_words_ids",
                                      "begin_suppress_tokens",
                                      "bos_token_id",
                                      "cache_implementation",
                                      "decoder_start_token_id",
                                      "diversity_penalty",
                                      "do_sample",
                                      "early_stopping",
                                      "encoder_no_repeat_ngram_size",
                                      "encoder_repetition_penalty",
                                      "eos_token_id",
                                      "epsilon_cutoff",
                                      "eta_cutoff",
                                      "exponential_decay_length_penalty",
                                      "force_words_ids",
                                      "forced_bos_token_id",
                                      "forced_eos_token_id",
                                      "guidance_scale",
                                      "length_penalty",
                                      "max_length",
                                      "max_new_tokens",
                                      "max_time",
                                      "min_length",
                                      "min_new_tokens",
                                      "min_p",
                                      "no_repeat_ngram_size",
                                      "num_beam_groups",
                                      "num_beams",
                                      "num_return_sequences",
                                      "output_attentions",
                                      "output_hidden_states",
                                      "output_logits",
                                      "output_scores",
                                      "pad_token_id",
                                      "penalty_alpha",
                                      "remove_invalid_values",
                                      "renormalize_logits",
                                      "repetition_penalty",
                                      "return_dict_in_generate",
                                      "sequence_bias",
                                      "suppress_tokens",
                                      "temperature",
                                      "top_k",
                                      "top_p",
                                      "transformers_version",
                                      "typical_p",
                                      "use_cache"};

}  // namespace

Json generation_config_of(const fs::path& weights, const Json& config) {
  const fs::path folder = weights.empty() || fs::is_directory(weights) ? weights
                          : program_at(weights).empty() ? fs::path()
                                                        : fs::absolute(weights).parent_path();
  if (const fs::path file = folder / "generation_config.json";
      !folder.empty() && fs::exists(file)) {
    Json out = parse_json(read_file(file), file.string());
    if (!out.is_object()) fail("{}: is not a JSON object", file.string());
    return out;
  }
  // where config.json is silent
  Json given = {{"output_attentions", false}, {"output_hidden_states", false}, {"use_cache", true}};
  for (const auto& [name, value] : config.items())
    if (std::ranges::find(kKeys, name) != std::end(kKeys) && !value.is_null()) given[name] = value;
  Json out = {{"_from_model_config", true}};
  for (const std::string_view key : kKeys)
    if (given.contains(key)) out[std::string(key)] = given[std::string(key)];
  return out;
}

std::vector<int32_t> end_tokens_of(const fs::path& weights) {
  std::error_code ec;
  if (weights.empty() || !fs::is_directory(weights, ec)) return {};
  const bool own = fs::exists(weights / "generation_config.json", ec);
  const fs::path file = weights / (own ? "generation_config.json" : "config.json");
  if (!fs::exists(file, ec)) return {};
  const Json json = parse_json(read_file(file), file.string());
  if (!json.is_object()) fail("{}: is not a JSON object", file.string());
  const Json given = json.value("eos_token_id", Json());
  std::vector<int32_t> out;
  for (const Json& id : given.is_array()  ? given
                        : given.is_null() ? Json::array()
                                          : Json::array({given})) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() > INT32_MAX)
      fail("{}: \"eos_token_id\" is {}; a token's id or a list of them is needed", file.string(),
           given.dump());
    out.push_back(id.get<int32_t>());
  }
  return out;
}

}  // namespace slipway
