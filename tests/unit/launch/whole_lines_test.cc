// Lines from pieces.
#include "launch/whole_lines.h"

#include <gtest/gtest.h>

#include <vector>

namespace slipway {
namespace {

using Lines = std::vector<std::string>;

Lines cut(const std::vector<std::string>& pieces) {
  Lines out;
  WholeLines lines([&](std::string_view line) { out.emplace_back(line); });
  for (const std::string& piece : pieces) lines.add(piece);
  lines.end();
  lines.end();
  return out;
}

TEST(WholeLines, AreGivenAwayOnceTheyHaveEnded) {
  EXPECT_EQ(cut({}), Lines{});
  EXPECT_EQ(cut({"a\n\nb", "c", "\nd"}), (Lines{"a", "", "bc", "d"}));
  EXPECT_EQ(cut({"a\rb\n"}), Lines{"a\rb"});
  EXPECT_EQ(cut({std::string("a\0b\n", 4)}), Lines{std::string("a\0b", 3)});
}

TEST(WholeLines, OneWithoutEndComesInPieces) {
  const std::string longest(WholeLines::kLongest, 'x');
  EXPECT_EQ(cut({longest + "\n", "y\n"}), (Lines{longest, "y"}));
  EXPECT_EQ(cut({longest, "\n", "y\n"}), (Lines{longest, "y"}));
  EXPECT_EQ(cut({longest + "xx\n"}), (Lines{longest, "xx"}));
  EXPECT_EQ(cut({longest + longest}), (Lines{longest, longest}));
}

}  // namespace
}  // namespace slipway
