// Closed memory.
#include "tests/unit/kernels/cuda/emulated_accelerator.h"

#include <sys/mman.h>

#include <cstring>
#include <new>
#include <stdexcept>

#include "tests/unit/kernels/cuda/emulated_lane.h"

namespace slipway::cuda {
namespace {

constexpr size_t kPage = 4096;
size_t pages(size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

}  // namespace

class EmulatedRecording : public RecordedWork {
 public:
  EmulatedRecording(EmulatedAccelerator& on, std::vector<std::function<void()>> work)
      : on_(on), work_(std::move(work)) {}
  void replay() override {
    ++on_.replays;
    for (const auto& each : work_) each();
  }

 private:
  EmulatedAccelerator& on_;
  std::vector<std::function<void()>> work_;
};

// Closed where nothing was given, also to kernels; what is given is filled with what is no number.
class EmulatedPagedMemory : public PagedMemory {
 public:
  EmulatedPagedMemory(EmulatedAccelerator& on, size_t bytes)
      : on_(on),
        bytes_(bytes),
        begin_(static_cast<char*>(
            mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
    if (begin_ == MAP_FAILED) throw std::runtime_error("the emulator has no addresses left");
  }
  ~EmulatedPagedMemory() override {
    const std::lock_guard lock(on_.mutex_);
    for (const auto& [at, size] : given_) forget(at, size);
    munmap(begin_, bytes_);
  }
  EmulatedPagedMemory(const EmulatedPagedMemory&) = delete;
  EmulatedPagedMemory& operator=(const EmulatedPagedMemory&) = delete;

  void* begin() const override { return begin_; }
  void give(size_t at, size_t bytes) override {
    if (on_.full) throw std::bad_alloc();
    const std::lock_guard lock(on_.mutex_);
    if (at % on_.page != 0 || bytes % on_.page != 0 || at + bytes > bytes_)
      throw std::logic_error("emulator: these are no whole pages");
    if (!given_.emplace(at, bytes).second)
      throw std::logic_error("emulator: there is memory already");
    on_.memory_[begin_ + at] = bytes;
    on_.paged_bytes += bytes;
    mprotect(begin_ + at, bytes, PROT_READ | PROT_WRITE);
    std::memset(begin_ + at, 0xff, bytes);
    if (on_.users_ == 0) mprotect(begin_ + at, bytes, PROT_NONE);
  }
  // Kernels are done when they were asked for.
  void take(size_t at) override {
    const std::lock_guard lock(on_.mutex_);
    const auto piece = given_.find(at);
    if (piece == given_.end()) throw std::logic_error("emulator: no memory was given there");
    forget(at, piece->second);
    madvise(begin_ + at, piece->second, MADV_DONTNEED);
    mprotect(begin_ + at, piece->second, PROT_NONE);
    given_.erase(piece);
  }

 private:
  void forget(size_t at, size_t bytes) {
    on_.memory_.erase(begin_ + at);
    on_.paged_bytes -= bytes;
  }

  EmulatedAccelerator& on_;
  const size_t bytes_;
  char* const begin_;
  std::map<size_t, size_t> given_;
};

EmulatedAccelerator::EmulatedAccelerator()
    : kernels_(emulated_kernels(ThreadOrder::kAscending, [this](bool to) { open(to); }, card)) {}

void* EmulatedAccelerator::allocate(size_t bytes) {
  if (full) throw std::bad_alloc();
  void* memory = mmap(nullptr, pages(bytes), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::runtime_error("the emulator has no memory left");
  const std::lock_guard lock(mutex_);
  memory_[memory] = pages(bytes);
  return memory;
}

void EmulatedAccelerator::release(void* memory) {
  const std::lock_guard lock(mutex_);
  munmap(memory, memory_.at(memory));
  memory_.erase(memory);
}

std::unique_ptr<PagedMemory> EmulatedAccelerator::reserve(size_t bytes) {
  return std::make_unique<EmulatedPagedMemory>(*this, bytes);
}

void EmulatedAccelerator::open(bool to) {
  const std::lock_guard lock(mutex_);
  users_ += to ? 1 : -1;
  if (!to && users_ > 0) return;
  for (const auto& [memory, size] : memory_)
    mprotect(memory, size, to ? PROT_READ | PROT_WRITE : PROT_NONE);
}

void EmulatedAccelerator::submit(std::function<void()> work) {
  const auto opened = [this, work = std::move(work)] {
    open(true);
    work();
    open(false);
  };
  if (recording_ != nullptr) recording_->add(opened);
  else opened();
}

void EmulatedAccelerator::zero(void* memory, size_t bytes) {
  submit([=] { std::memset(memory, 0, bytes); });
}
void EmulatedAccelerator::copy(void* to, const void* from, size_t bytes) {
  submit([=] { std::memmove(to, from, bytes); });
}
void EmulatedAccelerator::copy_in(void* to, const void* from, size_t bytes) {
  if (recording_ != nullptr)
    throw std::logic_error("emulator: a copy from the host while recording");
  submit([=] { std::memcpy(to, from, bytes); });
}
void EmulatedAccelerator::copy_out(void* to, const void* from, size_t bytes) {
  if (recording_ != nullptr) throw std::logic_error("emulator: a copy to the host while recording");
  ++copies_out, bytes_out += static_cast<int64_t>(bytes);
  submit([=] { std::memcpy(to, from, bytes); });
}

void EmulatedAccelerator::begin_recording() { recording_ = std::make_unique<LaunchRecording>(); }
std::unique_ptr<RecordedWork> EmulatedAccelerator::end_recording() {
  ++recordings;
  auto out = std::make_unique<EmulatedRecording>(*this, recording_->take());
  recording_.reset();
  return out;
}

std::unique_ptr<WorkLane> EmulatedAccelerator::make_lane() {
  return std::make_unique<EmulatedLane>([this](const std::function<void()>& work) {
    open(true);
    work();
    open(false);
  });
}

EmulatedAccelerator& emulated_accelerator() {
  static auto* const kOne = new EmulatedAccelerator();
  return *kOne;
}

}  // namespace slipway::cuda
