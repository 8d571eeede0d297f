// Ids and decoded texts equal those of the tokenizers package (tests/parity/record_tokenizer.py),
// for every recorded string and every code point.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/files.h"
#include "tests/unit/text/recorded.h"
#include "text/tokenizer.h"
#include "weights/gguf.h"

namespace slipway {
namespace {

uint32_t fnv(std::string_view bytes) {
  uint32_t h = 0x811C9DC5;
  for (const char c : bytes) h = (h ^ static_cast<unsigned char>(c)) * 0x01000193;
  return h;
}

uint32_t fnv(const std::vector<int32_t>& ids) {
  return fnv(
      std::string_view(reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(int32_t)));
}

void compare(const Tokenizer& tokenizer, const char* name) {
  Reader in(kRecords / (std::string("tokenizer_") + name + ".gz"));
  const std::vector<std::string>& texts = recorded_strings();
  ASSERT_EQ(in.number(), texts.size());
  ASSERT_GE(texts.size(), 10'000u);
  int wrong_ids = 0, wrong_texts = 0, wrong_blocks = 0;
  std::vector<std::vector<int32_t>> all;
  for (const std::string& text : texts) {
    all.push_back(tokenizer.encode(text));
    const std::string decoded =
        tokenizer.decode(all.back(), false) + '\0' + tokenizer.decode(all.back(), true);
    const bool ids = in.number() == fnv(all.back()), same = in.number() == fnv(decoded);
    if ((!ids && ++wrong_ids <= 5) || (!same && ++wrong_texts <= 5))
      ADD_FAILURE() << name << ": " << (ids ? "decodes" : "encodes")
                    << " otherwise: " << testing::PrintToString(text);
  }
  const uint32_t blocks = in.number();
  ASSERT_EQ(blocks, 0x1100u);
  for (uint32_t i = 0; i < blocks; ++i)
    if (in.number() != fnv(tokenizer.encode(block(i))) && ++wrong_blocks <= 5)
      ADD_FAILURE() << name << ": another cut among code points from " << std::hex << 256 * i;
  const int wrong_lists = lists_that_differ(in, all, name);
  EXPECT_TRUE(in.done());
  std::printf(
      "%s: %zu strings, %d with other ids, %d with another decoded text; 1,112,064 code points, %d "
      "of %u blocks differ\n",
      name, texts.size(), wrong_ids, wrong_texts, wrong_blocks, blocks);
  EXPECT_EQ(wrong_ids + wrong_texts + wrong_blocks + wrong_lists, 0);
}

Tokenizer recorded(const char* name) {
  const fs::path path = kRecords / (std::string("tokenizer_") + name + ".json");
  return Tokenizer::from_json(read_file(path), path.string());
}

TEST(TokenizerParity, SmolLm2) {
  const char* assets = std::getenv("SLIPWAY_ASSETS");
  const fs::path path =
      fs::path(assets != nullptr ? assets : "build/assets") / "SmolLM2-135M-Instruct.Q4_1.gguf";
  if (!fs::exists(path)) FAIL() << path << " is not there; ./slipway fetches it";
  const Tokenizer tokenizer = load_tokenizer(path);
  compare(tokenizer, "smollm2");
  write_file_durably(fs::path(SLIPWAY_SCRATCH) / "SavedForThePeer/tokenizer.json",
                     tokenizer.to_json());
}

TEST(TokenizerParity, Llama3LikeSplitIgnoreMergesTemplate) {
  compare(recorded("llama3"), "llama3");
}
TEST(TokenizerParity, Gpt2LikePrefixSpace) { compare(recorded("gpt2"), "gpt2"); }
TEST(TokenizerParity, OddSplitsAndAddedTokenFlags) { compare(recorded("odd"), "odd"); }

}  // namespace
}  // namespace slipway
