#include "base/visible_text.h"

#include <gtest/gtest.h>

namespace slipway {
namespace {

TEST(VisibleText, ShowsWhatATerminalWouldObey) {
  EXPECT_EQ(visible_text("a\x1b[31mred\x07\r\x7f"), "a\\x1b[31mred\\x07\\r\\x7f");
  EXPECT_EQ(visible_text("one\ttwo\nthree"), "one\ttwo\nthree");
  EXPECT_EQ(visible_text("\xc2\x9b"
                         "31m"),
            "\\x9b31m");
  EXPECT_EQ(visible_text(std::string("a\0b", 3)), "a\\x00b");
}

TEST(VisibleText, LeavesTextAlone) {
  for (const char* text : {"", "Grüße", "日本語 \U0001F600", "\xc2\xa0", "\xc2", "\xff\xfe"})
    EXPECT_EQ(visible_text(text), text);
}

TEST(VisibleText, OnOneLineNothingCanForgeAnother) {
  EXPECT_EQ(visible_line("bad\ninfo: completed\t!"), "bad\\ninfo: completed\\t!");
}

}  // namespace
}  // namespace slipway
