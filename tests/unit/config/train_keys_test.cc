// Keys that words mean, beside those that are written.
#include "config/train_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/toml.h"

namespace slipway {
namespace {

using testing::ElementsAre;

class TrainKeysTest : public testing::Test {
 protected:
  static Value at(Value value, const std::string& file, int line) {
    value.where = {file, line};
    return value;
  }
  Value train =
      parse_toml("per_gpu_train_batch_size = 4\nwarmup_steps = 2.0\noptim = \"sgd\"", "run.toml");
  std::vector<std::string> faults;
  TrainKeys keys{train, faults};
};

TEST_F(TrainKeysTest, AKeyThatIsNotWrittenGetsThePlaceOfItsWord) {
  const Value stage = at(Value::of(int64_t{2}), "ds.json", 3);
  keys.mean({"deepspeed.stage", stage}, "zero_stage", stage);
  EXPECT_EQ(train.find("zero_stage")->where.text(), "ds.json:3");
  EXPECT_EQ(train.find("zero_stage")->i, 2);
  EXPECT_THAT(faults, ElementsAre());
}

TEST_F(TrainKeysTest, AnEqualOneIsNoFaultUnderAnyNameAndInAnyKindOfNumber) {
  const Value batch = at(Value::of(int64_t{4}), "ds.json", 3),
              steps = at(Value::of(int64_t{2}), "ds.json", 4);
  keys.mean({"deepspeed.batch", batch}, "per_device_train_batch_size", batch);
  keys.mean({"deepspeed.steps", steps}, "warmup_steps", steps);
  EXPECT_THAT(faults, ElementsAre());
  EXPECT_EQ(train.table.size(), 3u);
}

TEST_F(TrainKeysTest, AContradictionNamesBothPlaces) {
  const Value batch = at(Value::of(int64_t{8}), "ds.json", 3),
              one = at(Value::of(int64_t{1}), "ds.json", 9),
              two = at(Value::of(int64_t{2}), "ds.json", 12);
  keys.mean({"deepspeed.batch", batch}, "per_device_train_batch_size", batch);
  keys.mean({"one", one}, "zero_stage", one);
  keys.remedy("write \"auto\" there, or ");
  keys.mean({"two", two}, "zero_stage", two);
  EXPECT_THAT(faults,
              ElementsAre("ds.json:3: deepspeed.batch = 8 is per_device_train_batch_size = 8 here, "
                          "but train.per_gpu_train_batch_size = 4 stands in run.toml:1; leave one "
                          "of the two out",
                          "ds.json:12: two = 2 is zero_stage = 2 here, but one = 1 stands in "
                          "ds.json:9, which is zero_stage = 1; write \"auto\" there, or leave one "
                          "of the two out"));
  EXPECT_EQ(train.find("zero_stage")->i, 1);
}

TEST_F(TrainKeysTest, NoticesTellWhatWasSaidSinceTheLast) {
  const Value stage = at(Value::of(int64_t{2}), "ds.json", 3);
  keys.mean({"deepspeed.stage", stage}, "zero_stage", stage);
  keys.has_no_effect({"deepspeed.zero_optimization.overlap_comm", stage});
  EXPECT_THAT(keys.notices("run.toml:9", "train.deepspeed"),
              ElementsAre("run.toml:9: train.deepspeed is here zero_stage = 2",
                          "run.toml:9: of train.deepspeed, these have no effect here: "
                          "zero_optimization.overlap_comm"));
  EXPECT_THAT(keys.notices("", ""), ElementsAre());
}

}  // namespace
}  // namespace slipway
