// Zip archives of uncompressed entries, as torch.save writes them: every entry's bytes start at a
// multiple of 64.
#pragma once
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"

namespace slipway {

// Read by mapping; entries are spans of the file.
class ZipStore {
 public:
  // Throws Error naming the file and what is wrong: cut short, compressed or encrypted entries,
  // entries that overlap, leave the file or differ from their checksums.
  explicit ZipStore(const fs::path& path);

  const fs::path& path() const { return file_.path(); }
  const std::map<std::string, std::span<const std::byte>>& entries() const { return entries_; }

 private:
  MappedFile file_;
  std::map<std::string, std::span<const std::byte>> entries_;
};

// Streams entries; without finish() nothing is left behind. Beyond 4 GiB it is written as zip64.
class ZipWriter {
 public:
  explicit ZipWriter(const fs::path& path);                             // throws Error
  void add(const std::string& name, std::span<const std::byte> bytes);  // throws Error
  void add(const std::string& name, std::string_view bytes) {
    add(name, std::as_bytes(std::span(bytes)));
  }
  void add(const std::string& name, const char* bytes) { add(name, std::string_view(bytes)); }
  void add(const std::string& name, const std::string& bytes) {
    add(name, std::string_view(bytes));
  }
  // writes the directory and puts the archive in its place, on the disk; throws Error
  void finish();

 private:
  struct Entry {
    std::string name;
    uint64_t size, offset;
    uint32_t crc;
  };
  void put(std::string_view bytes);

  DurableFile file_;
  uint64_t at_ = 0;
  std::vector<Entry> written_;
};

}  // namespace slipway
