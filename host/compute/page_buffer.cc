// mmap, madvise, mprotect.
#include "compute/page_buffer.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace slipway {
namespace {

constexpr size_t kPageBytes = kPageFloats * sizeof(float);

size_t pages_of(int64_t count) {
  return (static_cast<size_t>(count) * sizeof(float) + kPageBytes - 1) / kPageBytes * kPageBytes;
}

// What is said of one range. The handler walks the list without a lock: entries are added whole and
// never taken out, only emptied.
struct Guarded {
  std::atomic<const float*> begin;
  const float* end;
  std::string line;  // "error: ...\n"
  int exit_code;
  Guarded* next;

  bool has(const float* at) const {
    const float* first = begin.load();
    return first != nullptr && at >= first && at < end;
  }
};
const std::string kError = "error: ";
std::atomic<Guarded*> guarded_ranges{nullptr};
struct sigaction before_us{};

void say(const char* text, size_t length) {
  while (length > 0) {
    const ssize_t written = ::write(STDERR_FILENO, text, length);
    if (written < 0 && errno != EINTR) return;
    if (written < 0) continue;
    text += written;
    length -= static_cast<size_t>(written);
  }
}

void on_fault(int signal, siginfo_t* info, void* context) {
  const auto* at = static_cast<const float*>(info->si_addr);
  for (const Guarded* each = guarded_ranges.load(); each != nullptr; each = each->next) {
    if (!each->has(at)) continue;
    say(each->line.data(), each->line.size());
    ::_exit(each->exit_code);
  }
  if ((before_us.sa_flags & SA_SIGINFO) != 0 && before_us.sa_sigaction != nullptr)
    return before_us.sa_sigaction(signal, info, context);
  if (before_us.sa_handler != SIG_DFL && before_us.sa_handler != SIG_IGN)
    return before_us.sa_handler(signal);
  ::signal(SIGSEGV, SIG_DFL);  // and the instruction faults again
}

void watch_faults() {
  static const bool once = [] {
    struct sigaction action{};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    return ::sigaction(SIGSEGV, &action, &before_us) == 0;
  }();
  (void)once;
}

}  // namespace

PageBuffer::PageBuffer(int64_t count, Released released, const char* what) : released_(released) {
  if (::sysconf(_SC_PAGESIZE) > static_cast<long>(kPageBytes))
    fail("pages of {} bytes are not supported here; {} at most", ::sysconf(_SC_PAGESIZE),
         kPageBytes);
  const size_t bytes = std::max(kPageBytes, pages_of(count));
  void* memory =
      ::mmap(nullptr, bytes, released == Released::kZeros ? PROT_READ | PROT_WRITE : PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    fail("no addresses for {} of {:.1f} GiB: {}", what, static_cast<double>(bytes) / 0x1p30,
         std::strerror(errno));
  values_ = at::from_blob(memory, {count}, [bytes](void* at) { ::munmap(at, bytes); }, at::kFloat);
}

void PageBuffer::hold(int64_t begin, int64_t count) const {
  if (released_ == Released::kZeros || count == 0) return;
  auto* const at = values_.data_ptr<float>() + begin;
  if (::mprotect(at, pages_of(count), PROT_READ | PROT_WRITE) != 0)
    fail("the system gives no access to {} values: {}", count, std::strerror(errno));
}

void PageBuffer::release(int64_t begin, int64_t count) const {
  if (count == 0) return;
  auto* const at = values_.data_ptr<float>() + begin;
  if (::madvise(at, pages_of(count), MADV_DONTNEED) != 0 ||
      (released_ == Released::kGuarded && ::mprotect(at, pages_of(count), PROT_NONE) != 0))
    fail("the system takes no memory back of {} values: {}", count, std::strerror(errno));
}

void give_pages_back(const at::Tensor& view) {
  const auto first = reinterpret_cast<uintptr_t>(view.const_data_ptr()),
             begin = (first + kPageBytes - 1) / kPageBytes * kPageBytes,
             end = (first + view.nbytes()) / kPageBytes * kPageBytes;
  if (begin < end) (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

int64_t resident_bytes(const at::Tensor& tensor) {
  if (tensor.numel() == 0) return 0;
  const auto first = reinterpret_cast<uintptr_t>(tensor.const_data_ptr());
  const uintptr_t begin = first / kPageBytes * kPageBytes, end = first + tensor.nbytes();
  std::vector<unsigned char> there((end - begin + kPageBytes - 1) / kPageBytes);
  if (::mincore(reinterpret_cast<void*>(begin), end - begin, there.data()) != 0)
    fail("the system does not tell which pages are in memory: {}", std::strerror(errno));
  int64_t bytes = 0;
  for (size_t page = 0; page < there.size(); ++page) {
    if ((there[page] & 1) == 0) continue;
    const uintptr_t from = std::max(first, begin + page * kPageBytes);
    bytes += static_cast<int64_t>(std::min(end, begin + (page + 1) * kPageBytes) - from);
  }
  return bytes;
}

void explain_guarded(const float* begin, int64_t count, const std::string& words, int exit_code) {
  watch_faults();
  // never freed: the handler may be walking
  auto* const added =
      new Guarded{begin, begin + count, kError + words + "\n", exit_code, guarded_ranges.load()};
  guarded_ranges.store(added);
}

std::string words_of_guarded(const float* at) {
  for (const Guarded* each = guarded_ranges.load(); each != nullptr; each = each->next)
    if (each->has(at))
      return each->line.substr(kError.size(), each->line.size() - kError.size() - 1);
  return {};
}

void forget_guarded(const float* begin, int64_t count) {
  for (Guarded* each = guarded_ranges.load(); each != nullptr; each = each->next)
    if (const float* at = each->begin.load(); at >= begin && at < begin + count)
      each->begin.store(nullptr);
}

}  // namespace slipway
