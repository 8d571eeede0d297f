// Files: whole reads, read-only maps, and writes that survive a crash.
#pragma once
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace slipway {

namespace fs = std::filesystem;

// The whole file as bytes. Throws Error naming the path and the system's reason.
std::string read_file(const fs::path& path);

// Replaces `path` atomically: temporary file beside it, flushed, renamed, folder flushed. After a
// crash the path holds the old bytes or the new ones. Creates missing parent folders. Throws Error.
void write_file_durably(const fs::path& path, std::string_view bytes);

// The same for what is too long to be one string: written piece by piece, there when commit() has
// returned. Without commit() nothing is left behind. Small pieces are gathered, so an error may
// come with a later one. Not copyable.
class DurableFile {
 public:
  explicit DurableFile(const fs::path& path);  // throws Error
  ~DurableFile();
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;
  void write(std::string_view bytes);  // throws Error
  void commit();                       // once; throws Error

 private:
  void write_gathered();

  fs::path path_, temporary_;
  int fd_ = -1;
  std::string gathered_;
};

// Flushes a file or a folder to the disk. Throws Error.
void flush_to_disk(const fs::path& path);

// Lower-case hexadecimal SHA-256.
std::string sha256(std::string_view bytes);
std::string sha256_of_file(const fs::path& path);

// A file mapped read-only for as long as the object lives; movable, not copyable. An empty file
// maps to an empty span. The bytes change under the reader if another process rewrites the file in
// place.
class MappedFile {
 public:
  explicit MappedFile(const fs::path& path);  // throws Error
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }
  std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
  std::span<const std::byte> bytes_;
};

}  // namespace slipway
