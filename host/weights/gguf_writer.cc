// GGUF's header, and encoders of its tensors.
#include "weights/gguf_writer.h"

#include <cstring>

#include "base/error.h"
#include "weights/encode.h"

namespace slipway {
namespace {

constexpr uint64_t kGgufAlignment = 32;

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void put(std::string& out, const std::string& text) {
  put<uint64_t>(out, text.size());
  out += text;
}

// The format's numbers of types.
enum : uint32_t { kUint32 = 4, kInt32 = 5, kFloat32 = 6, kFlag = 7, kText = 8, kList = 9 };

template <class T>
uint32_t type_of() {
  if constexpr (std::is_same_v<T, uint32_t>) return kUint32;
  if constexpr (std::is_same_v<T, int32_t>) return kInt32;
  if constexpr (std::is_same_v<T, float>) return kFloat32;
  if constexpr (std::is_same_v<T, bool>) return kFlag;
  return kText;
}

template <class T>
void put_typed(std::string& out, const T& value) {
  put<uint32_t>(out, type_of<T>());
  put(out, value);
}
template <class T>
void put_typed(std::string& out, const std::vector<T>& values) {
  put<uint32_t>(out, kList);
  put<uint32_t>(out, type_of<T>());
  put<uint64_t>(out, values.size());
  for (const auto& each : values) put(out, static_cast<T>(each));
}

uint32_t number_of(Encoding encoding) {
  switch (encoding) {
    case Encoding::kF32:
      return 0;
    case Encoding::kF16:
      return 1;
    case Encoding::kQ8_0:
      return 8;
    case Encoding::kBF16:
      return 30;
    default:
      fail("GGUF files are not written in {}", traits(encoding).name);
  }
}

uint64_t aligned(uint64_t size) {
  return (size + kGgufAlignment - 1) / kGgufAlignment * kGgufAlignment;
}

uint64_t bytes_of(const GgufTensor& tensor) {
  const EncodingTraits format = traits(tensor.encoding);
  if (tensor.shape.empty() || tensor.shape.back() % format.block != 0)
    fail("tensor {}: rows are not whole {} blocks", tensor.name, format.name);
  return static_cast<uint64_t>(element_count(tensor.shape, tensor.name) / format.block *
                               format.bytes);
}

}  // namespace

void write_gguf(const fs::path& path, const std::vector<GgufPair>& metadata,
                const std::vector<GgufTensor>& tensors,
                const std::function<void(size_t tensor, std::span<float> out)>& values) {
  std::string header = "GGUF";
  put<uint32_t>(header, 3);
  put<uint64_t>(header, tensors.size());
  put<uint64_t>(header, metadata.size());
  for (const GgufPair& pair : metadata) {
    put(header, pair.key);
    std::visit([&](const auto& value) { put_typed(header, value); }, pair.value);
  }
  uint64_t offset = 0;
  for (const GgufTensor& tensor : tensors) {
    put(header, tensor.name);
    put<uint32_t>(header, static_cast<uint32_t>(tensor.shape.size()));
    for (size_t d = tensor.shape.size(); d-- > 0;)  // innermost first
      put(header, static_cast<uint64_t>(tensor.shape[d]));
    put(header, number_of(tensor.encoding));
    put(header, offset);
    offset += aligned(bytes_of(tensor));
  }
  header.resize(aligned(header.size()));
  DurableFile file(path);
  file.write(header);
  std::vector<float> room;
  for (size_t i = 0; i < tensors.size(); ++i) {
    room.resize(static_cast<size_t>(element_count(tensors[i].shape, tensors[i].name)));
    values(i, room);
    std::string bytes = encoded(tensors[i].encoding, room, tensors[i].name);
    bytes.resize(aligned(bytes.size()));
    file.write(bytes);
  }
  file.commit();
}

}  // namespace slipway
