// slipway new: a run file from a few answers.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <iostream>

#include "api/check_parts.h"
#include "app/command_line.h"
#include "app/commands.h"
#include "app/new_run_file.h"
#include "app/standard_output.h"
#include "base/place.h"
#include "base/visible_text.h"
#include "config/schema.h"
#include "slipway/slipway.hpp"

namespace slipway {
namespace {

constexpr const char* kUsage = "slipway new [options]";

// Where answers come from: an option, or else a person at a terminal.
class Answers {
 public:
  explicit Answers(const CommandLine& line)
      : line_(line), asks_(::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0) {}

  // The answer that `check` takes: it throws Error saying why not. Without a terminal the option,
  // or the default; UsageError where there is neither, or `check` refuses it.
  std::string get(const std::string& option, const std::string& question,
                  const std::string& fallback,
                  const std::function<void(const std::string&)>& check) {
    if (line_.has(option) || !asks_) return given(option, fallback, check);
    for (;;) {
      print(question + (fallback.empty() ? "" : fmt::format(" [{}]", fallback)) + ": ");
      flush_standard_output();
      std::string answer;
      if (!std::getline(std::cin, answer)) throw UsageError("no answer; nothing was written");
      if (answer.empty()) answer = fallback;
      try {
        if (answer.empty()) fail("an answer is needed");
        check(answer);
        return answer;
      } catch (const ReaderLeft&) {
        throw;
      } catch (const Error& e) {
        print(visible_text(fmt::format("  {}\n", e.what())));
      }
    }
  }
  bool asks() const { return asks_; }

 private:
  std::string given(const std::string& option, const std::string& fallback,
                    const std::function<void(const std::string&)>& check) const {
    const std::string answer = line_.has(option) ? line_.text(option) : fallback;
    if (answer.empty()) throw UsageError(fmt::format("--{} is missing\nusage: {}", option, kUsage));
    try {
      check(answer);
    } catch (const ReaderLeft&) {
      throw;
    } catch (const Error& e) {
      throw UsageError(fmt::format("--{}: {}", option, e.what()));
    }
    return answer;
  }

  const CommandLine& line_;
  const bool asks_;
};

// "length:0.5" is length with the weight 0.5.
NewReward reward_of(const std::string& given) {
  const size_t colon = given.find(':');
  NewReward out{given.substr(0, colon), 1.0};
  if (colon == std::string::npos) return out;
  const std::string weight = given.substr(colon + 1);
  const auto [end, ec] = std::from_chars(weight.data(), weight.data() + weight.size(), out.weight);
  if (ec != std::errc() || end != weight.data() + weight.size())
    fail("\"{}\": the weight of a reward is a number, as in length:0.5", given);
  return out;
}

std::vector<NewReward> checked_rewards(const std::vector<std::string>& given) {
  std::vector<NewReward> out;
  for (const std::string& each : given) {
    out.push_back(reward_of(each));
    look_at_reward(out.back().use);
  }
  return out;
}

std::vector<NewReward> rewards(const CommandLine& line, Answers& answers) {
  if (line.has("reward")) {
    try {
      return checked_rewards(line.texts("reward"));
    } catch (const Error& e) {
      throw UsageError(fmt::format("--reward: {}", e.what()));
    }
  }
  if (!answers.asks())
    throw UsageError(
        fmt::format("--reward is missing: raft ranks answers by one\nusage: {}", kUsage));
  std::string listed;
  const std::vector<std::string> known = reward_plugins();
  for (const std::string& each : known) listed += (listed.empty() ? "" : ", ") + each;
  std::vector<NewReward> out;
  answers.get("reward", fmt::format("Reward that answers are ranked by ({})", listed),
              known.empty() ? "" : known[0],
              [&](const std::string& answer) { out = checked_rewards({answer}); });
  return out;
}

// What a person may have meant: the first in the working folder that `takes` likes; "". A script is
// to say what it means.
std::string first_here(const Answers& answers, const std::function<bool(const fs::path&)>& takes) {
  if (!answers.asks()) return "";
  std::vector<fs::path> names;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(".", ec))
    names.push_back(entry.path().filename());
  std::ranges::sort(names);
  const auto found = std::ranges::find_if(names, takes);
  return found == names.end() ? "" : found->string();
}

// How `given`, a path from the working folder, is written in a run file in `folder`.
std::string path_beside(const std::string& given, const fs::path& folder) {
  std::error_code ec;
  if (fs::path(given).is_absolute() || folder.empty() || fs::equivalent(folder, ".", ec))
    return given;
  return fs::absolute(given).lexically_proximate(fs::absolute(folder).lexically_normal()).string();
}

void check_output(const std::string& file) {
  if (path_exists(file)) fail("{}: is there already; give another --output", file);
}

// Looks at the data; a person whose columns have names of their own is asked for them.
void take_data(const std::string& data, Answers& answers, NewRun& run) {
  const auto look = [&] {
    const DataLook seen =
        look_at_data(data, run.raft ? "raft" : "sft", run.prompt_column, run.completion_column);
    run.rows = seen.rows;
    std::string columns;
    for (const std::string& each : seen.columns) columns += (columns.empty() ? "" : ", ") + each;
    if (answers.asks())
      print(visible_text(fmt::format("  {} row{}; the first has: {}\n", seen.rows,
                                     seen.rows == 1 ? "" : "s", columns)));
  };
  const bool told = !run.prompt_column.empty() || !run.completion_column.empty();
  try {
    return look();
  } catch (const Error& e) {
    const bool by_name = std::string_view(e.what()).find("data.prompt_column") != std::string::npos;
    if (told || !by_name) throw;
    if (!answers.asks())
      fail("{} (here: --prompt-column NAME, --completion-column NAME)", e.what());
    print(visible_text(fmt::format("  {}\n", e.what())));
  }
  const auto any = [](const std::string&) {};
  run.prompt_column = answers.get("prompt-column", "Column that is the prompt", "", any);
  if (!run.raft)
    run.completion_column = answers.get("completion-column", "Column that is the answer", "", any);
  try {
    look();
  } catch (const Error&) {
    run.prompt_column = run.completion_column = "";
    throw;
  }
}

// The rest of what the file needs, from the answers. Throws UsageError.
NewRun asked_run(const CommandLine& line, Answers& answers, const fs::path& output) {
  NewRun run;
  run.raft = answers.get("algorithm",
                         "Fine-tune on examples (sft), or on the model's own best answers by a "
                         "reward (raft)?",
                         line.has("reward") ? "raft" : "sft", [](const std::string& answer) {
                           if (answer != "sft" && answer != "raft")
                             fail("\"{}\": sft or raft is needed", answer);
                         }) == "raft";
  if (!run.raft && line.has("reward"))
    throw UsageError("--reward has no effect with --algorithm sft");
  const std::string here = first_here(answers, [](const fs::path& path) {
    return path.extension() == ".gguf" || fs::exists(path / "config.json");
  });
  run.model = answers.get("model", "Model: a folder of Hugging Face's, or a GGUF file", here,
                          [&](const std::string& answer) {
                            const ModelLook look = look_at_model(answer);
                            run.model_use = look.use;
                            if (answers.asks()) print(fmt::format("  {}\n", look.told));
                          });
  run.prompt_column = line.text("prompt-column");
  run.completion_column = line.text("completion-column");
  run.data = answers.get(
      "data",
      run.raft ? "Prompts: JSON Lines with \"prompt\", or text"
               : "Examples: JSON Lines with "
                 "\"prompt\" and \"completion\", or \"text\"",
      first_here(answers, [](const fs::path& path) { return path.extension() == ".jsonl"; }),
      [&](const std::string& answer) { take_data(answer, answers, run); });
  if (run.raft) run.rewards = rewards(line, answers);
  run.output_dir = "runs/" + output.stem().string();
  run.model = path_beside(run.model, output.parent_path());
  run.data = path_beside(run.data, output.parent_path());
  return run;
}

}  // namespace

int new_command(const Arguments& arguments) {
  CommandLine line(kUsage,
                   "Writes a run file in which a comment explains every key. What is not given as "
                   "an option is asked for, on a terminal; every answer is checked: whether the "
                   "model can be trained, what the data hold, whether the reward is there. A file "
                   "that is there is never replaced.");
  line.option("algorithm", "sft|raft", "fine-tune on examples, or on the best of its own answers")
      .option("model", "PATH", "weights folder or GGUF file")
      .option("data", "FILE", "rows to train on, or prompts to sample for")
      .option("prompt-column", "NAME", "what the data call the prompt, where not \"prompt\"")
      .option("completion-column", "NAME", "what they call the answer, where not \"completion\"")
      .repeated("reward", "PLUGIN[:WEIGHT]", "with raft: a reward plugin; may be repeated")
      .option("output", "FILE", "the run file (default run.toml)");
  if (!line.parse(arguments)) return kExitOk;
  Answers answers(line);
  const std::string output =
      answers.get("output", "Name of the run file", "run.toml", check_output);
  const std::string text = new_run_file(asked_run(line, answers, output));
  // what single answers do not tell; paths are looked for from where the file will lie
  RunFile::parse(text, {}, fs::path(output).parent_path()).check();
  check_output(output);
  write_file_durably(output, text);
  print(fmt::format("{} is written. Next:\n  slipway config check {}\n  slipway train {}\n", output,
                    output, output));
  return kExitOk;
}

}  // namespace slipway
