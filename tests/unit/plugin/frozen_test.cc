// Binaries of authors of every released minor, built once with its headers (tests/abi/frozen): they
// load, score, stop and keep their state.
#include "plugin/callback.h"
#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

class Frozen : public testing::TestWithParam<const char*> {
 protected:
  Library library = load(fs::path(SLIPWAY_FROZEN) / GetParam() / "old_author.so");
  Plugin plugin(size_t index, const Value& options = {}) {
    const slw_descriptor& descriptor = *library.descriptors()[index];
    return {
        library, descriptor, check_options(descriptor.options, &options, descriptor.id, {}), {}};
  }
};

TEST_P(Frozen, ARewardScores) {
  EXPECT_THAT(RewardPlugin(plugin(0), 1.0).score(rows({"", "abc"}), 1, false),
              testing::ElementsAre(0.25, 3.25));
  EXPECT_THAT(RewardPlugin(plugin(0, option_table("bonus", Value::of(2.0))), 0.5)
                  .score(rows({"abc"}), 1, true),
              testing::ElementsAre(2.5));
}

TEST_P(Frozen, ACallbackStopsAndKeepsItsState) {
  slw_event event{};
  event.struct_size = sizeof event;
  event.type = SLW_ON_STEP_END;
  const auto step = [&](const CallbackPlugin& callback) {
    uint32_t control = 0;
    callback.on_event(event, control);
    return control;
  };
  const CallbackPlugin first(plugin(1)), second(plugin(1));
  EXPECT_EQ(first.events(), uint64_t{1} << SLW_ON_STEP_END);
  EXPECT_EQ(step(first), 0u);
  EXPECT_EQ(step(first), 0u);
  second.load(first.save());
  EXPECT_EQ(step(first), SLW_STOP_TRAINING);
  EXPECT_EQ(step(second), SLW_STOP_TRAINING);
}

INSTANTIATE_TEST_SUITE_P(Minors, Frozen, testing::Values("1.0", "1.1", "1.2"),
                         [](const auto& minor) { return std::string("Minor") + minor.param[2]; });

}  // namespace
}  // namespace slipway
