// Patterns cut with the reference's classes whatever PCRE2 knows; GPT-2's words by hand equal the
// pattern's.
#include "text/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "text/gpt2_words.h"
#include "text/unicode.h"

namespace slipway {
namespace {

using testing::ElementsAre;

std::vector<std::string> matches(const std::string& regex, const std::string& text) {
  std::vector<std::string> out;
  Pattern(regex, "here").cut(text, [&](std::string_view piece, bool matched) {
    if (matched) out.emplace_back(piece);
  });
  return out;
}

TEST(Pattern, ClassesAreTheReferences) {
  EXPECT_THAT(matches(R"(\s+)", "a\u180Eb\u2003\u0085c"), ElementsAre("\u2003\u0085"));
  EXPECT_THAT(matches(R"([^\S\n]+)", "a \n\u180E\u3000b"), ElementsAre(" ", "\u3000"));
  // Unicode 15
  EXPECT_THAT(matches(R"(\p{L}+)", "x\U00031350\U0002EBF0y1"),
              ElementsAre("x\U00031350\U0002EBF0y"));
  // Unicode 15, 16
  EXPECT_THAT(matches(R"([\p{N}]+)", "\U00011F50\U0001CCF0"), ElementsAre("\U00011F50\U0001CCF0"));
  EXPECT_THAT(matches(R"(\P{L}+)", "a\U00031350!b"), ElementsAre("!"));
  EXPECT_THAT(matches(R"(\w+)", "e\u0301_\u203F \u24D0"), ElementsAre("e\u0301_\u203F", "\u24D0"));
  EXPECT_THAT(matches(R"(\W+)", "a\u0301-b"), ElementsAre("-"));
  EXPECT_THAT(matches(R"([]\s]+)", "a] b[:c"), ElementsAre("] "));
  EXPECT_THAT(matches(R"([[:digit:]\p{Lu}]+)", "aB1]c"), ElementsAre("B1"));
  EXPECT_THAT(matches(R"(\[\s\])", "[ ]"), ElementsAre("[ ]"));
  EXPECT_THAT(matches(R"(\Q\s[\E+)", "a\\s[["), ElementsAre("\\s[["));
  EXPECT_THAT(matches(R"(\\s)", "\\s s"), ElementsAre("\\s"));
  EXPECT_THAT(matches(R"(\p{^Lu}+)", "aBc"), ElementsAre("a", "c"));
}

TEST(Pattern, EveryStringIsALiteral) {
  for (const std::string text : {"a.b", "|", "\\", " ", "é+", "[x]", "(?i)", "\\E", "日本"})
    EXPECT_THAT(matches(literal_pattern(text), "q" + text + "q"), ElementsAre(text));
}

TEST(Pattern, NothingIsFoundBetweenTheBytesOfALetter) {
  std::vector<std::string> pieces;
  Pattern("b*", "here").cut("\u00e9\u65e5bb\u00e9", [&](std::string_view piece, bool matched) {
    pieces.push_back(std::string(piece) + (matched ? "+" : "-"));
  });
  EXPECT_THAT(pieces, ElementsAre("\u00e9-", "\u65e5-", "bb+", "\u00e9-"));
}

TEST(Pattern, BadPatternsAreNamed) {
  for (const char* regex : {"(", "[", "a{2,1}", "\\", "[\\", "\\p{", "\\Q", "[[:", "(?<"}) try {
      Pattern(regex, "file").cut("text", [](std::string_view, bool) {});
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), testing::StartsWith("file: the pattern"));
    }
  EXPECT_THROW(Pattern("(", "file"), Error);
}

TEST(Gpt2Words, EqualThePattern) {
  const Pattern pattern(
      R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", "here");
  const char* const parts[] = {"a",  "É",   "1",   "²", " ",  "  ",     "\n",     "\u3000", "'",
                               "'s", "'ll", "'re", "!", "日", "\u0301", "\u180E", "😀"};
  std::mt19937 random(1);
  for (int n = 0; n < 20'000; ++n) {
    std::string text;
    for (size_t i = random() % 9; i > 0; --i) text += parts[random() % std::size(parts)];
    std::vector<std::string> want, have;
    pattern.cut(text, [&](std::string_view piece, bool) { want.emplace_back(piece); });
    cut_gpt2_words(text, [&](std::string_view piece) { have.emplace_back(piece); });
    ASSERT_EQ(have, want) << text;
  }
}

TEST(Unicode, CodePointsBothWays) {
  const std::string text = "a\u00E9\u65E5\U0001F600";
  std::vector<char32_t> forward, backward;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    forward.push_back(c.value);
    at += c.size;
  }
  for (size_t end = text.size(); end > 0;) {
    const CodePoint c = code_point_before(text, end);
    backward.insert(backward.begin(), c.value);
    end -= c.size;
  }
  EXPECT_THAT(forward, ElementsAre(U'a', U'\u00E9', U'\u65E5', U'\U0001F600'));
  EXPECT_EQ(backward, forward);
}

}  // namespace
}  // namespace slipway
