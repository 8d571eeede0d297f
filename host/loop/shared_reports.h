// What plugins report on several ranks, as one number of all.
#pragma once
#include "dist/rank_group.h"
#include "plugin/report_board.h"

namespace slipway {

// What plugins reported on any rank since it was last taken becomes what they reported on each;
// with `on_first`, for a checkpoint, on the first alone, so that nothing counts twice. Throws
// RankLost. [loop]
void share_reports(RankGroup& ranks, ReportBoard& reports, bool evaluation, bool on_first = false);

}  // namespace slipway
