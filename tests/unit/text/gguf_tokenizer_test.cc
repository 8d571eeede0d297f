// Tokenizers of GGUF files: what their keys say, what is missing or broken in them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "tests/unit/scratch.h"
#include "text/tokenizer.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

// A GGUF file of a tokenizer alone; each part can be left out or spoilt.
struct TokenizerGguf {
  std::string model = "gpt2", pre = "smollm";
  std::vector<std::string> tokens = {"a", "b", "ab", "1", "<s>"}, merges = {"a b"};
  std::vector<int32_t> types = {1, 1, 1, 1, 3};
  uint32_t bos = 4;
  // keys of tokenizer.*, values with their types
  std::vector<std::pair<std::string, std::string>> more = {};

  fs::path write() const {
    const auto number = [](auto v) {
      return std::string(reinterpret_cast<const char*>(&v), sizeof v);
    };
    const auto text = [&](const std::string& s) { return number(uint64_t{s.size()}) + s; };
    const auto texts = [&](const std::vector<std::string>& list) {
      std::string out = number(uint32_t{8}) + number(uint64_t{list.size()});
      for (const std::string& each : list) out += text(each);
      return out;
    };
    std::string kinds = number(uint32_t{5}) + number(uint64_t{types.size()});
    for (const int32_t type : types) kinds += number(type);
    const fs::path path = scratch() / "t.gguf";
    const std::pair<const char*, std::string> pairs[] = {
        {"model", number(uint32_t{8}) + text(model)},
        {"pre", number(uint32_t{8}) + text(pre)},
        {"tokens", number(uint32_t{9}) + texts(tokens)},
        {"merges", number(uint32_t{9}) + texts(merges)},
        {"token_type", number(uint32_t{9}) + kinds},
        {"bos_token_id", number(uint32_t{4}) + number(bos)}};
    std::string out = "GGUF" + number(uint32_t{3}) + number(uint64_t{0}) +
                      number(uint64_t{std::size(pairs) - pre.empty() + more.size()});
    for (const auto& [key, value] : pairs)
      if (key != std::string("pre") || !pre.empty())
        out += text("tokenizer.ggml." + std::string(key)) + value;
    for (const auto& [key, value] : more) out += text("tokenizer." + key) + value;
    write_file_durably(path, out + std::string(64, '\0'));
    return path;
  }
};

TEST(GgufTokenizer, EncodesAsItsFileSays) {
  const Tokenizer t = load_tokenizer(TokenizerGguf().write());
  EXPECT_THAT(t.encode("ab<s>1"), ElementsAre(2, 4, 3));
  EXPECT_EQ(t.bos, 4);
  EXPECT_EQ(t.eos, std::nullopt);
  EXPECT_TRUE(t.is_special(4));
  EXPECT_THAT(Tokenizer::from_json(t.to_json(), "saved").encode("ab<s>1"), ElementsAre(2, 4, 3));
}

const std::string kYes = std::string("\7\0\0\0\1", 5), kNo = std::string("\7\0\0\0\0", 5);

TEST(GgufTokenizer, BeginAndEndTokensAreAdded) {
  const std::string id_3 = std::string("\4\0\0\0\3\0\0\0", 8);
  const Tokenizer t = load_tokenizer(TokenizerGguf{
      .more = {
          {"ggml.add_bos_token", kYes},
          {"ggml.add_eos_token", kYes},
          {"ggml.eos_token_id", id_3}}}.write());
  EXPECT_THAT(t.encode("ab"), ElementsAre(4, 2, 3));
  EXPECT_THAT(t.encode("ab", false), ElementsAre(2));
  EXPECT_THAT(Tokenizer::from_json(t.to_json(), "saved").encode("ab"), ElementsAre(4, 2, 3));
  EXPECT_THAT(
      load_tokenizer(TokenizerGguf{.more = {{"ggml.add_bos_token", kNo}}}.write()).encode("ab"),
      ElementsAre(2));
  EXPECT_THAT([] { load_tokenizer(TokenizerGguf{.more = {{"ggml.add_eos_token", kYes}}}.write()); },
              ThrowsMessage<Error>(HasSubstr("no \"tokenizer.ggml.eos_token_id\"")));
  EXPECT_THAT(
      [] { load_tokenizer(TokenizerGguf{.more = {{"ggml.add_space_prefix", kYes}}}.write()); },
      ThrowsMessage<Error>(HasSubstr("\"tokenizer.ggml.add_space_prefix\" = true")));
}

TEST(GgufTokenizer, OneThatDoesNotSayHowWordsAreCutIsWarnedAbout) {
  for (const std::string pre : {"", "default"}) {
    testing::internal::CaptureStderr();
    EXPECT_THAT(load_tokenizer(TokenizerGguf{.pre = pre}.write()).encode("ab"), ElementsAre(2));
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                AllOf(HasSubstr("warn"), HasSubstr("tokenizer.ggml.pre"), HasSubstr("GPT-2")));
  }
}

TEST(GgufTokenizer, BrokenFilesAreNamed) {
  const auto refuses = [](const TokenizerGguf& file, const char* words) {
    EXPECT_THAT([&] { load_tokenizer(file.write()); },
                ThrowsMessage<Error>(AllOf(HasSubstr("t.gguf"), HasSubstr(words))))
        << words;
  };
  refuses({.model = "bert"}, "tokenizer \"bert\" is not supported (gpt2");
  refuses({.model = "llama"}, "\"tokenizer.ggml.scores\" is missing or of another kind");
  refuses({.pre = "odd"}, "pre-tokenizer \"odd\" is not supported (gpt-2, default,");
  refuses({.types = {1}}, "5 tokens but 1 token types");
  refuses({.tokens = {"a", "b", "ab", "a", "<s>"}}, "\"a\" has two ids, 0 and 3");
  refuses({.tokens = {"a", "b", "ab", "", "<s>"}}, "token 3 is empty or not UTF-8");
  refuses({.tokens = {"a", "b", "ab", "\xFF", "<s>"}}, "token 3 is empty or not UTF-8");
  refuses({.merges = {"a b", "ab"}}, "merge 1 is not two tokens");
  refuses({.merges = {"b a"}}, "merge 0 (\"b\" \"a\") uses a token");
  refuses({.bos = 5}, "tokenizer.ggml.bos_token_id = 5 is not a token");
}

}  // namespace
}  // namespace slipway
