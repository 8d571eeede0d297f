// What concerns the whole process.
#include "base/log.h"
#include "config/schema.h"
#include "dist/rank_lost.h"
#include "loop/run.h"
#include "plugin/trampoline.h"
#include "slipway/slipway.hpp"

namespace slipway {

int exit_code_of(const std::exception& failure) {
  if (dynamic_cast<const ConfigError*>(&failure) != nullptr) return kExitUsage;
  if (dynamic_cast<const Interrupted*>(&failure) != nullptr ||
      dynamic_cast<const Cancelled*>(&failure) != nullptr)
    return kExitInterrupted;
  if (dynamic_cast<const RankLost*>(&failure) != nullptr) return kExitRankLost;
  return kExitFailure;
}

void set_quiet(bool quiet) { set_log_level(quiet ? LogLevel::kWarn : LogLevel::kInfo); }

}  // namespace slipway
