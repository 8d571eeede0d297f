// NCCL's calls.
#include "dist/nccl/communicator.h"

#include <cstddef>
#include <stdexcept>
#include <utility>

namespace slipway::nccl {
namespace {

constexpr const char* kBrokenOff = "it was broken off";

ncclDataType_t type_of(WireType type) {
  switch (type) {
    case WireType::kFloat32:
      return ncclFloat32;
    case WireType::kFloat64:
      return ncclFloat64;
    case WireType::kBfloat16:
      return ncclBfloat16;
    case WireType::kInt64:
      return ncclInt64;
  }
  throw std::logic_error("no such type");
}

ncclRedOp_t operation_of(Reduction reduction) {
  switch (reduction) {
    case Reduction::kSum:
      return ncclSum;
    case Reduction::kMax:
      return ncclMax;
    case Reduction::kMin:
      return ncclMin;
  }
  throw std::logic_error("no such reduction");
}

cudaStream_t stream(void* lane) { return static_cast<cudaStream_t>(lane); }

// As the oldest library that has it knows it: an older one than the header's reads no further, and
// a later one reads what was there then.
ncclConfig_t not_blocking() {
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.size = offsetof(ncclConfig_t, cgaClusterSize);
  config.version = NCCL_VERSION(2, 14, 0);
  config.blocking = 0;
  return config;
}

}  // namespace

Communicator::Communicator(const Calls& calls, const ncclUniqueId& meeting, int64_t rank,
                           int64_t world)
    : calls_(calls) {
  ncclConfig_t config = not_blocking();
  const ncclResult_t result = calls_.init_rank_config(&comm_, static_cast<int>(world), meeting,
                                                      static_cast<int>(rank), &config);
  if (result == ncclSuccess || result == ncclInProgress) return;
  const std::string why = words(result);
  abort();
  throw std::runtime_error("ncclCommInitRankConfig: " + why);
}

Communicator::~Communicator() {
  if (finished_ && state() == State::kReady) calls_.destroy(std::exchange(comm_, nullptr));
  else abort();
}

std::string Communicator::words(ncclResult_t result) {
  const char* last = calls_.get_last_error(comm_);
  const std::string text = calls_.get_error_string(result);
  return last == nullptr || *last == '\0' ? text : text + ": " + last;
}

DeviceWire::State Communicator::state() {
  const std::lock_guard lock(mutex_);
  if (comm_ == nullptr || !problem_.empty()) return State::kFailed;
  ncclResult_t result = ncclSuccess;
  if (const ncclResult_t asked = calls_.get_async_error(comm_, &result); asked != ncclSuccess)
    result = asked;
  if (result == ncclSuccess) return State::kReady;
  if (result == ncclInProgress) return State::kUnderWay;
  problem_ = words(result);
  return State::kFailed;
}

std::string Communicator::problem() {
  const std::lock_guard lock(mutex_);
  return problem_.empty() ? kBrokenOff : problem_;
}

template <class Call>
void Communicator::ask(const char* what, const Call& call) {
  const std::lock_guard lock(mutex_);
  if (comm_ == nullptr) throw std::runtime_error(std::string(what) + ": " + kBrokenOff);
  const ncclResult_t result = call();
  if (result == ncclSuccess || result == ncclInProgress) return;
  problem_ = words(result);
  throw std::runtime_error(std::string(what) + ": " + problem_);
}

void Communicator::all_reduce(void* x, size_t count, WireType type, Reduction reduction,
                              void* lane) {
  ask("ncclAllReduce", [&] {
    return calls_.all_reduce(x, x, count, type_of(type), operation_of(reduction), comm_,
                             stream(lane));
  });
}

void Communicator::reduce_scatter(const void* whole, void* own, size_t count, WireType type,
                                  void* lane) {
  ask("ncclReduceScatter", [&] {
    return calls_.reduce_scatter(whole, own, count, type_of(type), ncclSum, comm_, stream(lane));
  });
}

void Communicator::all_gather(const void* own, void* whole, size_t count, WireType type,
                              void* lane) {
  ask("ncclAllGather",
      [&] { return calls_.all_gather(own, whole, count, type_of(type), comm_, stream(lane)); });
}

void Communicator::broadcast(void* x, size_t count, WireType type, int64_t from, void* lane) {
  ask("ncclBroadcast", [&] {
    return calls_.broadcast(x, x, count, type_of(type), static_cast<int>(from), comm_,
                            stream(lane));
  });
}

void Communicator::finish() {
  ask("ncclCommFinalize", [&] { return calls_.finalize(comm_); });
  finished_ = true;
}

// Others find no communicator from here on; NCCL may take its time.
void Communicator::abort() noexcept {
  ncclComm_t comm = nullptr;
  {
    const std::lock_guard lock(mutex_);
    comm = std::exchange(comm_, nullptr);
  }
  if (comm != nullptr) calls_.abort(comm);
}

}  // namespace slipway::nccl
