// Sharing reports.
#include "loop/shared_reports.h"

#include "loop/gathered_json.h"

namespace slipway {

void share_reports(RankGroup& ranks, ReportBoard& reports, bool evaluation, bool on_first) {
  if (ranks.is_alone()) return;
  std::vector<Json> states = gathered_json(ranks, reports.state(evaluation), "what plugins report");
  if (on_first && !ranks.leads()) states.clear();
  reports.put_together(states, evaluation);
}

}  // namespace slipway
