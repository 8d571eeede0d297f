// Stopping.
#include "loop/stop_together.h"

#include <exception>

#include "loop/run.h"
#include "plugin/trampoline.h"

namespace slipway {

void stop_together(RankGroup& ranks, const std::function<void()>& work) {
  if (ranks.is_alone()) return work();
  std::string words;
  try {
    work();
  } catch (const Interrupted& e) {
    words = e.what();
  } catch (const Cancelled& e) {
    words = fmt::format("stopped by a signal: {}", e.what());
  }
  for (const std::string& each : ranks.all_gather_bytes(words, "whether a rank was stopped"))
    if (!each.empty()) throw Interrupted(each);
}

}  // namespace slipway
