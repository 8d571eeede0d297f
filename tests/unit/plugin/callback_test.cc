// Callback plugins as the host calls them.
#include "plugin/callback.h"

#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

TEST(Callback, ItsStateComesBack) {
  const CallbackPlugin plugin(
      instance(fixture("watcher"), option_table("state", Value::of(std::string("seen 3")))));
  EXPECT_EQ(plugin.save(), "seen 3");
  plugin.load("seen 4");
  EXPECT_EQ(plugin.save(), "seen 4");
}

TEST(Callback, TheWorkingFolderIsPutBackAfterWhatComesNowAndThen) {
  const CallbackPlugin plugin(instance(fixture("watcher"), option_table("moves", Value::of(true))));
  const fs::path before = fs::current_path();
  slw_state state{};
  state.struct_size = sizeof state;
  slw_event event{};
  event.struct_size = sizeof event;
  event.type = SLW_ON_EPOCH_END;
  event.state = &state;
  uint32_t control = 0;
  testing::internal::CaptureStderr();
  plugin.on_event(event, control);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::HasSubstr("plugin org.test.watcher, on_event(): changed the working folder; "
                                 "it is as before again"));
  EXPECT_EQ(fs::current_path(), before);
}

TEST(Callback, OneWithoutStateIsNotAskedForAny) {
  const CallbackPlugin plugin(
      instance(fixture("watcher"), option_table("stateless", Value::of(true))));
  EXPECT_EQ(plugin.save(), "");
  EXPECT_EQ(error_of([&] { plugin.load("left by another"); }), "");
}

}  // namespace
}  // namespace slipway
