// The words of DeepSpeed 0.17, and those of earlier versions that it still takes.
#include "config/deepspeed_words.h"

#include <algorithm>

#include "base/error.h"
#include "config/deepspeed_fp16.h"
#include "config/deepspeed_optimizer.h"

namespace slipway {
namespace {

using enum Value::Kind;

constexpr const char* kFalse = "false";
constexpr const char* kNoDisk =
    "what a run holds stays in memory; write \"cpu\", or remove it: zero_stage makes a rank's part "
    "small";
constexpr const char* kOnGpu =
    "weights and gradients stay in the memory of the GPU that computes; remove it: "
    "offload_optimizer takes the optimizer's state out of it, stage 1 cuts it";
constexpr const char* kWholeUpdate = "every gradient is in the update of its step; remove it";
constexpr const char* kFinite =
    "a step whose gradients are not finite ends the run, which says so; remove it";
constexpr const char* kHalfFloat =
    "weights, gradients and sums are float32; write false or \"auto\", or bf16.enabled or "
    "fp16.enabled = true, which round the operands of matrix products";
constexpr const char* kQuantized =
    "weights and gradients travel in float32 or bfloat16 (communication_data_type); remove it";
constexpr const char* kMonitor =
    "where metrics go is said by logger plugins: write [[logger]] use = \"tensorboard\" and "
    "remove it";
constexpr const char* kNoWandb =
    "there is no logger plugin for it; metrics.jsonl is written in any case, and [[logger]] use = "
    "\"tensorboard\" is there; remove it";
constexpr const char* kElastic =
    "the number of ranks stays for a run; any number goes on from its checkpoints; remove it";
constexpr const char* kPlainData =
    "data come in the order of train.train_sampling_strategy, whole; remove it";
constexpr const char* kWholeModel =
    "models are trained as they are, every block in every step, dense; remove it";
constexpr const char* kNoParallel =
    "ranks share data, optimizer, gradients and weights (zero_stage), and each computes whole "
    "blocks; remove it";

// Whether an "auto" search for the batch size goes before what is written, as in the Trainer.
bool finds_batch_size(const TrainKeys& keys) {
  const Value* find = keys.given("auto_find_batch_size");
  return find != nullptr && find->kind == kBool && find->b;
}

void read_micro_batch(const Said& said, TrainKeys& keys) {
  constexpr const char* kKey = "per_device_train_batch_size";
  if (finds_batch_size(keys) && keys.given(kKey) != nullptr) keys.has_no_effect(said);
  else keys.mean(said, kKey, said.value);
}

// Compared with what the ranks make of it when they are known (api/check_sharding.h).
void read_whole_batch(const Said& said, TrainKeys& keys) {
  if (!said.value.is_number() || said.value.number() < 1)
    keys.fault(said, "is not valid: a whole number over 0, or \"auto\", is needed");
}

void read_exchanged_type(const Said& said, TrainKeys& keys) {
  constexpr std::pair<const char*, const char*> kDtypes[] = {{"fp32", "float32"},
                                                             {"float32", "float32"},
                                                             {"float", "float32"},
                                                             {"bf16", "bfloat16"},
                                                             {"bfloat16", "bfloat16"}};
  std::string name = said.value.s;
  if (name.starts_with("torch.")) name.erase(0, 6);
  const auto* const at =
      std::ranges::find(kDtypes, name, [](const auto& type) { return type.first; });
  if (at == std::end(kDtypes))
    return keys.fault(said, "cannot be had: gradients travel as \"fp32\" or \"bf16\"");
  keys.mean(said, "reduce_dtype", Value::of(std::string(at->second)));
}

// Before stages had numbers.
void read_old_zero(const Said& said, TrainKeys& keys) {
  if (said.value.kind != kBool) return keys.fault(said, "is not a table");
  keys.mean(said, "zero_stage", Value::of(int64_t{said.value.b ? 1 : 0}));
}

// A number of values, of float32.
void read_bucket(const Said& said, TrainKeys& keys) {
  if (!said.value.is_number()) return keys.fault(said, "is not a number");
  constexpr double kMiB = 1024 * 1024;
  keys.mean(said, "ddp_bucket_cap_mb", Value::of(said.value.number() * sizeof(float) / kMiB));
}

void read_group_size(const Said& said, TrainKeys& keys) {
  if (!said.value.is_number()) return keys.fault(said, "is not a number");
  if (said.value.number() > 1) keys.mean(said, "shard_within", Value::of(std::string("node")));
}

void read_offloaded_state(const Said& said, TrainKeys& keys) {
  if (said.value.s == "cpu" && keys.on_processor()) keys.has_no_effect(said);
  else if (said.value.s == "none" || said.value.s == "cpu")
    keys.mean(said, "offload_optimizer", Value::of(said.value.s == "cpu"));
  else keys.fault(said, std::string("cannot be had: ") + kNoDisk);
}

void read_offloaded_weights(const Said& said, TrainKeys& keys) {
  if (said.value.s == "none" || (said.value.s == "cpu" && keys.on_processor()))
    keys.has_no_effect(said);
  else
    keys.fault(said, std::string("cannot be had: ") + (said.value.s == "cpu" ? kOnGpu : kNoDisk));
}

// The two before they had tables.
void read_state_switch(const Said& said, TrainKeys& keys) {
  if (said.value.kind != kBool) keys.fault(said, "is not true or false");
  else if (said.value.b && keys.on_processor()) keys.has_no_effect(said);
  else keys.mean(said, "offload_optimizer", said.value);
}

void read_weights_switch(const Said& said, TrainKeys& keys) {
  if (said.value.kind != kBool) keys.fault(said, "is not true or false");
  else if (said.value.b && !keys.on_processor())
    keys.fault(said, std::string("cannot be had: ") + kOnGpu);
  else keys.has_no_effect(said);
}

void read_gathering(const Said& said, TrainKeys& keys) {
  if (said.value.kind != kBool) return keys.fault(said, "is not true or false");
  if (said.value.b) keys.mean(said, "save_sharded", Value::of(false));
}

void take_optimizer(const Said& said, TrainKeys& keys) { read_deepspeed_optimizer(said, keys); }
void take_schedule(const Said& said, TrainKeys& keys) { read_deepspeed_schedule(said, keys); }

constexpr Word refused(const char* name, const char* harmless, const char* reason) {
  return {name, nullptr, nullptr, harmless, reason};
}

constexpr Word kDeepspeed[] = {
    {"train_batch_size", nullptr, read_whole_batch},
    {"train_micro_batch_size_per_gpu", nullptr, read_micro_batch},
    {"gradient_accumulation_steps", "gradient_accumulation_steps"},
    {"gradient_clipping", "max_grad_norm"},
    {"optimizer", nullptr, take_optimizer},
    {"scheduler", nullptr, take_schedule},
    {"communication_data_type", nullptr, read_exchanged_type},
    {"dataloader_drop_last", "dataloader_drop_last"},
    {"bf16.enabled", "bf16"},
    refused("bf16.check_grad_overflow", kFalse, kFinite),
    {"bf16.*"},
    {"bfloat16.enabled", "bf16"},
    refused("bfloat16.check_grad_overflow", kFalse, kFinite),
    {"bfloat16.*"},
    {"fp16", nullptr, read_deepspeed_fp16},
    refused("amp.enabled", kFalse, kHalfFloat),
    {"amp.*"},
    refused("torch_autocast.enabled", kFalse, kHalfFloat),
    {"torch_autocast.*"},
    refused("data_types.grad_accum_dtype", "\"fp32\"|\"float32\"",
            "gradients are summed in float32; remove it"),

    {"zero_optimization", nullptr, read_old_zero},
    {"zero_optimization.stage", "zero_stage"},
    {"zero_optimization.reduce_bucket_size", nullptr, read_bucket},
    {"zero_optimization.zero_hpz_partition_size", nullptr, read_group_size},
    {"zero_optimization.mics_shard_size", nullptr, read_group_size},
    {"zero_optimization.stage3_gather_16bit_weights_on_model_save", nullptr, read_gathering},
    {"zero_optimization.stage3_gather_fp16_weights_on_model_save", nullptr, read_gathering},
    {"zero_optimization.offload_optimizer.device", nullptr, read_offloaded_state},
    {"zero_optimization.offload_optimizer.*"},
    {"zero_optimization.offload_param.device", nullptr, read_offloaded_weights},
    {"zero_optimization.offload_param.*"},
    {"zero_optimization.cpu_offload", nullptr, read_state_switch},
    {"zero_optimization.cpu_offload_param", nullptr, read_weights_switch},
    {"zero_optimization.cpu_offload_params", nullptr, read_weights_switch},
    {"zero_optimization.cpu_offload_use_pin_memory"},
    refused("zero_optimization.zero_quantized_weights", kFalse, kQuantized),
    refused("zero_optimization.zero_quantized_nontrainable_weights", kFalse, kQuantized),
    refused("zero_optimization.zero_quantized_gradients", kFalse, kQuantized),
    refused("zero_optimization.zeropp_loco_param", "{}", kQuantized),
    refused("zero_optimization.zenflow", "{}", kWholeUpdate),
    {"zero_optimization.overlap_comm"},
    {"zero_optimization.contiguous_gradients"},
    {"zero_optimization.reduce_scatter"},
    {"zero_optimization.allgather_partitions"},
    {"zero_optimization.allgather_bucket_size"},
    {"zero_optimization.use_multi_rank_bucket_allreduce"},
    {"zero_optimization.round_robin_gradients"},
    {"zero_optimization.ignore_unused_parameters"},
    {"zero_optimization.load_from_fp32_weights"},
    {"zero_optimization.elastic_checkpoint"},
    {"zero_optimization.legacy_stage1"},
    {"zero_optimization.sub_group_size"},
    {"zero_optimization.stage3_prefetch_bucket_size"},
    {"zero_optimization.stage3_param_persistence_threshold"},
    {"zero_optimization.stage3_model_persistence_threshold"},
    {"zero_optimization.stage3_max_live_parameters"},
    {"zero_optimization.stage3_max_reuse_distance"},
    {"zero_optimization.stage3_module_granularity_threshold"},
    {"zero_optimization.stage3_use_all_reduce_for_fetch_params"},
    {"zero_optimization.mics_hierarchical_params_gather"},
    {"zero_optimization.memory_efficient_linear"},
    {"zero_optimization.override_module_apply"},
    {"zero_optimization.pipeline_loading_checkpoint"},
    {"zero_optimization.log_trace_cache_warnings"},
    {"zero_allow_untested_optimizer"},
    {"zero_force_ds_cpu_optimizer"},
    {"allgather_size"},

    // what is told of a run, and how it is measured
    {"steps_per_print"},
    {"wall_clock_breakdown"},
    {"memory_breakdown"},
    {"dump_state"},
    {"timers"},
    {"flops_profiler"},
    {"comms_logger"},
    {"csv_monitor"},
    refused("tensorboard.enabled", kFalse, kMonitor),
    {"tensorboard.*"},
    refused("wandb.enabled", kFalse, kNoWandb),
    {"wandb.*"},
    refused("comet.enabled", kFalse, kNoWandb),
    {"comet.*"},

    // how DeepSpeed does what comes out the same
    {"prescale_gradients"},
    {"gradient_predivide_factor"},
    {"sparse_gradients"},
    {"disable_allgather"},
    {"seq_parallel_communication_data_type"},
    {"graph_harvesting"},
    {"compile"},
    {"aio"},
    {"use_data_before_expert_parallelism"},
    {"vocabulary_size"},
    // DeepSpeed's own checkpointing of activations, which models of transformers do not call
    {"activation_checkpointing"},
    refused("checkpoint.use_node_local_storage", kFalse,
            "rank 0 writes a run's folder, which all machines share; remove it"),
    {"checkpoint.*"},
    refused("nebula.enabled", kFalse, "checkpoints are files of the run folder; remove it"),
    {"nebula.*"},

    // what changes a run and is not here
    refused("elasticity.enabled", kFalse, kElastic),
    {"elasticity.*"},
    refused("autotuning.enabled", kFalse,
            "slipway search varies keys of a run file; write [search] and remove it"),
    {"autotuning.*"},
    refused("curriculum_learning.enabled", kFalse, kPlainData),
    {"curriculum_learning.*"},
    refused("data_efficiency.enabled", kFalse, kPlainData),
    {"data_efficiency.*"},
    refused("progressive_layer_drop.enabled", kFalse, kWholeModel),
    {"progressive_layer_drop.*"},
    refused("eigenvalue.enabled", kFalse, kWholeModel),
    {"eigenvalue.*"},
    refused("sparse_attention", "{}", kWholeModel),
    refused("compression_training", "{}", kWholeModel),
    refused("quantize_training", "{}", kWholeModel),
    refused("weight_quantization", "{}", kWholeModel),
    refused("hybrid_engine.enabled", kFalse,
            "answers are sampled with the weights that train already; remove it"),
    {"hybrid_engine.*"},
    refused("pipeline", "{}", kNoParallel),
    refused("tensor_parallel.autotp_size", "0|1", kNoParallel),
    {"tensor_parallel.*"},
    refused("sequence_parallel_size", "1", kNoParallel),
};

}  // namespace

std::span<const Word> deepspeed_words() { return kDeepspeed; }

void read_deepspeed(const Value& configuration, TrainKeys& keys) {
  // a schedule may ask which optimizer there is
  Value optimizer_first = configuration;
  std::ranges::stable_partition(optimizer_first.table,
                                [](const auto& entry) { return entry.first == "optimizer"; });
  read_words(kDeepspeed, "deepspeed", optimizer_first, keys);
}

}  // namespace slipway
