// The calls.
#include "tests/unit/kernels/cuda_module/pretended_cuda.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <string_view>

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
cudaError_t PretendedCuda::submit(cudaStream_t to, std::function<void()> work) {
  (capturing ? recorded : streams.at(to).asked).push_back(std::move(work));
  return cudaSuccess;
}
void PretendedCuda::finish(cudaStream_t stream, size_t until) {
  for (Stream& of = streams.at(stream); of.done < until; ++done) {
    const std::function<void()> work = of.asked[of.done++];
    work();
  }
}

namespace {

CUresult attribute(int* value, CUdevice_attribute, CUdevice) {
  return *value = pretended_cuda().maps, CUDA_SUCCESS;
}
CUresult error_string(CUresult, const char** words) {
  return *words = "a driver's fault", CUDA_SUCCESS;
}
CUresult granularity(size_t* bytes, const CUmemAllocationProp*, CUmemAllocationGranularity_flags) {
  return *bytes = PretendedCuda::kPage, CUDA_SUCCESS;
}
CUresult reserve(CUdeviceptr* begin, size_t bytes, size_t, CUdeviceptr, unsigned long long) {
  *begin = reinterpret_cast<CUdeviceptr>(
      mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  return CUDA_SUCCESS;
}
CUresult free_addresses(CUdeviceptr begin, size_t bytes) {
  return munmap(reinterpret_cast<void*>(begin), bytes), CUDA_SUCCESS;
}
CUresult create(CUmemGenericAllocationHandle* piece, size_t bytes, const CUmemAllocationProp* of,
                unsigned long long) {
  PretendedCuda& cuda = pretended_cuda();
  if (of->location.id != 1 || bytes % PretendedCuda::kPage != 0) return CUDA_ERROR_INVALID_VALUE;
  if (cuda.pieces.size() >= cuda.most_pieces) return CUDA_ERROR_OUT_OF_MEMORY;
  cuda.pieces[*piece = ++cuda.pieces_made] = bytes;
  return CUDA_SUCCESS;
}
CUresult release(CUmemGenericAllocationHandle piece) {
  return pretended_cuda().pieces.erase(piece) == 1 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
// A piece is mapped once at most, to addresses that have none.
CUresult map(CUdeviceptr at, size_t bytes, size_t, CUmemGenericAllocationHandle piece,
             unsigned long long) {
  PretendedCuda& cuda = pretended_cuda();
  for (const auto& [where, mapped] : cuda.mapped)
    if (mapped == piece || (where < at + bytes && at < where + cuda.pieces.at(mapped)))
      return CUDA_ERROR_INVALID_VALUE;
  if (cuda.pieces.at(piece) != bytes) return CUDA_ERROR_INVALID_VALUE;
  return cuda.mapped[at] = piece, CUDA_SUCCESS;
}
CUresult set_access(CUdeviceptr at, size_t bytes, const CUmemAccessDesc* to, size_t) {
  if (to->location.id != 1 || to->flags != CU_MEM_ACCESS_FLAGS_PROT_READWRITE)
    return CUDA_ERROR_INVALID_VALUE;
  mprotect(reinterpret_cast<void*>(at), bytes, PROT_READ | PROT_WRITE);
  std::memset(reinterpret_cast<void*>(at), 0xff, bytes);
  return CUDA_SUCCESS;
}
CUresult unmap(CUdeviceptr at, size_t bytes) {
  PretendedCuda& cuda = pretended_cuda();
  if (!cuda.mapped.contains(at) || cuda.pieces.at(cuda.mapped.at(at)) != bytes)
    return CUDA_ERROR_INVALID_VALUE;
  cuda.mapped.erase(at);
  return mprotect(reinterpret_cast<void*>(at), bytes, PROT_NONE), CUDA_SUCCESS;
}

const std::map<std::string_view, void*>& driver_functions() {
  static const std::map<std::string_view, void*> kAll = {
      {"cuDeviceGetAttribute", reinterpret_cast<void*>(&attribute)},
      {"cuGetErrorString", reinterpret_cast<void*>(&error_string)},
      {"cuMemGetAllocationGranularity", reinterpret_cast<void*>(&granularity)},
      {"cuMemAddressReserve", reinterpret_cast<void*>(&reserve)},
      {"cuMemAddressFree", reinterpret_cast<void*>(&free_addresses)},
      {"cuMemCreate", reinterpret_cast<void*>(&create)},
      {"cuMemRelease", reinterpret_cast<void*>(&release)},
      {"cuMemMap", reinterpret_cast<void*>(&map)},
      {"cuMemSetAccess", reinterpret_cast<void*>(&set_access)},
      {"cuMemUnmap", reinterpret_cast<void*>(&unmap)},
  };
  return kAll;
}

cudaError_t entry_point(const char* name, void** function, cudaDriverEntryPointQueryResult* how) {
  const auto found = driver_functions().find(name);
  *function = found == driver_functions().end() ? nullptr : found->second;
  *how = *function == nullptr ? cudaDriverEntryPointSymbolNotFound : cudaDriverEntryPointSuccess;
  return cudaSuccess;
}

}  // namespace

// The kernels and products are others' tests'.
struct Products::Prepared {};
Products::Products(cudaStream_t stream) : stream_(stream) {}
Products::~Products() = default;
std::unique_ptr<DeviceKernels> kernels_on(cudaStream_t, Products&, const Card& card) {
  pretended_cuda().card = card;
  return nullptr;
}

}  // namespace slipway::cuda

using slipway::cuda::entry_point;
using slipway::cuda::pretended_cuda;

static thread_local int device_of_thread = 0;

extern "C" {
cudaError_t cudaGetDeviceCount(int* count) { return *count = 2, cudaSuccess; }
cudaError_t cudaSetDevice(int device) { return device_of_thread = device, cudaSuccess; }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  std::strcpy(properties->name, "pretended");
  for (int i = 0; i < 16; ++i) properties->uuid.bytes[i] = static_cast<char>(15 * i);
  properties->uuid.bytes[15] = static_cast<char>(device);
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  *value = device != 1                                            ? 0
           : attribute == cudaDevAttrMaxSharedMemoryPerBlockOptin ? 101376
           : attribute == cudaDevAttrMultiProcessorCount          ? 84
                                                                  : 0;
  return cudaSuccess;
}
cudaError_t cudaGetLastError() { return std::exchange(pretended_cuda().last, cudaSuccess); }
const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "out of memory" : "some fault";
}

#if CUDART_VERSION >= 12050
cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** function, unsigned,
                                             unsigned long long,
                                             cudaDriverEntryPointQueryResult* how) {
  return entry_point(name, function, how);
}
#else
cudaError_t cudaGetDriverEntryPoint(const char* name, void** function, unsigned long long,
                                    cudaDriverEntryPointQueryResult* how) {
  return entry_point(name, function, how);
}
#endif

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  if (pretended_cuda().allocation != cudaSuccess)
    return pretended_cuda().say(pretended_cuda().allocation);
  pretended_cuda().allocated_on = device_of_thread;
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
  *stream = reinterpret_cast<cudaStream_t>(pretended_cuda().streams.size() + 1);
  pretended_cuda().streams[*stream];
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (pretended_cuda().capturing)
    return pretended_cuda().spoiled = true, pretended_cuda().say(cudaErrorStreamCaptureUnsupported);
  pretended_cuda().finish(stream, pretended_cuda().streams.at(stream).asked.size());
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
  return pretended_cuda().submit(stream, [=] { std::memcpy(to, from, bytes); });
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  return pretended_cuda().submit(stream, [=] { std::memset(to, value, bytes); });
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  // What is recorded later is not waited for.
  return pretended_cuda().submit(
      stream, [before = pretended_cuda().events.at(event)] { pretended_cuda().finish(before); });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  static size_t made = 0;
  *event = reinterpret_cast<cudaEvent_t>(++made);
  pretended_cuda().events[*event] = {pretended_cuda().streams.begin()->first, 0};
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return pretended_cuda().events.erase(event), cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  pretended_cuda().events.at(event) = {stream, pretended_cuda().streams.at(stream).asked.size()};
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return pretended_cuda().finish(pretended_cuda().events.at(event)), cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  const auto& [stream, behind] = pretended_cuda().events.at(event);
  return pretended_cuda().streams.at(stream).done >= behind
             ? cudaSuccess
             : pretended_cuda().say(cudaErrorNotReady);
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
cudaError_t cudaGraphLaunch(cudaGraphExec_t, cudaStream_t stream) {
  for (const auto& work : pretended_cuda().recorded) pretended_cuda().submit(stream, work);
  return cudaSuccess;
}
}
