// tokenizer.json: what it is made of, and how it is written back.
#include <algorithm>

#include "base/error.h"
#include "base/excerpt.h"
#include "text/tokenizer_parts.h"
#include "text/tokenizer_reader.h"
#include "text/unicode.h"

namespace slipway {
namespace {

// The added tokens that a vocabulary has must have their ids there; others stand beside it.
int32_t check_added(const AddedTokens& added, const Vocabulary& vocabulary,
                    const std::string& origin) {
  const auto& tokens = vocabulary.tokens();
  size_t size = tokens.size();
  for (const AddedToken& token : added.all()) {
    const auto at = static_cast<size_t>(token.id);
    const int32_t known = vocabulary.id(token.content);
    if (known >= 0 ? known != token.id : at < tokens.size() && !tokens[at].empty())
      fail("{}: the added token \"{}\" has id {}, the vocabulary says otherwise", origin,
           excerpt(token.content), token.id);
    if (at > most_ids(tokens.size() + added.all().size()))
      fail("{}: the added token \"{}\" has id {}, far beyond the vocabulary of {}", origin,
           excerpt(token.content), token.id, tokens.size());
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

std::unique_ptr<Tokenizer::Parts> Tokenizer::Parts::make(Json document, ModelTables tables,
                                                         const std::string& origin) {
  try {
    if (document.at("model").is_null())
      fail("{}: not a usable tokenizer.json: it has no model", origin);
    const auto part = [&](const char* key) { return document.value(key, Json()); };
    Normalizer normalizer(part("normalizer"), origin);
    AddedTokens added(document.value("added_tokens", Json::array()), normalizer, origin);
    PreTokenizer pre_tokenizer(part("pre_tokenizer"), origin);
    PostProcessor frame(part("post_processor"), origin);
    Decoder decoder(part("decoder"), origin);
    auto model = make_token_model(document["model"], std::move(tables), origin);
    const int32_t size = check_added(added, model->vocabulary(), origin);
    check_frame(frame, size, origin);
    return std::make_unique<Parts>(Parts{
        std::move(document), std::move(normalizer), std::move(added), std::move(pre_tokenizer),
        std::move(frame), std::move(decoder), std::move(model), size});
  } catch (const Json::exception& e) {
    fail("{}: not a usable tokenizer.json: {}", origin, e.what());
  }
}

Tokenizer Tokenizer::from_json(std::string_view text, const std::string& origin) {
  TokenizerDocument read = read_tokenizer_json(text, origin);
  return from_tables(std::move(read.json), std::move(read.tables), origin);
}

Tokenizer Tokenizer::from_tables(Json document, ModelTables tables, const std::string& origin) {
  return Tokenizer(Parts::make(std::move(document), std::move(tables), origin));
}

std::string Tokenizer::to_json() const {
  Json document = parts_->document;
  parts_->model->write(document["model"]);
  return document.dump();
}

}  // namespace slipway
