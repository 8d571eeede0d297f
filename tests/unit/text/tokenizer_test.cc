// The tokenizer's edges: what it refuses and how it says so, ids out of range, saving and loading,
// threads, long words.
#include "text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "tests/unit/scratch.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using testing::ThrowsMessage;

// a b c Ġ and the merges "ab", "abc", "aa", "aaaa"; é as its bytes; <s>, </s> and <pad> beside the
// vocabulary.
Json small() {
  return parse_json(R"({
    "version": "1.0", "normalizer": null,
    "added_tokens": [
      {"id": 10, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
      {"id": 11, "content": "</s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
      {"id": 13, "content": "<pad>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": false}],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
    "post_processor": {"type": "TemplateProcessing",
      "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
      "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [10], "tokens": ["<s>"]}}},
    "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "ignore_merges": false,
      "vocab": {"a": 0, "b": 1, "c": 2, "Ġ": 3, "ab": 4, "abc": 5, "Ã": 6, "©": 7, "aa": 8, "aaaa": 9},
      "merges": ["a b", ["ab", "c"], "a a", "aa aa"]}})",
                    "small");
}

Tokenizer load(const Json& json) { return Tokenizer::from_json(json.dump(), "dir/tokenizer.json"); }

TEST(Tokenizer, EncodesMergesFrameAndAddedTokens) {
  const Tokenizer t = load(small());
  EXPECT_THAT(t.encode("abc<pad>ab a"), ElementsAre(10, 5, 13, 4, 3, 0));
  EXPECT_THAT(t.encode("abc", false), ElementsAre(5));
  EXPECT_THAT(t.encode(""), ElementsAre(10));
  EXPECT_THAT(t.encode("", false), ElementsAre());
  EXPECT_THAT(t.encode("xayb", false), ElementsAre(4))
      << "characters without a token are dropped before merging";
  EXPECT_EQ(t.vocab_size(), 14);
  EXPECT_EQ(t.token_id("abc"), 5);
  EXPECT_EQ(t.token_id("<pad>"), 13);
  EXPECT_EQ(t.token_id(""), std::nullopt) << "id 12 is a gap, not an empty token";
  EXPECT_EQ(t.token_id("zz"), std::nullopt);
}

TEST(Tokenizer, DecodesSkippingSpecialAndOutOfRange) {
  const Tokenizer t = load(small());
  const std::vector<int32_t> ids = {-1, 10, 5, 3, 13, 12, 14, INT32_MAX, INT32_MIN, 6, 7, 11};
  EXPECT_EQ(t.decode(ids), "abc <pad>é");
  EXPECT_EQ(t.decode(ids, false), "<s>abc <pad>é</s>");
  EXPECT_EQ(t.decode(std::vector<int32_t>{6, 0}), "\uFFFDa") << "half a character";
  EXPECT_EQ(t.decode({}), "");
  EXPECT_EQ(t.token(-1), "");
  EXPECT_EQ(t.token(12), "");
  EXPECT_EQ(t.token(99), "");
  EXPECT_TRUE(t.is_special(10));
  EXPECT_FALSE(t.is_special(13));
  EXPECT_FALSE(t.is_special(-5));
}

TEST(Tokenizer, MalformedUtf8CountsAsReplacement) {
  const fs::path path = "tests/parity/data/tokenizer_gpt2.json";
  const Tokenizer t = Tokenizer::from_json(read_file(path), path.string());
  const std::pair<const char*, const char*> cases[] = {
      {"a\x80z", "a\uFFFDz"},
      {"\xC3", "\uFFFD"},
      {"\xE2\x82", "\uFFFD"},
      {"\xE2\x28\xA1", "\uFFFD(\uFFFD"},
      {"\xC0\x80", "\uFFFD\uFFFD"},
      {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},
      {"\xF0\x9F\x98", "\uFFFD"},
      {"\xF5\x80", "\uFFFD\uFFFD"},
      {"\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},
      {"\xFE\xFF", "\uFFFD\uFFFD"}};
  for (const auto& [bad, good] : cases) {
    EXPECT_EQ(t.encode(bad), t.encode(good)) << good;
    EXPECT_EQ(t.decode(t.encode(bad)), " " + std::string(good));
  }
}

TEST(Tokenizer, LongWordsTakeNoQuadraticTime) {
  const Tokenizer t = load(small());
  // a quadratic way would need hours
  const auto ids = t.encode(std::string(1'000'001, 'a'), false);
  ASSERT_EQ(ids.size(), 250'001u);
  EXPECT_EQ(ids[0], 9);
  EXPECT_EQ(ids.back(), 0);
  EXPECT_EQ(t.encode(std::string(1'000'000, ' '), false).size(), 1'000'000u);
}

TEST(Tokenizer, ThreadsEncodeAlike) {
  const fs::path path = "tests/parity/data/tokenizer_llama3.json";
  const Tokenizer t = Tokenizer::from_json(read_file(path), path.string());
  const std::string text = "It's a wonderful movie, 日本語 1234567 <s>\r\n  don't!";
  const auto expected = t.encode(text);
  std::vector<std::jthread> threads;
  std::atomic<int> wrong = 0;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 200; ++n)
        wrong += t.encode(text) != expected || t.decode(expected).empty();
    });
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

TEST(Tokenizer, JsonRoundTripIsEqual) {
  for (const char* name : {"gpt2", "llama3", "odd"}) {
    const std::string path = std::string("tests/parity/data/tokenizer_") + name + ".json";
    const Json source = parse_json(read_file(path), path);
    const Tokenizer first = Tokenizer::from_json(read_file(path), path);
    const std::string saved = first.to_json();
    EXPECT_EQ(nlohmann::json::parse(saved), nlohmann::json::parse(source.dump())) << name;
    EXPECT_EQ(Tokenizer::from_json(saved, path).to_json(), saved);
  }
}

TEST(Tokenizer, SavedFolderLoadsEqual) {
  const fs::path folder = scratch();
  Tokenizer t = load(small());
  t.bos = 10;
  t.eos = 11;
  t.pad = 13;
  t.chat_template = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}";
  save_tokenizer(t, folder);
  for (const fs::path& path : {folder, folder / "tokenizer.json"}) {
    const Tokenizer back = load_tokenizer(path);
    EXPECT_EQ(back.bos, 10);
    EXPECT_EQ(back.eos, 11);
    EXPECT_EQ(back.pad, 13);
    EXPECT_EQ(back.chat_template, t.chat_template);
    EXPECT_EQ(back.to_json(), t.to_json());
  }
  Tokenizer bare = load(small());
  const fs::path other = folder / "bare";
  save_tokenizer(bare, other);
  const Tokenizer back = load_tokenizer(other);
  EXPECT_EQ(back.bos, std::nullopt);
  EXPECT_EQ(back.chat_template, "");
}

TEST(Tokenizer, WhatStoodBesideItIsSavedByteForByte) {
  const fs::path from = scratch() / "from", to = scratch() / "to";
  const std::pair<const char*, std::string> files[] = {
      {"tokenizer_config.json",
       R"({"padding_side":"left", "bos_token": {"content": "<s>", "lstrip": true}, "eos_token": "</s>", "model_max_length": 512, "unk_token": "abc",
        "additional_special_tokens": ["<pad>"], "chat_template": [{"name": "tools", "template": "T"}, {"name": "default", "template": "D"}]})"},
      {"special_tokens_map.json", R"({"bos_token":"<s>"})"},
      {"added_tokens.json", R"({"<s>":10})"},
      {"vocab.json", "{}"},
      {"merges.txt", "#version: 0.2\na b\n"},
      {"tokenizer.model", std::string("\0\1\2", 3)}};
  for (const auto& [name, bytes] : files) write_file_durably(from / name, bytes);
  write_file_durably(from / "tokenizer.json", small().dump());
  write_file_durably(to / "chat_template.jinja", "of an earlier save");
  const Tokenizer t = load_tokenizer(from);
  EXPECT_EQ(t.bos, 10);
  EXPECT_EQ(t.eos, 11);
  EXPECT_EQ(t.chat_template, "D");
  save_tokenizer(t, to);
  for (const auto& [name, bytes] : files) EXPECT_EQ(read_file(to / name), bytes) << name;
  EXPECT_FALSE(fs::exists(to / "chat_template.jinja"));
  EXPECT_THAT(tokenizer_file_names(t),
              testing::UnorderedElementsAre("tokenizer.json", "tokenizer_config.json",
                                            "special_tokens_map.json", "added_tokens.json",
                                            "vocab.json", "merges.txt", "tokenizer.model"));
}

TEST(Tokenizer, NamedTemplatesOfAFolderGoIntoTheSettings) {
  const fs::path from = scratch() / "from", to = scratch() / "to";
  write_file_durably(from / "tokenizer.json", small().dump());
  write_file_durably(from / "tokenizer_config.json", R"({"padding_side": "left"})");
  write_file_durably(from / "chat_template.jinja", "D");
  write_file_durably(from / "additional_chat_templates/tools.jinja", "T");
  save_tokenizer(load_tokenizer(from), to);
  EXPECT_EQ(
      parse_json(read_file(to / "tokenizer_config.json"), "saved"),
      parse_json(
          R"({"padding_side": "left", "chat_template": [{"name": "default", "template": "D"}, {"name": "tools", "template": "T"}]})",
          "expected"));
  EXPECT_FALSE(fs::exists(to / "chat_template.jinja")) << "it would hide the list";
  EXPECT_EQ(load_tokenizer(to).chat_template, "D");
}

TEST(Tokenizer, SettingsThatCannotBeAreNamed) {
  const fs::path folder = scratch();
  write_file_durably(folder / "tokenizer.json", small().dump());
  const auto refuses = [&](const char* settings, const char* words) {
    write_file_durably(folder / "tokenizer_config.json", settings);
    EXPECT_THAT([&] { load_tokenizer(folder); },
                ThrowsMessage<Error>(AllOf(HasSubstr("tokenizer_config.json"), HasSubstr(words))))
        << settings;
  };
  refuses(R"({"eos_token": "</nowhere>"})",
          "\"eos_token\" is \"</nowhere>\", which is not in the vocabulary");
  refuses(R"({"bos_token": 5})", "\"bos_token\" is neither");
  refuses(R"({"bos_token": {"content": 5}})", "\"bos_token\" is neither");
  refuses(R"({"chat_template": 5})", "\"chat_template\" is neither");
  refuses(R"({"chat_template": [{"name": "default"}]})", "an entry of \"chat_template\"");
  refuses("[]", "is not a JSON object");
  refuses("version https://git-lfs.github.com/spec/v1\n", "git lfs pull");
  write_file_durably(folder / "tokenizer_config.json",
                     R"({"pad_token": "<none>", "bos_token": null})");
  EXPECT_EQ(load_tokenizer(folder).pad, std::nullopt);
}

TEST(Tokenizer, SettingsThatTokenizerJsonDoesNotFollowAreTold) {
  const fs::path folder = scratch();
  write_file_durably(folder / "tokenizer.json", small().dump());  // adds <s>, and no </s>
  write_file_durably(
      folder / "tokenizer_config.json",
      R"({"bos_token": "<s>", "eos_token": "</s>", "add_bos_token": true, "add_eos_token": true})");
  testing::internal::CaptureStderr();
  EXPECT_THAT(load_tokenizer(folder).encode("abc"), ElementsAre(10, 5));
  const std::string told = testing::internal::GetCapturedStderr();
  EXPECT_THAT(told, HasSubstr("\"add_eos_token\" is true, but the post-processor"));
  EXPECT_THAT(told, testing::Not(HasSubstr("add_bos_token")));
}

TEST(Tokenizer, ASequenceOfPostProcessorsFramesFromWithin) {
  Json json = small();
  const Json inner = json["post_processor"];
  Json outer = parse_json(R"({"type": "TemplateProcessing", "pair": [],
      "single": [{"SpecialToken": {"id": "<pad>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
      "special_tokens": {"<pad>": {"id": "<pad>", "ids": [13], "tokens": ["<pad>"]}, "</s>": {"id": "</s>", "ids": [11], "tokens": ["</s>"]}}})",
                          "outer");
  json["post_processor"] = {{"type", "Sequence"}, {"processors", Json::array({inner, outer})}};
  EXPECT_THAT(load(json).encode("abc"), ElementsAre(13, 10, 5, 11))
      << "the later one goes around the earlier one";
  json["post_processor"]["processors"] = Json::array({outer, inner});
  EXPECT_THAT(load(json).encode("abc"), ElementsAre(10, 13, 5, 11));
}

TEST(Tokenizer, SaveOverATemplateRemovesIt) {
  const fs::path folder = scratch();
  Tokenizer t = load(small());
  t.chat_template = "x";
  save_tokenizer(t, folder);
  t.chat_template.clear();
  save_tokenizer(t, folder);
  EXPECT_EQ(load_tokenizer(folder).chat_template, "");
}

TEST(Tokenizer, UnsupportedPartsAreNamed) {
  const auto refuses = [](const char* pointer, const char* value,
                          const std::vector<std::string>& words) {
    Json json = small();
    json[Json::json_pointer(pointer)] = parse_json(value, "value");
    try {
      load(json);
      ADD_FAILURE() << pointer << " = " << value << " was taken";
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), StartsWith("dir/tokenizer.json")) << pointer;
      for (const std::string& word : words) EXPECT_THAT(e.what(), HasSubstr(word)) << pointer;
    }
  };
  refuses("/normalizer", R"({"type":"Custom"})", {"normalizer \"Custom\"", "NFC, NFD"});
  refuses("/normalizer", R"({"type":"Replace","pattern":{"String":""},"content":""})",
          {"Regex or a String"});
  refuses("/normalizer", R"({"type":"Replace","pattern":{"Regex":"^|a"},"content":"b"})",
          {"normalizer Replace", "^|a", "matches an empty text"});
  refuses("/normalizer", R"({"type":"Precompiled","precompiled_charsmap":"%"})", {"not base64"});
  refuses("/normalizer", R"({"type":"Precompiled","precompiled_charsmap":"CAAAAAAAAAA="})",
          {"cut off or damaged"});
  refuses("/pre_tokenizer", R"({"type":"UnicodeScripts"})",
          {"\"UnicodeScripts\"", "ByteLevel, Metaspace, Split"});
  refuses("/pre_tokenizer", R"({"type":"Metaspace","replacement":"ab"})", {"not one character"});
  refuses("/pre_tokenizer", R"({"type":"Metaspace","prepend_scheme":"last"})",
          {"prepend_scheme \"last\"", "always, first and never are"});
  refuses("/pre_tokenizer", R"({"type":"Metaspace","add_prefix_space":false})",
          {"add_prefix_space = false"});
  refuses("/pre_tokenizer", R"({"type":"Sequence","pretokenizers":[{"type":"Bert"}]})",
          {"\"Bert\""});
  refuses("/pre_tokenizer", R"({"type":"Split","pattern":{"Regex":"a("},"behavior":"Isolated"})",
          {"does not compile", "a("});
  refuses("/pre_tokenizer", R"({"type":"Split","pattern":{"Regex":"a"},"behavior":"Odd"})",
          {"behavior \"Odd\"", "Isolated"});
  refuses("/pre_tokenizer", R"({"type":"Split","pattern":{},"behavior":"Isolated"})",
          {"Regex or a String"});
  refuses("/post_processor", R"({"type":"Other"})", {"\"Other\"", "TemplateProcessing"});
  refuses("/post_processor", R"({"type":"BertProcessing","sep":["x",99],"cls":["y",1]})",
          {"adds id 99"});
  refuses("/post_processor/special_tokens/<s>/ids", "[99]", {"adds id 99"});
  refuses("/decoder", R"({"type":"CTC"})", {"decoder \"CTC\"", "ByteLevel, ByteFallback"});
  refuses("/decoder", R"({"type":"Strip","content":" ","start":1,"stop":1})", {"\"stop\""});
  refuses("/decoder", R"({"type":"Strip","content":"","start":1,"stop":0})", {"not one character"});
  refuses("/model/type", R"("WordLevel")", {"\"WordLevel\"", "BPE, Unigram and WordPiece are"});
  refuses("/model/type", R"("Unigram")", {"10 tokens but 0 scores"});
  refuses("/model/type", R"("WordPiece")", {"unk_token \"[UNK]\" is not in its vocabulary"});
  refuses("/model/end_of_word_suffix", R"("</w>")", {"end_of_word_suffix"});
  refuses("/model/unk_token", R"("<unk>")", {"unk_token \"<unk>\" is not in its vocabulary"});
  refuses("/model/dropout", "0.1", {"dropout"});
}

TEST(Tokenizer, BrokenScoresAreNamed) {
  Json json = small();
  json["model"] = {{"type", "Unigram"}, {"unk_id", 0}, {"vocab", Json::array()}};
  const auto refuses = [&](const char* vocabulary, const char* words) {
    json["model"]["vocab"] = parse_json(vocabulary, "value");
    json["added_tokens"] = Json::array();
    json["post_processor"] = nullptr;
    EXPECT_THAT([&] { load(json); },
                ThrowsMessage<Error>(AllOf(StartsWith("dir/tokenizer.json"), HasSubstr(words))))
        << vocabulary;
  };
  refuses(R"([["a"]])", "entry 0 of the model's vocab is not a token and its score");
  refuses(R"([["a", 1, 2]])", "entry 0");
  refuses(R"([["a", "b", 2]])", "entry 0");
  refuses(R"([["a", 1], []])", "entry 1");
  refuses(R"([["", 1]])", "the token with id 0 is empty");
  refuses(R"(["a"])", "tokens with their scores");
  refuses(R"([["a", null]])", "tokens with their scores");
  refuses(R"([["a", [1]]])", "tokens with their scores");
  refuses("[]", "unk_id 0 is beyond its vocabulary of 0");
  json["model"]["unk_id"] = nullptr;
  json["model"]["vocab"] = parse_json(R"([["a", -1.5], ["Ġ", 0]])", "value");
  EXPECT_THAT(load(json).encode("aa a"), ElementsAre(0, 0, 1, 0));
  EXPECT_THAT([&] { load(json).encode("ab"); },
              ThrowsMessage<Error>(HasSubstr("\"b\" is no token, and the model has no unk_id")));
}

TEST(Tokenizer, BrokenPartsAreNamed) {
  const auto refuses = [](const char* pointer, const char* value, const std::string& words) {
    Json json = small();
    json[Json::json_pointer(pointer)] = parse_json(value, "value");
    EXPECT_THAT([&] { load(json); },
                ThrowsMessage<Error>(AllOf(StartsWith("dir/tokenizer.json"), HasSubstr(words))))
        << pointer;
  };
  refuses("/model/vocab/zz", "-1", "\"zz\" has an id below 0");
  refuses("/model/vocab/zz", "18446744073709551615", "\"zz\" has an id");
  refuses("/model/vocab/zz", "10000001", "\"zz\" has an id");
  refuses("/model/vocab/zz", "10000000", "a vocabulary of 11 tokens has the id 10000000");
  refuses("/added_tokens/1/id", "9000000",
          "\"</s>\" has id 9000000, far beyond the vocabulary of 10");
  refuses("/model/vocab/zz", "5", "\"abc\" and \"zz\" have the same id 5");
  refuses("/model/vocab/zz", "\"5\"", "vocab");
  refuses("/model/vocab/zz", "[]", "vocab");
  refuses("/model/vocab/zz", "{}", "vocab");
  refuses("/model/vocab/zz", "1.5", "vocab");
  refuses("/model/vocab/zz", "10", "the added token \"<s>\" has id 10");
  refuses("/model/vocab", "[1]", "vocab");
  refuses("/model/merges/0", "\"ab\"", "merge 0 (\"ab\") is not two tokens");
  refuses("/model/merges/0", "\"a b c\"", "is not two tokens");
  refuses("/model/merges/1", "[\"a\"]", "merge 1 is not two tokens");
  refuses("/model/merges/1", "[\"a\", 1]", "merges");
  refuses("/model/merges/1", "[\"a\", [\"b\"]]", "merges");
  refuses("/model/merges/1", "[\"b\", \"a\"]",
          "merge 1 (\"b\" \"a\") uses a token that is not in the vocabulary");
  refuses("/model/merges", "{}", "merges");
  refuses("/added_tokens/0/id", "-3", "\"<s>\" has id -3");
  refuses("/added_tokens/0/content", "\"\"", "no content");
  refuses("/added_tokens/0/content", "\"abc\"", "says otherwise");
  refuses("/added_tokens/1/id", "10", "two added tokens have id 10");
  refuses("/added_tokens/1/content", "\"<s>\"", "occurs twice");
  refuses("/added_tokens/1/id", "\"x\"", "not a usable tokenizer.json");
  refuses("/added_tokens", "7", "tokenizer.json");
  refuses("/model", "null", "vocab");
  refuses("/decoder", "[]", "tokenizer.json");
}

TEST(Tokenizer, NotJsonAtAll) {
  const auto refuses = [](const std::string& text, const char* words) {
    EXPECT_THAT([&] { Tokenizer::from_json(text, "f"); },
                ThrowsMessage<Error>(AllOf(StartsWith("f"), HasSubstr(words))));
  };
  refuses("", "f:1: not valid JSON");
  refuses("[]", "not a JSON object");
  refuses("3", "not a JSON object");
  refuses("{}", "no \"vocab\"");
  refuses("{\n\"a\": tru}", "f:2: not valid JSON");
  refuses(std::string(100'000, '['), "nests deeper than 512");
  refuses(R"({"model":{"vocab":{"a":1e999}}})", "f");
  refuses(R"({"model":{"vocab":{"a":0},"vocab":{"b":0},"merges":[]}})", "\"vocab\" twice");
  refuses(R"({"model":{"vocab":{},"merges":[],"merges":[]}})", "\"merges\" twice");
  std::string many = "{\"k\":0";
  for (int i = 0; i < 20'000; ++i) many += ",\"k" + std::to_string(i) + "\":0";
  refuses(many + "}", "an object of more than 10000 keys");
  const std::string rest = R"(,"merges":[]}})";
  refuses(
      R"({"decoder":{"type":"ByteLevel"},"model":{"vocab":{"a":0})" + rest + std::string(1, '\0'),
      "NUL byte");
  const std::string whole = small().dump();
  for (size_t cut = 0; cut < whole.size(); ++cut)
    EXPECT_THROW(Tokenizer::from_json(whole.substr(0, cut), "f"), Error) << cut;
}

TEST(Tokenizer, LoadSaysWhatWasLookedFor) {
  EXPECT_THAT([] { load_tokenizer(scratch()); },
              ThrowsMessage<Error>(AllOf(HasSubstr("no tokenizer.json"), HasSubstr(".gguf"))));
}

}  // namespace
}  // namespace slipway
