// A stand-in for libnccl.so.2, for ranks on one machine without a GPU: what ranks exchange goes
// through files in SLIPWAY_STAND_IN_FOLDER, and is done on the lanes of the emulated accelerator.
// As NCCL does where communicators do not block, a call comes back before its work has been given
// to the stream: ncclCommGetAsyncError gives it, when it has been asked often enough.
//
// SLIPWAY_STAND_IN_FAILS=RANK:NUMBER: that rank's exchange of that number does not come to an end,
// and the rank is told of an error.
#include <nccl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/kernels/cuda/lane_handle.h"

#ifndef STAND_IN_VERSION
#define STAND_IN_VERSION NCCL_VERSION_CODE
#endif

namespace {

namespace files = std::filesystem;
using slipway::cuda::LaneHandle;

constexpr int kAskedBefore = 3;  // of a call's state, until it is done

bool is_named(const char* variable, const std::string& what) {
  const char* const value = std::getenv(variable);
  return value != nullptr && value == what;
}

}  // namespace

struct ncclComm {
  std::string name;  // of the files
  int rank = 0, world = 1;
  int64_t number = 0;  // of the exchange that was asked for last
  std::mutex mutex;
  std::function<void()> asked;  // not given to its stream yet
  int left = 0;                 // askings before it is
  bool has_met = false, finishes = false;
  std::atomic<bool> aborted{false}, failed{false};

  std::string file(const std::string& kind, int64_t of, int from) const {
    return name + "-" + kind + std::to_string(of) + "." + std::to_string(from);
  }
  void put(const std::string& to, const void* data, size_t bytes) const {
    std::ofstream(to + ".part", std::ios::binary)
        .write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
    files::rename(to + ".part", to);
  }
  // Whether every rank has come to the begin or the end.
  bool have_all(const char* kind) const {
    for (int from = 0; from < world; ++from)
      if (!files::exists(file(kind, 0, from))) return false;
    return true;
  }
  // The other's bytes; empty where it was broken off.
  std::string await(int64_t of, int from) const {
    const std::string path = file("x", of, from);
    while (!files::exists(path)) {
      if (aborted) return {};
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  // What each rank brought to exchange `of`, and this one's files of the one before are done with.
  std::vector<std::string> shared(int64_t of, const void* data, size_t bytes) const {
    put(file("x", of, rank), data, bytes);
    std::vector<std::string> all;
    for (int from = 0; from < world; ++from) all.push_back(await(of, from));
    files::remove(file("x", of - 1, rank));
    return all;
  }
};

namespace {

size_t size_of(ncclDataType_t type) {
  return type == ncclBfloat16 ? 2 : type == ncclFloat32 ? 4 : 8;
}

struct Bfloat16 {
  uint16_t bits;
};
float wide(Bfloat16 value) {
  const uint32_t bits = static_cast<uint32_t>(value.bits) << 16;
  float out = 0;
  std::memcpy(&out, &bits, sizeof out);
  return out;
}
template <class T>
T wide(T value) {
  return value;
}
void narrow(float value, Bfloat16& out) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  out.bits = static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
template <class T>
void narrow(T value, T& out) {
  out = value;
}

template <class T>
void reduce(const std::vector<std::string>& all, size_t begin, size_t count, ncclRedOp_t operation,
            void* out) {
  const auto value = [&](size_t from, size_t i) {
    T one{};
    std::memcpy(&one, all[from].data() + (begin + i) * sizeof one, sizeof one);
    return wide(one);
  };
  for (size_t i = 0; i < count; ++i) {
    auto sum = value(0, i);
    for (size_t from = 1; from < all.size(); ++from) {
      const auto next = value(from, i);
      if (operation == ncclSum) sum += next;
      else sum = operation == ncclMax ? std::max(sum, next) : std::min(sum, next);
    }
    narrow(sum, static_cast<T*>(out)[i]);
  }
}

void reduce(ncclDataType_t type, const std::vector<std::string>& all, size_t begin, size_t count,
            ncclRedOp_t operation, void* out) {
  if (type == ncclFloat32) reduce<float>(all, begin, count, operation, out);
  if (type == ncclFloat64) reduce<double>(all, begin, count, operation, out);
  if (type == ncclBfloat16) reduce<Bfloat16>(all, begin, count, operation, out);
  if (type == ncclInt64) reduce<int64_t>(all, begin, count, operation, out);
}

using Brought = std::vector<std::string>;

// Gives the stream an exchange: `bytes` at `data` of each rank, and then `done(what all brought)`.
ncclResult_t exchange(ncclComm_t comm, cudaStream_t stream, const void* data, size_t bytes,
                      std::function<void(const Brought&)> done) {
  const std::lock_guard lock(comm->mutex);
  if (comm->asked) return ncclInvalidUsage;  // the one before is under way
  const int64_t number = ++comm->number;
  const bool fails =
      is_named("SLIPWAY_STAND_IN_FAILS", std::to_string(comm->rank) + ":" + std::to_string(number));
  auto* const work = new std::function<void()>([=, done = std::move(done)] {
    if (fails) comm->failed = true;
    while (fails && !comm->aborted) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const Brought all = comm->shared(number, data, bytes);
    if (!comm->aborted) done(all);
  });
  comm->left = kAskedBefore;
  comm->asked = [=] {
    auto* const lane = reinterpret_cast<LaneHandle*>(stream);
    lane->submit(
        lane,
        [](void* given) {
          const std::unique_ptr<std::function<void()>> own(
              static_cast<std::function<void()>*>(given));
          (*own)();
        },
        work);
  };
  return ncclInProgress;
}

}  // namespace

extern "C" {

ncclResult_t ncclGetVersion(int* version) { return *version = STAND_IN_VERSION, ncclSuccess; }
const char* ncclGetErrorString(ncclResult_t result) {
  return result == ncclRemoteError ? "a stand-in's remote error" : "a stand-in's error";
}
const char* ncclGetLastError(ncclComm_t) { return ""; }

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  static std::atomic<int> made{0};
  std::memset(id->internal, 0, sizeof id->internal);
  const char* const folder = std::getenv("SLIPWAY_STAND_IN_FOLDER");
  const std::string name = std::string(folder == nullptr ? "/tmp" : folder) + "/nccl-" +
                           std::to_string(::getpid()) + "-" + std::to_string(++made);
  if (name.size() >= sizeof id->internal) return ncclSystemError;
  std::memcpy(id->internal, name.data(), name.size());
  return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* out, int world, ncclUniqueId id, int rank,
                                    ncclConfig_t* config) {
  if (config->blocking != 0 || config->magic != NCCL_API_MAGIC) return ncclInvalidArgument;
  auto* const comm = new ncclComm();
  comm->name = id.internal, comm->rank = rank, comm->world = world;
  comm->put(comm->file("hello", 0, rank), "", 0);
  return *out = comm, ncclInProgress;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* result) {
  const std::lock_guard lock(comm->mutex);
  *result = ncclInProgress;
  comm->has_met = comm->has_met || comm->have_all("hello");
  if (!comm->has_met || (comm->finishes && !comm->have_all("bye"))) return ncclSuccess;
  if (comm->asked) {
    if (--comm->left > 0) return ncclSuccess;
    comm->asked();
    comm->asked = nullptr;
  }
  *result = comm->failed ? ncclRemoteError : ncclSuccess;
  return ncclSuccess;
}

#ifndef STAND_IN_WITHOUT_FINALIZE
ncclResult_t ncclCommFinalize(ncclComm_t comm) {
  comm->finishes = true;
  comm->put(comm->file("bye", 0, comm->rank), "", 0);
  return ncclInProgress;
}
#endif
// Left in memory: a lane may still use it.
ncclResult_t ncclCommDestroy(ncclComm_t comm) { return ncclCommAbort(comm); }
ncclResult_t ncclCommAbort(ncclComm_t comm) { return comm->aborted = true, ncclSuccess; }

ncclResult_t ncclAllReduce(const void* from, void* to, size_t count, ncclDataType_t type,
                           ncclRedOp_t operation, ncclComm_t comm, cudaStream_t stream) {
  return exchange(comm, stream, from, count * size_of(type),
                  [=](const Brought& all) { reduce(type, all, 0, count, operation, to); });
}
ncclResult_t ncclReduceScatter(const void* from, void* to, size_t count, ncclDataType_t type,
                               ncclRedOp_t operation, ncclComm_t comm, cudaStream_t stream) {
  const auto world = static_cast<size_t>(comm->world), rank = static_cast<size_t>(comm->rank);
  return exchange(comm, stream, from, world * count * size_of(type), [=](const Brought& all) {
    reduce(type, all, rank * count, count, operation, to);
  });
}
ncclResult_t ncclAllGather(const void* from, void* to, size_t count, ncclDataType_t type,
                           ncclComm_t comm, cudaStream_t stream) {
  const size_t bytes = count * size_of(type);
  return exchange(comm, stream, from, bytes, [=](const Brought& all) {
    for (size_t rank = 0; rank < all.size(); ++rank)
      std::memcpy(static_cast<char*>(to) + rank * bytes, all[rank].data(), bytes);
  });
}
ncclResult_t ncclBroadcast(const void* from, void* to, size_t count, ncclDataType_t type, int root,
                           ncclComm_t comm, cudaStream_t stream) {
  const size_t bytes = comm->rank == root ? count * size_of(type) : 0;
  return exchange(comm, stream, from, bytes, [=](const Brought& all) {
    const std::string& one = all[static_cast<size_t>(root)];
    std::memcpy(to, one.data(), one.size());
  });
}
}
