// Letting a model write: what `slipway generate`, Generator and Trainer share.
#pragma once
#include <string>
#include <vector>

#include "model/model.h"
#include "slipway/generator.hpp"
#include "text/tokenizer.h"

namespace slipway {

// All samples of all prompts, by (prompt, sample), told to `on_text` where there is one. Throws
// Error: options out of range, an empty prompt.
std::vector<GeneratedText> write_texts(Model& model, const Tokenizer& tokenizer,
                                       const std::vector<std::string>& prompts,
                                       const GenerateOptions& options, const OnText& on_text = {});
// The same of prompts that are tokens already.
std::vector<GeneratedText> write_answers(Model& model, const Tokenizer& tokenizer,
                                         std::vector<std::vector<int32_t>> prompts,
                                         const GenerateOptions& options,
                                         const OnText& on_text = {});

}  // namespace slipway
