// Texts told token by token.
#include "text/growing_text.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace slipway {
namespace {

// a, and the bytes of é (C3 A9) and € (E2 82 AC) one by one; </s> is skipped.
const Tokenizer& bytes_alone() {
  static const Tokenizer out = Tokenizer::from_json(R"({
    "version": "1.0", "normalizer": null,
    "added_tokens": [{"id": 6, "content": "</s>", "single_word": false, "lstrip": false,
      "rstrip": false, "normalized": false, "special": true}],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false,
      "trim_offsets": true, "use_regex": true},
    "decoder": {"type": "ByteLevel", "add_prefix_space": true,
      "trim_offsets": true, "use_regex": true},
    "model": {"type": "BPE", "vocab":
      {"a": 0, "Ã": 1, "©": 2, "â": 3, "Ĥ": 4, "¬": 5}, "merges": []}})",
                                                    "bytes");
  return out;
}

std::vector<std::string> told(const std::vector<int32_t>& ids) {
  GrowingText text(bytes_alone());
  std::vector<std::string> out;
  for (const int32_t id : ids) out.push_back(text.add(id));
  out.push_back(text.rest());
  return out;
}

using Strings = std::vector<std::string>;

TEST(GrowingText, ACharacterComesWithTheLastOfItsBytes) {
  EXPECT_EQ(told({0, 1, 2, 0}), (Strings{"a", "", "\u00e9", "a", ""}));
  EXPECT_EQ(told({3, 4, 5}), (Strings{"", "", "\u20ac", ""}));
}

TEST(GrowingText, WhatIsNoCharacterIsToldOnceThatIsCertain) {
  EXPECT_EQ(told({1, 0}), (Strings{"", "\uFFFDa", ""}));
  EXPECT_EQ(told({2, 0}), (Strings{"\uFFFD", "a", ""})) << "no character begins with A9";
  EXPECT_EQ(told({0, 3, 4}), (Strings{"a", "", "", "\uFFFD"}));
}

TEST(GrowingText, SkippedTokensAddNothing) {
  EXPECT_EQ(told({0, 6, 0, 6}), (Strings{"a", "", "a", "", ""}));
  EXPECT_EQ(told({1, 6, 2}), (Strings{"", "", "\u00e9", ""}));
  EXPECT_EQ(told({0, 1234}), (Strings{"a", "", ""})) << "out of range";
  EXPECT_EQ(told({}), (Strings{""}));
}

// Every text of four tokens, and long ones: end to end it is the decoded whole.
TEST(GrowingText, EndToEndItIsTheDecodedText) {
  const auto holds = [](const std::vector<int32_t>& ids) {
    std::string all;
    for (const std::string& each : told(ids)) all += each;
    EXPECT_EQ(all, bytes_alone().decode(ids)) << testing::PrintToString(ids);
  };
  for (int32_t i = 0; i < 7 * 7 * 7 * 7; ++i) holds({i % 7, i / 7 % 7, i / 49 % 7, i / 343});
  std::vector<int32_t> ids;
  uint32_t draw = 1;
  for (int i = 0; i < 500; ++i) {
    draw = draw * 1664525 + 1013904223;
    ids.push_back(static_cast<int32_t>(draw >> 16) % 7);
    if (i % 50 == 0) holds(ids);
  }
}

}  // namespace
}  // namespace slipway
