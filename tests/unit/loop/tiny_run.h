// A run over a model of a few hundred weights and eight letters, in a folder of its own.
#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory_use.h"
#include "config/toml.h"
#include "loop/run.h"
#include "tests/unit/plugin/fixture_files.h"

namespace slipway {

constexpr const char* kTinyTokenizer = R"({"version": "1.0", "added_tokens": [], "normalizer": null,
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
  "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
  "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4, "f": 5, "g": 6, "h": 7}, "merges": []}})";
constexpr const char* kTinyModel =
    R"({"hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1,
  "num_attention_heads": 2, "vocab_size": 8, "tie_word_embeddings": true})";

// A new folder, in memory where that may be.
inline fs::path memory_folder(const std::string& name) {
  const fs::path memory = "/dev/shm";
  const fs::path folder = fs::is_directory(memory)
                              ? memory / fmt::format("slipway-{}-{}", name, ::getpid())
                              : scratch();
  fs::create_directories(folder);
  return folder;
}

// What TinyRun reads; `data` and `train`: more of [data], and all of [train].
inline void write_tiny_run(const fs::path& folder, const std::string& texts,
                           const std::string& data, const std::string& train) {
  fs::create_directories(folder / "run");
  write_file_durably(folder / "tokenizer.json", kTinyTokenizer);
  write_file_durably(folder / "config.json", kTinyModel);
  write_file_durably(folder / "texts.txt", texts);
  write_file_durably(folder / "run.toml", fmt::format(R"(
[run]
algorithm = "sft"
output_dir = "{}"
[model]
config = "config.json"
tokenizer = "tokenizer.json"
[data]
train = ["texts.txt"]
append_eos = false
{}[train]
{})",
                                                      (folder / "run").string(), data, train));
}

class TinyRun {
 public:
  using MakeCallbacks = std::function<std::vector<CallbackPlugin>(TrainAccess& access)>;
  TinyRun(
      const fs::path& folder, const std::vector<std::string>& overrides,
      const MakeCallbacks& callbacks = [](TrainAccess&) { return std::vector<CallbackPlugin>(); })
      : config(load_run_config(folder / "run.toml", overrides, nullptr)),
        tokenizer(load_tokenizer(config.tokenizer)),
        model(plugin_.get(), plugin_.id()),
        memory_(false),
        run({config,
             (model.parameters().initialise(7), model),
             parse_json(kTinyModel, "config.json"),
             tokenizer,
             callbacks(access_),
             {},
             access_,
             memory_}) {}

  const RunConfig config;
  const Tokenizer tokenizer;

 private:
  static Plugin llama() {
    Value options;
    options["config"] = value_of(parse_json(kTinyModel, "config.json"));
    static Library library = load(fs::path(SLIPWAY_PLUGINS) / "llama.so");
    return Plugin(library, *library.descriptors()[0], options, {});
  }
  const Plugin plugin_ = llama();

 public:
  Model model;

 private:
  TrainAccess access_;
  MemoryMetrics memory_;

 public:
  Run run;
};

}  // namespace slipway
