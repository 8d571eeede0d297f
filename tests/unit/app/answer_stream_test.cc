// Answers, in order, while they are written.
#include "app/answer_stream.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>

namespace slipway {
namespace {

// What is printed while `act` runs.
std::string printed(const std::function<void()>& act) {
  testing::internal::CaptureStdout();
  act();
  return testing::internal::GetCapturedStdout();
}

std::string name(size_t prompt, int64_t sample) {
  return std::to_string(prompt) + std::to_string(sample) + ":";
}

TEST(AnswerStream, ShowsEachPartOfTheFirstTextAtOnce) {
  std::optional<AnswerStream> stream;
  EXPECT_EQ(printed([&] { stream.emplace(1, 1, name); }), "00:");
  EXPECT_EQ(printed([&] { stream->add({0, 0, "a", false}); }), "a");
  EXPECT_EQ(printed([&] { stream->add({0, 0, "", false}); }), "");
  EXPECT_EQ(printed([&] { stream->add({0, 0, "b", true}); }), "b\n");
  EXPECT_EQ(printed([&] { stream->end(); }), "");
}

TEST(AnswerStream, OthersWaitForTheirTurn) {
  std::optional<AnswerStream> stream;
  EXPECT_EQ(printed([&] { stream.emplace(2, 2, name); }), "00:");
  EXPECT_EQ(printed([&] {
              stream->add({0, 1, "b", false});
              stream->add({1, 0, "c", true});
              stream->add({0, 1, "B", true});
              stream->add({1, 1, "d", false});
            }),
            "");
  EXPECT_EQ(printed([&] { stream->add({0, 0, "a", true}); }), "a\n01:bB\n10:c\n11:d")
      << "the last one is shown as far as it is";
  EXPECT_EQ(printed([&] { stream->add({1, 1, "D", true}); }), "D\n");
  EXPECT_EQ(printed([&] { stream->end(); }), "");
}

TEST(AnswerStream, ATextThatIsBrokenOffEndsItsLine) {
  EXPECT_EQ(printed([] {
              AnswerStream stream(1, 2, name);
              stream.add({0, 0, "a", false});
              stream.add({0, 1, "b", false});
              stream.end();
            }),
            "00:a\n");
}

}  // namespace
}  // namespace slipway
