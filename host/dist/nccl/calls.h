// NCCL's functions, of a library that is opened when they are wanted.
#pragma once
#include <nccl.h>

#include <string>

namespace slipway::nccl {

struct Calls {
  decltype(&::ncclGetVersion) get_version = nullptr;
  decltype(&::ncclGetErrorString) get_error_string = nullptr;
  decltype(&::ncclGetLastError) get_last_error = nullptr;
  decltype(&::ncclGetUniqueId) get_unique_id = nullptr;
  decltype(&::ncclCommInitRankConfig) init_rank_config = nullptr;
  decltype(&::ncclCommGetAsyncError) get_async_error = nullptr;
  decltype(&::ncclCommFinalize) finalize = nullptr;
  decltype(&::ncclCommDestroy) destroy = nullptr;
  decltype(&::ncclCommAbort) abort = nullptr;
  decltype(&::ncclAllReduce) all_reduce = nullptr;
  decltype(&::ncclReduceScatter) reduce_scatter = nullptr;
  decltype(&::ncclAllGather) all_gather = nullptr;
  decltype(&::ncclBroadcast) broadcast = nullptr;

  std::string version;  // "2.32.3"
  std::string file;     // where the library lies
};

// Of `library`, a file or a name for dlopen(); it stays loaded. Throws std::runtime_error where it
// cannot be loaded, lacks a function, or is older than 2.18.
Calls open_library(const char* library);

}  // namespace slipway::nccl
