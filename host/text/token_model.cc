// The "model" of a tokenizer.json: which kind it is, and its options.
#include "text/token_model.h"

#include "base/error.h"
#include "base/excerpt.h"
#include "text/bpe.h"
#include "text/unigram.h"
#include "text/word_piece.h"

namespace slipway {
namespace {

// A key that may be missing or null.
template <class T>
T option(const Json& model, const char* key, T otherwise) {
  const auto it = model.find(key);
  return it == model.end() || it->is_null() ? otherwise : it->get<T>();
}

bool is_set(const Json& model, const char* key) {
  const auto it = model.find(key);
  return it != model.end() && !it->is_null() && *it != Json("") && *it != Json(0.0);
}

std::unique_ptr<TokenModel> make_bpe(const Json& model, ModelTables tables,
                                     const std::string& origin) {
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix", "dropout"})
    if (is_set(model, key)) fail("{}: BPE with {} is not supported (null is)", origin, key);
  return std::make_unique<Bpe>(
      std::move(tables),
      Bpe::Options{option(model, "ignore_merges", false), option(model, "byte_fallback", false),
                   option(model, "fuse_unk", false), option(model, "unk_token", std::string())},
      origin);
}

std::unique_ptr<TokenModel> make_unigram(const Json& model, ModelTables tables,
                                         const std::string& origin) {
  const auto unk = option<int64_t>(model, "unk_id", -1);
  if (unk < -1 || unk > INT32_MAX) fail("{}: the model's unk_id is {}", origin, unk);
  return std::make_unique<Unigram>(
      std::move(tables),
      Unigram::Options{static_cast<int32_t>(unk), option(model, "byte_fallback", false)}, origin);
}

std::unique_ptr<TokenModel> make_word_piece(const Json& model, ModelTables tables,
                                            const std::string& origin) {
  WordPiece::Options options;
  options.unk_token = option(model, "unk_token", options.unk_token);
  options.continuing_subword_prefix =
      option(model, "continuing_subword_prefix", options.continuing_subword_prefix);
  options.max_input_chars_per_word =
      option(model, "max_input_chars_per_word", options.max_input_chars_per_word);
  return std::make_unique<WordPiece>(std::move(tables), options, origin);
}

// Old files do not say what their model is.
std::string kind_of(const Json& model, const ModelTables& tables) {
  if (model.contains("type")) return model.at("type").get<std::string>();
  if (!tables.scores.empty()) return "Unigram";
  return model.contains("continuing_subword_prefix") && tables.merges.empty() ? "WordPiece" : "BPE";
}

}  // namespace

Json vocabulary_object(const Vocabulary& vocabulary) {
  Json out = Json::object();
  // Straight into the sorted-by-insertion object: a search for each key would be quadratic.
  auto& pairs = out.get_ref<Json::object_t&>();
  const auto& tokens = vocabulary.tokens();
  for (size_t i = 0; i < tokens.size(); ++i)
    if (!tokens[i].empty()) pairs.push_back({tokens[i], i});
  return out;
}

std::unique_ptr<TokenModel> make_token_model(const Json& description, ModelTables tables,
                                             const std::string& origin) {
  const std::string kind = kind_of(description, tables);
  if (kind == "BPE") return make_bpe(description, std::move(tables), origin);
  if (kind == "Unigram") return make_unigram(description, std::move(tables), origin);
  if (kind == "WordPiece") return make_word_piece(description, std::move(tables), origin);
  fail("{}: model \"{}\" is not supported (BPE, Unigram and WordPiece are)", origin, excerpt(kind));
}

}  // namespace slipway
