// slipway.host.random/1: numbers that depend on the run's seed, a purpose and a place, never on
// what was drawn before.
#include "base/random.h"
#include "plugin/service_tables.h"

namespace slipway {
namespace {

uint64_t seed_of(const slw_host* host, const char* purpose, uint64_t index) noexcept {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char* c = purpose != nullptr ? purpose : ""; *c != '\0'; ++c)
    hash = (hash ^ static_cast<unsigned char>(*c)) * 0x100000001b3;
  const uint64_t seed = services_of(host).facts().seed;
  const auto bits = philox({static_cast<uint32_t>(hash), static_cast<uint32_t>(hash >> 32),
                            static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32)},
                           {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  return uint64_t{bits[0]} << 32 | bits[1];
}

void uniform_floats(const slw_host*, uint64_t seed, uint64_t offset, float* out,
                    uint64_t n) noexcept {
  for (uint64_t i = 0; i < n; ++i) {
    const uint64_t at = offset + i;
    const auto bits = philox({static_cast<uint32_t>(at), static_cast<uint32_t>(at >> 32), 0, 0},
                             {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
    out[i] = static_cast<float>(bits[0] >> 8) * 0x1.0p-24f;
  }
}

}  // namespace

const slw_host_random kRandomService = {sizeof(slw_host_random), seed_of, uniform_floats};

}  // namespace slipway
