// SPDX-License-Identifier: Apache-2.0
// decoder_keys.hpp -- what keys of a config.json do to a model that does not read them. The rule: a
// key that some other decoder computes with must say what a model without it does anyway; the rest
// is no part of a model's definition.
#pragma once
#include "model.hpp"

namespace slipway {

// No part of the forward pass: bookkeeping, defaults of generation, and how the weights are held.
inline constexpr std::string_view kBookkeepingKeys =
    " _name_or_path name_or_path _commit_hash transformers_version torch_dtype dtype use_cache "
    "use_bfloat16 pretraining_tp is_llama_config is_decoder torchscript return_dict "
    "return_dict_in_generate output_hidden_states output_attentions output_scores output_logits "
    "tf_legacy_loss tie_encoder_decoder chunk_size_feed_forward finetuning_task id2label label2id "
    "num_labels problem_type tokenizer_class prefix task_specific_params classifier_dropout "
    "attn_implementation _attn_implementation _attn_implementation_autoset "
    "_attn_implementation_internal _experts_implementation_internal _flash_attn_2_enabled "
    "use_flash_attn use_flash_attention transformers.js_config unsloth_version unsloth_fixed "
    "unsloth_tied_embeddings model_name license max_window_layers original_max_position_embeddings "
    "gradient_checkpointing ignore_index z_loss keys_to_ignore_at_inference _from_model_config "
    "seq_length max_sequence_length model_max_length max_length max_new_tokens min_length "
    "min_new_tokens max_time do_sample early_stopping num_beams num_beam_groups diversity_penalty "
    "temperature top_k top_p min_p typical_p epsilon_cutoff eta_cutoff repetition_penalty "
    "encoder_repetition_penalty length_penalty no_repeat_ngram_size encoder_no_repeat_ngram_size "
    "bad_words_ids force_words_ids suppress_tokens begin_suppress_tokens forced_bos_token_id "
    "forced_eos_token_id sequence_bias num_return_sequences remove_invalid_values "
    "renormalize_logits exponential_decay_length_penalty guidance_scale penalty_alpha "
    "cache_implementation ";

// What such a key must say: nothing at all, no (false or 0), one, or a text.
enum class NeutralKey { kNothing, kNo, kOne, kText };
struct ForeignKey {
  std::string_view key;
  NeutralKey neutral = NeutralKey::kNo;
  std::string_view text = {};
};
inline constexpr ForeignKey kForeignKeys[] = {{"use_sliding_window"},
                                              {"sliding_window_pattern"},
                                              {"attention_chunk_size"},
                                              {"no_rope_layer_interval"},
                                              {"nope_layer_interval"},
                                              {"rope_interleaved"},
                                              {"rope_interleave"},
                                              {"use_rope", NeutralKey::kOne},
                                              {"use_mrope"},
                                              {"rope_ratio", NeutralKey::kOne},
                                              {"rotary_emb_base", NeutralKey::kNothing},
                                              {"logits_scaling", NeutralKey::kOne},
                                              {"logit_scale", NeutralKey::kOne},
                                              {"logits_scale", NeutralKey::kOne},
                                              {"scale_emb", NeutralKey::kOne},
                                              {"scale_depth", NeutralKey::kNothing},
                                              {"dim_model_base", NeutralKey::kNothing},
                                              {"embedding_scale", NeutralKey::kOne},
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
                                              {"position_embedding_type", NeutralKey::kText,
                                               "rope"},
                                              {"is_encoder_decoder"},
                                              {"add_cross_attention"},
                                              {"cross_attention_hidden_size", NeutralKey::kNothing},
                                              {"pruned_heads", NeutralKey::kNothing},
                                              {"is_causal", NeutralKey::kOne},
                                              {"use_bidirectional_attention"},
                                              {"quantization_config", NeutralKey::kNothing},
                                              {"compression_config", NeutralKey::kNothing},
                                              {"quantization", NeutralKey::kNothing},
                                              {"text_config", NeutralKey::kNothing},
                                              {"vision_config", NeutralKey::kNothing},
                                              {"block_configs", NeutralKey::kNothing},
                                              {"per_layer_config", NeutralKey::kNothing},
                                              {"hidden_activation", NeutralKey::kText, "silu"},
                                              {"activation_function", NeutralKey::kText, "silu"},
                                              {"num_kv_heads", NeutralKey::kNothing},
                                              {"n_kv_heads", NeutralKey::kNothing},
                                              {"multi_query"},
                                              {"multi_query_group_num", NeutralKey::kNothing},
                                              {"kv_channels", NeutralKey::kNothing},
                                              {"kv_lora_rank", NeutralKey::kNothing},
                                              {"q_lora_rank", NeutralKey::kNothing},
                                              {"mlp_layer_types", NeutralKey::kNothing},
                                              {"layers_block_type", NeutralKey::kNothing},
                                              {"num_nextn_predict_layers"},
                                              {"tie_embeddings", NeutralKey::kNothing},
                                              {"tied_embeddings", NeutralKey::kNothing}};

// The same for keys that are named after what they do. The first that occurs in the key counts.
inline constexpr ForeignKey kForeignParts[] = {{"multiplier", NeutralKey::kOne},
                                               {"dropout"},
                                               {"pdrop"},
                                               {"bias"},
                                               {"softcap"},
                                               {"expert"},
                                               {"moe"},
                                               {"sliding_window", NeutralKey::kNothing},
                                               {"rope", NeutralKey::kNothing},
                                               {"rotary", NeutralKey::kNothing},
                                               {"qk_norm"},
                                               {"norm"},
                                               {"mup"},
                                               {"quant", NeutralKey::kNothing},
                                               {"hidden_act", NeutralKey::kNothing}};

// Whether the blank-separated list, with a blank at both ends, has the key.
inline bool is_listed(std::string_view list, std::string_view key) {
  return key.find(' ') == std::string_view::npos &&
         list.find(" " + std::string(key) + " ") != std::string_view::npos;
}

}  // namespace slipway
