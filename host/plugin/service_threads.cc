// slipway.host.thread-check/1 and slipway.host.workers/1: which thread this is, and threads to
// share work with.
#include <atomic>

#include "plugin/service_tables.h"
#include "plugin/trampoline.h"
#include "plugin/workers.h"

namespace slipway {
namespace {

std::atomic<std::thread::id> loop_thread{std::thread::id{}};

int32_t is_main(const slw_host* host) noexcept { return services_of(host).on_main_thread(); }

int32_t is_loop(const slw_host* host) noexcept {
  const std::thread::id loop = loop_thread.load(std::memory_order_relaxed);
  return loop == std::thread::id{} ? services_of(host).on_main_thread()
                                   : loop == std::this_thread::get_id();
}

slw_status parallel_for(const slw_host* host, uint64_t n, void* ctx,
                        void (*task)(void* ctx, uint64_t i), slw_error* error) noexcept {
  if (task == nullptr) return refuse(error, SLW_INVALID_ARGUMENT, "parallel_for() needs a task");
  if (Workers::inside_task())
    return refuse(error, SLW_FAILED_PRECONDITION,
                  "parallel_for() was called from inside one of its tasks");
  return answer(error, [&] {
    const char* plugin = services_of(host).plugin_id().c_str();
    Workers::shared().run(n, [&](uint64_t i) {
      const PluginCallScope scope(plugin, "parallel_for task");
      task(ctx, i);
    });
    return SLW_OK;
  });
}

}  // namespace

void mark_loop_thread() {
  loop_thread.store(std::this_thread::get_id(), std::memory_order_relaxed);
}

const slw_host_thread_check kThreadCheckService = {sizeof(slw_host_thread_check), is_main, is_loop};
const slw_host_workers kWorkersService = {sizeof(slw_host_workers), parallel_for};

}  // namespace slipway
