// slipway doctor --dist: what ranks exchange between processors, and between GPUs.
#include "app/ranks_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Json times_of(double seconds) {
  return {{"latency_seconds", seconds},
          {"bus_gb_per_s", 0.1 / seconds},
          {"transfers",
           {{{"mib", 16},
             {"sum_to_all", seconds},
             {"sum_scattered", seconds},
             {"gathered", seconds},
             {"from_one", seconds}}}}};
}

Json two_ranks(const Json& device) {
  Json out = times_of(0.1);
  out["launcher"] = "torchrun", out["store"] = "here:1";
  for (const int rank : {0, 1})
    out["ranks"].push_back(
        {{"rank", rank}, {"host", "h"}, {"threads", 1}, {"cores", 1}, {"device", device}});
  out["warnings"] = Json::array();
  out["devices"] = out["devices_fault"] = nullptr;
  return out;
}

TEST(RanksText, SaysNothingOfGpusWhereThereAreNone) {
  Json ranks = two_ranks(nullptr);
  ranks["devices_fault"] = "rank 0: no CUDA device can be used";
  EXPECT_THAT(ranks_text(ranks),
              AllOf(HasSubstr("a sum of one number: 100 ms"), Not(HasSubstr("GPU"))));
}

TEST(RanksText, HasWhatGpusExchangeOrWhyNot) {
  Json ranks = two_ranks("NVIDIA H200");
  ranks["devices_fault"] = "ranks 0 and 1 compute on one GPU";
  EXPECT_THAT(
      ranks_text(ranks),
      HasSubstr("rank 1 computes on NVIDIA H200\nnothing is exchanged between GPUs: ranks 0 "
                "and 1 compute on one GPU\n"));
  ranks["devices"] = times_of(0.001);
  ranks["devices"]["nccl"] = "2.32.3";
  EXPECT_THAT(ranks_text(ranks),
              AllOf(HasSubstr("between GPUs, by NCCL 2.32.3\nrank 0 computes on NVIDIA H200\n"),
                    HasSubstr("a sum of one number: 1.00 ms"),
                    HasSubstr("sends and receives 100.00 GB/s")));
}

}  // namespace
}  // namespace slipway
