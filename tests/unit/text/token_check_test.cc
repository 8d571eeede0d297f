// Ids that a model does not know.
#include "text/token_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace slipway {
namespace {

TEST(TokenCheck, NamesTheTokenAndItsPlace) {
  const Tokenizer tokenizer = load_tokenizer("tests/parity/data/tokenizer_llama3.json");
  const auto fault = [&](std::vector<int32_t> ids, int64_t vocab) -> std::string {
    try {
      check_tokens(ids, {vocab, 0}, tokenizer, "a.jsonl:7");
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(fault({0, 257}, 258), "");
  EXPECT_EQ(fault({0, 99'999}, 0), "");  // not known
  EXPECT_THAT(fault({0, 329}, 329),
              testing::StartsWith("a.jsonl:7: token 329 (\"et\") is not in the model's vocabulary "
                                  "of 329; does model.tokenizer belong to these weights?"));
  EXPECT_THAT(fault({-1}, 258), testing::HasSubstr("token -1"));
}

// A whole text has the special tokens of both its parts.
TEST(TokenCheck, ATextInTwoPartsHasTheWholesFrame) {
  const Tokenizer tokenizer = load_tokenizer("tests/parity/data/tokenizer_llama3.json");
  std::vector<int32_t> parts = tokenizer.encode_beginning("The film"),
                       end = tokenizer.encode_end(" is good");
  EXPECT_EQ(parts.front(), 0);  // <s>
  EXPECT_NE(parts.back(), 1);   // </s>
  EXPECT_NE(end.front(), 0);
  EXPECT_EQ(end.back(), 1);
  parts.insert(parts.end(), end.begin(), end.end());
  EXPECT_EQ(parts, tokenizer.encode("The film is good"));
}

}  // namespace
}  // namespace slipway
