// slipway generate: try a model.
#include <cstdio>
#include <iostream>

#include "app/command_line.h"
#include "app/commands.h"
#include "app/load_model.h"
#include "app/profile.h"
#include "base/log.h"
#include "device/accelerator/accelerator_module.h"
#include "device/accelerator/device_tensors.h"
#include "generate/generate.h"
#include "text/tokenizer.h"

namespace slipway {

int generate_command(const Arguments& arguments) {
  CommandLine line("slipway generate --model PATH --prompt TEXT [options]",
                   "Lets a model go on writing. PATH is a weights folder, a GGUF file, a checkpoint or a run folder.");
  line.option("model", "PATH", "weights folder, GGUF file, checkpoint or run folder")
      .option("prompt", "TEXT", "what to go on from; without it, each line of standard input is a prompt")
      .option("max-new-tokens", "N", "stop after this many tokens", "64")
      .option("temperature", "T", "softmax temperature; 0 = always the most likely token", "1.0")
      .option("top-k", "K", "draw among the K most likely tokens; 0 = all", "0")
      .option("top-p", "P", "draw among the most likely tokens that reach this mass", "1.0")
      .option("samples", "N", "answers for each prompt", "1")
      .option("weights", "STORAGE", "float32, bfloat16 or int8: fewer bits take less memory and time, and round the weights", "float32")
      .option("seed", "N", "seed of the draws: equal seeds, equal texts", "42")
      .option("tokenizer", "PATH", "folder with tokenizer.json, or GGUF file; default: beside the weights")
      .option("device", "DEVICE", "cpu, cuda (an NVIDIA GPU), or auto: cuda where it can be used", "cpu")
      .option("use", "PLUGIN", "model plugin", "llama")
      .repeated("plugin-path", "DIR", "look for plugins there too")
      .option("profile", "TRACE.json", "write what happened when, for ui.perfetto.dev")
      .flag("json", "one JSON object an answer: prompt, completion, finished");
  if (!line.parse(arguments)) return kExitOk;
  if (!line.has("model")) throw UsageError("--model is missing\nusage: slipway generate --model PATH --prompt TEXT [options]");
  GenerationSettings settings;
  settings.sampling = {line.number("temperature"), line.integer("top-k"), line.number("top-p")};
  settings.max_new_tokens = line.integer("max-new-tokens");
  settings.seed = static_cast<uint64_t>(line.integer("seed"));
  const int64_t samples = line.integer("samples");
  if (const auto storage = weight_storage_of(line.text("weights"))) settings.weights = *storage;
  else throw UsageError(fmt::format("--weights is \"{}\", one of float32 bfloat16 int8 is needed", line.text("weights")));
  if (settings.sampling.temperature < 0) throw UsageError("--temperature must not be negative");
  if (settings.max_new_tokens < 1) throw UsageError("--max-new-tokens must be at least 1");
  if (settings.sampling.top_p <= 0 || settings.sampling.top_p > 1) throw UsageError("--top-p must lie in (0, 1]");
  if (settings.sampling.top_k < 0) throw UsageError("--top-k must not be negative");
  if (samples < 1) throw UsageError("--samples must be at least 1");
  if (samples > 1000000) throw UsageError(fmt::format("--samples is {}, at most 1000000 is allowed", samples));
  std::vector<std::string> prompts;
  if (line.has("prompt")) prompts.push_back(line.text("prompt"));
  else
    for (std::string text; std::getline(std::cin, text);)
      if (!text.empty()) prompts.push_back(text);
  if (prompts.empty()) throw UsageError("no prompt: give --prompt TEXT, or one prompt a line on standard input");

  const std::string device = line.text("device");
  if (device != "cpu" && device != "cuda" && device != "auto") throw UsageError(fmt::format("--device is \"{}\", one of cpu cuda auto is needed", device));
  const fs::path trace = trace_path(line, "trace.json");
  const std::string path = line.text("model");
  if (!fs::exists(path)) fail("--model {}: no such file or folder", path);
  const Profile profile(trace);
  std::vector<fs::path> more;
  for (const std::string& folder : line.texts("plugin-path")) more.emplace_back(folder);
  const Registry registry(plugin_folders(more));
  const ModelWeights weights = open_weights(path);
  const Tokenizer tokenizer = load_tokenizer(line.has("tokenizer") ? line.text("tokenizer") : path);
  try {
    choose_device(device);
  } catch (const Error& e) {
    fail("--device {}: {}", device, e.what());
  }
  if (accelerator() != nullptr && settings.weights != WeightStorage::kFloat32) fail("--weights {}: on {} weights are float32; leave it out, or use --device cpu", line.text("weights"), accelerator()->name());
  LoadedModel loaded = create_model(registry, line.text("use"), {"--use", 0}, weights.config, {});
  loaded.model->parameters().load(weights.read);
  if (tokenizer.eos) settings.stop_tokens = {*tokenizer.eos};
  std::vector<GenerationRequest> requests;
  for (size_t i = 0; i < prompts.size(); ++i) {
    requests.push_back({tokenizer.encode(prompts[i]), static_cast<uint32_t>(i), static_cast<int>(samples)});
    if (requests.back().prompt.empty()) fail("the prompt is empty after tokenization");
    const auto length = static_cast<int64_t>(requests.back().prompt.size()) + settings.max_new_tokens;
    if (length > loaded.model->info().max_positions)
      log_warn("prompt and answer may reach {} tokens, the model was made for {}", length, loaded.model->info().max_positions);
  }
  for (const Completion& c : generate(*loaded.model, requests, settings)) {
    const std::string text = tokenizer.decode(c.ids);
    if (line.has("json")) {
      const Json row = {{"prompt", prompts[c.request]}, {"completion", text}, {"finished", c.finished}};
      std::printf("%s\n", row.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
    } else {
      std::printf("%s%s\n", prompts[c.request].c_str(), text.c_str());
    }
  }
  return kExitOk;
}

}  // namespace slipway
