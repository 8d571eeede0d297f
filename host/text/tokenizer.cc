// The tokenizer: added tokens, the normalizer, words, their tokens; and the way back.
#include "text/tokenizer.h"

#include <algorithm>

#include "text/tokenizer_parts.h"
#include "text/unicode.h"

namespace slipway {

Tokenizer::Tokenizer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

void Tokenizer::append(std::string_view raw, std::vector<int32_t>& ids) const {
  const std::string text = valid_utf8(raw);
  const auto encode_word = [&](std::string_view word) { parts_->model->encode(word, ids); };
  parts_->added.cut(
      text, parts_->normalizer,
      [&](std::string_view run, bool first) { parts_->pre_tokenizer.cut(run, first, encode_word); },
      [&](int32_t id) { ids.push_back(id); });
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  std::vector<int32_t> ids;
  if (add_special_tokens) ids = parts_->frame.before;
  append(text, ids);
  if (add_special_tokens)
    ids.insert(ids.end(), parts_->frame.after.begin(), parts_->frame.after.end());
  return ids;
}

std::vector<int32_t> Tokenizer::encode_beginning(std::string_view text) const {
  std::vector<int32_t> ids = parts_->frame.before;
  append(text, ids);
  return ids;
}

std::vector<int32_t> Tokenizer::encode_end(std::string_view text) const {
  std::vector<int32_t> ids;
  append(text, ids);
  ids.insert(ids.end(), parts_->frame.after.begin(), parts_->frame.after.end());
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special_tokens) const {
  return decode_after({}, ids, skip_special_tokens);
}

std::string Tokenizer::decode_after(std::span<const int32_t> before, std::span<const int32_t> ids,
                                    bool skip_special_tokens) const {
  DecoderStream stream(parts_->decoder, has_text(before, skip_special_tokens));
  std::string out;
  for (const int32_t id : ids)
    if (has_text({&id, 1}, skip_special_tokens)) stream.add(spoken(id), out);
  stream.finish(out);
  return out;
}

bool Tokenizer::has_text(std::span<const int32_t> ids, bool skip_special_tokens) const {
  return std::ranges::any_of(ids, [&](int32_t id) {
    return !token(id).empty() && !(skip_special_tokens && is_special(id));
  });
}

const Decoder& Tokenizer::decoder() const { return parts_->decoder; }

int32_t Tokenizer::vocab_size() const { return parts_->size; }

std::optional<int32_t> Tokenizer::token_id(std::string_view token) const {
  if (const AddedToken* added = parts_->added.find(token)) return added->id;
  const int32_t id = parts_->model->vocabulary().id(token);
  return id < 0 ? std::nullopt : std::optional(id);
}

std::string_view Tokenizer::token(int32_t id) const {
  if (const AddedToken* added = parts_->added.find(id)) return added->content;
  const auto& vocabulary = parts_->model->vocabulary().tokens();
  return id < 0 || static_cast<size_t>(id) >= vocabulary.size()
             ? std::string_view()
             : vocabulary[static_cast<size_t>(id)];
}

std::string_view Tokenizer::spoken(int32_t id) const {
  const AddedToken* added = parts_->added.find(id);
  return added != nullptr ? added->sought : token(id);
}

bool Tokenizer::is_special(int32_t id) const {
  const AddedToken* added = parts_->added.find(id);
  return added != nullptr && added->special;
}

bool Tokenizer::is_added(int32_t id) const { return parts_->added.find(id) != nullptr; }

std::vector<std::string> Tokenizer::special_texts() const {
  std::vector<std::string> out;
  for (const AddedToken& each : parts_->added.all())
    if (each.special) out.push_back(each.content);
  return out;
}

}  // namespace slipway
