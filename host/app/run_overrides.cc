// Overrides of one run.
#include "app/run_overrides.h"

#include "config/overrides.h"

namespace slipway {

Overrides run_overrides(const CommandLine& line) {
  Overrides out = line.texts("set");
  for (const std::string& each : out)
    if (is_of_search(each))
      throw UsageError(
          fmt::format("--set {}: [search] is read by slipway search alone; remove it here", each));
  return out;
}

}  // namespace slipway
