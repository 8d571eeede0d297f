// Events between two streams.
#include "kernels/cuda/lane.h"

#include "kernels/cuda/own_device.h"

namespace slipway::cuda {
namespace {

class CudaMark : public WorkLane::Mark {
 public:
  CudaMark(cudaStream_t lane, cudaStream_t kernels) : kernels_(kernels) {
    check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "event");
    if (const cudaError_t result = cudaEventRecord(event_, lane); result != cudaSuccess) {
      cudaEventDestroy(event_);
      check(result, "a mark");
    }
  }
  ~CudaMark() override { cudaEventDestroy(event_); }
  CudaMark(const CudaMark&) = delete;
  CudaMark& operator=(const CudaMark&) = delete;

  bool is_reached() override {
    use_own_device();
    const cudaError_t result = cudaEventQuery(event_);
    if (result != cudaErrorNotReady) return check(result, "an exchange"), true;
    cudaGetLastError();
    return false;
  }
  void hold_back_kernels() override {
    use_own_device();
    check(cudaStreamWaitEvent(kernels_, event_, 0), "waiting for an exchange");
  }

 private:
  cudaStream_t kernels_;
  cudaEvent_t event_ = nullptr;
};

}  // namespace

CudaLane::CudaLane(cudaStream_t kernels) : kernels_(kernels) {
  try {
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "stream");
    check(cudaEventCreateWithFlags(&asked_, cudaEventDisableTiming), "event");
  } catch (...) {
    release();
    throw;
  }
}

CudaLane::~CudaLane() { release(); }

void CudaLane::release() {
  if (asked_ != nullptr) cudaEventDestroy(asked_);
  if (stream_ != nullptr) cudaStreamDestroy(stream_);
}

void CudaLane::follow_kernels() {
  use_own_device();
  check(cudaEventRecord(asked_, kernels_), "an exchange");
  check(cudaStreamWaitEvent(stream_, asked_, 0), "an exchange");
}

std::unique_ptr<WorkLane::Mark> CudaLane::mark() {
  use_own_device();
  return std::make_unique<CudaMark>(stream_, kernels_);
}

}  // namespace slipway::cuda
