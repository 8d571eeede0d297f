// slipway generate: try a model.
#include <algorithm>
#include <iostream>

#include "api/profile.h"
#include "app/command_line.h"
#include "app/commands.h"
#include "app/profile.h"
#include "app/standard_output.h"
#include "app/trust.h"
#include "base/hub_name.h"
#include "base/json_text.h"
#include "slipway/slipway.hpp"

namespace slipway {
namespace {

GenerateOptions options_of(const CommandLine& line) {
  GenerateOptions out;
  out.temperature = line.number("temperature");
  out.top_k = line.integer("top-k");
  out.top_p = line.number("top-p");
  out.max_new_tokens = line.integer("max-new-tokens");
  out.seed = static_cast<uint64_t>(line.integer("seed"));
  out.samples = line.integer("samples");
  out.weights = line.text("weights");
  try {
    check(out);
  } catch (const Error& e) {  // "top_p must ..." is "--top-p must ..." here
    std::string text = e.what();
    std::replace(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(text.find(' ')), '_',
                 '-');
    throw UsageError("--" + text);
  }
  return out;
}

std::vector<std::string> prompts_of(const CommandLine& line) {
  std::vector<std::string> out;
  if (line.has("prompt")) out.push_back(line.text("prompt"));
  else
    for (std::string text; std::getline(std::cin, text);) {
      // as editors on Windows begin and end lines
      if (out.empty() && text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
      if (text.ends_with('\r')) text.pop_back();
      if (!text.empty()) out.push_back(text);
    }
  if (out.empty())
    throw UsageError("no prompt: give --prompt TEXT, or one prompt a line on standard input");
  return out;
}

}  // namespace

int generate_command(const Arguments& arguments) {
  CommandLine line("slipway generate --model PATH --prompt TEXT [options]",
                   "Lets a model continue a text. PATH is a weights folder, a GGUF file, a "
                   "checkpoint or a run folder.");
  line.option("model", "PATH", "weights folder, GGUF file, checkpoint or run folder")
      .option("prompt", "TEXT",
              "what to continue; without it, each line of standard input is a prompt")
      .option("max-new-tokens", "N", "stop after this many tokens", "64")
      .option("temperature", "T", "softmax temperature; 0 = always the most likely token", "1.0")
      .option("top-k", "K", "draw among the K most likely tokens; 0 = all", "0")
      .option("top-p", "P", "draw among the most likely tokens that reach this mass", "1.0")
      .option("samples", "N", "answers for each prompt", "1")
      .option(
          "weights", "STORAGE",
          "float32, bfloat16 or int8: fewer bits take less memory and time, and round the weights",
          "float32")
      .option("seed", "N", "seed of the draws: equal seeds, equal texts", "42")
      .option("tokenizer", "PATH",
              "folder with tokenizer.json, or GGUF file; default: beside the weights")
      .option("device", "DEVICE", "cpu, cuda (an NVIDIA GPU), or auto: cuda where it can be used",
              "cpu")
      .option("use", "PLUGIN", "model plugin", "llama")
      .repeated("plugin-path", "DIR", "look for plugins there too")
      .option("profile", "TRACE.json", "write what happened when, for ui.perfetto.dev")
      .flag("json", "one JSON object an answer: prompt, completion, finished");
  add_trust_option(line);
  if (!line.parse(arguments)) return kExitOk;
  if (!line.has("model"))
    throw UsageError(
        "--model is missing\nusage: slipway generate --model PATH --prompt TEXT [options]");
  const GenerateOptions options = options_of(line);
  const std::vector<std::string> prompts = prompts_of(line);
  GeneratorOptions how;
  how.device = line.text("device");
  if (how.device != "cpu" && how.device != "cuda" && how.device != "auto")
    throw UsageError(fmt::format("--device is \"{}\", one of cpu cuda auto is needed", how.device));
  if (line.has("tokenizer")) how.tokenizer = line.text("tokenizer");
  how.use = line.text("use");
  for (const std::string& folder : line.texts("plugin-path")) how.plugin_path.emplace_back(folder);
  const fs::path trace = trace_path(line, "trace.json");
  const std::string path = line.text("model");
  std::error_code ec;
  if (!fs::exists(path, ec))
    throw UsageError(fmt::format("--model {}: {}", path,
                                 ec ? ec.message() : "no such file or folder" + hub_hint(path)));
  if (!line.has("trust")) refuse_compiled_weights(path);
  const Profile profile(trace);
  Generator generator(path, how);
  for (const GeneratedText& each : generator.generate(prompts, options)) {
    if (line.has("json")) {
      const Json row = {
          {"prompt", prompts[each.prompt]}, {"completion", each.text}, {"finished", each.finished}};
      print(json_text(row) + "\n");
    } else {
      print(for_standard_output(prompts[each.prompt] + each.text) + "\n");
    }
  }
  return kExitOk;
}

}  // namespace slipway
