// An accelerator whose kernels run on the emulator. Its memory is closed to the host: code that
// touches it outside of kernels and copies dies, as with a GPU.
#pragma once
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/accelerator.h"
#include "tests/unit/kernels/cuda/emulated_kernels.h"

namespace slipway::cuda {

class EmulatedAccelerator : public Accelerator {
 public:
  EmulatedAccelerator();

  std::string name() const override { return "emulator"; }
  std::string identity() const override { return "emulated-" + std::to_string(number); }
  std::string capability() const override { return "0.0"; }
  DeviceKernels& kernels() override { return *kernels_; }
  void* allocate(size_t bytes) override;
  void release(void* memory) override;
  size_t free_memory() override { return size_t{1} << 30; }
  size_t total_memory() override { return size_t{2} << 30; }
  size_t page_bytes() override { return page; }
  std::unique_ptr<PagedMemory> reserve(size_t bytes) override;
  void zero(void* memory, size_t bytes) override;
  void copy(void* to, const void* from, size_t bytes) override;
  void copy_in(void* to, const void* from, size_t bytes) override;
  void copy_out(void* to, const void* from, size_t bytes) override;
  void begin_recording() override;
  std::unique_ptr<RecordedWork> end_recording() override;
  std::unique_ptr<WorkLane> make_lane() override;

  int64_t number = 0;  // among those that are emulated on one machine
  bool full = false;   // it has no more memory to give
  Card card = kServerCard;
  size_t page = size_t{16} << 10;  // of paged memory; 0: it has none

  // What happened so far.
  int64_t recordings = 0, replays = 0, copies_out = 0, bytes_out = 0;
  size_t paged_bytes = 0;  // what paged memory has now, pieces that were given and not taken

 private:
  friend class EmulatedRecording;
  friend class EmulatedPagedMemory;
  // Does it, or keeps it while recording.
  void submit(std::function<void()> work);
  // Opens the memory; closes it where nobody else has it open.
  void open(bool to);

  std::unique_ptr<DeviceKernels> kernels_;
  std::mutex mutex_;  // a lane's thread opens memory, too
  std::map<void*, size_t> memory_;
  int64_t users_ = 0;  // that have it open
  std::unique_ptr<LaunchRecording> recording_;
};

// The process's one; never deleted.
EmulatedAccelerator& emulated_accelerator();

}  // namespace slipway::cuda
