// Writing GGUF files (version 3, little endian): metadata in the order given, tensors one after the
// other.
#pragma once
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "base/files.h"
#include "weights/tensor_info.h"

namespace slipway {

// The alternative is the type in the file: uint32, float32, bool, string, arrays of those.
using GgufWritten = std::variant<uint32_t, float, bool, std::string, std::vector<int32_t>,
                                 std::vector<float>, std::vector<std::string>, std::vector<bool>>;
struct GgufPair {
  std::string key;
  GgufWritten value;
};

struct GgufTensor {
  std::string name;
  std::vector<int64_t> shape;  // outermost first
  Encoding encoding;           // kF32, kF16, kBF16 or kQ8_0
};

// `values` fills the tensor with that index, which is held one at a time. The file is in its place,
// whole and on the disk, when it returns. Throws Error, also naming a tensor whose values the
// encoding cannot hold.
void write_gguf(const fs::path& path, const std::vector<GgufPair>& metadata,
                const std::vector<GgufTensor>& tensors,
                const std::function<void(size_t tensor, std::span<float> out)>& values);

}  // namespace slipway
