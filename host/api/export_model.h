// A model in another form.
#pragma once
#include <string>

#include "base/files.h"

namespace slipway {

// The model in `model` (a folder, checkpoint, GGUF file, or adapters, which are merged) as one GGUF
// file that llama.cpp reads: matrices as `type` ("f32", "f16", "bf16", "q8_0"; rows that are not
// whole blocks as f16), the rest as float32. Tensors are held one at a time. Throws Error naming
// what llama.cpp would compute as something else. [main]
void export_gguf(const fs::path& model, const std::string& type, const fs::path& file);

// The same model as a folder that transformers' from_pretrained() reads, float32. [main]
void export_hugging_face(const fs::path& model, const fs::path& folder);

}  // namespace slipway
