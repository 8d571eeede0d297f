// The driver's calls for memory that is mapped and unmapped, which CUDA's runtime does not have.
#pragma once
#include <cuda.h>

#include <string>

namespace slipway::cuda {

struct Driver {
  decltype(&::cuDeviceGetAttribute) attribute = nullptr;
  decltype(&::cuGetErrorString) error_string = nullptr;
  decltype(&::cuMemGetAllocationGranularity) granularity = nullptr;
  decltype(&::cuMemAddressReserve) reserve = nullptr;
  decltype(&::cuMemAddressFree) free_addresses = nullptr;
  decltype(&::cuMemCreate) create = nullptr;
  decltype(&::cuMemRelease) release = nullptr;
  decltype(&::cuMemMap) map = nullptr;
  decltype(&::cuMemUnmap) unmap = nullptr;
  decltype(&::cuMemSetAccess) set_access = nullptr;
};

// Found by the runtime, in the driver that it uses; nullptr where that one is too old to have all.
const Driver* driver();

// Throws GpuMemoryFull where memory ran out, std::runtime_error for all else that went wrong.
void check(CUresult result, const char* what);

// The process's GPU, as these calls name it.
CUmemAllocationProp memory_of_own_device();

// The least that is mapped at a time; 0 where the GPU, or its driver, maps nothing.
size_t mapped_bytes();

}  // namespace slipway::cuda
