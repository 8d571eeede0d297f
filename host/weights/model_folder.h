// A model's weights wherever they lie: a Hugging Face folder (config.json and safetensors) or a
// GGUF file, under one set of names, Hugging Face's.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "weights/tensor_info.h"

namespace slipway {

struct ModelWeights {
  Json config;                     // names of a Hugging Face config.json
  std::string origin;              // for messages
  std::vector<std::string> names;  // of all tensors that belong to the model, Hugging Face's names
  // The same tensors, each under the name that its file has for it; they live as long as `read`.
  std::map<std::string, const TensorInfo*> tensors;
  // Decodes one tensor into out[count]; throws Error when it is absent or of another size.
  std::function<void(const std::string& name, float* out, int64_t count)> read;
  // Writes a matrix's rows as its file encodes them, in the model's order, into `out`; false where
  // the file has another encoding or keeps the matrix in another way. May be empty.
  std::function<bool(const std::string& name, Encoding encoding, std::span<std::byte> out)>
      read_rows;
  // A model that is a program with its weights: model.pt (TorchScript) or model.pt2 (AOTInductor).
  // `read`, where there is one, knows better. Never a package where there is `read`.
  fs::path program;
};

// The program that `path` is, or holds beside no weights of another kind; "" = none.
fs::path program_at(const fs::path& path);

// `path`: a folder, a .gguf file, a .pt or .pt2 file. Throws Error saying what was looked for.
ModelWeights open_weights(const fs::path& path);

// What read() says of a tensor that is not there, or of another size.
[[noreturn]] void fail_missing_tensor(const std::string& name,
                                      const std::vector<std::string>& names,
                                      const std::string& origin);
void check_tensor_size(const TensorInfo& tensor, int64_t count, const std::string& origin);

}  // namespace slipway
