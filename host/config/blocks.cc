// The table of blocks.
#include "config/blocks.h"

namespace slipway {
namespace {

using enum Value::Kind;

constexpr const char* kOptionsHelp = "What the plugin takes; `slipway plugin info ID` explains it.";

constexpr BlockKey kBlockKeys[] = {
    {"reward", "use", kString, nullptr,
     "Reward plugin, by id or short name: `slipway plugin list`."},
    {"reward", "weight", kFloat, "1.0",
     "Its factor in the sum that answers are ranked by. Each reward's own mean is logged as "
     "rewards/NAME/mean, and its scores stand in "
     "samples/. From outside: --set 'reward[0].weight=2', and \"reward[0].weight\" in "
     "[search.space]; 0 is the first block."},
    {"reward", "options", kTable, "{}", kOptionsHelp},
    {"metric", "use", kString, nullptr, "Metric plugin, for the evaluations of sft."},
    {"metric", "prefix", kString, "\"\"",
     "Stands before its metrics' names: two blocks of one plugin are told apart."},
    {"metric", "options", kTable, "{}", kOptionsHelp},
    {"loss", "use", kString, nullptr,
     "Loss plugin, in the place of the cross-entropy of label tokens."},
    {"loss", "options", kTable, "{}", kOptionsHelp},
    {"callback", "use", kString, nullptr,
     "Callback plugin. Callbacks are told in the order of the blocks, unless one says its own "
     "order."},
    {"callback", "options", kTable, "{}", kOptionsHelp},
    {"logger", "use", kString, nullptr, "Logger plugin. metrics.jsonl is written in any case."},
    {"logger", "options", kTable, "{}", kOptionsHelp},
    {"search", "use", kString, "\"random\"", "Search plugin, for `slipway search`."},
    {"search", "options", kTable, "{}", kOptionsHelp},
    {"search", "metric", kString, nullptr,
     "What trials are compared by: a name in metrics.jsonl, like \"eval_reward\" or \"eval_loss\"; "
     "its last value counts."},
    {"search", "direction", kString, "by the metric's name",
     "A metric that ends in \"loss\" is minimized, others are maximized.", "minimize|maximize"},
    {"search", "trials", kInt, "10", "How many trials are run."},
    {"search", "seed", kInt, "42", "Seed of the values that are drawn."},
    {"search", "space", kTable, nullptr,
     "One line for each key of the run file that is varied: \"train.learning_rate\" = { low = "
     "1e-5, high = 1e-3, log = true }, \"train.seed\" = "
     "{ low = 1, high = 9, step = 2 }, or a list of values, \"raft.samples_per_prompt\" = [4, 8]."},
};

}  // namespace

std::span<const BlockKey> block_schema() { return kBlockKeys; }

bool is_repeated(std::string_view block) { return block != "loss" && block != "search"; }

std::string written_block(std::string_view block) {
  const std::string name(block);
  return is_repeated(block) ? "[[" + name + "]]" : "[" + name + "]";
}

std::vector<std::string> block_keys(std::string_view block) {
  std::vector<std::string> out;
  for (const BlockKey& key : kBlockKeys)
    if (block == key.block) out.emplace_back(key.name);
  return out;
}

}  // namespace slipway
