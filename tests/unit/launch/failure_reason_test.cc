// Error files of ours, of torch, and broken ones.
#include "launch/failure_reason.h"

#include <gtest/gtest.h>

namespace slipway {
namespace {

std::string reason_in(const std::string& text) {
  const fs::path file = fs::path(SLIPWAY_SCRATCH) / "error.json";
  write_file_durably(file, text);
  return failure_reason(file);
}

TEST(FailureReason, IsTheMessageOfTheFile) {
  EXPECT_EQ(
      reason_in(
          R"({"message": {"message": "RuntimeError: boom", "extraInfo": {"timestamp": "1"}}})"),
      "RuntimeError: boom");
  EXPECT_EQ(reason_in(R"({"message": "boom"})"), "boom");
  EXPECT_EQ(reason_in("{\"message\": \"a\\n\\u001b[31mb\"}"), "a\\n\\x1b[31mb");
  const std::string cut = reason_in(R"({"message": ")" + std::string(5000, 'x') + "\"}");
  EXPECT_LT(cut.size(), 1100u);
  EXPECT_TRUE(cut.ends_with("(5000 bytes)")) << cut;
}

TEST(FailureReason, IsEmptyWhereTheFileSaysNothing) {
  for (const char* text : {"", "{", "[]", "5", "{}", R"({"message": 5})", R"({"message": {}})",
                           R"({"message": {"message": {}}})", R"({"message": {"mess)"})
    EXPECT_EQ(reason_in(text), "") << text;
  EXPECT_EQ(reason_in(R"({"message": ")" + std::string(2 << 20, 'x') + "\"}"), "");
  EXPECT_EQ(failure_reason("/nowhere/error.json"), "");
  EXPECT_EQ(failure_reason("/dev"), "");
}

}  // namespace
}  // namespace slipway
