// Writing safetensors in pieces.
#include "weights/safetensors_stream.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>

#include "base/error.h"
#include "base/json.h"

namespace slipway {

SafetensorsStream::SafetensorsStream(const fs::path& path, const std::vector<Tensor>& tensors) : path_(path), temporary_(path.string() + ".part") {
  Json header = Json::object();
  uint64_t offset = 0;
  for (const Tensor& tensor : tensors) {
    const int64_t count = element_count(tensor.shape, tensor.name), width = traits(tensor.encoding).bytes;
    const uint64_t size = static_cast<uint64_t>(count) * static_cast<uint64_t>(width);
    header[tensor.name] = {{"dtype", traits(tensor.encoding).name}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + size}}};
    places_.push_back({offset, count, width});
    offset += size;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size(), data = sizeof length + text.size();
  for (Place& place : places_) place.begin += data;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : ".";
  fs::create_directories(folder);
  if (const uint64_t free = fs::space(folder).available; data + offset > free)
    fail("{}: would be {:.1f} GiB, {:.1f} GiB are free", path.string(), static_cast<double>(data + offset) / 0x1p30, static_cast<double>(free) / 0x1p30);
  fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) fail("{}: cannot create: {}", temporary_.string(), std::strerror(errno));
  try {
    if (::ftruncate(fd_, static_cast<off_t>(data + offset)) != 0) fail("{}: cannot write: {}", temporary_.string(), std::strerror(errno));
    put(&length, sizeof length, 0);
    put(text.data(), text.size(), sizeof length);
  } catch (...) {
    ::close(fd_);
    ::unlink(temporary_.c_str());
    throw;
  }
}

SafetensorsStream::~SafetensorsStream() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

void SafetensorsStream::put(const void* data, size_t size, uint64_t at) {
  const auto* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t done = ::pwrite(fd_, bytes, size, static_cast<off_t>(at));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) fail("{}: cannot write: {}", temporary_.string(), std::strerror(errno));
    bytes += done, at += static_cast<uint64_t>(done), size -= static_cast<size_t>(done);
  }
}

void SafetensorsStream::write(size_t tensor, int64_t first, const void* data, int64_t count) {
  const Place& place = places_.at(tensor);
  if (first < 0 || count < 0 || first > place.count - count) fail("{}: elements {} to {} lie outside tensor {}", path_.string(), first, first + count, tensor);
  put(data, static_cast<size_t>(count * place.width), place.begin + static_cast<uint64_t>(first * place.width));
}

void SafetensorsStream::commit() {
  if (::fsync(fd_) != 0) fail("{}: cannot write: {}", temporary_.string(), std::strerror(errno));
  ::close(fd_);
  fd_ = -1;
  std::error_code ec;
  fs::rename(temporary_, path_, ec);
  if (ec) fail("{}: cannot be put in place: {}", path_.string(), ec.message());
  flush_to_disk(path_.has_parent_path() ? path_.parent_path() : ".");
}

}  // namespace slipway
