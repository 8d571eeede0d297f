// The calls.
#include "tests/unit/kernels/cuda_module/pretended_cuda.h"

#include <cstdlib>
#include <cstring>

#include "kernels/cuda/kernels.h"

namespace slipway::cuda {

PretendedCuda& pretended_cuda() {
  static PretendedCuda one;
  return one;
}

cudaError_t PretendedCuda::say(cudaError_t result) {
  if (result != cudaSuccess) last = result;
  return result;
}
cudaError_t PretendedCuda::submit(std::function<void()> work) {
  (capturing ? recorded : stream).push_back(std::move(work));
  return cudaSuccess;
}
void PretendedCuda::finish(size_t until) {
  for (; done < until; ++done) stream[done]();
}

// The kernels and products are others' tests'.
struct Products::Prepared {};
Products::Products(cudaStream_t stream) : stream_(stream) {}
Products::~Products() = default;
std::unique_ptr<DeviceKernels> kernels_on(cudaStream_t, Products&, const Card& card) {
  pretended_cuda().card = card;
  return nullptr;
}

}  // namespace slipway::cuda

using slipway::cuda::pretended_cuda;

extern "C" {
cudaError_t cudaGetDeviceCount(int* count) { return *count = 1, cudaSuccess; }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  std::strcpy(properties->name, "pretended");
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  *value = attribute == cudaDevAttrMaxSharedMemoryPerBlockOptin ? 101376
           : attribute == cudaDevAttrMultiProcessorCount        ? 84
                                                                : 0;
  return cudaSuccess;
}
cudaError_t cudaGetLastError() { return std::exchange(pretended_cuda().last, cudaSuccess); }
const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "out of memory" : "some fault";
}

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  if (pretended_cuda().allocation != cudaSuccess)
    return pretended_cuda().say(pretended_cuda().allocation);
  return *memory = std::malloc(bytes), cudaSuccess;
}
cudaError_t cudaFree(void* memory) { return std::free(memory), cudaSuccess; }
cudaError_t cudaHostAlloc(void** memory, size_t bytes, unsigned) {
  return *memory = std::malloc(bytes), cudaSuccess;
}
cudaError_t cudaFreeHost(void* memory) { return std::free(memory), cudaSuccess; }
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  return *free = 5 << 20, *total = 8 << 20, cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  return *stream = nullptr, cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t) {
  if (pretended_cuda().capturing)
    return pretended_cuda().spoiled = true, pretended_cuda().say(cudaErrorStreamCaptureUnsupported);
  pretended_cuda().finish(pretended_cuda().stream.size());
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind,
                            cudaStream_t) {
  return pretended_cuda().submit([=] { std::memcpy(to, from, bytes); });
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t) {
  return pretended_cuda().submit([=] { std::memset(to, value, bytes); });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  return *event = reinterpret_cast<cudaEvent_t>(pretended_cuda().events.size() + 1),
         pretended_cuda().events[*event] = 0, cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
  return pretended_cuda().events.at(event) = pretended_cuda().stream.size(), cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return pretended_cuda().finish(pretended_cuda().events.at(event)), cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) {
  return pretended_cuda().capturing = true, cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
  auto& cuda = pretended_cuda();
  cuda.capturing = false, *graph = nullptr;
  return std::exchange(cuda.spoiled, false) ? cuda.say(cudaErrorStreamCaptureInvalidated)
                                            : cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* work, cudaGraph_t, unsigned long long) {
  return *work = nullptr, cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t) { return cudaSuccess; }
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t) { return cudaSuccess; }
cudaError_t cudaGraphLaunch(cudaGraphExec_t, cudaStream_t) {
  for (const auto& work : pretended_cuda().recorded) pretended_cuda().stream.push_back(work);
  return cudaSuccess;
}
}
