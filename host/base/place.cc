// Placing and removing.
#include "base/place.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <optional>
#include <utility>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/log.h"

namespace slipway {
namespace {

constexpr std::string_view kPart = ".slipway-part", kOld = ".slipway-old", kGone = ".slipway-gone";
constexpr int kMostWriters = 100;

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// .NAME.slipway-part, and with a number where that one is taken. A name has at most 255 bytes.
fs::path hidden(const fs::path& path, std::string_view suffix, int number = 0) {
  const std::string name = path.filename().string().substr(0, 220);
  return folder_of(path) /
         fmt::format(".{}{}{}", name, suffix, number == 0 ? "" : fmt::format("-{}", number));
}

// NAME of a hidden name with this suffix.
std::optional<std::string> name_in(const std::string& name, std::string_view suffix) {
  if (!name.starts_with('.')) return std::nullopt;
  const size_t at = name.rfind(suffix);
  if (at == std::string::npos || at < 2) return std::nullopt;
  std::string_view number = std::string_view(name).substr(at + suffix.size());
  if (number.starts_with('-') && number.size() > 1) number.remove_prefix(1);
  else if (!number.empty()) return std::nullopt;
  if (number.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  return name.substr(1, at - 1);
}

bool is_number(const std::string& text) {
  return !text.empty() && text.size() < 8 &&
         text.find_first_not_of("0123456789") == std::string::npos;
}

// The open descriptor that a path of the system's names: /dev/fd/1, /proc/self/fd/1.
std::optional<int> descriptor_in(const fs::path& path) {
  const std::string folder = folder_of(path).lexically_normal().string(),
                    own = fmt::format("/proc/{}/fd", ::getpid());
  if (folder != "/dev/fd" && folder != "/proc/self/fd" && folder != "/proc/thread-self/fd" &&
      folder != own)
    return std::nullopt;
  const std::string name = path.filename().string();
  return is_number(name) ? std::optional(std::stoi(name)) : std::nullopt;
}

struct Place {
  fs::path path;                  // links followed, as open() does
  std::optional<int> descriptor;  // where a link names one
  struct stat info{};
  bool exists = false;
};

Place place_of(const fs::path& path) {
  Place out{path, {}, {}, false};
  for (int links = 0;; ++links) {
    if (out.descriptor = descriptor_in(out.path); out.descriptor) break;
    char target[PATH_MAX];
    const ssize_t n = ::readlink(out.path.c_str(), target, sizeof target);
    if (n < 0) break;  // no link, or nothing there
    if (links == 40) fail("{}: is a link that leads round in a circle", path.string());
    out.path = folder_of(out.path) / std::string(target, static_cast<size_t>(n));
  }
  const int found =
      out.descriptor ? ::fstat(*out.descriptor, &out.info) : ::stat(out.path.c_str(), &out.info);
  out.exists = found == 0;
  return out;
}

bool is_direct(const Place& place) {
  return place.descriptor ||
         (place.exists && !S_ISREG(place.info.st_mode) && !S_ISDIR(place.info.st_mode));
}

// Whether this descriptor holds the file's lock now; a file system that knows no locks has no other
// writers that could be told.
bool lock(int fd) { return try_lock(fd) != EWOULDBLOCK; }

// A hidden file beside the target that no other process writes; one that a killed process left is
// used again.
PartFile open_hidden(const fs::path& target) {
  for (int number = 0; number < kMostWriters;) {
    PartFile out{target, hidden(target, kPart, number), -1};
    out.fd = open_descriptor(out.part, O_WRONLY | O_CREAT | O_NOFOLLOW);
    if (out.fd < 0)
      fail("{}: cannot create {}: {}", target.string(), out.part.filename().string(),
           std::strerror(errno));
    if (!lock(out.fd)) ++number;
    else if (is_same_file(out.fd, out.part, AT_SYMLINK_NOFOLLOW)) return out;
    ::close(out.fd);  // else: its writer has just put it in place, or away
  }
  fail("{}: {} processes are writing it", target.string(), kMostWriters);
}

const fs::path& where(const PartFile& file) { return file.part.empty() ? file.target : file.part; }

}  // namespace

fs::path without_slash(const fs::path& path) {
  return path.has_filename() ? path : path.parent_path();
}

void create_folder(const fs::path& folder) {
  const fs::path path = without_slash(folder);
  struct stat info{};
  if (path.empty() || (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode))) return;
  if (path.has_parent_path() && path.parent_path() != path) create_folder(path.parent_path());
  if (::mkdir(path.c_str(), 0777) == 0) return flush_to_disk(folder_of(path));
  const int reason = errno;
  // another process was quicker
  if (reason == EEXIST && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return;
  fail("{}: cannot create the folder: {}", path.string(),
       std::strerror(reason == EEXIST ? ENOTDIR : reason));
}

bool is_written_directly(const fs::path& path) { return is_direct(place_of(path)); }

PartFile begin_part(const fs::path& path) {
  const Place place = place_of(path);
  if (place.exists && S_ISDIR(place.info.st_mode))
    fail("{}: is a folder, expected a file", path.string());
  if (is_direct(place)) {
    PartFile out{path,
                 {},
                 place.descriptor ? ::fcntl(*place.descriptor, F_DUPFD_CLOEXEC, 3)
                                  : open_descriptor(place.path, O_WRONLY)};
    if (out.fd < 0) fail_errno(path, "cannot open for writing");
    return out;
  }
  create_folder(folder_of(place.path));
  const bool in_part = name_in(folder_of(place.path).filename().string(), kPart).has_value();
  PartFile out{place.path, place.path, -1};
  if (!in_part) out = open_hidden(place.path);
  else if (out.fd = open_descriptor(out.part, O_WRONLY | O_CREAT | O_NOFOLLOW); out.fd < 0)
    fail_errno(out.part, "cannot create");
  if (place.exists) (void)::fchmod(out.fd, place.info.st_mode & 0777);
  if (::ftruncate(out.fd, 0) == 0) return out;
  const int reason = errno;
  abandon_part(out);
  fail("{}: cannot write: {}", path.string(), std::strerror(reason));
}

void write_part(const PartFile& file, std::string_view bytes) {
  write_all(file.fd, bytes, where(file));
}

void resize_part(const PartFile& file, uint64_t bytes) {
  if (file.part.empty())
    fail("{}: is not a regular file; what is written here needs one", file.target.string());
  if (::ftruncate(file.fd, static_cast<off_t>(bytes)) != 0) fail_errno(file.part, "cannot write");
}

void write_part_at(const PartFile& file, std::string_view bytes, uint64_t at) {
  if (file.part.empty())
    fail("{}: is not a regular file; what is written here needs one", file.target.string());
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(file.fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno(file.part, "cannot write");
    bytes.remove_prefix(static_cast<size_t>(n));
    at += static_cast<uint64_t>(n);
  }
}

void place_part(PartFile& file) {
  if (::fsync(file.fd) != 0 &&
      !(file.part.empty() && (errno == EINVAL || errno == ENOTSUP || errno == EROFS)))
    fail_errno(where(file), "cannot flush to disk");
  const bool renamed = !file.part.empty() && file.part != file.target;
  if (renamed && ::rename(file.part.c_str(), file.target.c_str()) != 0)
    fail_errno(file.target, "cannot rename into place");
  if (::close(std::exchange(file.fd, -1)) != 0 && errno != EINTR)
    fail_errno(file.target, "cannot write");
  if (renamed) flush_to_disk(folder_of(file.target));
}

void abandon_part(PartFile& file) noexcept {
  if (file.fd < 0) return;
  if (!file.part.empty()) ::unlink(file.part.c_str());  // before its lock is given up
  ::close(std::exchange(file.fd, -1));
}

fs::path begin_part_folder(const fs::path& folder) {
  const fs::path part = hidden(without_slash(folder), kPart);
  if (!remove_path(part)) fail("{}: is in the way and cannot be removed", part.string());
  create_folder(part);
  return part;
}

void place_folder(const fs::path& part, const fs::path& folder) {
  const fs::path path = without_slash(folder), old = hidden(path, kOld);
  flush_to_disk(part);
  if (!path_exists(path)) {
    move_path(part, path);
    return;
  }
  const bool exchanged =
      ::renameat2(AT_FDCWD, part.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) == 0;
  // a file system without exchange: the old one steps aside; tidy() puts it back after a crash
  if (!exchanged) {
    if (!remove_path(old)) fail("{}: is in the way and cannot be removed", old.string());
    move_path(path, old);
    if (::rename(part.c_str(), path.c_str()) != 0) {
      const int reason = errno;
      (void)::rename(old.c_str(), path.c_str());
      fail("{}: cannot rename into place: {}", path.string(), std::strerror(reason));
    }
  }
  flush_to_disk(folder_of(path));
  remove_path(exchanged ? part : old);
}

void move_path(const fs::path& from, const fs::path& to) {
  const fs::path source = without_slash(from), target = without_slash(to);
  int moved = ::renameat2(AT_FDCWD, source.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE);
  // not on every file system
  if (moved != 0 && (errno == EINVAL || errno == ENOSYS || errno == ENOTSUP)) {
    if (path_exists(target)) errno = EEXIST;
    else moved = ::rename(source.c_str(), target.c_str());
  }
  if (moved != 0)
    fail("{}: cannot be renamed to {}: {}", source.string(), target.string(), std::strerror(errno));
  flush_to_disk(folder_of(target));
  if (folder_of(source) != folder_of(target)) flush_to_disk(folder_of(source));
}

bool remove_path(const fs::path& path) {
  const fs::path named = without_slash(path);
  struct stat info{};
  std::error_code ec;
  try {
    if (!path_exists(named)) return true;
    if (::lstat(named.c_str(), &info) == 0 && !S_ISDIR(info.st_mode)) {
      if (::unlink(named.c_str()) == 0 || errno == ENOENT) return true;
      fail_errno(named, "cannot be removed");
    }
    fs::path gone = named;
    if (!name_in(named.filename().string(), kGone)) {
      int number = 0;
      while (path_exists(gone = hidden(named, kGone, number))) ++number;
      move_path(named, gone);
    }
    fs::remove_all(gone, ec);
    if (ec) fail("{}: cannot be removed: {}", gone.string(), ec.message());
    return true;
  } catch (const Error& e) {
    log_warn("{}; remove it by hand", e.what());
    return false;
  }
}

namespace {

bool is_being_written(const fs::path& path) {
  const Descriptor file(open_descriptor(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat info{};
  return file.fd >= 0 && ::fstat(file.fd, &info) == 0 && S_ISREG(info.st_mode) && !lock(file.fd);
}

}  // namespace

void tidy(const fs::path& folder) {
  try {
    for (const fs::path& path : list_folder(folder)) {
      const std::string name = path.filename().string();
      if (const auto kept = name_in(name, kOld); kept && !path_exists(folder / *kept))
        move_path(path, folder / *kept);
      else if (kept || name_in(name, kGone) || (name_in(name, kPart) && !is_being_written(path)))
        remove_path(path);
    }
  } catch (const Error& e) {
    log_warn("{}", e.what());
  }
}

std::vector<fs::path> list_folder(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code ec;
  for (fs::directory_iterator each(folder, ec), end; !ec && each != end; each.increment(ec))
    out.push_back(each->path());
  if (ec) fail("{}: cannot be read: {}", folder.string(), ec.message());
  std::ranges::sort(out);
  return out;
}

bool path_exists(const fs::path& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  fail_errno(path, "cannot be read");
}

}  // namespace slipway
