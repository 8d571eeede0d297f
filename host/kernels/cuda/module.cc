// The CUDA module: one GPU, one stream, the kernels and products on it. CUDA_VISIBLE_DEVICES says
// which GPU.
#include <cstdio>

#include "kernels/accelerator.h"
#include "kernels/cuda/check.h"
#include "kernels/cuda/kernels.h"
#include "kernels/cuda/staging.h"

namespace slipway::cuda {
namespace {

class CudaGraph : public RecordedWork {
 public:
  CudaGraph(cudaGraph_t graph, cudaStream_t stream) : stream_(stream) {
    const cudaError_t result = cudaGraphInstantiate(&work_, graph, 0);
    cudaGraphDestroy(graph);
    check(result, "making a graph");
  }
  ~CudaGraph() override {
    cudaStreamSynchronize(stream_);
    cudaGraphExecDestroy(work_);
  }
  void replay() override { check(cudaGraphLaunch(work_, stream_), "graph"); }

 private:
  cudaStream_t stream_;
  cudaGraphExec_t work_ = nullptr;
};

class CudaStream {
 public:
  CudaStream() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "stream"); }
  ~CudaStream() { cudaStreamDestroy(stream_); }
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;
  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

// Asked once: it does not change.
Card card_of_device() {
  int shared = 0, multiprocessors = 0;
  check(cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0),
        "shared memory");
  check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, 0),
        "multiprocessors");
  return {shared, multiprocessors};
}

class CudaAccelerator : public Accelerator {
 public:
  CudaAccelerator()
      : staging_(stream_.get()),
        products_(stream_.get()),
        kernels_(kernels_on(stream_.get(), products_, card_of_device())) {}

  std::string name() const override { return properties().name; }
  std::string capability() const override {
    const cudaDeviceProp found = properties();
    return std::to_string(found.major) + "." + std::to_string(found.minor);
  }
  DeviceKernels& kernels() override { return *kernels_; }

  void* allocate(size_t bytes) override {
    void* memory = nullptr;
    const cudaError_t result = cudaMalloc(&memory, bytes);
    if (result == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      throw GpuMemoryFull("out of memory: the GPU has no " + std::to_string(bytes >> 20) +
                          " MiB left (" + std::to_string(free_memory() >> 20) + " MiB are free)");
    }
    check(result, "asking for memory");
    return memory;
  }
  void release(void* memory) override { check(cudaFree(memory), "freeing memory"); }
  size_t free_memory() override {
    size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "memory");
    return free;
  }
  size_t total_memory() override { return properties().totalGlobalMem; }

  void zero(void* memory, size_t bytes) override {
    check(cudaMemsetAsync(memory, 0, bytes, stream_.get()), "zero");
  }
  void copy(void* to, const void* from, size_t bytes) override {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_.get()), "copy");
  }
  void copy_in(void* to, const void* from, size_t bytes) override {
    refuse_while_recording("from");
    staging_.send(to, from, bytes);
  }
  void copy_out(void* to, const void* from, size_t bytes) override {
    refuse_while_recording("to");
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_.get()), "copy out");
    check(cudaStreamSynchronize(stream_.get()), "work on the GPU");
  }

  // Relaxed: the host's allocator may ask for memory meanwhile.
  void begin_recording() override {
    check(cudaStreamBeginCapture(stream_.get(), cudaStreamCaptureModeRelaxed), "recording");
    recording_ = true;
  }
  std::unique_ptr<RecordedWork> end_recording() override {
    recording_ = false;
    cudaGraph_t graph = nullptr;
    check(cudaStreamEndCapture(stream_.get(), &graph), "recording");
    return std::make_unique<CudaGraph>(graph, stream_.get());
  }

 private:
  static cudaDeviceProp properties() {
    cudaDeviceProp out{};
    check(cudaGetDeviceProperties(&out, 0), "properties");
    return out;
  }
  // CUDA would record the address, and read at each replay what lies there then.
  void refuse_while_recording(const char* direction) const {
    if (recording_)
      throw std::runtime_error(std::string("a copy ") + direction + " the host cannot be recorded");
  }

  CudaStream stream_;
  Staging staging_;
  Products products_;
  std::unique_ptr<DeviceKernels> kernels_;
  bool recording_ = false;
};

}  // namespace
}  // namespace slipway::cuda

extern "C" __attribute__((visibility("default"))) slipway::Accelerator* slipway_open_accelerator_6(
    char* fault, size_t size) {
  const auto refuse = [&](const char* why) {
    std::snprintf(fault, size, "%s", why);
    return nullptr;
  };
  int devices = 0;
  if (const cudaError_t result = cudaGetDeviceCount(&devices); result != cudaSuccess)
    return refuse(cudaGetErrorString(result));
  if (devices == 0) return refuse("no CUDA-capable device is detected");
  try {
    return new slipway::cuda::CudaAccelerator();
  } catch (const std::exception& e) {
    return refuse(e.what());
  }
}
