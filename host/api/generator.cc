// Models that only write.
#include "slipway/generator.hpp"

#include "api/load_model.h"
#include "api/write.h"
#include "base/error.h"
#include "operators/accelerator/accelerator_module.h"
#include "operators/accelerator/device_tensors.h"

namespace slipway {

struct Generator::Parts {
  Registry registry;
  Tokenizer tokenizer;
  LoadedModel loaded;
};

Generator::Generator(const fs::path& path, const GeneratorOptions& options) {
  Registry registry(plugin_folders(options.plugin_path));
  const ModelSource source = open_source(path);
  Tokenizer tokenizer =
      options.tokenizer.empty() ? tokenizer_beside(path) : load_tokenizer(options.tokenizer);
  add_end_tokens(tokenizer, path);
  try {
    choose_device(options.device);
  } catch (const Error& e) {
    fail("device {}: {}", options.device, e.what());
  }
  LoadedModel loaded = create_model(registry, options.use, {"the model plugin asked for", 0},
                                    source, {}, /*trained=*/false);
  fill_weights(loaded, source, 0);
  parts_ = std::make_unique<Parts>(std::move(registry), std::move(tokenizer), std::move(loaded));
}

Generator::~Generator() = default;

std::vector<GeneratedText> Generator::generate(const std::vector<std::string>& prompts,
                                               const GenerateOptions& options,
                                               const OnText& on_text) {
  return write_texts(*parts_->loaded.model, parts_->tokenizer, prompts, options, on_text);
}

}  // namespace slipway
