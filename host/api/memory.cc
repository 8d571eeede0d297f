// What a run will hold in memory.
#include "api/memory.h"

#include <malloc.h>

#include <algorithm>

#include "api/check_run.h"
#include "base/available_memory.h"
#include "base/error.h"
#include "base/log.h"
#include "compute/scratch.h"
#include "generate/generate.h"
#include "loop/loss.h"
#include "loop/run_settings.h"
#include "operators/accelerator/device_tensors.h"
#include "operators/blocks.h"
#include "operators/out_of_memory.h"

namespace slipway {

MemoryEstimate estimate_memory(const RunConfig& c, const Model& model) {
  MemoryEstimate m;
  const auto all = static_cast<uint64_t>(model.parameters().total_count()),
             trained = static_cast<uint64_t>(model.parameters().trainable_count());
  const Sharding& sharding = model.parameters().sharding();
  const auto ranks = static_cast<uint64_t>(sharding.cuts_updates() ? sharding.ranks : 1);
  m.weights = static_cast<uint64_t>(model.parameters().weight_bytes()) /
              (sharding.cuts_weights() ? ranks : 1);
  m.gradients = 4 * trained / (sharding.cuts_gradients() ? ranks : 1);
  m.optimizer = static_cast<uint64_t>(state_bytes_per_weight(optimizer_settings(c)) *
                                      static_cast<double>(trained)) /
                ranks;
  if (c.flag("train", "offload_optimizer")) m.optimizer = 0;  // in another memory
  const auto vocab = static_cast<uint64_t>(model.info().vocab_size);
  const int64_t budget = c.integer("train", "max_tokens_per_batch"),
                longest = c.raft ? c.integer("data", "max_prompt_tokens") +
                                       c.integer("generation", "max_new_tokens")
                                 : c.integer("data", "max_tokens");
  const auto tokens = static_cast<uint64_t>(
      budget > 0 ? budget : longest * c.integer("train", "per_device_train_batch_size"));
  // A block of a Llama keeps 10 to 12 values a token and hidden dimension for its backward pass;
  // one that is computed again there keeps its input, and one at a time the rest.
  const auto segments = static_cast<uint64_t>(model.info().segment_count),
             again = static_cast<uint64_t>(model.recomputed_blocks());
  const uint64_t kept = 12 * (segments - again) + (again > 0 ? again + 12 : 0);
  m.activations = 4 * kept * tokens * static_cast<uint64_t>(model.info().hidden_size);
  m.logits =
      4 * vocab *
      std::min(tokens, static_cast<uint64_t>(training_head_rows(static_cast<int64_t>(vocab))));
  // What operators work in, a block at a time: about a value for each output of its products, half
  // as much again on the way back.
  const auto hidden = static_cast<uint64_t>(std::max<int64_t>(1, model.info().hidden_size)),
             blocks = std::max<uint64_t>(3, segments) - 2;
  const uint64_t outputs = (all - std::min(all, vocab * hidden)) / blocks / hidden;
  m.workspace = 4 * tokens * (outputs * 3 / 2 + 4 * hidden);
  if (c.raft) {
    const auto rows = static_cast<uint64_t>(c.integer("generation", "max_rows"));
    // The held-out evaluation decodes with float32.
    const double sampled = bytes_of(weight_storage_of(c.text("raft", "sampling_weights")).value());
    if (accelerator() != nullptr)
      m.packed = sampled == bytes_of(WeightStorage::kFloat32) ? 0 : 2 * all;
    else
      m.packed = static_cast<uint64_t>(static_cast<double>(all) * (has_held_out(c) ? 4 : sampled));
    const auto prompts =
        std::min(rows + 1, static_cast<uint64_t>(c.integer("raft", "prompts_per_iteration")));
    m.cache = model.info().kv_bytes_per_token *
              (rows * static_cast<uint64_t>(c.integer("generation", "max_new_tokens")) +
               prompts * static_cast<uint64_t>(c.integer("data", "max_prompt_tokens")));
    m.logits = std::max(m.logits, 4 * vocab * rows);
    const uint64_t encoded =
        std::min(static_cast<uint64_t>(kPrefillTokens),
                 prompts * static_cast<uint64_t>(c.integer("data", "max_prompt_tokens")));
    m.workspace += 4 * (std::min<uint64_t>(encoded, kSwiGluRows) * outputs + encoded * 6 * hidden);
    if (c.number("raft", "kl_beta") > 0) m.reference = model.adapters().empty() ? m.weights : 0;
  }
  if (ranks == 1 && c.flag("train", "async_save") && c.text("train", "save_strategy") != "no")
    m.saved = (model.adapters().empty() ? m.weights : 4 * trained) +
              (c.flag("train", "save_only_model") ? 0 : m.optimizer);
  return m;
}

namespace {

// Available memory, and what malloc and the operators keep from earlier work.
uint64_t free_for_us() {
  const uint64_t available = available_memory();
  return available == 0
             ? 0
             : available + mallinfo2().fordblks + static_cast<uint64_t>(Scratch::held_bytes.load());
}

}  // namespace

bool check_memory(const RunConfig& config, const Model& model) {
  const MemoryEstimate memory = estimate_memory(config, model);
  const auto all = static_cast<double>(model.parameters().total_count()),
             trained = static_cast<double>(model.parameters().trainable_count());
  log_info("{:.1f} M parameters, {}{}", all / 1e6,
           trained < all ? fmt::format("{:.2f} M of them trained ({:.2f} %), ", trained / 1e6,
                                       100 * trained / all)
                         : "",
           memory.text());
  const bool device = accelerator() != nullptr;
  const uint64_t free = device ? free_device_memory() : free_for_us(),
                 needed = memory.total() - memory.held();
  if (free > 0 && needed > free)
    throw OutOfMemory(
        fmt::format("beside the model the run needs {:.1f} GiB and {:.1f} GiB are free{}; use a "
                    "smaller model, train.max_tokens_per_batch or generation.max_rows",
                    static_cast<double>(needed) / 0x1p30, static_cast<double>(free) / 0x1p30,
                    device ? " on " + accelerator()->name() : ""));
  const uint64_t here = device ? available_memory() : free;
  if (device ? here == 0 || memory.saved <= here : memory.saved_fits(here)) return true;
  log_info(
      "training waits while checkpoints are written: a copy of {:.2f} GiB does not fit into the "
      "memory that the run leaves",
      static_cast<double>(memory.saved) / 0x1p30);
  return false;
}

std::string MemoryEstimate::text() const {
  const auto gib = [](uint64_t bytes) {
    return fmt::format("{:.2f}", static_cast<double>(bytes) / (1024.0 * 1024 * 1024));
  };
  std::string out = fmt::format("memory: about {} GiB (weights {}, gradients {}, optimizer {}",
                                gib(total()), gib(weights), gib(gradients), gib(optimizer));
  if (activations > 0) out += fmt::format(", activations {}", gib(activations));
  if (packed > 0) out += fmt::format(", weights packed for decoding {}", gib(packed));
  if (cache > 0) out += fmt::format(", decode cache {}", gib(cache));
  if (logits > 0) out += fmt::format(", logits {}", gib(logits));
  if (workspace > 0) out += fmt::format(", working memory {}", gib(workspace));
  if (reference > 0) out += fmt::format(", starting model {}", gib(reference));
  out += packed + cache > 0 ? "; used in turn by sampling and training)" : ")";
  if (saved > 0) out += fmt::format(", and {} while a checkpoint is written", gib(saved));
  return out;
}

}  // namespace slipway
