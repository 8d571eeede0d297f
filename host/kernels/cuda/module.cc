// The CUDA module: one GPU of those that CUDA_VISIBLE_DEVICES shows, one stream, the kernels and
// products on it.
#include <array>
#include <cstdio>
#include <cstring>

#include "kernels/accelerator.h"
#include "kernels/cuda/check.h"
#include "kernels/cuda/kernels.h"
#include "kernels/cuda/lane.h"
#include "kernels/cuda/own_device.h"
#include "kernels/cuda/paged_memory.h"
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
  void replay() override {
    use_own_device();
    check(cudaGraphLaunch(work_, stream_), "graph");
  }

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
  check(cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, own_device()),
        "shared memory");
  check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, own_device()),
        "multiprocessors");
  return {.shared_bytes = shared, .multiprocessors = multiprocessors};
}

class CudaAccelerator : public Accelerator {
 public:
  CudaAccelerator()
      : staging_(stream_.get()),
        products_(stream_.get()),
        kernels_(kernels_on(stream_.get(), products_, card_of_device())) {}

  std::string name() const override { return properties().name; }
  // "GPU-" and its UUID, as NVIDIA's tools write it.
  std::string identity() const override {
    std::array<unsigned char, 16> bytes{};
    const cudaDeviceProp found = properties();
    std::memcpy(bytes.data(), &found.uuid, bytes.size());
    std::string out = "GPU-";
    for (size_t i = 0; i < bytes.size(); ++i) {
      constexpr const char* kDigits = "0123456789abcdef";
      if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
      out += kDigits[bytes[i] / 16], out += kDigits[bytes[i] % 16];
    }
    return out;
  }
  std::string capability() const override {
    const cudaDeviceProp found = properties();
    return std::to_string(found.major) + "." + std::to_string(found.minor);
  }
  DeviceKernels& kernels() override { return *kernels_; }

  void* allocate(size_t bytes) override {
    use_own_device();
    void* memory = nullptr;
    cudaError_t result = cudaMalloc(&memory, bytes);
    if (result == cudaErrorMemoryAllocation && pieces_.give_back()) {
      cudaGetLastError();
      result = cudaMalloc(&memory, bytes);
    }
    if (result == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      throw GpuMemoryFull("out of memory: the GPU has no " + std::to_string(bytes >> 20) +
                          " MiB left (" + std::to_string(free_memory() >> 20) + " MiB are free)");
    }
    check(result, "asking for memory");
    return memory;
  }
  void release(void* memory) override {
    use_own_device();
    check(cudaFree(memory), "freeing memory");
  }
  size_t free_memory() override {
    use_own_device();
    size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "memory");
    return free + pieces_.free_bytes();
  }
  size_t total_memory() override { return properties().totalGlobalMem; }
  size_t page_bytes() override { return page_bytes_; }
  std::unique_ptr<PagedMemory> reserve(size_t bytes) override {
    use_own_device();
    return std::make_unique<CudaPagedMemory>(stream_.get(), pieces_, bytes);
  }

  void zero(void* memory, size_t bytes) override {
    use_own_device();
    check(cudaMemsetAsync(memory, 0, bytes, stream_.get()), "zero");
  }
  void copy(void* to, const void* from, size_t bytes) override {
    use_own_device();
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_.get()), "copy");
  }
  void copy_in(void* to, const void* from, size_t bytes) override {
    refuse_while_recording("from");
    use_own_device();
    staging_.send(to, from, bytes);
  }
  void copy_out(void* to, const void* from, size_t bytes) override {
    refuse_while_recording("to");
    use_own_device();
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_.get()), "copy out");
    check(cudaStreamSynchronize(stream_.get()), "work on the GPU");
  }

  // Relaxed: the host's allocator may ask for memory meanwhile.
  void begin_recording() override {
    use_own_device();
    check(cudaStreamBeginCapture(stream_.get(), cudaStreamCaptureModeRelaxed), "recording");
    recording_ = true;
  }
  std::unique_ptr<RecordedWork> end_recording() override {
    recording_ = false;
    cudaGraph_t graph = nullptr;
    check(cudaStreamEndCapture(stream_.get(), &graph), "recording");
    return std::make_unique<CudaGraph>(graph, stream_.get());
  }

  std::unique_ptr<WorkLane> make_lane() override {
    use_own_device();
    return std::make_unique<CudaLane>(stream_.get());
  }

 private:
  static cudaDeviceProp properties() {
    cudaDeviceProp out{};
    check(cudaGetDeviceProperties(&out, own_device()), "properties");
    return out;
  }
  // CUDA would record the address, and read at each replay what lies there then.
  void refuse_while_recording(const char* direction) const {
    if (recording_)
      throw std::runtime_error(std::string("a copy ") + direction + " the host cannot be recorded");
  }

  CudaStream stream_;
  PieceStore pieces_;
  const size_t page_bytes_ = mapped_bytes();
  Staging staging_;
  Products products_;
  std::unique_ptr<DeviceKernels> kernels_;
  bool recording_ = false;
};

template <class Out>
Out refuse(Out with, char* fault, size_t size, const char* why) {
  std::snprintf(fault, size, "%s", why);
  return with;
}

}  // namespace
}  // namespace slipway::cuda

extern "C" __attribute__((visibility("default"))) int64_t slipway_count_devices_9(char* fault,
                                                                                  size_t size) {
  int devices = 0;
  if (const cudaError_t result = cudaGetDeviceCount(&devices); result != cudaSuccess)
    return slipway::cuda::refuse(int64_t{-1}, fault, size, cudaGetErrorString(result));
  return devices;
}

extern "C" __attribute__((visibility("default"))) slipway::Accelerator* slipway_open_accelerator_9(
    int64_t device, char* fault, size_t size) {
  using namespace slipway::cuda;
  static CudaAccelerator* opened = nullptr;
  CudaAccelerator* const none = nullptr;
  if (opened != nullptr)
    return device == own_device() ? opened
                                  : refuse(none, fault, size, "this process uses another GPU");
  try {
    own_device() = static_cast<int>(device);
    use_own_device();
    return opened = new CudaAccelerator();
  } catch (const std::exception& e) {
    return refuse(none, fault, size, e.what());
  }
}
