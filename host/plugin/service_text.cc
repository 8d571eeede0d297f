// slipway.host.text/1: the run's tokenizer, through the functions that the run's facts carry.
#include "plugin/service_tables.h"

namespace slipway {
namespace {

slw_status encode(const slw_host* host, slw_str text, void* ctx,
                  void (*sink)(void* ctx, const int32_t* ids, uint64_t n),
                  slw_error* error) noexcept {
  if (sink == nullptr || (text.data == nullptr && text.size != 0))
    return refuse(error, SLW_INVALID_ARGUMENT, "encode() needs text and a sink");
  return answer(error, [&] {
    const std::vector<int32_t> ids = services_of(host).facts().encode(view(text));
    sink(ctx, ids.data(), ids.size());
    return SLW_OK;
  });
}

slw_status decode(const slw_host* host, const int32_t* ids, uint64_t n, void* ctx,
                  void (*sink)(void* ctx, slw_str text), slw_error* error) noexcept {
  if (sink == nullptr || (ids == nullptr && n != 0))
    return refuse(error, SLW_INVALID_ARGUMENT, "decode() needs ids and a sink");
  return answer(error, [&] {
    const std::string text = services_of(host).facts().decode({ids, n});
    sink(ctx, {text.data(), text.size()});
    return SLW_OK;
  });
}

}  // namespace

const slw_host_text kTextService = {sizeof(slw_host_text), encode, decode};

}  // namespace slipway
