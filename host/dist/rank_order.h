// Reduction of what all ranks sent, in the order of the ranks.
#pragma once
#include "compute/torch.h"
#include "dist/rank_group.h"

namespace slipway {

// out [n] = the reduction of rows [world, n] from the first to the last, so that its bits do not
// depend on how a sum was cut into pieces or on who computed it. bfloat16 is added in float32 and
// rounded once. A maximum or minimum with NaN is NaN. Both contiguous, of one type: float32,
// float64, bfloat16 or int64; other types throw Error. On the calling thread alone.
void reduce_in_rank_order(const at::Tensor& rows, Reduction reduction, const at::Tensor& out);

}  // namespace slipway
