// safetensors reader and writer.
#include "weights/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.h"
#include "base/excerpt.h"
#include "base/git_lfs.h"
#include "base/json.h"

namespace slipway {
namespace {

constexpr uint64_t kMaxHeader = 100'000'000;

Encoding encoding_of(const std::string& name, const std::string& where) {
  for (const Encoding e :
       {Encoding::kF64, Encoding::kF32, Encoding::kF16, Encoding::kBF16, Encoding::kI64,
        Encoding::kI32, Encoding::kI16, Encoding::kI8, Encoding::kU8, Encoding::kBool})
    if (traits(e).name == name) return e;
  fail("{}: dtype {} is not supported (F32, F16, BF16 and F64 are){}", where, excerpt(name),
       name.starts_with("F8_") ? "; FP8 weights have scales in tensors of their own" : "");
}

struct PlacedEntry {
  TensorInfo tensor;
  uint64_t begin, end;
};

PlacedEntry parse_entry(const std::string& name, const nlohmann::json& entry,
                        const std::string& file) {
  const std::string where = file + ": tensor " + excerpt(name);
  const auto whole = [](const nlohmann::json& v) { return v.is_number_unsigned(); };
  if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string() ||
      !entry.contains("shape") || !entry["shape"].is_array() ||
      !std::ranges::all_of(entry["shape"], whole) || !entry.contains("data_offsets") ||
      !entry["data_offsets"].is_array() || entry["data_offsets"].size() != 2 ||
      !std::ranges::all_of(entry["data_offsets"], whole))
    fail("{}: needs dtype, shape and two data_offsets", where);
  PlacedEntry out;
  out.tensor.name = name;
  out.tensor.encoding = encoding_of(entry["dtype"].get<std::string>(), where);
  for (const nlohmann::json& extent : entry["shape"]) {
    if (extent.get<uint64_t>() > INT64_MAX) fail("{}: the shape is too large", where);
    out.tensor.shape.push_back(extent.get<int64_t>());
  }
  out.begin = entry["data_offsets"][0].get<uint64_t>();
  out.end = entry["data_offsets"][1].get<uint64_t>();
  int64_t bytes = 0;
  if (__builtin_mul_overflow(element_count(out.tensor.shape, where),
                             traits(out.tensor.encoding).bytes, &bytes))
    fail("{}: the shape is too large", where);
  if (out.end < out.begin || out.end - out.begin != static_cast<uint64_t>(bytes))
    fail("{}: data_offsets span {} bytes, dtype and shape need {}", where, out.end - out.begin,
         bytes);
  return out;
}

}  // namespace

Safetensors::Safetensors(const fs::path& path) : file_(path) {
  static_assert(std::endian::native == std::endian::little);
  const auto bytes = file_.bytes();
  uint64_t header = 0;
  refuse_git_lfs_pointer(file_.text(), path.string());
  if (bytes.size() < 8) fail("{}: too short for a safetensors file", path.string());
  std::memcpy(&header, bytes.data(), 8);
  if (header > kMaxHeader || header > bytes.size() - 8)
    fail("{}: the header claims {} bytes, the file has {}", path.string(), header, bytes.size());
  const nlohmann::json json = parse_unique_json(file_.text().substr(8, header), path.string());
  if (!json.is_object()) fail("{}: the header is not a JSON object", path.string());
  const auto data = bytes.subspan(8 + header);
  std::vector<PlacedEntry> placed;
  for (const auto& [name, entry] : json.items()) {
    if (name == "__metadata__") {
      if (!entry.is_object()) fail("{}: the header's __metadata__ is not an object", path.string());
      for (const auto& [key, value] : entry.items())
        if (value.is_string()) metadata_[key] = value.get<std::string>();
    } else {
      placed.push_back(parse_entry(name, entry, path.string()));
    }
  }
  // the empty before its neighbour
  std::ranges::sort(placed, {}, [](const PlacedEntry& p) { return std::pair(p.begin, p.end); });
  uint64_t expected = 0;
  for (PlacedEntry& p : placed) {
    if (p.begin != expected)
      fail("{}: tensor {} overlaps another or leaves a hole", path.string(),
           excerpt(p.tensor.name));
    if (p.end > data.size())
      fail("{}: tensor {} lies outside the file", path.string(), excerpt(p.tensor.name));
    p.tensor.bytes = data.subspan(p.begin, p.end - p.begin);
    expected = p.end;
    tensors_.push_back(std::move(p.tensor));
  }
  if (expected != data.size())
    fail("{}: {} bytes after the last tensor", path.string(), data.size() - expected);
}

void write_safetensors(const fs::path& path, const std::vector<FloatTensor>& tensors,
                       const BeforeReading& before_reading) {
  Json header;
  header["__metadata__"] = {{"format", "pt"}};
  uint64_t offset = 0;
  for (const FloatTensor& t : tensors) {
    const auto size = static_cast<uint64_t>(element_count(t.shape, t.name)) * sizeof(float);
    header[t.name] = {
        {"dtype", "F32"}, {"shape", t.shape}, {"data_offsets", {offset, offset + size}}};
    offset += size;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  DurableFile file(path);
  const auto put = [&](const void* data, size_t size) {
    file.write({static_cast<const char*>(data), size});
  };
  const uint64_t length = text.size();
  put(&length, sizeof length);
  put(text.data(), text.size());
  for (const FloatTensor& t : tensors) {
    if (before_reading) before_reading(t.data);
    put(t.data, static_cast<size_t>(element_count(t.shape, t.name)) * sizeof(float));
  }
  file.commit();
}

}  // namespace slipway
