// Who of the group is alive: each rank tells the store what it does, and reads what the others do.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "dist/assembly.h"
#include "dist/join_settings.h"
#include "dist/key_store.h"
#include "dist/rank_lost.h"

namespace slipway {

// Functions are for any thread unless they say otherwise.
class Heartbeat {
 public:
  Heartbeat(std::unique_ptr<KeyStore> store, const Assembly& assembly, int64_t rank,
            const JoinSettings& settings);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  // What the loop does from now on; a literal.
  void doing(const char* what, int64_t step);

  // Throws RankLost with the group's verdict once there is one, and then takes note that the loop's
  // thread has heard of it.
  void check();
  bool is_lost() const { return lost_.load(); }
  // The verdict, where there is none yet: `text`. Throws RankLost with the verdict.
  [[noreturn]] void give_up(const std::string& text);
  // An exchange broke by an error of the connection: waits for the verdict on whom it broke by, at
  // most for the limit of the heartbeats, and throws RankLost.
  [[noreturn]] void broke(const char* what, const std::string& problem);

 private:
  std::atomic<bool> lost_{false};
  std::mutex mutex_;
  std::string verdict_;
};

}  // namespace slipway
