// The recorder.
#include "tests/unit/base/recorded_calls.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <map>
#include <mutex>

namespace {

std::atomic<bool> recording{false};
std::mutex mutex;  // of the rest
std::string root;
std::vector<std::string> recorded;
std::map<std::string, int> faults;
size_t seen = 0, last_call = SIZE_MAX;

std::string path_of(int fd) {
  std::array<char, PATH_MAX> buffer;
  const ssize_t n =
      ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), buffer.data(), buffer.size());
  return n > 0 ? std::string(buffer.data(), static_cast<size_t>(n)) : "";
}

std::string path_at(int folder, const char* path) {
  if (path[0] == '/') return path;
  if (folder != AT_FDCWD) return path_of(folder) + "/" + path;
  std::error_code ec;
  return (std::filesystem::current_path(ec) / path).lexically_normal().string();
}

// The path below the root; "" = it is elsewhere.
std::string below_root(const std::string& path) {
  if (path == root) return ".";
  return path.starts_with(root + "/") ? path.substr(root.size() + 1) : "";
}

// The errno with which the call is to fail; 0 = go on.
int record(const std::string& verb, const std::string& path, const std::string& rest = "") {
  if (!recording) return 0;
  const std::lock_guard lock(mutex);
  const std::string name = below_root(path);
  if (name.empty()) return 0;
  const std::string call = verb + " " + name + rest;
  if (seen++ >= last_call) return EIO;
  if (verb != "write" || recorded.empty() || recorded.back() != call) recorded.push_back(call);
  for (const std::string& key : {call, verb})
    if (const auto found = faults.find(key); found != faults.end()) return found->second;
  return 0;
}

long answer(int fault, auto call) {
  if (fault != 0) {
    errno = fault;
    return -1;
  }
  return call();
}

std::string to(const char* arrow, const std::string& path) {
  const std::lock_guard lock(mutex);
  return arrow + below_root(path);
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* data, size_t size) {
  const int fault = recording ? record("write", path_of(fd)) : 0;
  return answer(fault, [&] { return ::syscall(SYS_write, fd, data, size); });
}
ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  const int fault = recording ? record("write", path_of(fd)) : 0;
  return answer(fault, [&] { return ::syscall(SYS_pwrite64, fd, data, size, at); });
}
int fsync(int fd) {
  const int fault = recording ? record("fsync", path_of(fd)) : 0;
  return static_cast<int>(answer(fault, [&] { return ::syscall(SYS_fsync, fd); }));
}
int ftruncate(int fd, off_t size) noexcept {
  const int fault = recording ? record("ftruncate", path_of(fd)) : 0;
  return static_cast<int>(answer(fault, [&] { return ::syscall(SYS_ftruncate, fd, size); }));
}
int renameat2(int from_folder, const char* from, int to_folder, const char* target,
              unsigned int flags) noexcept {
  const bool exchange = (flags & RENAME_EXCHANGE) != 0;
  const std::string source = recording ? path_at(from_folder, from) : "";
  const int fault = recording ? record(exchange ? "exchange" : "rename", source,
                                       to(exchange ? " <-> " : " -> ", path_at(to_folder, target)))
                              : 0;
  return static_cast<int>(answer(fault, [&] {
    return ::syscall(SYS_renameat2, from_folder, from, to_folder, target, flags);
  }));
}
int rename(const char* from, const char* target) noexcept {
  return renameat2(AT_FDCWD, from, AT_FDCWD, target, 0);
}
int unlinkat(int folder, const char* path, int flags) noexcept {
  const int fault =
      recording ? record((flags & AT_REMOVEDIR) != 0 ? "rmdir" : "unlink", path_at(folder, path))
                : 0;
  return static_cast<int>(
      answer(fault, [&] { return ::syscall(SYS_unlinkat, folder, path, flags); }));
}
int unlink(const char* path) noexcept { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char* path) noexcept { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int mkdir(const char* path, mode_t mode) noexcept {
  const int fault = recording ? record("mkdir", path_at(AT_FDCWD, path)) : 0;
  return static_cast<int>(
      answer(fault, [&] { return ::syscall(SYS_mkdirat, AT_FDCWD, path, mode); }));
}

}  // extern "C"

namespace slipway {

RecordedCalls::RecordedCalls(const fs::path& below) {
  const std::lock_guard lock(mutex);
  root = fs::canonical(below).string();
  recorded.clear();
  faults.clear();
  seen = 0;
  last_call = SIZE_MAX;
  recording = true;
}

RecordedCalls::~RecordedCalls() { recording = false; }

std::vector<std::string> RecordedCalls::calls() const {
  const std::lock_guard lock(mutex);
  return recorded;
}

void RecordedCalls::fail(const std::string& call, int error) {
  const std::lock_guard lock(mutex);
  faults[call] = error;
}

void RecordedCalls::die_after(size_t calls) {
  const std::lock_guard lock(mutex);
  last_call = calls;
}

bool RecordedCalls::died() const {
  const std::lock_guard lock(mutex);
  return seen > last_call;
}

}  // namespace slipway
