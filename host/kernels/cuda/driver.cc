// Asking the runtime for the driver's functions: nothing is linked with libcuda.
#include "kernels/cuda/driver.h"

#include "kernels/cuda/check.h"
#include "kernels/cuda/own_device.h"

namespace slipway::cuda {
namespace {

template <class Function>
bool find(Function& function, const char* name) {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult how = cudaDriverEntryPointSymbolNotFound;
#if CUDART_VERSION >= 12050
  constexpr unsigned kSince = 11000;  // the version whose form of the call is asked for
  const cudaError_t result =
      cudaGetDriverEntryPointByVersion(name, &found, kSince, cudaEnableDefault, &how);
#else
  const cudaError_t result = cudaGetDriverEntryPoint(name, &found, cudaEnableDefault, &how);
#endif
  if (result != cudaSuccess) cudaGetLastError();
  function = reinterpret_cast<Function>(found);
  return result == cudaSuccess && how == cudaDriverEntryPointSuccess && found != nullptr;
}

}  // namespace

const Driver* driver() {
  static Driver found;
  static const bool kHasAll =
      find(found.attribute, "cuDeviceGetAttribute") &&
      find(found.error_string, "cuGetErrorString") &&
      find(found.granularity, "cuMemGetAllocationGranularity") &&
      find(found.reserve, "cuMemAddressReserve") &&
      find(found.free_addresses, "cuMemAddressFree") && find(found.create, "cuMemCreate") &&
      find(found.release, "cuMemRelease") && find(found.map, "cuMemMap") &&
      find(found.unmap, "cuMemUnmap") && find(found.set_access, "cuMemSetAccess");
  return kHasAll ? &found : nullptr;
}

void check(CUresult result, const char* what) {
  if (result == CUDA_SUCCESS) return;
  const char* words = nullptr;
  driver()->error_string(result, &words);
  const std::string text =
      std::string("CUDA, ") + what + ": " + (words == nullptr ? "an unknown fault" : words);
  if (result == CUDA_ERROR_OUT_OF_MEMORY) throw GpuMemoryFull(text);
  throw std::runtime_error(text);
}

CUmemAllocationProp memory_of_own_device() {
  CUmemAllocationProp out{};
  out.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  out.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  out.location.id = own_device();
  return out;
}

size_t mapped_bytes() {
  if (driver() == nullptr) return 0;
  use_own_device();
  int has = 0;
  if (driver()->attribute(&has, CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED,
                          own_device()) != CUDA_SUCCESS ||
      has == 0)
    return 0;
  size_t out = 0;
  const CUmemAllocationProp memory = memory_of_own_device();
  const CUresult result =
      driver()->granularity(&out, &memory, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED);
  return result == CUDA_SUCCESS ? out : 0;
}

}  // namespace slipway::cuda
