// Folders without a tokenizer.json: the same tokenizer, ids and texts as transformers'
// AutoTokenizer makes of them (tests/parity/record_tokenizers.py), and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "tests/unit/scratch.h"
#include "tests/unit/text/recorded.h"
#include "text/sentence_piece.h"
#include "text/tokenizer.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

class LegacyTokenizers : public testing::TestWithParam<const char*> {};

TEST_P(LegacyTokenizers, AreThoseOfAutoTokenizer) {
  const std::string name = GetParam();
  const fs::path folder = unpacked(name);
  const Tokenizer tokenizer = load_tokenizer(folder);
  expect_recorded(tokenizer, name);
  auto made = nlohmann::json::parse(tokenizer.to_json());
  made["model"].erase("vocab");
  made["model"].erase("merges");
  if (made["normalizer"].is_object() && made["normalizer"].contains("normalizers"))
    for (auto& step : made["normalizer"]["normalizers"]) step.erase("precompiled_charsmap");
  EXPECT_EQ(made, nlohmann::json::parse(unzip(kForms / (name + ".rest.json.gz"))));
  save_tokenizer(tokenizer, folder / "saved");
  const Tokenizer back = load_tokenizer(folder / "saved");
  EXPECT_EQ(back.to_json(), tokenizer.to_json());
  EXPECT_EQ(back.bos, tokenizer.bos);
  EXPECT_EQ(back.eos, tokenizer.eos);
}

INSTANTIATE_TEST_SUITE_P(All, LegacyTokenizers,
                         testing::Values("llama_class", "llama_legacy", "llama_no_prefix",
                                         "own_file", "own_first", "own_spaces", "own_unigram",
                                         "own_no_dummy", "gemma_class", "gpt2_files", "qwen2_files",
                                         "gpt_neox_files", "bert_files", "bert_cased_files"),
                         [](const auto& each) { return std::string(each.param); });

// Run by tests/parity/check_tokenizers.py, which fetches them.
TEST(RealVocabularies, IdsAndTextsEqual) {
  const char* records = std::getenv("SLIPWAY_VOCABULARIES");
  if (records == nullptr) GTEST_SKIP() << "tests/parity/check_tokenizers.py runs this";
  int count = 0;
  for (const auto& each : fs::directory_iterator(records)) {
    if (!each.is_directory()) continue;
    expect_recorded(load_tokenizer(each.path()), each.path().filename().string(), records);
    ++count;
  }
  EXPECT_GE(count, 9);
}

TEST(LegacyTokenizer, SpecialTokensAreThoseOfTheClassUnlessNamed) {
  const Tokenizer llama = load_tokenizer(unpacked("llama_legacy"));
  EXPECT_EQ(llama.bos, 1);
  EXPECT_EQ(llama.eos, 2);
  EXPECT_EQ(llama.pad, 900);
  EXPECT_THAT(llama.ends, ElementsAre(2));
  const Tokenizer qwen = load_tokenizer(unpacked("qwen2_files"));
  EXPECT_EQ(qwen.bos, std::nullopt);
  EXPECT_EQ(qwen.eos, qwen.token_id("<|endoftext|>"));
}

TEST(LegacyTokenizer, OtherClassesAreNamed) {
  const auto refuses = [](const char* folder, const char* settings, const char* words) {
    const fs::path path = unpacked(folder);
    write_file_durably(path / "tokenizer_config.json", settings);
    write_file_durably(path / "config.json", "{}");
    EXPECT_THAT([&] { load_tokenizer(path); }, ThrowsMessage<Error>(HasSubstr(words))) << settings;
  };
  refuses("own_file", R"({"tokenizer_class": "T5Tokenizer"})",
          "the tokenizer_class \"T5Tokenizer\" is not supported beside a tokenizer.model");
  refuses("gpt2_files", R"({"tokenizer_class": "RobertaTokenizer"})",
          "the tokenizer_class \"RobertaTokenizer\" is not supported beside vocab.json");
  refuses("gpt2_files", "{}", "nothing says how its words are cut");
  refuses("bert_files", R"({"tokenizer_class": "BertweetTokenizer"})",
          "the tokenizer_class \"BertweetTokenizer\" is not supported beside vocab.txt");
  refuses("bert_files", R"({"cls_token": "<cls>"})", "has no token \"<cls>\"");
  refuses("own_file", R"({"added_tokens_decoder": {"x": {"content": "a"}}})", "the entry \"x\"");
  refuses("own_file", R"({"added_tokens_decoder": {"905": {"content": "<a>"}}})",
          "\"<a>\" has id 905, but the vocabulary gives it 900");
  refuses("own_file", R"({"bos_token": 5})", "\"bos_token\" is neither");
  refuses("own_file", R"({"extra_special_tokens": {"image_token": "<i>"}})",
          "\"extra_special_tokens\" with names");
  refuses("own_file", "[]", "is not a JSON object");
}

TEST(SentencePiece, DamagedModelsAreRefused) {
  const std::string whole = read_file(unpacked("own_file") / "tokenizer.model");
  EXPECT_EQ(read_sentence_piece(whole, "m").pieces.size(), 900u);
  int refused = 0;
  for (size_t cut = 0; cut < 3000; ++cut) try {
      read_sentence_piece(std::string_view(whole).substr(0, cut), "m");
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), testing::StartsWith("m: "));
      ++refused;
    }
  EXPECT_GT(refused, 2500);
  std::string spoilt = whole;
  uint32_t draw = 1;
  for (int i = 0; i < 2000; ++i) {
    draw = draw * 1664525 + 1013904223;
    const char kept = std::exchange(spoilt[(draw >> 8) % spoilt.size()], static_cast<char>(draw));
    try {
      read_sentence_piece(spoilt, "m");
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), testing::StartsWith("m: "));
    }
    spoilt[(draw >> 8) % spoilt.size()] = kept;
  }
  EXPECT_THAT([] { read_sentence_piece("gibberish", "m"); },
              ThrowsMessage<Error>(HasSubstr("not a SentencePiece model")));
  EXPECT_THAT([] { read_sentence_piece("IQ== 0\nIg== 1\n", "m"); },
              ThrowsMessage<Error>(HasSubstr("not a SentencePiece model")));
}

}  // namespace
}  // namespace slipway
