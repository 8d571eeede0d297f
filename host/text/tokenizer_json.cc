// tokenizer.json: read in one pass, vocabulary and merges straight into their tables, and written
// back.
#include <algorithm>

#include "base/error.h"
#include "base/excerpt.h"
#include "text/tokenizer_parts.h"
#include "text/unicode.h"

namespace slipway {
namespace {

constexpr int64_t kMaxId = 10'000'000;
// of an object other than the vocabulary: each is searched for among those before it
constexpr size_t kMaxKeys = 10'000;

// Real vocabularies have few holes.
size_t most_ids(size_t tokens) { return 4 * tokens + 100'000; }

// Collects the document while it is parsed; model.vocab and model.merges, nearly all of it, into
// tables of their own.
class Reader final : public nlohmann::json_sax<Json> {
 public:
  explicit Reader(const std::string& origin) : origin_(origin) {}
  Json document;
  BpeModel model;
  bool has_vocabulary = false, has_merges = false;
  std::string problem;  // of the parser

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(int64_t value) override {
    return place_ == Place::kVocabulary ? token(value) : put(value);
  }
  bool number_unsigned(uint64_t value) override {
    return place_ == Place::kVocabulary ? token(value > kMaxId ? -1 : static_cast<int64_t>(value))
                                        : put(value);
  }
  bool number_float(double value, const std::string&) override { return put(value); }
  bool binary(Json::binary_t&) override { return false; }

  bool string(std::string& value) override {
    if (place_ == Place::kMerges) return merge(value);
    if (place_ != Place::kPair) return put(std::move(value));
    pair_.push_back(std::move(value));
    return true;
  }
  bool key(std::string& value) override {
    key_ = std::move(value);
    return true;
  }
  bool start_object(size_t) override {
    if (place_ == Place::kDocument && at_model("vocab")) {
      if (has_vocabulary) fail("{}: the model has \"vocab\" twice", origin_);
      place_ = Place::kVocabulary;
      return has_vocabulary = true;
    }
    return open(Json::object());
  }
  bool start_array(size_t) override {
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
  enum class Place { kDocument, kVocabulary, kMerges, kPair };

  bool at_model(const char* name) const {
    return open_.size() == 2 && open_names_[1] == "model" && key_ == name;
  }

  // Adds a value to the innermost open object or array.
  Json* add(Json value) {
    if (place_ != Place::kDocument)
      fail("{}: the model's {} hold something else than {}", origin_,
           place_ == Place::kVocabulary ? "vocab" : "merges",
           place_ == Place::kVocabulary ? "ids" : "pairs of tokens");
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
};

bool is_set(const Json& model, const char* key) {
  const auto it = model.find(key);
  return it != model.end() && !it->is_null() &&
         !(it->is_string() && it->get<std::string>().empty());
}

void check_model(const Json& model, const std::string& origin) {
  if (const std::string type = model.value("type", "BPE"); type != "BPE")
    fail("{}: model \"{}\" is not supported (BPE is)", origin, excerpt(type));
  if (model.value("byte_fallback", false))
    fail("{}: BPE with byte_fallback (SentencePiece style) is not supported; byte-level BPE is",
         origin);
  for (const char* key :
       {"continuing_subword_prefix", "end_of_word_suffix", "dropout", "unk_token"})
    if (is_set(model, key))
      fail("{}: BPE with {} is not supported; byte-level BPE needs none", origin, key);
}

void check_parts(const Json& document, const std::string& origin) {
  const auto type = [&](const char* key) -> std::string {
    const auto it = document.find(key);
    return it == document.end() || it->is_null() ? "" : it->value("type", "?");
  };
  if (const std::string normalizer = type("normalizer"); !normalizer.empty())
    fail("{}: normalizer \"{}\" is not supported (null is)", origin, excerpt(normalizer));
  if (const std::string decoder = type("decoder"); decoder != "ByteLevel")
    fail("{}: decoder \"{}\" is not supported (ByteLevel is)", origin, excerpt(decoder));
  check_model(document.at("model"), origin);
}

// The added tokens that a vocabulary has must have their ids there; others stand beside it.
int32_t check_added(const AddedTokens& added, const Bpe& bpe, const std::string& origin) {
  size_t size = bpe.vocabulary().size();
  for (const AddedToken& token : added.all()) {
    const auto at = static_cast<size_t>(token.id);
    const int32_t known = bpe.id(token.content);
    if (known >= 0 ? known != token.id
                   : at < bpe.vocabulary().size() && !bpe.vocabulary()[at].empty())
      fail("{}: the added token \"{}\" has id {}, the vocabulary says otherwise", origin,
           excerpt(token.content), token.id);
    if (at > most_ids(bpe.vocabulary().size() + added.all().size()))
      fail("{}: the added token \"{}\" has id {}, far beyond the vocabulary of {}", origin,
           excerpt(token.content), token.id, bpe.vocabulary().size());
    size = std::max(size, at + 1);
  }
  return static_cast<int32_t>(size);
}

void check_frame(const PostProcessor& frame, int32_t size, const std::string& origin) {
  for (const auto* ids : {&frame.before, &frame.after})
    for (const int32_t id : *ids)
      if (id < 0 || id >= size)
        fail("{}: the post-processor adds id {}, which is not a token", origin, id);
}

}  // namespace

std::unique_ptr<Tokenizer::Parts> Tokenizer::Parts::make(Json document, BpeModel model,
                                                         const std::string& origin) {
  try {
    check_parts(document, origin);
    AddedTokens added(document.value("added_tokens", Json::array()), origin);
    PreTokenizer pre_tokenizer(document.value("pre_tokenizer", Json()), origin);
    PostProcessor frame(document.value("post_processor", Json()), origin);
    Bpe bpe(std::move(model), document["model"].value("ignore_merges", false), origin);
    const int32_t size = check_added(added, bpe, origin);
    check_frame(frame, size, origin);
    return std::make_unique<Parts>(Parts{std::move(document), std::move(added),
                                         std::move(pre_tokenizer), std::move(frame), std::move(bpe),
                                         size});
  } catch (const Json::exception& e) {
    fail("{}: not a usable tokenizer.json: {}", origin, e.what());
  }
}

Tokenizer Tokenizer::from_json(std::string_view text, const std::string& origin) {
  check_json_depth(text, origin);
  Reader reader(origin);
  if (!Json::sax_parse(text.begin(), text.end(), &reader)) {
    check_json(text, origin);
    fail("{}: not valid JSON: {}", origin, reader.problem);
  }
  if (!reader.document.is_object())
    fail("{}: not a usable tokenizer.json: not a JSON object", origin);
  if (!reader.has_vocabulary || !reader.has_merges)
    fail("{}: not a usable tokenizer.json: the model has no \"vocab\" or no \"merges\"", origin);
  return Tokenizer(Parts::make(std::move(reader.document), std::move(reader.model), origin));
}

std::string Tokenizer::to_json() const {
  const Bpe& bpe = parts_->bpe;
  Json document = parts_->document, vocabulary = Json::object(), merges = Json::array();
  // Straight into the sorted-by-insertion object: a search for each key would be quadratic.
  auto& pairs = vocabulary.get_ref<Json::object_t&>();
  for (size_t i = 0; i < bpe.vocabulary().size(); ++i)
    if (!bpe.vocabulary()[i].empty()) pairs.push_back({bpe.vocabulary()[i], i});
  for (size_t rank = 0; rank < bpe.merge_count(); ++rank) {
    const auto [left, right] = bpe.merge(rank);
    merges.push_back({bpe.vocabulary()[static_cast<size_t>(left)],
                      bpe.vocabulary()[static_cast<size_t>(right)]});
  }
  document["model"]["vocab"] = std::move(vocabulary);
  document["model"]["merges"] = std::move(merges);
  return document.dump();
}

}  // namespace slipway
