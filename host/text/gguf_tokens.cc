// What tokenizer.json says, in llama.cpp's words.
#include "text/gguf_tokens.h"

#include <algorithm>
#include <unordered_set>

#include "base/error.h"
#include "base/excerpt.h"
#include "text/bpe.h"
#include "text/byte_alphabet.h"
#include "text/gguf_added.h"
#include "text/gguf_marks.h"
#include "text/gguf_scores.h"
#include "text/gguf_words.h"
#include "text/metaspace.h"
#include "text/sentence_piece.h"
#include "text/tokenizer_files.h"
#include "text/tokenizer_reader.h"

namespace slipway {
namespace {

using PieceType = SentencePieceModel::PieceType;  // llama.cpp's numbers are these

// One tokenizer on its way into a file.
struct TokensWriter {
  const Tokenizer& tokenizer;
  TokenizerDocument document;
  std::vector<std::string> tokens;
  std::vector<int32_t> types;
  GgufTokens out = {};

  TokensWriter(const Tokenizer& from, int64_t vocab_size)
      : tokenizer(from), document(read_tokenizer_json(from.to_json(), "tokenizer.json")) {
    const auto size = static_cast<size_t>(vocab_size);
    types.assign(size, static_cast<int32_t>(PieceType::kUnused));
    for (size_t id = 0; id < size; ++id) tokens.push_back(fmt::format("[PAD{}]", id));
    const auto& vocabulary = document.tables.vocabulary;
    for (size_t id = 0; id < vocabulary.size(); ++id)
      if (!vocabulary[id].empty()) put(id, vocabulary[id], PieceType::kNormal);
    for (const Json& each : added())
      put(each.at("id"), each.at("content"),
          each.value("special", false) ? PieceType::kControl : PieceType::kUserDefined);
  }

  void put(size_t id, const std::string& text, PieceType type) {
    tokens.at(id) = text;
    types.at(id) = static_cast<int32_t>(type);
  }
  void add(const char* key, GgufWritten value) { out.metadata.push_back({key, std::move(value)}); }
  void tell(std::string difference) {
    if (!difference.empty()) out.differences.push_back(std::move(difference));
  }
  Json part(const char* key) const { return document.json.value(key, Json()); }
  Json added() const { return document.json.value("added_tokens", Json::array()); }
  bool is(size_t id, PieceType type) const { return types[id] == static_cast<int32_t>(type); }
  bool is_added(size_t id) const {
    return tokenizer.added_token(static_cast<int32_t>(id)) != nullptr;
  }
};

// ---- byte-level BPE -----------------------------------------------------------------------------
// Whether merges alone make every normal token that begins so of its own text.
bool merges_lead_to_all(const TokensWriter& w, std::string_view beginning = "") {
  const Bpe bpe(w.document.tables, Bpe::Options{}, "tokenizer.json");
  std::vector<int32_t> ids;
  const auto& vocabulary = w.document.tables.vocabulary;
  for (size_t id = 0; id < vocabulary.size(); ++id) {
    if (vocabulary[id].empty() || !w.is(id, PieceType::kNormal) ||
        !vocabulary[id].starts_with(beginning))
      continue;
    ids.clear();
    bpe.encode(vocabulary[id], ids);
    if (ids.size() != 1) return false;
  }
  return true;
}

// Of equal merges the last counts here, the first in llama.cpp.
std::vector<std::string> merge_lines(const ModelTables& tables) {
  std::vector<std::string> out;
  std::unordered_set<std::string> seen;
  for (size_t i = tables.merges.size(); i-- > 0;) {
    std::string line = tables.merges[i].first + " " + tables.merges[i].second;
    if (seen.insert(line).second) out.push_back(std::move(line));
  }
  std::ranges::reverse(out);
  return out;
}

// Whether it does NFC; it may do nothing else.
bool composes(const Json& normalizer) {
  if (normalizer.is_null()) return false;
  const std::string type = normalizer.value("type", "");
  if (type == "NFC") return true;
  if (type != "Sequence")
    fail("llama.cpp has no normalizer \"{}\" beside byte-level BPE", excerpt(type));
  bool out = false;
  for (const Json& each : normalizer.at("normalizers")) out = composes(each) || out;
  return out;
}

void add_byte_level(TokensWriter& w) {
  const Json& model = w.document.json.at("model");
  if (composes(w.part("normalizer")))
    w.tell(
        "texts that are not in Unicode's composed form (NFC) are composed here, and not by "
        "llama.cpp");
  if (!model.value("unk_token", Json()).is_null())
    for (int byte = 0; byte < 256; ++byte) {
      const char bytes = static_cast<char>(byte);
      std::string letter;
      append_as_alphabet({&bytes, 1}, letter);
      if (!w.tokenizer.token_id(letter))
        fail("the token of a byte, \"{}\", is missing, and llama.cpp has no unknown token here",
             letter);
    }
  std::optional<bool> whole;
  if (!merges_lead_to_all(w)) whole = model.value("ignore_merges", false);
  const GgufWordsName words = gguf_words_name(w.part("pre_tokenizer"), whole);
  w.tell(words.difference);
  w.add("tokenizer.ggml.model", std::string("gpt2"));
  w.add("tokenizer.ggml.pre", words.name);
  w.add("tokenizer.ggml.merges", merge_lines(w.document.tables));
}

// ---- SentencePiece's BPE ------------------------------------------------------------------------
// The tokenizer.model beside it, where that has these pieces.
std::optional<SentencePieceModel> model_file(const TokensWriter& w) {
  for (const TokenizerFile& file : w.tokenizer.files) {
    if (file.name != "tokenizer.model") continue;
    SentencePieceModel out = read_sentence_piece(file.bytes, file.name);
    if (out.pieces.size() > w.tokens.size()) return std::nullopt;
    for (size_t id = 0; id < out.pieces.size(); ++id)
      if (out.pieces[id].text != w.tokens[id] && !w.is_added(id)) return std::nullopt;
    return out;
  }
  return std::nullopt;
}

// Types of pieces as the model file has them, else by their texts.
void set_piece_types(TokensWriter& w, const std::optional<SentencePieceModel>& file,
                     bool user_defined) {
  int bytes = 0;
  for (size_t id = 0; id < w.tokens.size(); ++id)
    if (byte_of_token(w.tokens[id]) >= 0 && !w.is_added(id)) {
      w.types[id] = static_cast<int32_t>(PieceType::kByte);
      ++bytes;
    }
  if (bytes < 256)
    fail("tokens stand for {} of 256 bytes, and llama.cpp has no unknown token here", bytes);
  for (size_t id = 0; file && id < file->pieces.size(); ++id)
    if (const PieceType type = file->pieces[id].type;
        !w.is_added(id) &&
        (type == PieceType::kUnused || (type == PieceType::kUserDefined && user_defined)))
      w.types[id] = static_cast<int32_t>(type);
  const Json unknown = w.document.json.at("model").value("unk_token", Json());
  const auto id =
      unknown.is_string() ? w.tokenizer.token_id(unknown.get<std::string>()) : std::nullopt;
  if (!id) return;
  if (w.is_added(static_cast<size_t>(*id)))
    w.types[static_cast<size_t>(*id)] = static_cast<int32_t>(PieceType::kUnknown);
  w.add("tokenizer.ggml.unknown_token_id", static_cast<uint32_t>(*id));
}

bool has_mark_inside(const std::string& token) {
  return token.rfind(kSpaceMark) != std::string::npos && token.rfind(kSpaceMark) > 0;
}

// llama.cpp writes the text of user-defined tokens as it stands, marks and all: tokens that merges
// lead to are normal ones.
void set_types_of_marked(TokensWriter& w) {
  std::unordered_set<std::string> made;
  for (const auto& [left, right] : w.document.tables.merges) made.insert(left + right);
  for (size_t id = 0; id < w.types.size(); ++id) {
    if (!w.is(id, PieceType::kUserDefined) || w.tokens[id].find(kSpaceMark) == std::string::npos)
      continue;
    if (!made.contains(w.tokens[id]))
      return w.tell(
          fmt::format("the marks in \"{}\" are spaces here, and stay marks in llama.cpp's texts",
                      excerpt(w.tokens[id])));
    w.types[id] = static_cast<int32_t>(PieceType::kNormal);
  }
}

void add_sentence_piece(TokensWriter& w) {
  const auto file = model_file(w);
  std::vector<std::string> user_defined;
  std::vector<float> own;
  for (size_t id = 0; file && id < file->pieces.size(); ++id) {
    own.push_back(file->pieces[id].score);
    if (file->pieces[id].type == PieceType::kUserDefined)
      user_defined.push_back(w.document.tables.vocabulary[id]);  // which may be called otherwise
  }
  const bool inside = std::ranges::any_of(w.document.tables.merges, [](const auto& merge) {
    return has_mark_inside(merge.first + merge.second);
  });
  const GgufMarks marks =
      gguf_marks(w.part("normalizer"), w.part("pre_tokenizer"), inside, user_defined);
  w.tell(marks.difference);
  w.add("tokenizer.ggml.model", std::string("llama"));
  w.add("tokenizer.ggml.pre", std::string("default"));
  set_piece_types(w, file, marks.cuts_user_defined);
  set_types_of_marked(w);
  const auto never = [&](size_t id) {
    return w.is(id, PieceType::kUnknown) || w.is(id, PieceType::kControl) ||
           w.is(id, PieceType::kUserDefined);
  };
  own.resize(file ? w.document.tables.vocabulary.size() : 0, -1000.0f);
  std::vector<float> scores = scores_of_merges(w.document.tables, never, own);
  scores.resize(w.tokens.size(), -static_cast<float>(w.tokens.size()));
  if (w.document.json.at("model").value("ignore_merges", false) &&
      !merges_lead_to_all(w, marks.add_space_prefix ? kSpaceMark : ""))
    w.tell("a text that is a token whole is that token here; llama.cpp goes by scores alone");
  w.add("tokenizer.ggml.scores", std::move(scores));
  w.add("tokenizer.ggml.add_space_prefix", marks.add_space_prefix);
}

// ---- what both have -----------------------------------------------------------------------------
// The special tokens that stand before and after a text alone.
struct Frame {
  std::vector<std::string> before, after;
};
Frame frame_of_text(const Json& post_processor) {
  Frame out;
  if (!post_processor.is_object()) return out;
  if (post_processor.value("type", "") == "Sequence") {
    for (const Json& each : post_processor.at("processors")) {
      const Frame part = frame_of_text(each);
      out.before.insert(out.before.end(), part.before.begin(), part.before.end());
      out.after.insert(out.after.end(), part.after.begin(), part.after.end());
    }
  }
  if (post_processor.value("type", "") != "TemplateProcessing") return out;
  bool behind = false;
  for (const Json& piece : post_processor.at("single")) {
    if (piece.contains("Sequence")) behind = true;
    else (behind ? out.after : out.before).push_back(piece.at("SpecialToken").at("id"));
  }
  return out;
}

void add_frame(TokensWriter& w) {
  const Frame frame = frame_of_text(w.part("post_processor"));
  const auto add = [&](const std::vector<std::string>& tokens, std::optional<int32_t> id,
                       const char* key) {
    const bool one = tokens.size() == 1 && id && w.tokenizer.token_id(tokens[0]) == id;
    if (!tokens.empty() && !one)
      fail("the tokenizer puts {} around texts, which GGUF has no key for", excerpt(tokens[0]));
    w.add(key, !tokens.empty());
  };
  add(frame.before, w.tokenizer.bos, "tokenizer.ggml.add_bos_token");
  add(frame.after, w.tokenizer.eos, "tokenizer.ggml.add_eos_token");
}

// llama.cpp takes a token of its own choice for an end token where the file names none.
void add_special_ids(TokensWriter& w) {
  const Tokenizer& t = w.tokenizer;
  std::vector<int32_t> ends;
  if (t.eos) ends.push_back(*t.eos);
  for (const int32_t id : t.ends)
    if (id != t.eos) ends.push_back(id);
  if (ends.empty())
    fail(
        "no end token is named, and llama.cpp would end answers at a token of its own choice; set "
        "\"eos_token\" in tokenizer_config.json");
  const auto add = [&](const char* key, std::optional<int32_t> id) {
    if (id) w.add(key, static_cast<uint32_t>(*id));
  };
  add("tokenizer.ggml.bos_token_id", t.bos);
  constexpr const char* kEnds[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                   "tokenizer.ggml.eom_token_id"};
  for (size_t i = 0; i < std::min(ends.size(), std::size(kEnds)); ++i) add(kEnds[i], ends[i]);
  for (size_t i = std::size(kEnds); i < ends.size(); ++i)
    w.tell(fmt::format("an answer may end at \"{}\" here, for which GGUF has no fourth key",
                       excerpt(t.token(ends[i]))));
  add("tokenizer.ggml.padding_token_id", t.pad);
}

void add_templates(TokensWriter& w) {
  if (!w.tokenizer.chat_template.empty())
    w.add("tokenizer.chat_template", w.tokenizer.chat_template);
  std::vector<std::string> names;
  for (const auto& [name, text] : named_templates_of(w.tokenizer)) {
    if (name == "default") continue;
    w.add(("tokenizer.chat_template." + name).c_str(), text);
    names.push_back(name);
  }
  if (!names.empty()) w.add("tokenizer.chat_templates", std::move(names));
}

// What `type` of model has no form here, and why.
[[noreturn]] void refuse_model(const std::string& type) {
  if (type == "Unigram")
    fail("it is Unigram, which is not written: llama.cpp's Unigram normalizes otherwise");
  if (type == "WordPiece")
    fail("it is WordPiece: llama.cpp has that for models of BERT's kind alone");
  fail("it is BPE of characters without bytes to fall back to, which llama.cpp has not");
}

bool makes_bytes(const Json& pre_tokenizer) {
  if (!pre_tokenizer.is_object()) return false;
  if (pre_tokenizer.value("type", "") == "ByteLevel") return true;
  return std::ranges::any_of(pre_tokenizer.value("pretokenizers", Json::array()), makes_bytes);
}

}  // namespace

GgufTokens gguf_tokens(const Tokenizer& tokenizer, int64_t vocab_size) {
  if (tokenizer.vocab_size() > vocab_size)
    fail("the tokenizer has {} tokens, the model {}", tokenizer.vocab_size(), vocab_size);
  TokensWriter w(tokenizer, vocab_size);
  const Json& model = w.document.json.at("model");
  const bool bpe = !w.document.tables.merges.empty() || model.value("type", "BPE") == "BPE";
  try {
    if (bpe && makes_bytes(w.part("pre_tokenizer")) && !model.value("byte_fallback", false))
      add_byte_level(w);
    else if (bpe && model.value("byte_fallback", false)) add_sentence_piece(w);
    else refuse_model(bpe ? "BPE" : model.value("type", "Unigram"));
    const GgufAdded added = gguf_added(tokenizer, w.added());
    for (const std::string& each : added.differences) w.tell(each);
    if (added.as_phi3) w.add("general.name", std::string("Phi-3"));
    add_frame(w);
    add_special_ids(w);
  } catch (const Error& e) {
    fail("the tokenizer cannot be written as GGUF: {}", e.what());
  }
  add_templates(w);
  if (!w.out.differences.empty()) w.add("tokenizer.huggingface.json", tokenizer.to_json());
  w.add("tokenizer.ggml.tokens", std::move(w.tokens));
  w.add("tokenizer.ggml.token_type", std::move(w.types));
  return std::move(w.out);
}

}  // namespace slipway
