// The ranks of a run, in the groups in which they exchange.
#pragma once
#include "dist/rank_group.h"

namespace slipway {

struct RankGrid {
  RankGroup& all;
  // those that cut a model among them, and those that keep the same slices of it: alone, where
  // `within` is all
  RankGroup& within;
  RankGroup& across;
  bool with_rank_0 = true;  // of all, among those within

  static RankGrid alone() { return {RankGroup::alone(), RankGroup::alone(), RankGroup::alone()}; }
};

}  // namespace slipway
