// The arguments and the reasons.
#include "config/training_arguments.h"

#include <algorithm>

namespace slipway {
namespace {

constexpr const char* kOff = "false";
constexpr const char* kOn = "true";
constexpr const char* kEither = "false|true";
constexpr const char* kNever = nullptr;

constexpr const char* kHalf =
    "weights, gradients and sums are float32; remove it, or write bf16 = true or fp16 = true, "
    "which "
    "round the operands of matrix products";
constexpr const char* kCompiled =
    "the loop and its operators are compiled and fused already; remove it";
constexpr const char* kTracker =
    "where metrics go is said by logger plugins: write [[logger]] use = \"tensorboard\"";
constexpr const char* kHub =
    "the host does not use the network; the run folder is a model folder: hf upload REPOSITORY "
    "FOLDER";
constexpr const char* kStreams =
    "an evaluation keeps what its [[metric]]s add up, and never its logits; remove it";
constexpr const char* kWorkers =
    "the process itself makes batches, those of a stream in a thread ahead of their step; leave it "
    "out";
constexpr const char* kCommand = "the command says what is done: slipway train, evaluate, predict";
constexpr const char* kVerbosity = "use slipway train --quiet";
constexpr const char* kColumns = "[data] says what is read; nothing else of a file is kept";
constexpr const char* kRanks =
    "several processes train together by slipway launch, torchrun --no-python or srun, and need no "
    "key; remove it";
constexpr const char* kUnits =
    "gradients are summed over the ranks segment by segment, all of them, while the backward pass "
    "goes on; remove it";
constexpr const char* kFirstRank =
    "the first rank tells of the run and writes its files; remove it";
constexpr const char* kSlices =
    "each rank computes whole blocks on whole sequences: no tensor, context or sequence "
    "parallelism; remove it (zero_stage cuts what ranks hold)";
constexpr const char* kProcessor = "where models compute is said by device";
constexpr const char* kPython =
    "it belongs to a Python package that is not in this process; remove it";

constexpr IdleArgument kArguments[] = {
    {"fp16_opt_level", kNever, kHalf},
    {"fp16_backend", kNever, kHalf},
    {"half_precision_backend", kNever, kHalf},
    {"tf32", kOff, kHalf},
    {"use_cpu", kOff, kProcessor},
    {"no_cuda", kOff, kProcessor},
    {"use_mps_device", kOff, kProcessor},
    {"xpu_backend", kNever, kProcessor},
    {"use_apex", kOff, kHalf},
    {"torch_compile", kOff, kCompiled},
    {"torch_compile_backend", kNever, kCompiled},
    {"torch_compile_mode", kNever, kCompiled},
    {"torchdynamo", kNever, kCompiled},
    {"jit_mode_eval", kOff, kCompiled},
    {"use_ipex", kOff, kCompiled},
    {"use_liger_kernel", kOff, kCompiled},
    {"liger_kernel_config", kNever, kCompiled},
    {"optim_target_modules", kNever, kPython},
    {"use_cache", kOff,
     "training keeps no cache of keys and values, and sampling always does; remove it"},
    {"torch_empty_cache_steps", kNever,
     "memory is used again from step to step, and there is no cache to empty; remove it"},
    {"adafactor", kOff, "write optim = \"adafactor\""},
    {"log_on_each_node", kOn, kFirstRank},
    {"save_on_each_node", kOff, kFirstRank},
    {"local_rank", "-1|0", kRanks},
    {"_n_gpu", "0|1", kRanks},
    {"average_tokens_across_devices", kOn,
     "the loss of a step is the mean over all its label tokens, on however many devices; leave it "
     "out"},
    {"parallelism_config", kNever, kSlices},
    {"ddp_find_unused_parameters", kEither, kUnits},
    {"ddp_broadcast_buffers", kEither,
     "what a model holds besides its parameters is not changed by training; remove it"},
    {"ddp_static_graph", kEither, kUnits},
    {"log_level", "\"passive\"", kVerbosity},
    {"log_level_replica", "\"warning\"", kVerbosity},
    {"report_to", "\"none\"", kTracker},
    {"project", kNever, kTracker},
    {"trackio_space_id", kNever, kTracker},
    {"trackio_bucket_id", kNever, kTracker},
    {"trackio_static_space_id", kNever, kTracker},
    {"logging_dir", kNever, kTracker},
    {"include_tokens_per_second", kOff,
     "tokens_per_second is in every row of metrics.jsonl; remove it"},
    {"prediction_loss_only", kOn, kStreams},
    {"eval_do_concat_batches", kOn, kStreams},
    {"eval_use_gather_object", kOff, kStreams},
    {"eval_accumulation_steps", kNever, kStreams},
    {"batch_eval_metrics", kOn, kStreams},
    {"include_inputs_for_metrics", kOff, kStreams},
    {"include_for_metrics", "[]",
     "a metric is given labels, where they stand, and their log-probabilities; the loss of a set "
     "stands beside it; remove it"},
    {"use_legacy_prediction_loop", kOff, kStreams},
    {"past_index", "-1", kStreams},
    {"save_safetensors", kOn, "weights are always saved as safetensors; remove it"},
    {"enable_jit_checkpoint", kOn,
     "SIGTERM always saves a checkpoint before the run ends; remove it"},
    {"overwrite_output_dir", kOff,
     "a run never overwrites another: give a new run.output_dir, or resume with --resume"},
    {"resume_from_checkpoint", kNever, "use slipway train --resume"},
    {"ignore_data_skip", kOff,
     "a resumed run continues with the very batch that comes next; remove it"},
    {"full_determinism", kOn,
     "a run always gives the same bits on the same machine and thread count; remove it"},
    {"push_to_hub", kOff, kHub},
    {"push_to_hub_model_id", kNever, kHub},
    {"push_to_hub_organization", kNever, kHub},
    {"push_to_hub_token", kNever, kHub},
    {"hub_model_id", kNever, kHub},
    {"hub_token", kNever, kHub},
    {"hub_strategy", kNever, kHub},
    {"hub_private_repo", kNever, kHub},
    {"hub_always_push", kOff, kHub},
    {"hub_revision", kNever, kHub},
    {"dataloader_num_workers", "0", kWorkers},
    {"dataloader_prefetch_factor", kNever, kWorkers},
    {"dataloader_pin_memory", kOff, kWorkers},
    {"dataloader_persistent_workers", kOff, kWorkers},
    {"dataloader_multiprocessing_context", kNever, kWorkers},
    {"dataloader_in_order", kOn, kWorkers},
    {"remove_unused_columns", kOn, kColumns},
    {"label_names", kNever, "the labels are the tokens themselves: see data.completion_only_loss"},
    {"length_column_name", kNever, kColumns},
    {"do_train", kOn, kCommand},
    {"do_eval", kOff, kCommand},
    {"do_predict", kOff, kCommand},
    {"output_dir", kNever, "write it in [run]"},
    {"debug", "\"\"",
     "steps with a loss or a gradient norm that is not finite are named without it; remove it"},
    {"tpu_num_cores", kNever, "there is no TPU here; remove it"},
    {"tpu_metrics_debug", kOff, "there is no TPU here; remove it"},
    {"mp_parameters", kNever, kPython},
    {"ray_scope", kNever, "slipway search runs trials itself, by [search]"},
};

constexpr FormerSwitch kSwitches[] = {
    {"adafactor", kOn, "optim", "\"adafactor\""},
    {"no_cuda", kOn, "device", "\"cpu\""},
    {"use_cpu", kOn, "device", "\"cpu\""},
    {"include_tokens_per_second", kOn, "include_num_input_tokens_seen", "\"all\""},
};

constexpr OtherDefault kDefaults[] = {
    {"ddp_bucket_cap_mb", "0.0",
     "None, which is torch's 25: exchanges here are worth their while from 1 MiB on"},
    {"optim", "\"adamw_torch_fused\"", "the same optimizer: `fused` changes nothing here"},
    {"restore_callback_states_from_checkpoint", "false",
     "a resumed run ends as one that nobody disturbed, early stopping included"},
};

template <class Entry, size_t n>
const Entry* named(const Entry (&entries)[n], std::string_view name) {
  const auto* found = std::ranges::find(
      entries, name, [](const Entry& each) { return std::string_view(each.name); });
  return found == std::end(entries) ? nullptr : found;
}

}  // namespace

const IdleArgument* idle_argument(std::string_view name) { return named(kArguments, name); }

const FormerSwitch* former_switch(std::string_view name) { return named(kSwitches, name); }

const OtherDefault* other_default(std::string_view name) { return named(kDefaults, name); }

}  // namespace slipway
