// slipway.host.train/1: gradients and weights in a callback's hands, its own clip and rate, a step
// passed over.
#include <cmath>

#include "plugin/service_tables.h"
#include "plugin/train_access.h"

namespace slipway {
namespace {

// The access when a call is allowed now, else nullptr.
TrainAccess* inside_event(const slw_host* host) {
  TrainAccess* access = services_of(host).facts().train;
  return access != nullptr && access->event >= 0 && access->thread == std::this_thread::get_id()
             ? access
             : nullptr;
}

slw_status outside(slw_error* error) {
  return refuse(error, SLW_FAILED_PRECONDITION,
                "slipway.host.train/1 may be called from inside on_event() alone, on its thread");
}

uint32_t param_count(const slw_host* host) noexcept {
  const TrainAccess* access = inside_event(host);
  return access == nullptr ? 0 : static_cast<uint32_t>(access->names.size());
}

const char* param_name(const slw_host* host, uint32_t i) noexcept {
  const TrainAccess* access = inside_event(host);
  return access == nullptr || i >= access->names.size() ? nullptr : access->names[i].c_str();
}

slw_status tensor(const slw_host* host, uint32_t i, slw_role role, const char* slot, DLTensor* out,
                  slw_stream* stream, slw_error* error) noexcept {
  const TrainAccess* access = inside_event(host);
  if (access == nullptr) return outside(error);
  if (out == nullptr || i >= access->names.size())
    return refuse(error, SLW_INVALID_ARGUMENT, "no such parameter");
  return answer(error, [&] {
    *out = access->tensor(i, role, slot != nullptr ? slot : "");
    if (stream != nullptr) *stream = {out->device, nullptr};
    return SLW_OK;
  });
}

slw_status shard(const slw_host* host, uint32_t i, slw_role role, slw_shard* out,
                 slw_error* error) noexcept {
  const TrainAccess* access = inside_event(host);
  if (access == nullptr) return outside(error);
  if (out == nullptr || out->struct_size < offsetof(slw_shard, count) + sizeof out->count ||
      i >= access->names.size())
    return refuse(error, SLW_INVALID_ARGUMENT, "no such parameter");
  return answer(error, [&] {
    const TrainAccess::Shard found = access->shard(i, role);
    out->ndim = static_cast<int32_t>(found.shape.size());
    out->shape = found.shape.data();
    out->offset = found.offset;
    out->count = found.count;
    return SLW_OK;
  });
}

slw_status set_learning_rate(const slw_host* host, double value, slw_error* error) noexcept {
  TrainAccess* access = inside_event(host);
  if (access == nullptr) return outside(error);
  if (!(value >= 0) || std::isinf(value))
    return refuse(error, SLW_INVALID_ARGUMENT, "a learning rate must be finite and not negative");
  access->step.learning_rate = value;
  return SLW_OK;
}

slw_status set_clip_norm(const slw_host* host, double value, slw_error* error) noexcept {
  TrainAccess* access = inside_event(host);
  if (access == nullptr) return outside(error);
  if (!(value >= 0)) return refuse(error, SLW_INVALID_ARGUMENT, "a norm must not be negative");
  access->step.clip_norm = value;
  return SLW_OK;
}

slw_status skip_step(const slw_host* host, slw_error* error) noexcept {
  TrainAccess* access = inside_event(host);
  if (access == nullptr) return outside(error);
  if (access->event != SLW_ON_PRE_OPTIMIZER_STEP)
    return refuse(error, SLW_FAILED_PRECONDITION, "skip_step() belongs into on_pre_optimizer_step");
  access->step.skip = true;
  return SLW_OK;
}

}  // namespace

const slw_host_train kTrainService = {
    sizeof(slw_host_train), 0,         param_count, param_name, tensor, set_learning_rate,
    set_clip_norm,          skip_step, shard};

}  // namespace slipway
