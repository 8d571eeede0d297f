// Keys of config.json, by what they do to a Llama. The rule: model_type and architectures say what
// the file means; a key that another model of this family computes with must say what a Llama does
// anyway; the rest is no part of a Llama's definition.
#include "config_keys.h"

#include <algorithm>
#include <string_view>

namespace {

using slipway::ModelConfig;
using slipway::view;

bool is_one_of(std::string_view key, const auto& list) {
  return std::find(std::begin(list), std::end(list), key) != std::end(list);
}

// Read, and checked, by Shape; attention_dropout by the host, which trains.
constexpr std::string_view kRead[] = {"model_type",
                                      "architectures",
                                      "auto_map",
                                      "hidden_size",
                                      "intermediate_size",
                                      "num_hidden_layers",
                                      "num_attention_heads",
                                      "num_key_value_heads",
                                      "head_dim",
                                      "vocab_size",
                                      "max_position_embeddings",
                                      "rms_norm_eps",
                                      "rope_theta",
                                      "rope_scaling",
                                      "rope_parameters",
                                      "tie_word_embeddings",
                                      "initializer_range",
                                      "hidden_act",
                                      "attention_multiplier",
                                      "query_pre_attn_scalar",
                                      "partial_rotary_factor",
                                      "rotary_pct",
                                      "rotary_dim",
                                      "attention_dropout"};

// No part of the forward pass: bookkeeping, defaults of generation, and how the weights are held.
constexpr std::string_view kHarmless[] = {"_name_or_path",
                                          "name_or_path",
                                          "_commit_hash",
                                          "transformers_version",
                                          "torch_dtype",
                                          "dtype",
                                          "use_cache",
                                          "use_bfloat16",
                                          "pretraining_tp",
                                          "is_llama_config",
                                          "is_decoder",
                                          "torchscript",
                                          "return_dict",
                                          "return_dict_in_generate",
                                          "output_hidden_states",
                                          "output_attentions",
                                          "output_scores",
                                          "output_logits",
                                          "tf_legacy_loss",
                                          "tie_encoder_decoder",
                                          "chunk_size_feed_forward",
                                          "finetuning_task",
                                          "id2label",
                                          "label2id",
                                          "num_labels",
                                          "problem_type",
                                          "tokenizer_class",
                                          "prefix",
                                          "task_specific_params",
                                          "classifier_dropout",
                                          "attn_implementation",
                                          "_attn_implementation",
                                          "_attn_implementation_autoset",
                                          "_attn_implementation_internal",
                                          "_flash_attn_2_enabled",
                                          "use_flash_attn",
                                          "use_flash_attention",
                                          "transformers.js_config",
                                          "unsloth_version",
                                          "unsloth_fixed",
                                          "unsloth_tied_embeddings",
                                          "model_name",
                                          "license",
                                          "max_window_layers",
                                          "original_max_position_embeddings",
                                          "gradient_checkpointing",
                                          "ignore_index",
                                          "z_loss",
                                          "keys_to_ignore_at_inference",
                                          "_from_model_config",
                                          "seq_length",
                                          "max_sequence_length",
                                          "model_max_length",
                                          "max_length",
                                          "max_new_tokens",
                                          "min_length",
                                          "min_new_tokens",
                                          "max_time",
                                          "do_sample",
                                          "early_stopping",
                                          "num_beams",
                                          "num_beam_groups",
                                          "diversity_penalty",
                                          "temperature",
                                          "top_k",
                                          "top_p",
                                          "min_p",
                                          "typical_p",
                                          "epsilon_cutoff",
                                          "eta_cutoff",
                                          "repetition_penalty",
                                          "encoder_repetition_penalty",
                                          "length_penalty",
                                          "no_repeat_ngram_size",
                                          "encoder_no_repeat_ngram_size",
                                          "bad_words_ids",
                                          "force_words_ids",
                                          "suppress_tokens",
                                          "begin_suppress_tokens",
                                          "forced_bos_token_id",
                                          "forced_eos_token_id",
                                          "sequence_bias",
                                          "num_return_sequences",
                                          "remove_invalid_values",
                                          "renormalize_logits",
                                          "exponential_decay_length_penalty",
                                          "guidance_scale",
                                          "penalty_alpha",
                                          "cache_implementation"};

// What a key must say for the model to be a Llama: nothing at all, no (false or 0), one, or a text.
enum class Neutral { kNothing, kNo, kOne, kText };
struct Foreign {
  std::string_view key;
  Neutral neutral = Neutral::kNo;
  std::string_view text = {};
};
constexpr Foreign kForeign[] = {{"use_sliding_window"},
                                {"sliding_window_pattern"},
                                {"attention_chunk_size"},
                                {"no_rope_layer_interval"},
                                {"nope_layer_interval"},
                                {"rope_interleaved"},
                                {"rope_interleave"},
                                {"use_rope", Neutral::kOne},
                                {"use_mrope"},
                                {"rope_ratio", Neutral::kOne},
                                {"rotary_emb_base", Neutral::kNothing},
                                {"logits_scaling", Neutral::kOne},
                                {"logit_scale", Neutral::kOne},
                                {"logits_scale", Neutral::kOne},
                                {"scale_emb", Neutral::kOne},
                                {"scale_depth", Neutral::kNothing},
                                {"dim_model_base", Neutral::kNothing},
                                {"embedding_scale", Neutral::kOne},
                                {"scale_embeddings"},
                                {"normalize_embeddings"},
                                {"use_mup"},
                                {"clip_qkv"},
                                {"attn_temperature_tuning"},
                                {"attention_sink"},
                                {"use_qk_norm"},
                                {"qk_norm"},
                                {"parallel_attn"},
                                {"use_parallel_residual"},
                                {"parallel_residual"},
                                {"alibi"},
                                {"use_alibi"},
                                {"position_embedding_type", Neutral::kText, "rope"},
                                {"is_encoder_decoder"},
                                {"add_cross_attention"},
                                {"cross_attention_hidden_size", Neutral::kNothing},
                                {"pruned_heads", Neutral::kNothing},
                                {"is_causal", Neutral::kOne},
                                {"use_bidirectional_attention"},
                                {"quantization_config", Neutral::kNothing},
                                {"compression_config", Neutral::kNothing},
                                {"quantization", Neutral::kNothing},
                                {"text_config", Neutral::kNothing},
                                {"vision_config", Neutral::kNothing},
                                {"block_configs", Neutral::kNothing},
                                {"hidden_activation", Neutral::kText, "silu"},
                                {"activation_function", Neutral::kText, "silu"},
                                {"num_kv_heads", Neutral::kNothing},
                                {"n_kv_heads", Neutral::kNothing},
                                {"multi_query"},
                                {"multi_query_group_num", Neutral::kNothing},
                                {"kv_channels", Neutral::kNothing},
                                {"kv_lora_rank", Neutral::kNothing},
                                {"q_lora_rank", Neutral::kNothing},
                                {"mlp_layer_types", Neutral::kNothing},
                                {"layers_block_type", Neutral::kNothing},
                                {"num_nextn_predict_layers"},
                                {"tie_embeddings", Neutral::kNothing},
                                {"tied_embeddings", Neutral::kNothing}};

// The same for keys that are named after what they do. The first that occurs in the key counts.
constexpr Foreign kParts[] = {{"multiplier", Neutral::kOne},
                              {"dropout"},
                              {"pdrop"},
                              {"bias"},
                              {"softcap"},
                              {"expert"},
                              {"moe"},
                              {"sliding_window", Neutral::kNothing},
                              {"rope", Neutral::kNothing},
                              {"rotary", Neutral::kNothing},
                              {"qk_norm"},
                              {"norm"},
                              {"mup"},
                              {"quant", Neutral::kNothing},
                              {"hidden_act", Neutral::kNothing}};

std::string shown(const slw_value& value) {
  switch (value.type) {
    case SLW_BOOL:
      return value.v.i != 0 ? "true" : "false";
    case SLW_INT:
      return std::to_string(value.v.i);
    case SLW_FLOAT: {
      std::string text = std::to_string(value.v.f);
      return text.substr(0, text.find_last_not_of('0') + 2);
    }
    case SLW_STRING:
      return "\"" + std::string(view(value.v.s).substr(0, 80)) + "\"";
    case SLW_ARRAY:
      return "[...]";
    default:
      return "{...}";
  }
}

bool is_number(const slw_value& value, double number) {
  if (value.type == SLW_INT || value.type == SLW_BOOL)
    return static_cast<double>(value.v.i) == number;
  return value.type == SLW_FLOAT && value.v.f == number;
}

bool is_empty(const slw_value& value) {
  return (value.type == SLW_ARRAY && value.v.array.size == 0) ||
         (value.type == SLW_TABLE && value.v.table.size == 0);
}

bool all_of(const slw_value& array, auto&& holds) {
  if (array.type != SLW_ARRAY) return false;
  return std::all_of(array.v.array.items, array.v.array.items + array.v.array.size, holds);
}

bool is_neutral(const slw_value& value, const Foreign& foreign) {
  if (is_empty(value)) return true;
  switch (foreign.neutral) {
    case Neutral::kNothing:
      return false;
    case Neutral::kNo:
      return is_number(value, 0);
    case Neutral::kOne:
      return is_number(value, 1);
    case Neutral::kText:
      return value.type == SLW_STRING && view(value.v.s) == foreign.text;
  }
  return false;
}

[[noreturn]] void refuse(const std::string& key, const slw_value& value) {
  ModelConfig::bad(key,
                   "= " + shown(value) + " is not supported: with it the model is another one");
}

// Lists with an entry a layer.
bool is_list_of_layers(std::string_view key, const slw_value& value) {
  if (key == "layer_types") {
    if (!all_of(value, [](const slw_value& each) {
          return each.type == SLW_STRING && view(each.v.s) == "full_attention";
        }))
      refuse(std::string(key), value);
    return true;
  }
  if (key == "no_rope_layers") {  // 1: the layer has rotary positions
    if (!all_of(value, [](const slw_value& each) { return is_number(each, 1); }))
      refuse(std::string(key), value);
    return true;
  }
  return false;
}

void check_architecture(const ModelConfig& config) {
  if (const slw_value* type = config.find("model_type");
      type != nullptr && (type->type != SLW_STRING || view(type->v.s) != "llama"))
    throw slipway::Error(SLW_INVALID_ARGUMENT, "config.json: model_type " + shown(*type) +
                                                   " is not supported (llama is)");
  if (const slw_value* named = config.find("architectures");
      named != nullptr && !is_empty(*named)) {
    const bool ours = all_of(*named, [](const slw_value& each) {
      return each.type == SLW_STRING && view(each.v.s) == "LlamaForCausalLM";
    });
    const std::string first =
        named->type == SLW_ARRAY ? shown(named->v.array.items[0]) : shown(*named);
    if (!ours)
      throw slipway::Error(SLW_INVALID_ARGUMENT,
                           "config.json: architectures names " + first +
                               ", which is not supported (LlamaForCausalLM is)");
  }
  if (const auto map = config.table("auto_map"))
    for (const char* model : {"AutoModel", "AutoModelForCausalLM"})
      if (const slw_value* code = map->find(model))
        ModelConfig::bad("auto_map", "names Python code of the model's own (" + shown(*code) +
                                         "), which is not run: what it computes is not known");
}

}  // namespace

std::vector<std::string> check_config_keys(const slw_value& config) {
  const ModelConfig keys(config);
  check_architecture(keys);
  const slw_value* uses_window = keys.find("use_sliding_window");
  std::vector<std::string> unknown;
  for (uint64_t i = 0; config.type == SLW_TABLE && i < config.v.table.size; ++i) {
    const std::string key(view(config.v.table.items[i].key));
    const slw_value& value = config.v.table.items[i].value;
    if (is_one_of(key, kRead) || is_one_of(key, kHarmless) || is_list_of_layers(key, value))
      continue;
    if (key == "sliding_window" && uses_window != nullptr && is_number(*uses_window, 0)) continue;
    const auto named = std::find_if(std::begin(kForeign), std::end(kForeign),
                                    [&](const Foreign& each) { return each.key == key; });
    const auto part = std::find_if(std::begin(kParts), std::end(kParts), [&](const Foreign& each) {
      return key.find(each.key) != std::string::npos;
    });
    if (named != std::end(kForeign) || part != std::end(kParts)) {
      if (!is_neutral(value, named != std::end(kForeign) ? *named : *part)) refuse(key, value);
    } else if (!key.ends_with("_token_id") && !key.ends_with("_token_ids") &&
               !key.ends_with("_token") && !key.ends_with("_token_index")) {
      unknown.push_back(key.substr(0, 80));
    }
  }
  return unknown;
}
