// How long the processes of a run wait for each other.
#pragma once
#include <functional>
#include <string>

namespace slipway {

struct JoinSettings {
  // From the start to the moment when all have met.
  double join_seconds = 300;
  // How long one exchange may take while every rank is alive: evaluation by one rank, a slow
  // reward.
  double exchange_seconds = 1800;
  // A rank of which nothing is heard for so long is lost.
  double heartbeat_seconds = 30;
  // A rank that the others wait for is named so often.
  double slow_seconds = 60;
  // Between a loss and the end of a process whose loop does not come to an exchange to hear of it;
  // one that heard of it has ten times as long to end by itself.
  double grace_seconds = 1.5;
  // Called by the heartbeat's thread with the reason before it ends the process, after the launcher
  // was told (dist/error_file.h); may be empty.
  std::function<void(const std::string& reason)> before_exit;
};

}  // namespace slipway
