// Writing safetensors in pieces.
#include "weights/safetensors_stream.h"

#include "base/error.h"
#include "base/json.h"

namespace slipway {

SafetensorsStream::SafetensorsStream(const fs::path& path, const std::vector<Tensor>& tensors)
    : path_(path) {
  Json header = Json::object();
  uint64_t offset = 0;
  for (const Tensor& tensor : tensors) {
    const int64_t count = element_count(tensor.shape, tensor.name),
                  width = traits(tensor.encoding).bytes;
    const uint64_t size = static_cast<uint64_t>(count) * static_cast<uint64_t>(width);
    header[tensor.name] = {{"dtype", traits(tensor.encoding).name},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, offset + size}}};
    places_.push_back({offset, count, width});
    offset += size;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size(), data = sizeof length + text.size();
  for (Place& place : places_) place.begin += data;
  file_ = begin_part(path);
  try {
    std::error_code ec;  // a file system that does not say what is free says so when it is full
    const uint64_t free =
        fs::space(file_.target.has_parent_path() ? file_.target.parent_path() : ".", ec).available;
    if (!ec && data + offset > free)
      fail("{}: would be {:.1f} GiB, {:.1f} GiB are free", path.string(),
           static_cast<double>(data + offset) / 0x1p30, static_cast<double>(free) / 0x1p30);
    resize_part(file_, data + offset);
    put(&length, sizeof length, 0);
    put(text.data(), text.size(), sizeof length);
  } catch (...) {
    abandon_part(file_);
    throw;
  }
}

SafetensorsStream::~SafetensorsStream() { abandon_part(file_); }

void SafetensorsStream::put(const void* data, size_t size, uint64_t at) {
  write_part_at(file_, {static_cast<const char*>(data), size}, at);
}

void SafetensorsStream::write(size_t tensor, int64_t first, const void* data, int64_t count) {
  const Place& place = places_.at(tensor);
  if (first < 0 || count < 0 || first > place.count - count)
    fail("{}: elements {} to {} lie outside tensor {}", path_.string(), first, first + count,
         tensor);
  put(data, static_cast<size_t>(count * place.width),
      place.begin + static_cast<uint64_t>(first * place.width));
}

void SafetensorsStream::commit() { place_part(file_); }

}  // namespace slipway
