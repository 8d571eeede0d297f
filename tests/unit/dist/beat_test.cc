#include "dist/beat.h"

#include <gtest/gtest.h>

namespace slipway {
namespace {

TEST(Beat, IsReadAsItWasWritten) {
  const Beat beat = {.count = 812,
                     .state = Beat::State::kFailed,
                     .step = 17,
                     .doing = "exchanging \"the\ngradients\"",
                     .reason = "no space left",
                     .begun = {{"", 40}, {".1:0", 3}},
                     .is_waiting = true};
  const auto read = read_beat(beat_text(beat));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->count, beat.count);
  EXPECT_EQ(read->state, beat.state);
  EXPECT_EQ(read->step, beat.step);
  EXPECT_EQ(read->doing, beat.doing);
  EXPECT_EQ(read->reason, beat.reason);
  EXPECT_EQ(read->begun, beat.begun);
  EXPECT_EQ(read->is_waiting, beat.is_waiting);
}

TEST(Beat, OtherTextsAreNone) {
  std::string strange = beat_text({});
  EXPECT_TRUE(read_beat(strange));
  for (const char* text : {"", "{", "[]", "null", "{\"count\":1}", "\xff\xfe"})
    EXPECT_FALSE(read_beat(text)) << text;
  for (const char* state : {"-1", "4", "\"0\"", "1e99"}) {
    const std::string text = beat_text({});
    const size_t at = text.find("\"state\":0");
    ASSERT_NE(at, std::string::npos);
    EXPECT_FALSE(read_beat(text.substr(0, at) + "\"state\":" + state + text.substr(at + 9)))
        << state;
  }
}

}  // namespace
}  // namespace slipway
