// Zip without compression.
#include "weights/zip_store.h"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "base/error.h"

namespace slipway {
namespace {

static_assert(std::endian::native == std::endian::little);
constexpr uint32_t kLocal = 0x04034B50, kCentral = 0x02014B50, kEnd = 0x06054B50,
                   kEnd64 = 0x06064B50, kLocator64 = 0x07064B50;
constexpr uint64_t kMax32 = 0xFFFFFFFF, kAlignment = 64;
constexpr uint16_t kUtf8 = 0x800, kWide = 1;
constexpr size_t kMaxEntries = 1'000'000;

uint32_t crc_of(std::span<const std::byte> bytes) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

// Reads numbers at places of the file, each checked.
class Bytes {
 public:
  Bytes(std::span<const std::byte> bytes, const fs::path& path) : bytes_(bytes), path_(path) {}
  template <class T>
  T at(uint64_t offset) const {
    T out;
    std::memcpy(&out, piece(offset, sizeof out).data(), sizeof out);
    return out;
  }
  std::span<const std::byte> piece(uint64_t offset, uint64_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset)
      fail("{}: the archive is cut short or damaged; copy it again", path_.string());
    return bytes_.subspan(offset, size);
  }
  uint64_t size() const { return bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
  const fs::path& path_;
};

struct Directory {
  uint64_t count, size, offset;
};

Directory find_directory(const Bytes& in, const fs::path& path) {
  constexpr uint64_t kEndSize = 22, kLocatorSize = 20;
  std::optional<uint64_t> end;
  for (uint64_t back = kEndSize; !end && back <= in.size() && back <= kEndSize + 65535; ++back)
    if (in.at<uint32_t>(in.size() - back) == kEnd) end = in.size() - back;
  if (!end) fail("{}: is not a file of torch.save, or is cut short", path.string());
  Directory out{in.at<uint16_t>(*end + 10), in.at<uint32_t>(*end + 12), in.at<uint32_t>(*end + 16)};
  if (*end >= kLocatorSize && in.at<uint32_t>(*end - kLocatorSize) == kLocator64) {
    const auto wide = in.at<uint64_t>(*end - kLocatorSize + 8);
    if (in.at<uint32_t>(wide) != kEnd64)
      fail("{}: the archive's zip64 directory is damaged", path.string());
    out = {in.at<uint64_t>(wide + 32), in.at<uint64_t>(wide + 40), in.at<uint64_t>(wide + 48)};
  }
  if (out.count > kMaxEntries)
    fail("{}: claims {} entries; more than {} are refused", path.string(), out.count, kMaxEntries);
  in.piece(out.offset, out.size);
  return out;
}

struct Found {
  std::string name;
  uint64_t begin, end;  // with its header
  uint32_t crc;
  std::span<const std::byte> bytes;
};

// The directory's entry at `at`, which is moved on.
Found read_entry(const Bytes& in, uint64_t& at, const fs::path& path) {
  if (in.at<uint32_t>(at) != kCentral)
    fail("{}: the archive's directory is damaged", path.string());
  const auto flags = in.at<uint16_t>(at + 8), method = in.at<uint16_t>(at + 10),
             name_size = in.at<uint16_t>(at + 28);
  const auto extra = in.at<uint16_t>(at + 30), comment = in.at<uint16_t>(at + 32);
  uint64_t packed = in.at<uint32_t>(at + 20), size = in.at<uint32_t>(at + 24),
           offset = in.at<uint32_t>(at + 42);
  const auto text = in.piece(at + 46, name_size);
  Found out;
  out.crc = in.at<uint32_t>(at + 16);
  out.name.assign(reinterpret_cast<const char*>(text.data()), text.size());
  const uint64_t extra_end = at + 46 + name_size + extra;
  for (uint64_t field = at + 46 + name_size; field + 4 <= extra_end;
       field += 4 + uint64_t{in.at<uint16_t>(field + 2)}) {
    if (in.at<uint16_t>(field) != kWide) continue;
    uint64_t value = field + 4;
    for (uint64_t* number : {&size, &packed, &offset})
      if (*number == kMax32) *number = in.at<uint64_t>(value), value += 8;
  }
  at = extra_end + comment;
  if (method != 0 || packed != size || (flags & 1) != 0)
    fail("{}: entry \"{}\" is compressed or encrypted, which torch.save never does", path.string(),
         out.name);
  if (in.at<uint32_t>(offset) != kLocal)
    fail("{}: entry \"{}\" is not where the directory says", path.string(), out.name);
  const uint64_t data = offset + 30 + in.at<uint16_t>(offset + 26) + in.at<uint16_t>(offset + 28);
  out.bytes = in.piece(data, size);
  out.begin = offset;
  out.end = data + size;
  return out;
}

template <class T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

uint32_t narrow(uint64_t value) { return static_cast<uint32_t>(std::min(value, kMax32)); }

}  // namespace

ZipStore::ZipStore(const fs::path& path) : file_(path) {
  const Bytes in(file_.bytes(), path);
  const Directory directory = find_directory(in, path);
  std::vector<Found> found;
  uint64_t at = directory.offset;
  for (uint64_t i = 0; i < directory.count; ++i) found.push_back(read_entry(in, at, path));
  std::ranges::sort(found, {}, &Found::begin);
  uint64_t free = 0;
  for (const Found& each : found) {
    if (each.begin < free || each.end > directory.offset)
      fail("{}: entry \"{}\" overlaps another", path.string(), each.name);
    free = each.end;
    if (!entries_.emplace(each.name, each.bytes).second)
      fail("{}: has two entries \"{}\"", path.string(), each.name);
    // torch.save writes 0 where it was told to compute no checksums
    // (torch.serialization.set_crc32_options).
    if (each.crc != 0 && crc_of(each.bytes) != each.crc)
      fail("{}: entry \"{}\" differs from its checksum: the file is damaged; copy it again",
           path.string(), each.name);
  }
}

ZipWriter::ZipWriter(const fs::path& path) : file_(path) {}

void ZipWriter::put(std::string_view bytes) {
  file_.write(bytes);
  at_ += bytes.size();
}

void ZipWriter::add(const std::string& name, std::span<const std::byte> bytes) {
  const Entry entry{name, bytes.size(), at_, crc_of(bytes)};
  std::string wide, header;
  if (entry.size >= kMax32) {
    append<uint16_t>(wide, kWide), append<uint16_t>(wide, 16);
    append(wide, entry.size), append(wide, entry.size);
  }
  // Padding that the reader skips: an extra field "FB", as torch writes it.
  const uint64_t unpadded = at_ + 30 + name.size() + wide.size() + 4;
  const uint64_t padding = (kAlignment - unpadded % kAlignment) % kAlignment;
  append(header, kLocal), append<uint16_t>(header, 45), append(header, kUtf8);
  append<uint16_t>(header, 0), append<uint32_t>(header, 0);  // stored; no time
  append(header, entry.crc), append(header, narrow(entry.size)), append(header, narrow(entry.size));
  append(header, static_cast<uint16_t>(name.size())),
      append(header, static_cast<uint16_t>(wide.size() + 4 + padding));
  header += name + wide + "FB";
  append(header, static_cast<uint16_t>(padding));
  header.append(padding, 'Z');
  put(header);
  put({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  written_.push_back(entry);
}

void ZipWriter::finish() {
  const uint64_t begin = at_;
  for (const Entry& entry : written_) {
    std::string wide, header;
    if (entry.size >= kMax32) append(wide, entry.size), append(wide, entry.size);
    if (entry.offset >= kMax32) append(wide, entry.offset);
    append(header, kCentral), append<uint16_t>(header, 45), append<uint16_t>(header, 45),
        append(header, kUtf8);
    append<uint16_t>(header, 0), append<uint32_t>(header, 0);
    append(header, entry.crc), append(header, narrow(entry.size)),
        append(header, narrow(entry.size));
    append(header, static_cast<uint16_t>(entry.name.size()));
    append(header, static_cast<uint16_t>(wide.empty() ? 0 : wide.size() + 4));
    header.append(10, '\0');  // no comment, disk 0, no attributes
    append(header, narrow(entry.offset));
    header += entry.name;
    if (!wide.empty())
      append<uint16_t>(header, kWide), append(header, static_cast<uint16_t>(wide.size()));
    put(header + wide);
  }
  const uint64_t size = at_ - begin, count = written_.size(), end64 = at_;
  std::string tail;
  if (begin >= kMax32 || count >= 0xFFFF) {
    append(tail, kEnd64), append<uint64_t>(tail, 44), append<uint16_t>(tail, 45),
        append<uint16_t>(tail, 45), append<uint64_t>(tail, 0);
    append(tail, count), append(tail, count), append(tail, size), append(tail, begin);
    append(tail, kLocator64), append<uint32_t>(tail, 0), append(tail, end64),
        append<uint32_t>(tail, 1);
  }
  const auto short_count = static_cast<uint16_t>(std::min<uint64_t>(count, 0xFFFF));
  append(tail, kEnd), append<uint32_t>(tail, 0), append(tail, short_count),
      append(tail, short_count);
  append(tail, narrow(size)), append(tail, narrow(begin)), append<uint16_t>(tail, 0);
  put(tail);
  file_.commit();
}

}  // namespace slipway
