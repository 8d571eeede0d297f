// SentencePiece tokenizers of GGUF files: the ids of llama.cpp (tests/parity/record_llama_cpp.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/scratch.h"
#include "tests/unit/text/recorded.h"
#include "text/gguf_words.h"
#include "text/tokenizer.h"

namespace slipway {
namespace {

class GgufPieces : public testing::TestWithParam<const char*> {};

TEST_P(GgufPieces, IdsAreThoseOfLlamaCpp) {
  const std::string name = GetParam();
  const fs::path file = scratch() / (name + ".gguf");
  write_file_durably(file, unzip(kForms / (name + ".gguf.gz")));
  const Tokenizer tokenizer = load_tokenizer(file);
  std::vector<std::string> texts;
  for (const std::string& text : recorded_strings())
    if (text.find('\0') == std::string::npos) texts.push_back(text);
  Reader in(kForms / (name + ".gz"));
  ASSERT_EQ(in.number(), texts.size());
  int wrong = 0;
  for (size_t at = 0; at < texts.size(); at += 8) {
    std::string packed;
    for (size_t i = at; i < std::min(at + 8, texts.size()); ++i) {
      const std::vector<int32_t> ids = tokenizer.encode(texts[i]);
      const auto count = static_cast<uint32_t>(ids.size());
      packed.append(reinterpret_cast<const char*>(&count), sizeof count);
      packed.append(reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(int32_t));
    }
    if (in.number() != sum_of(packed) && ++wrong <= 5)
      ADD_FAILURE() << name << ": other ids of one of strings " << at << " to " << at + 7
                    << ", the first is " << testing::PrintToString(texts[at]);
  }
  EXPECT_TRUE(in.done());
  std::printf("%s: %zu strings in groups of 8; %d groups with other ids\n", name.c_str(),
              texts.size(), wrong);
  const Tokenizer saved = Tokenizer::from_json(tokenizer.to_json(), "saved");
  for (const char* text : {"Hello there", " two  spaces", "<s>a\n\u00e9\u65e5", ""})
    EXPECT_EQ(saved.encode(text), tokenizer.encode(text)) << text;
}

INSTANTIATE_TEST_SUITE_P(All, GgufPieces, testing::Values("gguf_pieces", "gguf_pieces_bare"),
                         [](const auto& each) { return std::string(each.param); });

TEST(GgufPieces, TheSpaceBeforeATextIsTakenBackWhereItWasPut) {
  const auto read = [](const std::string& name) {
    const fs::path file = scratch() / (name + ".gguf");
    write_file_durably(file, unzip(kForms / (name + ".gguf.gz")));
    return load_tokenizer(file);
  };
  const Tokenizer put = read("gguf_pieces"), bare = read("gguf_pieces_bare");
  EXPECT_EQ(put.decode(put.encode("a movie")), "a movie");
  EXPECT_EQ(put.decode(put.encode(" a movie")), " a movie");
  EXPECT_EQ(bare.decode(bare.encode("a movie")), "a movie");
  EXPECT_EQ(put.encode("")[0], 1) << "the beginning token, where the file does not say";
  EXPECT_TRUE(bare.encode("").empty());
}

TEST(GgufWords, FamiliesOfOnePatternAreCutAlike) {
  for (const auto& [a, b] : {std::pair("llama-bpe", "dbrx"),
                             {"qwen2", "deepseek-r1-qwen"},
                             {"smollm", "refact"},
                             {"gpt-4o", "llama4"},
                             {"gpt-2", "olmo"}})
    EXPECT_EQ(gguf_words(a, "f").pre_tokenizer, gguf_words(b, "f").pre_tokenizer) << a;
  EXPECT_TRUE(gguf_words("llama-bpe", "f").ignore_merges);
  EXPECT_TRUE(gguf_words("tekken", "f").add_bos);
  EXPECT_FALSE(gguf_words("qwen2", "f").ignore_merges);
}

}  // namespace
}  // namespace slipway
