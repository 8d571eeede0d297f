// Added tokens: which of them is found, and what they take along.
#include "text/added_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slipway {
namespace {

using testing::ElementsAre;

Json token(int32_t id, const std::string& content, const Json& more = Json::object()) {
  Json out = {{"id", id}, {"content", content}, {"special", true}, {"normalized", false}};
  out.update(more);
  return out;
}

// Texts in quotes, that which nothing stands before with ^, ids in angles.
std::vector<std::string> cut(const Json& tokens, const std::string& input,
                             const Json& normal = nullptr) {
  std::vector<std::string> out;
  const Normalizer normalizer(normal, "here");
  AddedTokens(tokens, normalizer, "here")
      .cut(
          input, normalizer,
          [&](std::string_view run, bool first) {
            out.push_back((first ? "^'" : "'") + std::string(run) + "'");
          },
          [&](int32_t id) { out.push_back("<" + std::to_string(id) + ">"); });
  return out;
}

TEST(AddedTokens, TheLongestWinsWhereSeveralBegin) {
  const Json tokens = Json::array({token(1, "<a>"), token(2, "<a><b>"), token(3, "<")});
  EXPECT_THAT(cut(tokens, "x<a><b>y<a>z<q"),
              ElementsAre("^'x'", "<2>", "'y'", "<1>", "'z'", "<3>", "'q'"));
}

TEST(AddedTokens, WhiteSpaceIsTakenOnTheSideThatSaysSo) {
  EXPECT_THAT(cut(Json::array({token(1, "<a>", {{"lstrip", true}})}), "x  <a>  y"),
              ElementsAre("^'x'", "<1>", "'  y'"));
  EXPECT_THAT(cut(Json::array({token(1, "<a>", {{"rstrip", true}})}), "x  <a>  y"),
              ElementsAre("^'x  '", "<1>", "'y'"));
  EXPECT_THAT(cut(Json::array({token(1, "<a>")}), "x  <a>  y"),
              ElementsAre("^'x  '", "<1>", "'  y'"));
}

TEST(AddedTokens, ASingleWordStandsAlone) {
  EXPECT_THAT(cut(Json::array({token(1, "ab", {{"single_word", true}})}), "ab cab abc ab."),
              ElementsAre("<1>", "' cab abc '", "<1>", "'.'"));
}

TEST(AddedTokens, ThoseOfTheTextAsItIsComeFirst) {
  EXPECT_THAT(cut(Json::array({token(1, "<a>"), token(2, "b<a>", {{"normalized", true}})}), "b<a>"),
              ElementsAre("^'b'", "<1>"));
}

TEST(AddedTokens, TextsBetweenThemAreNormalizedOneByOne) {
  const Json prepend = {{"type", "Prepend"}, {"prepend", "_"}};
  EXPECT_THAT(cut(Json::array({token(1, "<a>")}), "x<a>y", prepend),
              ElementsAre("^'_x'", "<1>", "'_y'"));
  EXPECT_THAT(cut(Json::array({token(1, "<a>")}), "<a>y", prepend), ElementsAre("<1>", "'_y'"));
  EXPECT_THAT(cut(Json::array({token(1, "b", {{"normalized", true}})}), "bcb", prepend),
              ElementsAre("<1>", "'cb'"))
      << "what is looked for is normalized, too";
}

}  // namespace
}  // namespace slipway
