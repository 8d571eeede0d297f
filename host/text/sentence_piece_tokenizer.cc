// Parts of SentencePiece tokenizers.
#include "text/sentence_piece_tokenizer.h"

#include <algorithm>
#include <numeric>
#include <unordered_set>

#include "text/base64.h"
#include "base/error.h"
#include "base/excerpt.h"
#include "text/metaspace.h"
#include "text/unicode.h"

namespace slipway {
namespace {

using PieceType = SentencePieceModel::PieceType;

Json replace_step(const char* kind, const char* from, const char* to) {
  return {{"type", "Replace"}, {"pattern", {{kind, from}}}, {"content", to}};
}

Json sequence_of(const char* key, Json steps) { return {{"type", "Sequence"}, {key, steps}}; }

// Models whose tokenizers transformers 5 puts together from the model file, whatever class a
// tokenizer_config.json names.
bool follows_its_model_file(const std::string& model_type) {
  constexpr std::string_view kTypes[] = {"arctic",
                                         "flex_olmo",
                                         "glm",
                                         "glm4",
                                         "glm4_moe",
                                         "granite",
                                         "granitemoe",
                                         "internlm2",
                                         "internlm3",
                                         "jamba",
                                         "minicpm3",
                                         "ministral",
                                         "ministral3",
                                         "mistral",
                                         "mistral3",
                                         "mixtral",
                                         "nemotron",
                                         "olmo2",
                                         "olmo3",
                                         "persimmon",
                                         "phi3",
                                         "phi3_v",
                                         "phimoe",
                                         "pixtral",
                                         "stablelm",
                                         "voxtral",
                                         "granitemoehybrid",
                                         "granitemoeshared"};
  return std::ranges::find(kTypes, model_type) != std::end(kTypes);
}

std::vector<std::string> texts_of(const SentencePieceModel& model) {
  std::vector<std::string> out;
  for (const auto& piece : model.pieces) out.push_back(piece.text);
  return out;
}

std::vector<Json> added_pieces(const SentencePieceModel& model, bool user_defined) {
  std::vector<Json> out;
  for (const auto& piece : model.pieces)
    if (piece.type == PieceType::kControl ||
        (user_defined && piece.type == PieceType::kUserDefined))
      out.push_back(added_token(piece.text, piece.type == PieceType::kControl));
  return out;
}

LegacyTokenizer of_ids(const SentencePieceModel& model) {
  LegacyTokenizer out;
  out.json = {{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}};
  out.tables.vocabulary = texts_of(model);
  std::vector<size_t> order(model.pieces.size());
  std::iota(order.begin(), order.end(), size_t{0});
  out.tables.merges = merges_of(out.tables.vocabulary, order);
  out.extras = added_pieces(model, true);
  return out;
}

LegacyTokenizer llama(const SentencePieceModel& model, const LegacySettings& settings) {
  LegacyTokenizer out = of_ids(model);
  const bool prefix = settings.flag("add_prefix_space", true);
  out.json["normalizer"] = nullptr;
  out.json["pre_tokenizer"] = metaspace_of(!prefix                          ? "never"
                                           : settings.flag("legacy", false) ? "always"
                                                                            : "first");
  out.json["decoder"] = sentence_piece_decoder(true, true, prefix);
  out.json["model"] = sentence_piece_bpe(nullptr, true, false);
  out.names = {{"bos_token", "<s>"}, {"eos_token", "</s>"}, {"unk_token", "<unk>"},
               {"sep_token", ""},    {"pad_token", ""},     {"cls_token", ""},
               {"mask_token", ""}};
  return out;
}

LegacyTokenizer gemma(const SentencePieceModel& model, const std::string& origin) {
  LegacyTokenizer out = of_ids(model);
  if (std::ranges::find(out.tables.vocabulary, "<unk>") == out.tables.vocabulary.end())
    fail("{}: has no piece <unk>, which GemmaTokenizer needs", origin);
  out.json["normalizer"] = replace_step("String", " ", kSpaceMark);
  out.json["pre_tokenizer"] = {{"type", "Split"},
                               {"pattern", {{"String", " "}}},
                               {"behavior", "MergedWithPrevious"},
                               {"invert", false}};
  out.json["decoder"] = sentence_piece_decoder(true, true, false);
  out.json["model"] = sentence_piece_bpe("<unk>", true, false);
  out.names = {{"bos_token", "<bos>"},  {"eos_token", "<eos>"}, {"unk_token", "<unk>"},
               {"sep_token", ""},       {"pad_token", "<pad>"}, {"cls_token", ""},
               {"mask_token", "<mask>"}};
  return out;
}

// The pieces' texts, with those that the settings' added tokens rename.
std::vector<std::string> renamed(const SentencePieceModel& model, const LegacySettings& settings) {
  std::vector<std::string> out = texts_of(model);
  std::unordered_set<std::string> kept(out.begin(), out.end());
  for (const auto& [id, token] : settings.added)
    if (id >= 0 && static_cast<size_t>(id) < out.size())
      kept.erase(model.pieces[static_cast<size_t>(id)].text);
  for (const auto& [id, token] : settings.added) {
    const std::string name = token.at("content").get<std::string>();
    if (id >= 0 && static_cast<size_t>(id) < out.size() && !kept.contains(name))
      out[static_cast<size_t>(id)] = name;
  }
  return out;
}

// Normal pieces, best first.
std::vector<size_t> by_score(const SentencePieceModel& model) {
  std::vector<size_t> out;
  for (size_t i = 0; i < model.pieces.size(); ++i)
    if (model.pieces[i].type == PieceType::kNormal) out.push_back(i);
  const auto score = [&](size_t i) { return -model.pieces[i].score; };
  std::ranges::stable_sort(out, {}, score);
  return out;
}

Json normalizer_of(const SentencePieceModel& model, bool legacy) {
  Json steps = Json::array();
  if (!model.charsmap.empty())
    steps.push_back({{"type", "Precompiled"}, {"precompiled_charsmap", base64_of(model.charsmap)}});
  if (model.remove_extra_whitespaces) {
    steps.push_back(replace_step("Regex", R"(\A +| +\z)", ""));
    steps.push_back(replace_step("Regex", " {2,}", " "));
  }
  if (model.escape_whitespaces) steps.push_back(replace_step("String", " ", kSpaceMark));
  if (model.add_dummy_prefix && legacy)
    steps.push_back(replace_step("Regex", "\\A\u2581", "\u2581\u2581"));
  return sequence_of("normalizers", steps);
}

// As SentencePiece's own settings have it.
LegacyTokenizer by_its_file(const SentencePieceModel& model, LegacySettings& settings) {
  LegacyTokenizer out;
  const bool legacy = settings.flag("legacy", true),
             unigram = model.kind == SentencePieceModel::Kind::kUnigram;
  out.json = {{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}};
  std::vector<std::string> user_defined;
  if (unigram) {
    out.tables.vocabulary = texts_of(model);
    for (const auto& piece : model.pieces) out.tables.scores.push_back(piece.score);
    out.json["model"] = {
        {"type", "Unigram"}, {"unk_id", model.unk_id}, {"byte_fallback", model.byte_fallback}};
  } else {
    out.tables.vocabulary = renamed(model, settings);
    out.tables.merges = merges_of(out.tables.vocabulary, by_score(model));
  }
  for (size_t i = 0; i < model.pieces.size(); ++i)
    if (model.pieces[i].type == PieceType::kUserDefined)
      user_defined.push_back(out.tables.vocabulary[i]);
  if (!unigram)
    out.json["model"] =
        sentence_piece_bpe(model.unk_piece, model.byte_fallback, !user_defined.empty());
  out.json["normalizer"] = normalizer_of(model, legacy);
  Json cuts = Json::array();
  if (model.add_dummy_prefix) cuts.push_back(metaspace_of(legacy ? "always" : "first"));
  if (!user_defined.empty())
    cuts.push_back({{"type", "Split"},
                    {"pattern", {{"Regex", pattern_of(user_defined)}}},
                    {"behavior", "Isolated"},
                    {"invert", false}});
  out.json["pre_tokenizer"] = cuts.empty() ? Json() : sequence_of("pretokenizers", cuts);
  out.json["decoder"] = sentence_piece_decoder(
      model.byte_fallback, model.byte_fallback || model.add_dummy_prefix, model.add_dummy_prefix);
  const auto named = [](int32_t id, const std::string& piece) { return id >= 0 ? piece : ""; };
  out.names = {{"bos_token", named(model.bos_id, model.bos_piece)},
               {"eos_token", named(model.eos_id, model.eos_piece)},
               {"unk_token", named(model.unk_id, model.unk_piece)},
               {"sep_token", ""},
               {"pad_token", ""},
               {"cls_token", ""},
               {"mask_token", ""}};
  out.extras = added_pieces(model, false);
  if (model.add_dummy_prefix)  // each text between added tokens gets a mark of its own
    for (auto& [id, token] : settings.added) token["normalized"] = false;
  return out;
}

}  // namespace

std::string pattern_of(std::vector<std::string> texts) {
  const auto length = [](const std::string& text) {
    return std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  };
  std::ranges::stable_sort(texts, std::greater<>(), length);
  std::string out;
  for (const std::string& text : texts) {
    if (&text != &texts.front()) out += '|';
    for (const char c : text) {
      if (std::string_view("()[]{}?*+-|^$\\.&~# \t\n\r\v\f").find(c) != std::string::npos)
        out += '\\';
      out += c;
    }
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> merges_of(const std::vector<std::string>& tokens,
                                                           const std::vector<size_t>& order) {
  std::unordered_set<std::string_view> known;
  for (const size_t i : order) known.insert(tokens[i]);
  std::vector<std::pair<std::string, std::string>> out;
  for (const size_t i : order) {
    const std::string_view token = tokens[i];
    for (size_t cut = 0; cut < token.size();) {
      cut += code_point_at(token, cut).size;
      const std::string_view left = token.substr(0, cut), right = token.substr(cut);
      if (known.contains(left) && known.contains(right)) out.emplace_back(left, right);
    }
  }
  return out;
}

Json sentence_piece_bpe(const Json& unk_token, bool byte_fallback, bool ignore_merges) {
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", unk_token},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", true},
          {"byte_fallback", byte_fallback},
          {"ignore_merges", ignore_merges}};
}

Json sentence_piece_decoder(bool byte_fallback, bool fuse, bool strip) {
  Json steps = Json::array({replace_step("String", kSpaceMark, " ")});
  if (byte_fallback) steps.push_back({{"type", "ByteFallback"}});
  if (fuse) steps.push_back({{"type", "Fuse"}});
  if (strip) steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  return sequence_of("decoders", steps);
}

Json metaspace_of(const char* scheme) {
  return {{"type", "Metaspace"},
          {"replacement", kSpaceMark},
          {"prepend_scheme", scheme},
          {"split", false}};
}

LegacyTokenizer sentence_piece_tokenizer(const SentencePieceModel& model,
                                         const LegacySettings& given, const std::string& origin) {
  LegacySettings settings = given;
  if (model.kind != SentencePieceModel::Kind::kBpe &&
      model.kind != SentencePieceModel::Kind::kUnigram)
    fail("{}: a SentencePiece model of words or characters is not supported (BPE and Unigram are)",
         origin);
  if (model.treat_whitespace_as_suffix)
    fail("{}: a SentencePiece model with treat_whitespace_as_suffix is not supported", origin);
  const std::string& name = settings.tokenizer_class;
  const bool own = follows_its_model_file(settings.model_type) || name.empty() ||
                   name == "PreTrainedTokenizer" || name == "TokenizersBackend";
  const bool is_gemma =
      settings.model_type.starts_with("gemma") && (name.empty() || name == "GemmaTokenizer");
  LegacyTokenizer out;
  if (is_gemma || (!own && name == "GemmaTokenizer")) out = gemma(model, origin);
  else if (own) out = by_its_file(model, settings);
  else if (name == "LlamaTokenizer") out = llama(model, settings);
  else
    fail(
        "{}: the tokenizer_class \"{}\" is not supported beside a tokenizer.model "
        "(LlamaTokenizer, GemmaTokenizer, TokenizersBackend and none are); write a tokenizer.json "
        "with transformers: AutoTokenizer.from_pretrained(), then save_pretrained()",
        origin, excerpt(name));
  add_special_tokens(out, settings, origin);
  return out;
}

}  // namespace slipway
