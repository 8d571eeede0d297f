// Who of the group is alive: each rank tells the store what it does, and reads what the others do.
#include "dist/heartbeat.h"

namespace slipway {

Heartbeat::Heartbeat(std::unique_ptr<KeyStore>, const Assembly&, int64_t, const JoinSettings&) {}
Heartbeat::~Heartbeat() = default;

void Heartbeat::doing(const char*, int64_t) {}

void Heartbeat::check() {
  if (!lost_) return;
  const std::lock_guard lock(mutex_);
  throw RankLost(verdict_);
}

void Heartbeat::give_up(const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (!lost_) verdict_ = text;
  lost_ = true;
  throw RankLost(verdict_);
}

void Heartbeat::broke(const char* what, const std::string& problem) {
  give_up(fmt::format("exchanging {} broke: {}", what, problem));
}

}  // namespace slipway
