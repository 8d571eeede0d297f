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

// Texts in quotes, ids in angles.
std::vector<std::string> cut(const Json& tokens, const std::string& input) {
  std::vector<std::string> out;
  AddedTokens(tokens, "here")
      .cut(
          input, [&](std::string_view run) { out.push_back("'" + std::string(run) + "'"); },
          [&](int32_t id) { out.push_back("<" + std::to_string(id) + ">"); });
  return out;
}

TEST(AddedTokens, TheLongestWinsWhereSeveralBegin) {
  const Json tokens = Json::array({token(1, "<a>"), token(2, "<a><b>"), token(3, "<")});
  EXPECT_THAT(cut(tokens, "x<a><b>y<a>z<q"),
              ElementsAre("'x'", "<2>", "'y'", "<1>", "'z'", "<3>", "'q'"));
}

TEST(AddedTokens, WhiteSpaceIsTakenOnTheSideThatSaysSo) {
  EXPECT_THAT(cut(Json::array({token(1, "<a>", {{"lstrip", true}})}), "x  <a>  y"),
              ElementsAre("'x'", "<1>", "'  y'"));
  EXPECT_THAT(cut(Json::array({token(1, "<a>", {{"rstrip", true}})}), "x  <a>  y"),
              ElementsAre("'x  '", "<1>", "'y'"));
  EXPECT_THAT(cut(Json::array({token(1, "<a>")}), "x  <a>  y"),
              ElementsAre("'x  '", "<1>", "'  y'"));
}

TEST(AddedTokens, ASingleWordStandsAlone) {
  EXPECT_THAT(cut(Json::array({token(1, "ab", {{"single_word", true}})}), "ab cab abc ab."),
              ElementsAre("<1>", "' cab abc '", "<1>", "'.'"));
}

TEST(AddedTokens, ThoseOfTheTextAsItIsComeFirst) {
  EXPECT_THAT(cut(Json::array({token(1, "<a>"), token(2, "b<a>", {{"normalized", true}})}), "b<a>"),
              ElementsAre("'b'", "<1>"));
}

}  // namespace
}  // namespace slipway
