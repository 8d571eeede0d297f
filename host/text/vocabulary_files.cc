// Older vocabularies, as transformers' classes use them.
#include "text/vocabulary_files.h"

#include <algorithm>

#include "base/error.h"
#include "base/excerpt.h"
#include "text/unicode.h"

namespace slipway {

const char* const kQwen2Words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

Json byte_level(bool add_prefix_space, bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", add_prefix_space},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

Json pattern_words(const char* pattern, bool add_prefix_space) {
  return {{"type", "Sequence"},
          {"pretokenizers", Json::array({{{"type", "Split"},
                                          {"pattern", {{"Regex", pattern}}},
                                          {"behavior", "Isolated"},
                                          {"invert", false}},
                                         byte_level(add_prefix_space, false)})}};
}

namespace {

std::vector<std::string> lines_of(const fs::path& path) {
  const std::string text = read_file(path);
  if (!is_valid_utf8(text)) fail("{}: is not UTF-8", path.string());
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
    if (out.back().ends_with('\r')) out.back().pop_back();
    at = end + 1;
  }
  return out;
}

// Tokens by id. An object of ids by token.
std::vector<std::string> read_vocabulary(const fs::path& path) {
  const std::string origin = path.string();
  const nlohmann::json json = parse_unique_json(read_file(path), origin);
  if (!json.is_object()) fail("{}: is not an object of ids", origin);
  std::vector<std::string> out(json.size());
  for (const auto& [token, id] : json.items()) {
    if (!id.is_number_integer() || token.empty())
      fail("{}: the id of \"{}\" is no number, or the token is empty", origin, excerpt(token));
    const int64_t at = id.get<int64_t>();
    if (at < 0 || at > static_cast<int64_t>(2 * json.size() + 100'000))
      fail("{}: the token \"{}\" has the id {}, of {} tokens", origin, excerpt(token), at,
           json.size());
    if (static_cast<size_t>(at) >= out.size()) out.resize(static_cast<size_t>(at) + 1);
    std::string& slot = out[static_cast<size_t>(at)];
    if (!slot.empty())
      fail("{}: the tokens \"{}\" and \"{}\" have the same id {}", origin, excerpt(slot),
           excerpt(token), at);
    slot = token;
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> read_merges(const fs::path& path) {
  std::vector<std::pair<std::string, std::string>> out;
  size_t number = 0;
  for (const std::string& line : lines_of(path)) {
    ++number;
    if (line.empty() || line.starts_with("#version")) continue;
    const size_t space = line.find(' ');
    if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos)
      fail("{}:{}: \"{}\" is not two tokens", path.string(), number, excerpt(line));
    out.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  return out;
}

// The class that reads vocab.json and merges.txt.
std::string merges_class(const LegacySettings& settings, const std::string& origin) {
  constexpr std::pair<std::string_view, const char*> kByType[] = {
      {"gpt2", "GPT2Tokenizer"},        {"gpt_neo", "GPT2Tokenizer"},
      {"gptj", "GPT2Tokenizer"},        {"opt", "GPT2Tokenizer"},
      {"phi", "GPT2Tokenizer"},         {"codegen", "GPT2Tokenizer"},
      {"starcoder2", "GPT2Tokenizer"},  {"dbrx", "GPT2Tokenizer"},
      {"qwen2", "Qwen2Tokenizer"},      {"qwen2_moe", "Qwen2Tokenizer"},
      {"qwen3", "Qwen2Tokenizer"},      {"qwen3_moe", "Qwen2Tokenizer"},
      {"gpt_neox", "GPTNeoXTokenizer"}, {"olmo", "GPTNeoXTokenizer"}};
  std::string name = settings.tokenizer_class;
  if (name.empty())
    for (const auto& [type, its_class] : kByType)
      if (settings.model_type == type) name = its_class;
  if (name == "GPT2Tokenizer" || name == "Qwen2Tokenizer" || name == "GPTNeoXTokenizer")
    return name;
  if (name.empty())
    fail(
        "{}: nothing says how its words are cut: no \"tokenizer_class\" in tokenizer_config.json, "
        "and no known model_type in config.json; write a tokenizer.json with transformers: "
        "AutoTokenizer.from_pretrained(), then save_pretrained()",
        origin);
  fail(
      "{}: the tokenizer_class \"{}\" is not supported beside vocab.json and merges.txt "
      "(GPT2Tokenizer, Qwen2Tokenizer and GPTNeoXTokenizer are); write a tokenizer.json with "
      "transformers: AutoTokenizer.from_pretrained(), then save_pretrained()",
      origin, excerpt(name));
}

}  // namespace

LegacyTokenizer merges_tokenizer(const fs::path& folder, const LegacySettings& settings) {
  const std::string origin = (folder / "vocab.json").string();
  const std::string name = merges_class(settings, origin);
  LegacyTokenizer out;
  out.tables = {read_vocabulary(folder / "vocab.json"), read_merges(folder / "merges.txt"), {}};
  const bool prefix = settings.flag("add_prefix_space", false), qwen = name == "Qwen2Tokenizer",
             neox = name == "GPTNeoXTokenizer";
  const std::string end = "<|endoftext|>";
  out.json = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"normalizer", qwen || neox ? Json{{"type", "NFC"}} : Json()},
      {"pre_tokenizer", qwen ? pattern_words(kQwen2Words, prefix) : byte_level(prefix, true)},
      {"decoder", byte_level(true, true)},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", nullptr},
        {"continuing_subword_prefix", ""},
        {"end_of_word_suffix", ""},
        {"fuse_unk", false},
        {"byte_fallback", false},
        {"ignore_merges", false}}}};
  out.names = {{"bos_token", qwen ? "" : end},
               {"eos_token", end},
               {"unk_token", end},
               {"sep_token", ""},
               {"pad_token", qwen   ? end
                             : neox ? "<|padding|>"
                                    : ""},
               {"cls_token", ""},
               {"mask_token", ""}};
  add_special_tokens(out, settings, origin);
  return out;
}

LegacyTokenizer word_piece_tokenizer(const fs::path& folder, const LegacySettings& settings) {
  const std::string origin = (folder / "vocab.txt").string();
  if (const std::string& name = settings.tokenizer_class;
      !name.empty() && name != "BertTokenizer" && name != "DistilBertTokenizer" &&
      name != "ElectraTokenizer")
    fail("{}: the tokenizer_class \"{}\" is not supported beside vocab.txt (BertTokenizer is)",
         origin, excerpt(name));
  LegacyTokenizer out;
  out.tables.vocabulary = lines_of(folder / "vocab.txt");
  const auto strip = settings.config.find("strip_accents");
  out.json = {{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}};
  out.json["normalizer"] = {{"type", "BertNormalizer"},
                            {"clean_text", true},
                            {"handle_chinese_chars", settings.flag("tokenize_chinese_chars", true)},
                            {"strip_accents", strip == settings.config.end() ? Json() : *strip},
                            {"lowercase", settings.flag("do_lower_case", true)}};
  out.json["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
  out.json["decoder"] = {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
  const auto named = [&](const char* key, const char* otherwise) {
    const auto it = settings.config.find(key);
    return it != settings.config.end() && it->is_string() ? it->get<std::string>()
                                                          : std::string(otherwise);
  };
  out.json["model"] = {{"type", "WordPiece"},
                       {"unk_token", named("unk_token", "[UNK]")},
                       {"continuing_subword_prefix", "##"},
                       {"max_input_chars_per_word", 100}};
  const auto framing = [&](const std::string& text) -> FrameToken {
    const auto it = std::ranges::find(out.tables.vocabulary, text);
    if (it == out.tables.vocabulary.end())
      fail("{}: has no token \"{}\", which stands around texts", origin, excerpt(text));
    return std::pair(text, it - out.tables.vocabulary.begin());
  };
  const FrameToken cls = framing(named("cls_token", "[CLS]")),
                   sep = framing(named("sep_token", "[SEP]"));
  Json frame = frame_of(cls, sep);
  frame["pair"].erase(3);  // one [SEP] between two texts, and no [CLS]
  out.json["post_processor"] = std::move(frame);
  out.names = {{"bos_token", ""},       {"eos_token", ""},      {"unk_token", "[UNK]"},
               {"sep_token", "[SEP]"},  {"pad_token", "[PAD]"}, {"cls_token", "[CLS]"},
               {"mask_token", "[MASK]"}};
  add_special_tokens(out, settings, origin);
  return out;
}

}  // namespace slipway
