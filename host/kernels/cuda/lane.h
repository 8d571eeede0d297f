// A stream beside that of the kernels.
#pragma once
#include "kernels/accelerator.h"
#include "kernels/cuda/check.h"

namespace slipway::cuda {

class CudaLane : public WorkLane {
 public:
  explicit CudaLane(cudaStream_t kernels);
  ~CudaLane() override;  // waits for nothing: CUDA keeps the stream until its work is done
  CudaLane(const CudaLane&) = delete;
  CudaLane& operator=(const CudaLane&) = delete;

  void* handle() override { return stream_; }
  void follow_kernels() override;
  std::unique_ptr<Mark> mark() override;

 private:
  void release();

  cudaStream_t kernels_, stream_ = nullptr;
  cudaEvent_t asked_ = nullptr;
};

}  // namespace slipway::cuda
