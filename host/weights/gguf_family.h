// The families of models that GGUF and Hugging Face both have: how their tensors are called in
// each, and what their values differ by.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace slipway {

struct GgufFamily {
  struct TensorName {
    std::string_view gguf, hugging_face;
  };
  std::string_view architecture;  // general.architecture
  std::string_view model_type, class_name;
  std::span<const TensorName> top, block;  // whole names; parts of a block's without ".weight"
  std::string_view layers = "model.layers.";
  // Rows of q and k lie in pairs that rotate together, where Hugging Face has halves.
  bool permuted = false;
  bool norms_plus_one = false;  // GGUF holds 1 + w
  bool transposed = false;      // Hugging Face's matrices of blocks lie [inputs, outputs]
};

// By general.architecture; nullptr = not known. "llama" is Llama's own, "olmo2" OLMo 2's.
const GgufFamily* gguf_family(std::string_view architecture);
// By config.json's model_type; nullptr = there is no such architecture.
const GgufFamily* gguf_family_of(std::string_view model_type);
std::string known_gguf_architectures();  // "gemma2, gemma3, ..."

// The name of a tensor in the other world; as it is where it has none there.
std::string hugging_face_name(const GgufFamily& family, const std::string& gguf);
std::string gguf_name(const GgufFamily& family, const std::string& hugging_face);

// What is done to a tensor of that name (Hugging Face's) on its way from GGUF, and backwards.
struct GgufChange {
  bool permuted_q = false, permuted_k = false;  // rows, by heads
  bool norm = false;                            // 1 is taken off, or added
  bool transposed = false;
  bool any() const { return permuted_q || permuted_k || norm || transposed; }
};
GgufChange gguf_change(const GgufFamily& family, std::string_view hugging_face);

// The rows of each head, whatever they hold, from pairs to halves, or back; `matrix` is of `rows`.
void permute_rotary(std::span<std::byte> matrix, int64_t rows, int64_t heads, bool to_halves);
// [rows, columns] to [columns, rows].
void transpose(std::vector<float>& data, int64_t rows, int64_t columns);

}  // namespace slipway
