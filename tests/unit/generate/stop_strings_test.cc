// Stop strings, whatever tokens they begin and end in.
#include "generate/stop_strings.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/json.h"

namespace slipway {
namespace {

const Tokenizer& pairs() {
  static const Tokenizer out = Tokenizer::from_json(R"({
    "version": "1.0", "normalizer": null, "added_tokens": [],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false,
      "trim_offsets": true, "use_regex": true},
    "decoder": {"type": "ByteLevel", "add_prefix_space": true,
      "trim_offsets": true, "use_regex": true},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3, "bc": 4},
      "merges": []}})",
                                                    "pairs");
  return out;
}

TEST(StopStrings, AreFoundAcrossTokens) {
  const StopStrings stop(pairs(), {"bca", "cc"});
  EXPECT_FALSE(stop.reached(std::vector<int32_t>{3, 2}));       // ab c
  EXPECT_TRUE(stop.reached(std::vector<int32_t>{3, 2, 0}));     // ab c a
  EXPECT_TRUE(stop.reached(std::vector<int32_t>{4, 3}));        // bc ab
  EXPECT_TRUE(stop.reached(std::vector<int32_t>{0, 4, 2, 0}));  // a bc c a
}

TEST(StopStrings, AreFoundAtTheEndOfLongTexts) {
  std::string longest(101, 'a');
  longest.back() = 'b';
  const StopStrings stop(pairs(), {longest, "cc"});
  std::vector<int32_t> ids(1000, 0);
  EXPECT_FALSE(stop.reached(ids));
  ids.push_back(1);
  EXPECT_TRUE(stop.reached(ids)) << "of as many tokens as bytes";
  ids.assign(1000, 1);
  ids.insert(ids.end(), {2, 2});
  EXPECT_TRUE(stop.reached(ids));
}

TEST(StopStrings, TheTextEndsBeforeTheFirst) {
  const StopStrings stop(pairs(), {"bca", "cc"});
  EXPECT_EQ(stop.before("abcab"), "a");
  EXPECT_EQ(stop.before("accbca"), "a");
  EXPECT_EQ(stop.before("abc"), "abc");
  EXPECT_EQ(answer_text(pairs(), {}, std::vector<int32_t>{3, 2, 0}, &stop), "a");
  EXPECT_EQ(answer_text(pairs(), {}, std::vector<int32_t>{3, 2, 0}, nullptr), "abca");
}

TEST(StopStrings, WhatMayBecomeOneIsHeldBack) {
  const StopStrings stop(pairs(), {"bca", "cc"});
  EXPECT_EQ(stop.begun("aab"), 1u);
  EXPECT_EQ(stop.begun("abc"), 2u);
  EXPECT_EQ(stop.begun("aac"), 1u);
  EXPECT_EQ(stop.begun("a"), 0u);
  EXPECT_THROW(StopStrings(pairs(), {""}), Error);
}

}  // namespace
}  // namespace slipway
