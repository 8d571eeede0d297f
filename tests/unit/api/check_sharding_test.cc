// What DeepSpeed's words say of the number of processes.
#include "api/check_sharding.h"

#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> faults_of(const std::string& deepspeed, int64_t world,
                                   const std::vector<std::string>& more = {}) {
  std::vector<std::string> overrides = {"train.deepspeed=" + deepspeed};
  overrides.insert(overrides.end(), more.begin(), more.end());
  Place place;
  place.world = world;
  place.local_world = world;
  return sharding_faults(load_run_config("tests/e2e/tiny_sft.toml", overrides, nullptr), place);
}

// tiny_sft.toml has 4 x 2 examples a step and rank.
TEST(CheckSharding, TheWholeBatchIsWhatTheRanksMakeOfIt) {
  EXPECT_THAT(faults_of(R"({"train_batch_size": 16})", 2), ElementsAre());
  EXPECT_THAT(faults_of(R"({"train_batch_size": "auto"})", 3), ElementsAre());
  EXPECT_THAT(faults_of(R"({"train_batch_size": 16})", 4),
              ElementsAre(testing::AllOf(
                  testing::StartsWith("--set: deepspeed.train_batch_size = 16, but a step has 4 "
                                      "ranks x per_device_train_batch_size 4 ("),
                  HasSubstr("tiny_sft.toml:"), HasSubstr("= 32 examples"))));
  EXPECT_THAT(faults_of(R"({"train_batch_size": 16})", 4, {"train.auto_find_batch_size=true"}),
              ElementsAre());
}

TEST(CheckSharding, AGroupIsAMachine) {
  EXPECT_THAT(faults_of(R"({"zero_optimization": {"mics_shard_size": 2}})", 2), ElementsAre());
  EXPECT_THAT(faults_of(R"({"zero_optimization": {"zero_hpz_partition_size": 1}})", 2),
              ElementsAre());
  EXPECT_THAT(faults_of(R"({"zero_optimization": {"zero_hpz_partition_size": 8}})", 2),
              ElementsAre(HasSubstr("zero_hpz_partition_size = 8, but there are 2 ranks on this "
                                    "machine")));
}

}  // namespace
}  // namespace slipway
