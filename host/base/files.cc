// Files: whole reads, read-only maps, and writes that survive a crash.
#include "base/files.h"

#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/mapped_guard.h"
#include "base/place.h"

namespace slipway {
namespace {

constexpr size_t kGathered = 64 << 10;

Descriptor open_or_fail(const fs::path& path, int flags) {
  const int fd = open_descriptor(path, flags);
  if (fd < 0) fail("{}: {}", path.string(), std::strerror(errno));
  return Descriptor(fd);
}

}  // namespace

std::string read_file(const fs::path& path) {
  const Descriptor file = open_or_fail(path, O_RDONLY);
  struct stat info{};
  if (::fstat(file.fd, &info) != 0) fail("{}: {}", path.string(), std::strerror(errno));
  if (S_ISDIR(info.st_mode)) fail("{}: is a folder, expected a file", path.string());
  std::string out;
  out.reserve(static_cast<size_t>(info.st_size));
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = ::read(file.fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("{}: cannot read: {}", path.string(), std::strerror(errno));
    if (n == 0) return out;
    out.append(buffer, static_cast<size_t>(n));
  }
}

void flush_to_disk(const fs::path& path) {
  const Descriptor file = open_or_fail(path, O_RDONLY);
  if (::fsync(file.fd) != 0)
    fail("{}: cannot flush to disk: {}", path.string(), std::strerror(errno));
}

DurableFile::DurableFile(const fs::path& path) {
  PartFile file = begin_part(path);
  path_ = std::move(file.target);
  temporary_ = std::move(file.part);
  fd_ = file.fd;
}

DurableFile::~DurableFile() {
  PartFile file{path_, temporary_, std::exchange(fd_, -1)};
  abandon_part(file);
}

void DurableFile::write(std::string_view bytes) {
  if (gathered_.size() + bytes.size() > kGathered) write_gathered();
  if (bytes.size() > kGathered) write_part({path_, temporary_, fd_}, bytes);
  else gathered_ += bytes;
}

void DurableFile::write_gathered() {
  write_part({path_, temporary_, fd_}, gathered_);
  gathered_.clear();
}

void DurableFile::commit() {
  write_gathered();
  PartFile file{path_, temporary_, fd_};
  const struct TakenBack {  // also where it fails: the destructor abandons it then
    int &to, &from;
    ~TakenBack() { to = from; }
  } taken{fd_, file.fd};
  place_part(file);
}

void write_file_durably(const fs::path& path, std::string_view bytes) {
  DurableFile file(path);
  file.write(bytes);
  file.commit();
}

namespace {

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1)
      fail("SHA-256 is unavailable");
  }
  void update(std::string_view bytes) {
    EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
  }
  std::string hex() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_DigestFinal_ex(context_.get(), digest, &size);
    std::string out;
    for (unsigned int i = 0; i < size; ++i) out += fmt::format("{:02x}", digest[i]);
    return out;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.hex();
}

// Read piece by piece: where address space is limited, a map of a checkpoint's largest file beside
// the run would not fit.
std::string sha256_of_file(const fs::path& path) {
  const Descriptor file = open_or_fail(path, O_RDONLY);
  Sha256 hash;
  std::string piece(size_t{1} << 20, '\0');
  for (;;) {
    const ssize_t n = ::read(file.fd, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("{}: {}", path.string(), std::strerror(errno));
    if (n == 0) return hash.hex();
    hash.update({piece.data(), static_cast<size_t>(n)});
  }
}

MappedFile::MappedFile(const fs::path& path) : path_(path) {
  const Descriptor file = open_or_fail(path, O_RDONLY);
  struct stat info{};
  if (::fstat(file.fd, &info) != 0) fail("{}: {}", path.string(), std::strerror(errno));
  if (!S_ISREG(info.st_mode)) fail("{}: is not a regular file", path.string());
  if (info.st_size == 0) return;
  const auto size = static_cast<size_t>(info.st_size);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (address == MAP_FAILED) fail("{}: cannot map: {}", path.string(), std::strerror(errno));
  bytes_ = {static_cast<const std::byte*>(address), size};
  guard_mapping(address, size, path.string());
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (bytes_.empty()) return;
  unguard_mapping(bytes_.data());
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace slipway
