// slipway.host.metrics/1: numbers and columns that a plugin reports, kept until the host takes
// them.
#include "plugin/service_tables.h"

namespace slipway {
namespace {

constexpr size_t kLongestName = 200;

// The name as rows and curves can have it: what is not printable ASCII becomes "_".
std::string printable_ascii(const char* name) {
  std::string out(name, strnlen(name, kLongestName));
  std::ranges::replace_if(out, [](char c) { return c < ' ' || c > '~'; }, '_');
  return out;
}

void scalar(const slw_host* host, const char* name, double value, slw_reduce how) noexcept {
  if (name == nullptr || *name == '\0') return;
  answer(nullptr,
         [&] { return services_of(host).keep_scalar(printable_ascii(name), value, how), SLW_OK; });
}

void column(const slw_host* host, const char* name, const slw_value* values,
            uint64_t rows) noexcept {
  if (name == nullptr || *name == '\0' || (values == nullptr && rows != 0)) return;
  answer(nullptr, [&] {
    return services_of(host).keep_column(printable_ascii(name), values, rows), SLW_OK;
  });
}

}  // namespace

const slw_host_metrics kMetricsService = {sizeof(slw_host_metrics), scalar, column};

}  // namespace slipway
