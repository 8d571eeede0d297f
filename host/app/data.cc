// slipway data: look at data as a model will see it.
#include <unistd.h>

#include "api/show_data.h"
#include "app/command_line.h"
#include "app/commands.h"
#include "app/run_overrides.h"
#include "app/standard_output.h"
#include "base/log.h"
#include "base/visible_text.h"
#include "config/schema.h"
#include "slipway/slipway.hpp"

namespace slipway {
namespace {

std::string as_toml(const std::string& text) { return Value::of(text).toml(); }

RunFile run_of(const CommandLine& line) {
  const fs::path what = line.text("WHAT");
  std::vector<std::string> overrides;
  if (what.extension() == ".toml") {
    if (line.has("model")) overrides.push_back("model.weights=" + as_toml(line.text("model")));
    for (const std::string& each : line.texts("set")) overrides.push_back(each);
    return RunFile::load(what, overrides);
  }
  if (!line.has("model"))
    throw UsageError(fmt::format(
        "{}: is no run file, so --model PATH must say whose tokenizer and chat template it is for",
        what.string()));
  overrides.push_back("model.weights=" + as_toml(line.text("model")));
  overrides.push_back("data.train=[" + as_toml(what.string()) + "]");
  for (const std::string& each : line.texts("set")) overrides.push_back(each);
  return RunFile::parse("[run]\nalgorithm = \"sft\"\noutput_dir = \".\"\n", overrides);
}

size_t loss_count(const ShownRow& row) {
  size_t out = 0;
  for (const ShownToken& each : row.tokens) out += each.loss ? 1 : 0;
  return out;
}

void show_text(const std::vector<ShownRun>& runs, bool colours) {
  std::string text;
  for (const ShownRun& run : runs) {
    const std::string visible = visible_text(run.text);
    if (!run.loss) text += visible;
    else text += colours ? "\x1b[1;32m" + visible + "\x1b[0m" : "\u27e6" + visible + "\u27e7";
  }
  print(text + "\n\n");
}

void show_tokens(const ShownRow& row, const std::vector<std::string>& texts) {
  for (size_t i = 0; i < texts.size(); ++i)
    print(fmt::format("{:>6} {:>7} {} {}\n", i, row.tokens[i].id, row.tokens[i].loss ? '*' : ' ',
                      visible_line(texts[i])));
  print("\n");
}

int show(const Arguments& arguments) {
  CommandLine line(
      "slipway data show WHAT [options]",
      "Prints the first examples as the model will see them, special tokens by name. What carries "
      "loss is green on a terminal, and stands in \u27e6 \u27e7 elsewhere. WHAT is a run file, or "
      "a file of data with --model. Of a run with algorithm = \"raft\" it shows what answers are "
      "sampled to. Nothing is loaded but the tokenizer.");
  line.positional("WHAT", "a run file (.toml), or a file of data")
      .option("model", "PATH", "whose tokenizer and chat template: a weights folder or GGUF file")
      .option("rows", "N", "how many", "3")
      .flag("tokens", "a token a line: its place, its id, * where it carries loss, its text")
      .repeated("set", "KEY=VALUE", "override a key first: data.assistant_only_loss=false");
  if (!line.parse(arguments)) return kExitOk;
  if (line.integer("rows") < 1) throw UsageError("--rows must be at least 1");
  const RunFile run = run_of(line);
  for (const std::string& notice : run.notices()) log_info("{}", notice);
  const ShownData data = shown_data(run.config(), static_cast<size_t>(line.integer("rows")));
  const bool colours = ::isatty(STDOUT_FILENO) == 1;
  for (size_t i = 0; i < data.rows.size(); ++i) {
    const ShownRow& row = data.rows[i];
    if (!row.fault.empty()) {
      print(fmt::format("{}: not trained on: {}\n\n", row.where, visible_text(row.fault)));
      continue;
    }
    print(fmt::format("{}: {} tokens, {} carry loss\n", row.where, row.tokens.size(),
                      loss_count(row)));
    if (line.has("tokens")) show_tokens(row, data.token_texts[i]);
    else show_text(data.runs[i], colours);
  }
  return kExitOk;
}

}  // namespace

int data_command(const Arguments& arguments) {
  const std::string usage = "usage: slipway data show WHAT [options]";
  const std::string verb = arguments.empty() ? "" : arguments[0];
  if (verb == "show") return show(Arguments(arguments.begin() + 1, arguments.end()));
  if (verb != "--help" && verb != "-h") throw UsageError(usage);
  print(usage +
        "\n\n  show WHAT   print the first examples of a run file, or of a file of data with "
        "--model,\n"
        "              as the model will see them: through its chat template, with special\n"
        "              tokens by name, and with what carries loss marked\n\n"
        "slipway data show --help lists its options (--model, --rows, --tokens, --set).\n");
  return kExitOk;
}

}  // namespace slipway
