// One tensor of a weights file, still in the file's own encoding.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace slipway {

// Element types of safetensors and block formats of GGUF.
enum class Encoding {
  kF64,
  kF32,
  kF16,
  kBF16,
  kI64,
  kI32,
  kI16,
  kI8,
  kU8,
  kBool,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ2_K,
  kQ3_K,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kIQ4_NL
};

struct EncodingTraits {
  std::string_view name;
  int64_t block;  // elements in a block
  int64_t bytes;  // bytes of a block
};
EncodingTraits traits(Encoding encoding);

struct TensorInfo {
  std::string name;
  Encoding encoding;
  std::vector<int64_t> shape;        // outermost first, as Hugging Face writes it
  std::span<const std::byte> bytes;  // borrowed from the mapped file
};

// Told the address of a tensor's bytes before a writer reads them: what is written need not be in
// memory earlier, nor later than the next call.
using BeforeReading = std::function<void(const void* bytes)>;

// Product of the shape; throws Error on overflow or a negative extent. `where` names file and
// tensor.
int64_t element_count(std::span<const int64_t> shape, const std::string& where);

// "[49152, 576]", for messages.
std::string shape_text(std::span<const int64_t> shape);

// Decodes the whole tensor into out[element_count]. Throws Error for encodings that hold no
// floating-point values.
void decode_to_float(const TensorInfo& tensor, float* out);

// Its values [first, first + count), row by row. Throws Error for encodings in blocks.
TensorInfo part_of(const TensorInfo& tensor, int64_t first, int64_t count);

// Whether the two have one shape and decode to the same bits. Throws Error as decode_to_float()
// does.
bool same_values(const TensorInfo& a, const TensorInfo& b);

}  // namespace slipway
