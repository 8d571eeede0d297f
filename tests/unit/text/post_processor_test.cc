// The ids around a text, by templates and sequences of them.
#include "text/post_processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace slipway {
namespace {

using testing::ElementsAre;

// "[A] text [B]" with the ids of A and B.
Json around(int left, int right) {
  const auto special = [](const char* name) {
    return Json{{"SpecialToken", {{"id", name}, {"type_id", 0}}}};
  };
  return {{"type", "TemplateProcessing"},
          {"single", Json::array({special("A"), Json{{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
                                  special("B")})},
          {"special_tokens", {{"A", {{"ids", {left}}}}, {"B", {{"ids", {right}}}}}}};
}

TEST(PostProcessor, ALaterTemplateStandsAroundAnEarlier) {
  const PostProcessor frame(
      {{"type", "Sequence"},
       {"processors", Json::array({around(1, 2), {{"type", "ByteLevel"}}, around(3, 4)})}},
      "t");
  EXPECT_THAT(frame.before, ElementsAre(3, 1));
  EXPECT_THAT(frame.after, ElementsAre(2, 4));
}

TEST(PostProcessor, NothingAndOneTemplate) {
  EXPECT_TRUE(PostProcessor(Json(), "t").before.empty());
  const PostProcessor frame(around(1, 2), "t");
  EXPECT_THAT(frame.before, ElementsAre(1));
  EXPECT_THAT(frame.after, ElementsAre(2));
}

}  // namespace
}  // namespace slipway
