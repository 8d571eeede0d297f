// The service tables.
#include "plugin/services.h"

#include <atomic>
#include <cstring>

#include "base/log.h"
#include "base/random.h"

namespace slipway {
namespace {

std::atomic<bool> stop_flag{false};

void log_from_plugin(const slw_host* host, slw_log_level level, slw_str text) noexcept {
  try {
    const auto& plugin = *static_cast<const std::string*>(host->ctx);
    const LogLevel mapped = level <= SLW_LOG_TRACE ? LogLevel::kTrace : level == SLW_LOG_DEBUG ? LogLevel::kDebug
                            : level == SLW_LOG_INFO ? LogLevel::kInfo : level == SLW_LOG_WARN ? LogLevel::kWarn : LogLevel::kError;
    log_message(mapped, plugin + ": " + std::string(text.data != nullptr ? text.data : "", text.size));
  } catch (...) {  // a message that cannot be printed must not take the run down
  }
}

uint64_t seed_of(const slw_host*, const char* purpose, uint64_t index) noexcept {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char* c = purpose; *c != '\0'; ++c) hash = (hash ^ static_cast<unsigned char>(*c)) * 0x100000001b3;
  return hash ^ (index * 0x9E3779B97F4A7C15);
}

void uniform_floats(const slw_host*, uint64_t seed, uint64_t offset, float* out, uint64_t n) noexcept {
  for (uint64_t i = 0; i < n; ++i) {
    const uint64_t at = offset + i;
    const auto bits = philox({static_cast<uint32_t>(at), static_cast<uint32_t>(at >> 32), 0, 0},
                             {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
    out[i] = static_cast<float>(bits[0] >> 8) * 0x1.0p-24f;
  }
}

const slw_host_random kRandom = {sizeof(slw_host_random), seed_of, uniform_floats};

}  // namespace

bool stop_requested() { return stop_flag.load(std::memory_order_relaxed); }
void request_stop() { stop_flag.store(true, std::memory_order_relaxed); }

HostServices::HostServices(std::string plugin_id, const RunFacts& facts)
    : plugin_id_(std::move(plugin_id)), run_id_(facts.run_id), output_dir_(facts.output_dir),
      work_dir_(facts.output_dir.empty() ? "" : facts.output_dir + "/plugins/" + plugin_id_) {
  run_ = {sizeof run_, facts.rank, facts.world_size, facts.local_rank, run_id_.c_str(), output_dir_.c_str(), work_dir_.c_str()};
  // ctx leads back to this object: a service knows which plugin asks.
  host_ = {sizeof host_, SLW_ABI_MAJOR, SLW_ABI_MINOR, &plugin_id_, "slipway", SLIPWAY_VERSION, log_from_plugin,
           [](const slw_host*) noexcept -> int32_t { return stop_requested(); },
           [](const slw_host* h, const char* id) noexcept -> const void* {
             const auto* self = reinterpret_cast<const HostServices*>(reinterpret_cast<const char*>(h) - offsetof(HostServices, host_));
             if (std::strcmp(id, SLW_HOST_RUN) == 0) return self->output_dir_.empty() ? nullptr : &self->run_;
             if (std::strcmp(id, SLW_HOST_RANDOM) == 0) return &kRandom;
             return nullptr;
           }};
}

}  // namespace slipway
