// GGUF: names, and values that are kept in another way.
#include "weights/gguf_model.h"

#include <algorithm>

#include "base/error.h"
#include "weights/gguf_config.h"

namespace slipway {
namespace {

// What belongs to no model: factors of rotary frequencies, which are in the configuration.
bool says_nothing(const TensorInfo& tensor) {
  return tensor.name == "rope_freqs.weight" || tensor.name == "rope_factors_short.weight" ||
         tensor.name == "rope_factors_long.weight" ||
         (tensor.name.starts_with("blk.") && tensor.name.ends_with(".attn_rot_embd.weight"));
}

// Sinks of attention that lie below all scores take nothing of it; others are another model.
bool sinks_nothing(const TensorInfo& tensor, const std::string& origin) {
  if (!tensor.name.ends_with(".attn_sinks.weight")) return false;
  std::vector<float> values(static_cast<size_t>(element_count(tensor.shape, tensor.name)));
  decode_to_float(tensor, values.data());
  if (std::ranges::any_of(values, [](float each) { return each > -1e29f; }))
    fail("{}: tensor {}: sinks of attention are not supported", origin, tensor.name);
  return true;
}

// The file with its tensors as the model has them.
struct OpenGguf {
  explicit OpenGguf(const fs::path& path) : file(path), family(gguf_family_of_file(file)) {}

  Gguf file;
  const GgufFamily& family;
  std::vector<TensorInfo> turned;  // those of another shape than in the file
  int64_t heads = 0, kv_heads = 0;

  void read(const TensorInfo& tensor, const std::string& name, float* data, int64_t count) const;
  bool read_rows(const TensorInfo& tensor, const std::string& name, Encoding encoding,
                 std::span<std::byte> out) const;
  // Puts rows that the file has by pairs into the model's order.
  void unpermute(const TensorInfo& tensor, const GgufChange& change,
                 std::span<std::byte> rows) const;
};

void OpenGguf::unpermute(const TensorInfo& tensor, const GgufChange& change,
                         std::span<std::byte> rows) const {
  if (!change.permuted_q && !change.permuted_k) return;
  const int64_t groups = change.permuted_q ? heads : kv_heads;
  if (tensor.shape.empty() || groups <= 0 || groups > tensor.shape[0] ||
      tensor.shape[0] % (2 * groups) != 0)
    fail("{}: tensor {} does not divide into {} heads", file.path().string(), tensor.name, groups);
  permute_rotary(rows, tensor.shape[0], groups, true);
}

void OpenGguf::read(const TensorInfo& tensor, const std::string& name, float* data,
                    int64_t count) const {
  check_tensor_size(tensor, count, file.path().string());
  const GgufChange change = gguf_change(family, name);
  if (!change.transposed) decode_to_float(tensor, data);
  unpermute(tensor, change, std::as_writable_bytes(std::span(data, static_cast<size_t>(count))));
  if (change.norm)
    for (int64_t i = 0; i < count; ++i) data[i] -= 1;
  if (!change.transposed) return;
  std::vector<float> values(static_cast<size_t>(count));
  decode_to_float(tensor, values.data());
  transpose(values, tensor.shape[1], tensor.shape[0]);  // its shape is the model's
  std::ranges::copy(values, data);
}

bool OpenGguf::read_rows(const TensorInfo& tensor, const std::string& name, Encoding encoding,
                         std::span<std::byte> out) const {
  const GgufChange change = gguf_change(family, name);
  if (tensor.encoding != encoding || tensor.bytes.size() != out.size() || change.transposed ||
      change.norm || tensor.shape.size() != 2)
    return false;
  std::ranges::copy(tensor.bytes, out.begin());
  unpermute(tensor, change, out);
  return true;
}

}  // namespace

ModelWeights open_gguf(const fs::path& path) {
  const auto file = std::make_shared<OpenGguf>(path);
  ModelWeights out;
  out.origin = path.string();
  out.config = gguf_config(file->file, file->family);
  const bool gpt2 = file->family.transposed;
  file->heads = out.config[gpt2 ? "n_head" : "num_attention_heads"];
  file->kv_heads = out.config[gpt2 ? "n_head" : "num_key_value_heads"];
  file->turned.reserve(file->file.tensors().size());  // pointers to them stay
  for (const TensorInfo& tensor : file->file.tensors()) {
    if (says_nothing(tensor) || sinks_nothing(tensor, out.origin)) continue;
    const std::string name = hugging_face_name(file->family, tensor.name);
    const TensorInfo* shown = &tensor;
    if (gguf_change(file->family, name).transposed && tensor.shape.size() == 2) {
      file->turned.push_back(tensor);
      std::swap(file->turned.back().shape[0], file->turned.back().shape[1]);
      shown = &file->turned.back();
    }
    if (!out.tensors.emplace(name, shown).second)
      fail("{}: two tensors are called \"{}\"", out.origin, name);
    out.names.push_back(name);
  }
  out.read = [file, tensors = out.tensors, origin = out.origin, names = out.names](
                 const std::string& name, float* data, int64_t count) {
    const auto it = tensors.find(name);
    if (it == tensors.end()) fail_missing_tensor(name, names, origin);
    file->read(*it->second, name, data, count);
  };
  out.read_rows = [file, tensors = out.tensors](const std::string& name, Encoding encoding,
                                                std::span<std::byte> rows) {
    const auto it = tensors.find(name);
    return it != tensors.end() && file->read_rows(*it->second, name, encoding, rows);
  };
  return out;
}

}  // namespace slipway
