// Tokenizers as GGUF metadata: read back they give the ids of the folder; what llama.cpp makes
// otherwise is told, and what it has not is refused.
#include "text/gguf_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/unit/scratch.h"
#include "tests/unit/text/recorded.h"
#include "text/gguf_scores.h"
#include "text/gguf_words.h"
#include "weights/gguf.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

constexpr const char* kWhole = "tokenizer.huggingface.json";

// As load_tokenizer() has it of a folder whose configuration names an end token.
Tokenizer ended(Tokenizer tokenizer) {
  if (!tokenizer.eos) tokenizer.eos = tokenizer.token_id("</s>").value_or(7);
  if (!tokenizer.bos) tokenizer.bos = tokenizer.token_id("<s>");
  tokenizer.ends = {*tokenizer.eos};
  return tokenizer;
}

Tokenizer form(const std::string& name) {
  return ended(Tokenizer::from_json(unzip(kForms / (name + ".json.gz")), name));
}

Tokenizer byte_level_form(const std::string& name) {
  return ended(Tokenizer::from_json(read_file(kRecords / ("tokenizer_" + name + ".json")), name));
}

// `change` is done to the tokenizer.json.
Tokenizer changed(const Tokenizer& tokenizer, const std::function<void(Json&)>& change) {
  Json json = parse_json(tokenizer.to_json(), "tokenizer.json");
  change(json);
  return ended(Tokenizer::from_json(json.dump(), "tokenizer.json"));
}

const GgufWritten* value_of(const GgufTokens& tokens, const std::string& key) {
  const auto found = std::ranges::find(tokens.metadata, key, &GgufPair::key);
  return found == tokens.metadata.end() ? nullptr : &found->value;
}

template <class T>
T as(const GgufTokens& tokens, const std::string& key) {
  const GgufWritten* found = value_of(tokens, key);
  if (found == nullptr) fail("{} is missing", key);
  return std::get<T>(*found);
}

Tokenizer read_back(const GgufTokens& tokens, bool whole = true) {
  std::vector<GgufPair> pairs = tokens.metadata;
  if (!whole) std::erase_if(pairs, [](const GgufPair& pair) { return pair.key == kWhole; });
  const fs::path file = scratch() / "tokens.gguf";
  write_gguf(file, pairs, {}, {});
  return load_tokenizer(file);
}

// How many of the recorded strings have other ids.
int other_ids(const Tokenizer& a, const Tokenizer& b) {
  int out = 0;
  for (const std::string& text : recorded_strings())
    if (a.encode(text) != b.encode(text) && ++out <= 3)
      std::printf("other ids: %s\n", testing::PrintToString(text).c_str());
  return out;
}

TEST(GgufTokens, IdsAreThoseOfTheFolder) {
  const auto check = [](const std::string& name, const Tokenizer& tokenizer, bool exact) {
    const GgufTokens tokens = gguf_tokens(tokenizer, tokenizer.vocab_size() + 5);
    EXPECT_EQ(tokens.differences.empty(), exact)
        << name << ": " << testing::PrintToString(tokens.differences);
    EXPECT_EQ(value_of(tokens, kWhole) == nullptr, exact) << name;
    const int wrong = other_ids(tokenizer, read_back(tokens));
    std::printf("%s: %zu strings, %d with other ids\n", name.c_str(), recorded_strings().size(),
                wrong);
    EXPECT_EQ(wrong, 0) << name;
  };
  for (const char* name : {"gemma"}) check(name, form(name), true);
  for (const char* name : {"llama2", "mistral"}) check(name, form(name), false);
  for (const char* name : {"gpt2", "llama3"}) {
    const Tokenizer read = byte_level_form(name);
    if (std::string_view(name) == "gpt2")
      EXPECT_THAT([&] { gguf_tokens(read, read.vocab_size()); },
                  ThrowsMessage<Error>(HasSubstr("no name that is known")));
    else check(name, read, true);
  }
  for (const char* name : {"own_no_dummy", "gemma_class"})
    check(name, ended(load_tokenizer(unpacked(kForms / name))), true);
  for (const char* name : {"llama_class", "llama_legacy", "own_file", "own_first"})
    check(name, ended(load_tokenizer(unpacked(kForms / name))), false);
}

// Those without flags that llama.cpp has not, by its own keys alone.
TEST(GgufTokens, ASpaceBeforeEveryText) {
  const Tokenizer plain = changed(form("llama2"), [](Json& json) {
    for (Json& token : json["added_tokens"]) token["lstrip"] = token["normalized"] = false;
    std::erase_if(json["added_tokens"].get_ref<Json::array_t&>(),
                  [](const Json& token) { return token["content"] == "word"; });
  });
  const GgufTokens tokens = gguf_tokens(plain, plain.vocab_size());
  EXPECT_THAT(tokens.differences, IsEmpty());
  EXPECT_EQ(other_ids(plain, read_back(tokens)), 0);
  EXPECT_TRUE(as<bool>(tokens, "tokenizer.ggml.add_space_prefix"));
  EXPECT_TRUE(as<bool>(tokens, "tokenizer.ggml.add_bos_token"));
  EXPECT_FALSE(as<bool>(tokens, "tokenizer.ggml.add_eos_token"));
  EXPECT_EQ(as<uint32_t>(tokens, "tokenizer.ggml.unknown_token_id"), 0u);
  const auto types = as<std::vector<int32_t>>(tokens, "tokenizer.ggml.token_type");
  EXPECT_EQ(types[0], 2) << "unknown";
  EXPECT_EQ(types[1], 3) << "control";
  EXPECT_EQ(types[static_cast<size_t>(*plain.token_id("<0x0A>"))], 6) << "a byte";
}

TEST(GgufTokens, WhatLlamaCppMakesOtherwiseIsTold) {
  const auto told = [](const Tokenizer& tokenizer) {
    return gguf_tokens(tokenizer, tokenizer.vocab_size()).differences;
  };
  EXPECT_THAT(told(form("llama2")),
              ElementsAre(HasSubstr("white space beside \"<left>\""),
                          HasSubstr("\"word\" within a word is a token in llama.cpp"),
                          HasSubstr("is looked for in what the normalizer makes")));
  EXPECT_THAT(told(form("mistral")),
              AllOf(Contains(HasSubstr("before every text behind a special token")),
                    Contains(HasSubstr("white space beside \"<both>\""))));
  EXPECT_THAT(told(ended(load_tokenizer(unpacked(kForms / "llama_legacy")))),
              Contains(HasSubstr("before a text that begins with one, too")));
  const Tokenizer composed = changed(byte_level_form("llama3"),
                                     [](Json& json) { json["normalizer"] = {{"type", "NFC"}}; });
  EXPECT_THAT(told(composed), ElementsAre(HasSubstr("composed form (NFC)")));
  const GgufTokens tokens = gguf_tokens(composed, composed.vocab_size());
  EXPECT_EQ(other_ids(composed, read_back(tokens)), 0);
  EXPECT_GT(other_ids(composed, read_back(tokens, /*whole=*/false)), 0)
      << "by the other keys alone";
}

TEST(GgufTokens, WhatLlamaCppHasNotIsRefused) {
  const auto refuses = [](const Tokenizer& tokenizer, const char* why) {
    EXPECT_THAT([&] { gguf_tokens(tokenizer, tokenizer.vocab_size()); },
                ThrowsMessage<Error>(
                    AllOf(HasSubstr("the tokenizer cannot be written as GGUF"), HasSubstr(why))));
  };
  refuses(form("t5"), "it is Unigram");
  refuses(form("bert"), "it is WordPiece");
  refuses(form("byte_normalizer"), "without bytes to fall back to");
  refuses(form("unknown"), "it cuts words at spaces");
  refuses(changed(form("unknown"), [](Json& json) { json["pre_tokenizer"]["split"] = false; }),
          "tokens stand for 196 of 256 bytes");
  const Tokenizer gemma = form("gemma"), llama3 = byte_level_form("llama3");
  refuses(changed(gemma, [](Json& json) { json["normalizer"] = {{"type", "NFKC"}}; }),
          "no normalizer \"NFKC\"");
  refuses(changed(gemma, [](Json& json) { json["pre_tokenizer"] = {{"type", "Whitespace"}}; }),
          "no pre-tokenizer \"Whitespace\"");
  refuses(changed(gemma, [](Json& json) { json["model"]["merges"].erase(3); }),
          "llama.cpp would merge");
  refuses(changed(llama3, [](Json& json) { json["normalizer"] = {{"type", "NFKC"}}; }),
          "no normalizer \"NFKC\" beside byte-level BPE");
  refuses(changed(llama3, [](Json& json) { json["pre_tokenizer"]["pretokenizers"].erase(0); }),
          "no name that is known here for how it cuts words");
  Tokenizer endless = changed(llama3, [](Json& json) { json["post_processor"] = nullptr; });
  endless.eos.reset();
  endless.ends.clear();
  refuses(endless, "no end token is named");
}

TEST(GgufTokens, EndsAndTemplatesAreWritten) {
  Tokenizer tokenizer = byte_level_form("llama3");
  tokenizer.ends = {*tokenizer.eos, 6, 7};
  tokenizer.chat_template = "{{ messages }}";
  tokenizer.files = {{"tokenizer_config.json",
                      R"({"chat_template": [{"name": "default", "template": "{{ messages }}"},)"
                      R"({"name": "rag", "template": "{{ documents }}"}]})"}};
  const GgufTokens tokens = gguf_tokens(tokenizer, tokenizer.vocab_size());
  const Tokenizer back = read_back(tokens);
  EXPECT_EQ(back.ends, tokenizer.ends);
  EXPECT_EQ(back.chat_template, tokenizer.chat_template);
  EXPECT_EQ(as<std::string>(tokens, "tokenizer.chat_template.rag"), "{{ documents }}");
  EXPECT_THAT(as<std::vector<std::string>>(tokens, "tokenizer.chat_templates"), ElementsAre("rag"));
  tokenizer.ends.push_back(8);
  EXPECT_THAT(gguf_tokens(tokenizer, tokenizer.vocab_size()).differences,
              ElementsAre(HasSubstr("no fourth key")));
}

// Of this one merges do not lead to every token.
TEST(GgufTokens, NamesOfWordsSayWhetherMergesCount) {
  const auto words = [](const Tokenizer& tokenizer) {
    return as<std::string>(gguf_tokens(tokenizer, tokenizer.vocab_size()), "tokenizer.ggml.pre");
  };
  const Tokenizer whole = byte_level_form("llama3"),
                  merged =
                      changed(whole, [](Json& json) { json["model"]["ignore_merges"] = false; });
  EXPECT_EQ(words(whole), "llama-bpe");
  EXPECT_EQ(words(merged), "dbrx");
  EXPECT_NE(whole.encode(" wonderful"), merged.encode(" wonderful"));
  for (const Tokenizer* each : {&whole, &merged})
    EXPECT_EQ(other_ids(*each, read_back(gguf_tokens(*each, each->vocab_size()))), 0);
  const Json pre_tokenizer = parse_json(whole.to_json(), "tokenizer.json").at("pre_tokenizer");
  EXPECT_EQ(gguf_words_name(pre_tokenizer, std::nullopt).name, "llama-bpe");
  Json kept = pre_tokenizer;
  kept["pretokenizers"][0]["behavior"] = "Removed", kept["pretokenizers"][0]["invert"] = true;
  EXPECT_EQ(gguf_words_name(kept, false).name, "dbrx");
  Json breaks = gguf_words("deepseek-v3", "f").pre_tokenizer;
  Json& regex = breaks["pretokenizers"][2]["pattern"]["Regex"];
  std::string text = regex;
  for (size_t at; (at = text.find("\\r\\n")) != std::string::npos;) text.replace(at, 4, "\r\n");
  ASSERT_NE(regex, text);
  regex = text;
  EXPECT_EQ(gguf_words_name(breaks, false).name, "deepseek-v3") << "line breaks as they are";
  EXPECT_THAT([] { gguf_words_name(gguf_words("qwen2", "f").pre_tokenizer, true); },
              ThrowsMessage<Error>(HasSubstr("goes by merges alone with these words")));
}

// llama.cpp knows by the model's name that tokens of Phi-3 take white space along.
TEST(GgufTokens, TokensOfPhi3TakeTheSpaceBehindThem) {
  const Tokenizer phi3 = changed(form("llama2"), [](Json& json) {
    Json& added = json["added_tokens"];
    std::erase_if(added.get_ref<Json::array_t&>(), [](const Json& token) {
      return token["content"] == "word" || token["content"] == "<left>";
    });
    const auto next = static_cast<int64_t>(json["model"]["vocab"].size());
    for (const char* text : {"<|endoftext|>", "<|assistant|>", "<|end|>"})
      added.push_back({{"id", next + static_cast<int64_t>(added.size())},
                       {"content", text},
                       {"single_word", false},
                       {"lstrip", false},
                       {"normalized", false},
                       {"special", true}});
    for (Json& token : added)
      token["rstrip"] = token["content"] != "<unk>" && token["content"] != "<s>" &&
                        token["content"] != "<|endoftext|>";
  });
  const GgufTokens tokens = gguf_tokens(phi3, phi3.vocab_size());
  EXPECT_THAT(tokens.differences, IsEmpty());
  EXPECT_EQ(as<std::string>(tokens, "general.name"), "Phi-3");
  const Tokenizer back = read_back(tokens);
  EXPECT_EQ(other_ids(phi3, back), 0);
  for (const char* text : {"<|end|>\n<|assistant|> \t Hello", "<|endoftext|> a", "</s>  b<s> c"})
    EXPECT_EQ(back.encode(text), phi3.encode(text)) << text;
  GgufTokens unnamed = tokens;
  std::erase_if(unnamed.metadata, [](const GgufPair& pair) { return pair.key == "general.name"; });
  EXPECT_NE(read_back(unnamed).encode("<|end|>\na"), phi3.encode("<|end|>\na"));
}

TEST(GgufScores, StandForMergesThatLeadToOneTokenAfterTheOther) {
  const auto none = [](size_t) { return false; };
  ModelTables tables{
      {"a", "b", "c", "ab", "bc", "abc"}, {{"a", "b"}, {"b", "c"}, {"a", "bc"}, {"ab", "c"}}, {}};
  const std::vector<float> made = scores_of_merges(tables, none, {});
  EXPECT_TRUE(made[3] > made[4] && made[4] > made[5]);
  const std::vector<float> own = {-9, -9, -9, -1.5f, -2, -4};
  EXPECT_EQ(scores_of_merges(tables, none, own), own) << "of the same order";
  const std::vector<float> other = {-9, -9, -9, -4, -2, -1};
  EXPECT_EQ(scores_of_merges(tables, none, other), made);
  std::swap(tables.merges[0], tables.merges[2]);
  EXPECT_THAT([&] { scores_of_merges(tables, none, {}); },
              ThrowsMessage<Error>(HasSubstr("stand before and behind those that lead to")));
  std::swap(tables.merges[0], tables.merges[2]);
  tables.merges.pop_back();
  EXPECT_THAT([&] { scores_of_merges(tables, none, {}); },
              ThrowsMessage<Error>(HasSubstr("would merge \"ab\" and \"c\"")));
  const auto abc = [](size_t id) { return id == 5; };
  EXPECT_EQ(scores_of_merges(tables, abc, {}).size(), 6u) << "found before anything is merged";
}

// Runs of spaces, whose merges stand among each other as in Llama 2.
TEST(GgufTokens, RunsOfSpacesAreCutAlike) {
  Json json = parse_json(unzip(kForms / "gemma.json.gz"), "gemma");
  Json& merges = json["model"]["merges"];
  const std::string mark = "\u2581";
  const auto run = [&](int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += mark;
    return out;
  };
  const auto is_run = [&](const std::string& text) {
    return text.size() % 3 == 0 && text == run(static_cast<int>(text.size() / 3));
  };
  std::erase_if(merges.get_ref<Json::array_t&>(),
                [&](const Json& merge) { return is_run(merge[0]) && is_run(merge[1]); });
  Json& vocabulary = json["model"]["vocab"];
  for (int length = 2; length <= 8; ++length)
    if (!vocabulary.contains(run(length))) vocabulary[run(length)] = vocabulary.size();
  for (int left = 7; left >= 1; --left)
    for (int right = 7; right >= 1; --right)
      if (left + right <= 8) merges.push_back({run(left), run(right)});
  const Tokenizer tokenizer = ended(Tokenizer::from_json(json.dump(), "runs"));
  const Tokenizer back = read_back(gguf_tokens(tokenizer, tokenizer.vocab_size()));
  EXPECT_EQ(other_ids(tokenizer, back), 0);
  for (size_t count = 1; count < 60; ++count) {
    const std::string text = "a" + std::string(count, ' ') + "b";
    EXPECT_EQ(back.encode(text), tokenizer.encode(text)) << count << " spaces";
  }
}

}  // namespace
}  // namespace slipway
