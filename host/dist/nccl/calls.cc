// By dlopen.
#include "dist/nccl/calls.h"

#include <dlfcn.h>

#include <stdexcept>

namespace slipway::nccl {
namespace {

// Communicators that do not block, and their ends, work from here on as they do today.
constexpr int kOldest = NCCL_VERSION(2, 18, 1);

std::string version_text(int code) {
  return std::to_string(code / 10000) + "." + std::to_string(code / 100 % 100) + "." +
         std::to_string(code % 100);
}

class Opened {
 public:
  explicit Opened(const char* name) : library_(dlopen(name, RTLD_NOW | RTLD_LOCAL)) {
    if (library_ == nullptr) throw std::runtime_error(dlerror());
  }
  template <class Function>
  void find(Function& function, const char* name) const {
    void* const found = dlsym(library_, name);
    if (found == nullptr) throw std::runtime_error("it has no " + std::string(name));
    function = reinterpret_cast<Function>(found);
  }

 private:
  void* library_;
};

std::string file_of(const Calls& calls, const char* otherwise) {
  Dl_info info{};
  const bool found = dladdr(reinterpret_cast<const void*>(calls.get_version), &info) != 0;
  return found && info.dli_fname != nullptr ? info.dli_fname : otherwise;
}

}  // namespace

Calls open_library(const char* library) {
  const Opened opened(library);
  Calls out;
  opened.find(out.get_version, "ncclGetVersion");
  int version = 0;
  if (out.get_version(&version) != ncclSuccess)
    throw std::runtime_error("it does not tell its version");
  out.version = version_text(version);
  out.file = file_of(out, library);
  if (version < kOldest)
    throw std::runtime_error(out.file + " is NCCL " + out.version + ", and " +
                             version_text(kOldest) + " or later is needed");
  opened.find(out.get_error_string, "ncclGetErrorString");
  opened.find(out.get_last_error, "ncclGetLastError");
  opened.find(out.get_unique_id, "ncclGetUniqueId");
  opened.find(out.init_rank_config, "ncclCommInitRankConfig");
  opened.find(out.get_async_error, "ncclCommGetAsyncError");
  opened.find(out.finalize, "ncclCommFinalize");
  opened.find(out.destroy, "ncclCommDestroy");
  opened.find(out.abort, "ncclCommAbort");
  opened.find(out.all_reduce, "ncclAllReduce");
  opened.find(out.reduce_scatter, "ncclReduceScatter");
  opened.find(out.all_gather, "ncclAllGather");
  opened.find(out.broadcast, "ncclBroadcast");
  return out;
}

}  // namespace slipway::nccl
