// Settling.
#include "loop/shared_warnings.h"

#include "base/log.h"
#include "loop/gathered_json.h"

namespace slipway {

void settle_warnings_of(RankGroup& ranks) {
  if (ranks.is_alone()) return;
  const std::vector<std::string> own = kept_warnings();
  const std::vector<Json> all =
      gathered_json(ranks, ranks.leads() ? Json(own) : Json::array(), "the warnings of the start");
  settle_warnings(all[0].get<std::vector<std::string>>());
}

}  // namespace slipway
