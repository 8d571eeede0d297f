// A tokenizer.json in one pass: vocabulary and merges go straight into their tables.
#include "text/tokenizer_reader.h"

#include <algorithm>

#include "base/error.h"
#include "base/excerpt.h"

namespace slipway {
namespace {

constexpr int64_t kMaxId = 10'000'000;
// of an object other than the vocabulary: each is searched for among those before it
constexpr size_t kMaxKeys = 10'000;

// Collects the document while it is parsed; model.vocab and model.merges, nearly all of it, into
// tables of their own.
class Reader final : public nlohmann::json_sax<Json> {
 public:
  explicit Reader(const std::string& origin) : origin_(origin) {}
  Json document;
  ModelTables model;
  bool has_vocabulary = false, has_merges = false;
  std::string problem;  // of the parser

  // Models of other kinds have none.
  bool needs_merges() const {
    const auto model_it = document.find("model");
    const bool named = model_it != document.end() && model_it->is_object();
    const std::string type = named ? model_it->value("type", "BPE") : "BPE";
    return type == "BPE" && model.scores.empty();
  }

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(int64_t value) override {
    if (place_ == Place::kScored) return score(static_cast<double>(value));
    return place_ == Place::kVocabulary ? token(value) : put(value);
  }
  bool number_unsigned(uint64_t value) override {
    if (place_ == Place::kScored) return score(static_cast<double>(value));
    return place_ == Place::kVocabulary ? token(value > kMaxId ? -1 : static_cast<int64_t>(value))
                                        : put(value);
  }
  bool number_float(double value, const std::string&) override {
    return place_ == Place::kScored ? score(value) : put(value);
  }
  bool binary(Json::binary_t&) override { return false; }

  bool string(std::string& value) override {
    if (place_ == Place::kMerges) return merge(value);
    if (place_ != Place::kPair && place_ != Place::kScored) return put(std::move(value));
    pair_.push_back(std::move(value));
    return true;
  }
  bool key(std::string& value) override {
    key_ = std::move(value);
    return true;
  }
  bool start_object(size_t) override {
    if (place_ == Place::kDocument && at_model("vocab"))
      return begin_vocabulary(Place::kVocabulary);
    return open(Json::object());
  }
  bool start_array(size_t) override {
    if (place_ == Place::kDocument && at_model("vocab")) return begin_vocabulary(Place::kScores);
    if (place_ == Place::kScores) {
      pair_.clear();
      scores_of_token_ = 0;
      place_ = Place::kScored;
      return true;
    }
    if (place_ == Place::kDocument && at_model("merges")) {
      if (has_merges) fail("{}: the model has \"merges\" twice", origin_);
      place_ = Place::kMerges;
      return has_merges = true;
    }
    if (place_ == Place::kMerges) {
      pair_.clear();
      place_ = Place::kPair;
      return true;
    }
    return open(Json::array());
  }
  bool end_object() override { return close(); }
  bool end_array() override {
    if (place_ == Place::kScored) return scored();
    if (place_ != Place::kPair) return close();
    if (pair_.size() != 2) fail("{}: merge {} is not two tokens", origin_, model.merges.size());
    model.merges.emplace_back(std::move(pair_[0]), std::move(pair_[1]));
    place_ = Place::kMerges;
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& e) override {
    problem = e.what();
    return false;
  }

 private:
  // kScores: a list of tokens, each kScored with its score
  enum class Place { kDocument, kVocabulary, kMerges, kPair, kScores, kScored };

  bool begin_vocabulary(Place place) {
    if (has_vocabulary) fail("{}: the model has \"vocab\" twice", origin_);
    place_ = place;
    return has_vocabulary = true;
  }
  bool score(double value) {
    model.scores.push_back(value);
    ++scores_of_token_;
    return true;
  }
  bool scored() {
    if (pair_.size() != 1 || scores_of_token_ != 1)
      fail("{}: entry {} of the model's vocab is not a token and its score", origin_,
           model.vocabulary.size());
    if (pair_[0].empty())
      fail("{}: the token with id {} is empty", origin_, model.vocabulary.size());
    if (model.vocabulary.size() > kMaxId) fail("{}: more than {} tokens", origin_, kMaxId);
    model.vocabulary.push_back(std::move(pair_[0]));
    place_ = Place::kScores;
    return true;
  }

  bool at_model(const char* name) const {
    return open_.size() == 2 && open_names_[1] == "model" && key_ == name;
  }

  // Adds a value to the innermost open object or array.
  Json* add(Json value) {
    if (place_ != Place::kDocument)
      fail("{}: the model's {} hold something else than {}", origin_,
           place_ == Place::kMerges || place_ == Place::kPair ? "merges" : "vocab",
           place_ == Place::kVocabulary                         ? "ids"
           : place_ == Place::kMerges || place_ == Place::kPair ? "pairs of tokens"
                                                                : "tokens with their scores");
    if (open_.empty()) return &(document = std::move(value));
    Json& into = *open_.back();
    if (into.is_object() && into.size() >= kMaxKeys)
      fail("{}: an object of more than {} keys", origin_, kMaxKeys);
    if (into.is_object()) return &(into[key_] = std::move(value));
    into.push_back(std::move(value));
    return &into.back();
  }
  bool put(Json value) {
    add(std::move(value));
    return true;
  }
  bool open(Json value) {
    const std::string name = key_;
    open_.push_back(add(std::move(value)));
    open_names_.push_back(name);
    return true;
  }
  bool close() {
    if (place_ != Place::kDocument) {
      if (place_ == Place::kVocabulary) place_tokens();
      place_ = Place::kDocument;
      return true;
    }
    open_.pop_back();
    open_names_.pop_back();
    return true;
  }
  bool token(int64_t id) {
    if (id < 0 || id > kMaxId)
      fail("{}: token \"{}\" has an id below 0 or above {}", origin_, excerpt(key_), kMaxId);
    if (key_.empty()) fail("{}: the token with id {} is empty", origin_, id);
    tokens_.emplace_back(std::move(key_), static_cast<size_t>(id));
    return true;
  }
  // Every id has its place in a table: an id far beyond the number of tokens would cost what the
  // file does not have.
  void place_tokens() {
    size_t size = 0;
    for (const auto& [token, id] : tokens_) size = std::max(size, id + 1);
    if (size > most_ids(tokens_.size()))
      fail("{}: a vocabulary of {} tokens has the id {}", origin_, tokens_.size(), size - 1);
    model.vocabulary.resize(size);
    for (auto& [token, id] : tokens_) {
      std::string& slot = model.vocabulary[id];
      if (!slot.empty() && slot != token)
        fail("{}: the tokens \"{}\" and \"{}\" have the same id {}", origin_, excerpt(slot),
             excerpt(token), id);
      slot = std::move(token);
    }
  }
  bool merge(const std::string& text) {
    const size_t space = text.find(' ');
    if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
      fail("{}: merge {} (\"{}\") is not two tokens", origin_, model.merges.size(), excerpt(text));
    model.merges.emplace_back(text.substr(0, space), text.substr(space + 1));
    return true;
  }

  const std::string& origin_;
  Place place_ = Place::kDocument;
  std::string key_;
  std::vector<Json*> open_;  // stays valid: only the innermost grows
  std::vector<std::string> open_names_, pair_;
  std::vector<std::pair<std::string, size_t>> tokens_;
  size_t scores_of_token_ = 0;
};

}  // namespace

TokenizerDocument read_tokenizer_json(std::string_view text, const std::string& origin) {
  check_json_depth(text, origin);
  Reader reader(origin);
  if (!Json::sax_parse(text.begin(), text.end(), &reader)) {
    check_json(text, origin);
    fail("{}: not valid JSON: {}", origin, reader.problem);
  }
  if (!reader.document.is_object())
    fail("{}: not a usable tokenizer.json: not a JSON object", origin);
  const bool merges = reader.has_merges || !reader.needs_merges();
  if (!reader.has_vocabulary || !merges)
    fail("{}: not a usable tokenizer.json: the model has no \"vocab\" or no \"merges\"", origin);
  return {std::move(reader.document), std::move(reader.model)};
}

}  // namespace slipway
