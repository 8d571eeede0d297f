// Keys, values and comments.
#include "app/new_run_file.h"

#include <algorithm>

#include "base/error.h"
#include "base/text_width.h"
#include "config/blocks.h"
#include "config/lookup.h"

namespace slipway {
namespace {

constexpr size_t kColumns = 98;

std::string commented(const std::string& help) {
  std::string out = "# ";
  for (const char c : wrapped(help, 0, kColumns)) out += c == '\n' ? "\n# " : std::string(1, c);
  return out + "\n";
}

std::string quoted_text(const std::string& text) { return Value::of(text).toml(); }

// Writes one section after the other.
class Writer {
 public:
  void section(const char* name) {
    section_ = name;
    out_ += fmt::format("\n[{}]\n", name);
  }
  void block(const char* name) {
    section_ = name;
    out_ += "\n" + written_block(name) + "\n";
  }
  void key(const char* name, const std::string& value) {
    out_ += commented(help_of(name)) + fmt::format("{} = {}\n", name, value);
  }
  std::string text() const { return out_; }

 private:
  std::string help_of(const char* name) const {
    if (const Key* key = find_key(section_, name); key != nullptr) {
      std::string help = key->help;
      if (key->choices != nullptr) {
        std::string listed = key->choices;
        std::ranges::replace(listed, '|', ' ');
        help += " One of: " + listed + ".";
      }
      return help;
    }
    for (const BlockKey& key : block_schema())
      if (section_ == key.block && std::string_view(key.name) == name) return key.help;
    fail("slipway new: {}.{} is not in the schema", section_, name);
  }

  std::string out_ =
      "# Made by slipway new. Every key: slipway config help. Check it: slipway config check "
      "FILE.\n";
  std::string section_;
};

// How many rows are set aside: a tenth, at most 200.
int64_t rows_aside(int64_t rows) {
  constexpr int64_t kEnough = 20, kMost = 200;
  return rows < kEnough ? 0 : std::min(rows / 10, kMost);
}

constexpr int64_t kBatch = 8, kEpochs = 3;

// Of sft: at most 10, and so that a short run too shows some ten losses.
int64_t steps_between_losses(int64_t rows) {
  const int64_t steps = kEpochs * ((rows + kBatch - 1) / kBatch);
  return std::clamp<int64_t>(steps / 10, 1, 10);
}

void write_raft(const NewRun& run, int64_t trained, Writer& out) {
  out.section("generation");
  out.key("max_new_tokens", "64");
  out.key("temperature", "1.0");
  out.section("raft");
  out.key("iterations", "10");
  out.key("prompts_per_iteration", std::to_string(std::clamp<int64_t>(trained, 1, 64)));
  out.key("samples_per_prompt", "8");
  for (const NewReward& reward : run.rewards) {
    out.block("reward");
    out.key("use", quoted_text(reward.use));
    out.key("weight", Value::of(reward.weight).toml());
  }
}

}  // namespace

std::string new_run_file(const NewRun& run) {
  const int64_t aside = rows_aside(run.rows);
  Writer out;
  out.section("run");
  out.key("algorithm", run.raft ? "\"raft\"" : "\"sft\"");
  out.key("output_dir", quoted_text(run.output_dir));
  out.section("model");
  out.key("use", quoted_text(run.model_use));
  out.key("weights", quoted_text(run.model));
  out.section("data");
  out.key("train", "[" + quoted_text(run.data) + "]");
  if (!run.prompt_column.empty()) out.key("prompt_column", quoted_text(run.prompt_column));
  if (!run.completion_column.empty())
    out.key("completion_column", quoted_text(run.completion_column));
  if (aside > 0) out.key("eval_rows", std::to_string(aside));
  if (run.raft) write_raft(run, run.rows - aside, out);
  out.section("train");
  out.key("learning_rate", run.raft ? "2e-5" : "5e-5");
  out.key("num_train_epochs", run.raft ? "1.0" : fmt::format("{}.0", kEpochs));
  out.key("per_device_train_batch_size", std::to_string(kBatch));
  out.key("logging_steps", run.raft ? "1" : std::to_string(steps_between_losses(run.rows - aside)));
  if (!run.raft && aside > 0) out.key("eval_strategy", "\"epoch\"");
  out.key("save_total_limit", "1");
  return out.text();
}

}  // namespace slipway
