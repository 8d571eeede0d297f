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
