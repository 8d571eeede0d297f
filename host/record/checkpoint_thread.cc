// Starting, hearing of the end, waiting.
#include "record/checkpoint_thread.h"

#include <chrono>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "base/trace.h"

namespace slipway {

CheckpointThread::~CheckpointThread() {
  if (!begun()) return;
  try {
    finish();
  } catch (const std::exception& e) {
    log_warn("{}", e.what());
  }
}

void CheckpointThread::begin(std::function<void()> write) {
  done_.store(false);
  try {
    thread_ = std::thread([this, write]() mutable {
      trace_thread_name("checkpoints");
      work(std::move(write));
      done_.store(true, std::memory_order_release);
    });
  } catch (const std::system_error&) {
    write();
  }
}

void CheckpointThread::work(std::function<void()> write) {
  const TraceScope trace("loop", "checkpoint");
  const auto began = std::chrono::steady_clock::now();
  try {
    write();
  } catch (...) {
    wrong_ = std::current_exception();
  }
  took_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

void CheckpointThread::finish() {
  if (!begun()) return;
  thread_.join();
  seconds_ = took_;
  if (wrong_) std::rethrow_exception(std::exchange(wrong_, nullptr));
}

}  // namespace slipway
