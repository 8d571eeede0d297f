// What ranks of a test say of one that is lost.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "tests/unit/dist/processes.h"

namespace slipway {

// All ranks but `lost` end in time with the code of a lost rank, and say `words`.
inline void expect_named(const std::vector<Ended>& ranks, int64_t lost, double limit,
                         const testing::Matcher<std::string>& words) {
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    if (static_cast<int64_t>(rank) == lost) continue;
    EXPECT_TRUE(ranks[rank].in_time) << "rank " << rank << ": " << ranks[rank].errors;
    EXPECT_EQ(ranks[rank].code, kExitRankLost)
        << "rank " << rank << ", by signal " << ranks[rank].signal << ": " << ranks[rank].errors;
    EXPECT_LT(ranks[rank].seconds, limit) << "rank " << rank;
    EXPECT_THAT(ranks[rank].errors, words) << "rank " << rank;
  }
}

}  // namespace slipway
