// GGUF reader.
#include "weights/gguf.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_set>

#include "base/error.h"
#include "base/excerpt.h"
#include "base/git_lfs.h"

namespace slipway {
namespace {

// array items, metadata pairs, tensors: far above any real file
constexpr uint64_t kMaxItems = uint64_t{1} << 28;
constexpr uint64_t kMaxKey = 65535, kMaxName = 1024;  // bytes; the format allows 65535 and 64

enum ValueType : uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64
};

class Cursor {
 public:
  Cursor(const MappedFile& file) : bytes_(file.bytes()), name_(file.path().string()) {}

  template <class T>
  T read() {
    need(sizeof(T));
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  std::string text() {
    const auto size = read<uint64_t>();
    need(size);
    std::string out(reinterpret_cast<const char*>(bytes_.data() + at_), size);
    at_ += size;
    return out;
  }
  // One that is looked up and quoted in messages.
  std::string name(const char* what, uint64_t most) {
    const uint64_t begin = at_;
    if (const auto size = read<uint64_t>(); size > most)
      wrong(fmt::format("{} of {} bytes; at most {} are allowed", what, size, most));
    at_ = begin;
    return text();
  }
  uint64_t count(const char* what) {
    const auto n = read<uint64_t>();
    if (n > kMaxItems || n > bytes_.size()) wrong(fmt::format("claims {} {}", n, what));
    return n;
  }
  uint64_t at() const { return at_; }
  [[noreturn]] void wrong(const std::string& what) const {
    fail("{}: not a usable GGUF file: at byte {}: {}", name_, at_, what);
  }

 private:
  void need(uint64_t n) const {
    if (n > bytes_.size() - at_) wrong("the file ends too early; is the download complete?");
  }
  std::span<const std::byte> bytes_;
  std::string name_;
  uint64_t at_ = 0;
};

int64_t read_integer(Cursor& in, uint32_t type) {
  switch (type) {
    case kU8:
      return in.read<uint8_t>();
    case kI8:
      return in.read<int8_t>();
    case kU16:
      return in.read<uint16_t>();
    case kI16:
      return in.read<int16_t>();
    case kU32:
      return in.read<uint32_t>();
    case kI32:
      return in.read<int32_t>();
    case kU64: {
      const auto value = in.read<uint64_t>();
      if (value > INT64_MAX) in.wrong("a number over 2^63");
      return static_cast<int64_t>(value);
    }
    case kI64:
      return in.read<int64_t>();
    default:
      in.wrong(fmt::format("unknown value type {}", type));
  }
}

double read_float(Cursor& in, uint32_t type) {
  return type == kF32 ? static_cast<double>(in.read<float>()) : in.read<double>();
}

// An array of arrays comes back as nothing.
std::optional<GgufValue> read_array(Cursor& in, int depth = 0) {
  if (depth > 8) in.wrong("arrays nest deeper than 8");
  const auto type = in.read<uint32_t>();
  const uint64_t n = in.count("array items");
  if (type == kArray) {
    for (uint64_t i = 0; i < n; ++i) read_array(in, depth + 1);
    return std::nullopt;
  }
  if (type == kString) {
    std::vector<std::string> out;
    for (uint64_t i = 0; i < n; ++i) out.push_back(in.text());
    return out;
  }
  if (type == kF32 || type == kF64) {
    std::vector<double> out;
    for (uint64_t i = 0; i < n; ++i) out.push_back(read_float(in, type));
    return out;
  }
  std::vector<int64_t> out;
  for (uint64_t i = 0; i < n; ++i)
    out.push_back(type == kBool ? in.read<uint8_t>() : read_integer(in, type));
  return out;
}

std::optional<GgufValue> read_value(Cursor& in) {
  const auto type = in.read<uint32_t>();
  switch (type) {
    case kString:
      return in.text();
    case kBool:
      return in.read<uint8_t>() != 0;
    case kArray:
      return read_array(in);
    case kF32:
    case kF64:
      return read_float(in, type);
    default:
      return read_integer(in, type);
  }
}

Encoding encoding_of(uint32_t type, Cursor& in, const std::string& name) {
  switch (type) {
    case 0:
      return Encoding::kF32;
    case 1:
      return Encoding::kF16;
    case 2:
      return Encoding::kQ4_0;
    case 3:
      return Encoding::kQ4_1;
    case 6:
      return Encoding::kQ5_0;
    case 7:
      return Encoding::kQ5_1;
    case 8:
      return Encoding::kQ8_0;
    case 10:
      return Encoding::kQ2_K;
    case 11:
      return Encoding::kQ3_K;
    case 12:
      return Encoding::kQ4_K;
    case 13:
      return Encoding::kQ5_K;
    case 14:
      return Encoding::kQ6_K;
    case 20:
      return Encoding::kIQ4_NL;
    case 24:
      return Encoding::kI8;
    case 25:
      return Encoding::kI16;
    case 26:
      return Encoding::kI32;
    case 27:
      return Encoding::kI64;
    case 28:
      return Encoding::kF64;
    case 30:
      return Encoding::kBF16;
    default:
      in.wrong(
          fmt::format("tensor {} has type {}{}; supported: F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, "
                      "Q8_0, Q2_K to "
                      "Q6_K, IQ4_NL",
                      name, type, type == 39 ? " (MXFP4)" : ""));
  }
}

struct PlacedInGguf {
  TensorInfo tensor;
  uint64_t offset, size;
};

PlacedInGguf read_tensor(Cursor& in, const std::string& file) {
  PlacedInGguf out;
  out.tensor.name = in.name("a tensor's name", kMaxName);
  const auto dims = in.read<uint32_t>();
  if (dims > 8) in.wrong(fmt::format("tensor {} has {} dimensions", out.tensor.name, dims));
  out.tensor.shape.resize(dims);
  for (uint32_t d = 0; d < dims; ++d) {  // innermost first in the file
    const auto extent = in.read<uint64_t>();
    if (extent > INT64_MAX) in.wrong(fmt::format("tensor {} is too large", out.tensor.name));
    out.tensor.shape[dims - 1 - d] = static_cast<int64_t>(extent);
  }
  out.tensor.encoding = encoding_of(in.read<uint32_t>(), in, out.tensor.name);
  out.offset = in.read<uint64_t>();
  const EncodingTraits format = traits(out.tensor.encoding);
  const int64_t count = element_count(out.tensor.shape, file + ": tensor " + out.tensor.name);
  if (dims == 0 || out.tensor.shape.back() % format.block != 0)
    in.wrong(fmt::format("tensor {}: rows are not whole {} blocks", out.tensor.name, format.name));
  int64_t size = 0;
  if (__builtin_mul_overflow(count / format.block, format.bytes, &size))
    in.wrong(fmt::format("tensor {} is too large", out.tensor.name));
  out.size = static_cast<uint64_t>(size);
  return out;
}

template <class T>
const T& typed(const Gguf& file, const std::string& key, const char* kind) {
  const GgufValue* value = file.find(key);
  if (value == nullptr) fail("{}: the metadata has no \"{}\"", file.path().string(), key);
  const T* out = std::get_if<T>(value);
  if (out == nullptr) fail("{}: the metadata \"{}\" is not {}", file.path().string(), key, kind);
  return *out;
}

}  // namespace

Gguf::Gguf(const fs::path& path) : file_(path) {
  Cursor in(file_);
  refuse_git_lfs_pointer(file_.text(), path.string());
  if (in.read<uint32_t>() != 0x46554747) fail("{}: not a GGUF file", path.string());
  const auto version = in.read<uint32_t>();
  if (version == 0x02000000 || version == 0x03000000)
    fail("{}: a big-endian GGUF file is not supported", path.string());
  if (version != 2 && version != 3)
    fail("{}: GGUF version {} is not supported (2 and 3 are)", path.string(), version);
  const uint64_t tensor_count = in.count("tensors"), pair_count = in.count("metadata pairs");
  std::unordered_set<std::string> keys;
  for (uint64_t i = 0; i < pair_count; ++i) {
    const std::string key = in.name("a key of the metadata", kMaxKey);
    if (!keys.insert(key).second) in.wrong("the metadata repeats \"" + excerpt(key) + "\"");
    if (auto value = read_value(in)) metadata_.emplace(key, *std::move(value));
  }
  std::vector<PlacedInGguf> placed;
  for (uint64_t i = 0; i < tensor_count; ++i) placed.push_back(read_tensor(in, path.string()));
  uint64_t alignment = 32;
  if (find("general.alignment") != nullptr)
    alignment = static_cast<uint64_t>(integer("general.alignment"));
  if (alignment == 0 || alignment > 1 << 20 || (alignment & (alignment - 1)) != 0)
    in.wrong("general.alignment is not a power of two");
  const uint64_t data = (in.at() + alignment - 1) / alignment * alignment,
                 total = file_.bytes().size();
  for (PlacedInGguf& p : placed) {
    if (data > total || p.offset > total - data || p.size > total - data - p.offset)
      fail("{}: tensor {} lies outside the file; is the download complete?", path.string(),
           p.tensor.name);
    if (p.offset % alignment != 0)
      fail("{}: tensor {} is not aligned", path.string(), p.tensor.name);
    p.tensor.bytes = file_.bytes().subspan(data + p.offset, p.size);
    if (!by_name_.emplace(p.tensor.name, tensors_.size()).second)
      fail("{}: tensor {} occurs twice", path.string(), p.tensor.name);
    tensors_.push_back(std::move(p.tensor));
  }
}

const GgufValue* Gguf::find(const std::string& key) const {
  const auto it = metadata_.find(key);
  return it == metadata_.end() ? nullptr : &it->second;
}

std::vector<std::string> Gguf::keys() const {
  std::vector<std::string> out;
  for (const auto& [key, value] : metadata_) out.push_back(key);
  std::ranges::sort(out);
  return out;
}

int64_t Gguf::integer(const std::string& key) const {
  return typed<int64_t>(*this, key, "a whole number");
}
double Gguf::number(const std::string& key) const { return typed<double>(*this, key, "a number"); }
const std::string& Gguf::text(const std::string& key) const {
  return typed<std::string>(*this, key, "text");
}

const TensorInfo* Gguf::tensor(const std::string& name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : &tensors_[it->second];
}

}  // namespace slipway
