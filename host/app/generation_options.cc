// Options of generation.
#include "app/generation_options.h"

#include <algorithm>
#include <filesystem>

#include "base/hub_name.h"

namespace slipway {

void add_generation_options(CommandLine& line, const char* max_new_tokens) {
  line.option("max-new-tokens", "N", "stop after this many tokens", max_new_tokens)
      .option("min-new-tokens", "N", "do not end before so many", "0")
      .option("temperature", "T", "softmax temperature; 0 = always the most likely token", "1.0")
      .option("top-k", "K", "draw among the K most likely tokens; 0 = all", "0")
      .option("top-p", "P", "draw among the most likely tokens that reach this mass", "1.0")
      .option("min-p", "P",
              "draw among tokens with at least this share of the likeliest one's probability",
              "0.0")
      .option("repetition-penalty", "X", "make tokens that occurred less likely; 1 = not", "1.0")
      .repeated("stop", "TEXT", "end an answer before this text")
      .option(
          "weights", "STORAGE",
          "float32, bfloat16 or int8: fewer bits take less memory and time, and round the weights",
          "float32")
      .option("seed", "N", "seed of the draws: equal seeds, equal texts", "42");
}

void add_model_options(CommandLine& line) {
  line.option("tokenizer", "PATH",
              "folder with tokenizer.json, or GGUF file; default: beside the weights")
      .option("chat-template", "FILE", "a Jinja template in place of the model's own")
      .option("device", "DEVICE", "cpu, cuda (an NVIDIA GPU), or auto: cuda where it can be used",
              "cpu")
      .option("use", "PLUGIN", "model plugin; auto: the one that config.json's model_type names",
              "auto")
      .repeated("plugin-path", "DIR", "look for plugins there too");
}

GenerateOptions generate_options_of(const CommandLine& line) {
  GenerateOptions out;
  out.temperature = line.number("temperature");
  out.top_k = line.integer("top-k");
  out.top_p = line.number("top-p");
  out.min_p = line.number("min-p");
  out.repetition_penalty = line.number("repetition-penalty");
  out.max_new_tokens = line.integer("max-new-tokens");
  out.min_new_tokens = line.integer("min-new-tokens");
  out.stop = line.texts("stop");
  out.seed = static_cast<uint64_t>(line.integer("seed"));
  out.weights = line.text("weights");
  if (std::ranges::find(out.stop, "") != out.stop.end()) throw UsageError("--stop is empty");
  return out;
}

void check_options(const GenerateOptions& options) {
  try {
    check(options);
  } catch (const Error& e) {  // "top_p must ..." is "--top-p must ..." here
    std::string text = e.what();
    std::replace(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(text.find(' ')), '_',
                 '-');
    throw UsageError("--" + text);
  }
}

GeneratorOptions generator_options_of(const CommandLine& line) {
  GeneratorOptions out;
  out.device = line.text("device");
  if (out.device != "cpu" && out.device != "cuda" && out.device != "auto")
    throw UsageError(fmt::format("--device is \"{}\", one of cpu cuda auto is needed", out.device));
  if (line.has("tokenizer")) out.tokenizer = line.text("tokenizer");
  if (line.has("chat-template")) out.chat_template = line.text("chat-template");
  out.use = line.text("use");
  for (const std::string& folder : line.texts("plugin-path")) out.plugin_path.emplace_back(folder);
  return out;
}

void require_model(const std::string& option, const std::string& path) {
  std::error_code ec;
  if (!std::filesystem::exists(path, ec))
    throw UsageError(fmt::format("{}{}: {}", option, path,
                                 ec ? ec.message() : "no such file or folder" + hub_hint(path)));
}

}  // namespace slipway
