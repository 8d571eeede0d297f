// The tokenizer: added tokens, then words, then byte-pair encoding; its parts come from a tokenizer.json document.
#include "text/tokenizer.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/error.h"
#include "text/bpe.h"
#include "text/split.h"

namespace slipway {
namespace {

struct AddedToken {
  int32_t id;
  std::string content;
  bool special, lstrip, rstrip, single_word;
};

// One step of the pre-tokenizer: pieces that match the pattern stand alone, or are removed.
struct Step {
  Pattern pattern;
  bool remove_matched = false, remove_between = false, prefix_space = false, cuts = true;
};

// GPT-2's printable stand-in for every byte, as UTF-8, and the way back from the code point.
struct ByteAlphabet {
  std::array<std::string, 256> text;
  std::map<char32_t, unsigned char> bytes;
  ByteAlphabet() {
    char32_t next = 256;
    for (int b = 0; b < 256; ++b) {
      const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
      const char32_t c = printable ? static_cast<char32_t>(b) : next++;
      auto& out = text[static_cast<size_t>(b)];
      if (c < 0x80) {
        out = {static_cast<char>(c)};
      } else {
        out = {static_cast<char>(0xC0 | (c >> 6)), static_cast<char>(0x80 | (c & 0x3F))};
      }
      bytes[c] = static_cast<unsigned char>(b);
    }
  }
};
const ByteAlphabet& alphabet() {
  static const ByteAlphabet instance;
  return instance;
}

// Appends the bytes that a token's text stands for; a token with a character outside the alphabet stands for itself.
void append_bytes(std::string_view token, std::string& out) {
  const size_t start = out.size();
  for (size_t i = 0; i < token.size();) {
    const auto b = static_cast<unsigned char>(token[i]);
    char32_t c = b;
    size_t size = 1;
    if (b >= 0x80) {
      size = b >= 0xF0 ? 4 : b >= 0xE0 ? 3 : 2;
      c = size == 2 && i + 1 < token.size() ? (static_cast<char32_t>(b & 0x1F) << 6 | (token[i + 1] & 0x3F)) : 0xFFFF;
    }
    const auto it = alphabet().bytes.find(c);
    if (it == alphabet().bytes.end()) {
      out.resize(start);
      out += token;
      return;
    }
    out += static_cast<char>(it->second);
    i += size;
  }
}

std::string type_of(const Json& part) { return part.is_object() ? part.value("type", "") : ""; }

void add_steps(const Json& part, const std::string& origin, std::vector<Step>& steps) {
  if (part.is_null()) return;
  const std::string type = type_of(part);
  if (type == "Sequence") {
    for (const Json& each : part.at("pretokenizers")) add_steps(each, origin, steps);
  } else if (type == "Digits") {
    steps.push_back({Pattern(part.value("individual_digits", false) ? R"(\p{N})" : R"(\p{N}+)", origin)});
  } else if (type == "ByteLevel") {
    Step step{Pattern(kGpt2Regex, origin)};
    step.prefix_space = part.value("add_prefix_space", true);
    step.cuts = part.value("use_regex", true);
    steps.push_back(std::move(step));
  } else if (type == "Split") {
    const Json& pattern = part.at("pattern");
    if (!pattern.contains("Regex")) fail("{}: pre-tokenizer Split needs a Regex pattern", origin);
    Step step{Pattern(pattern["Regex"].get<std::string>(), origin)};
    const std::string behavior = part.value("behavior", "");
    const bool invert = part.value("invert", false);
    if (behavior == "Removed") (invert ? step.remove_between : step.remove_matched) = true;
    else if (behavior != "Isolated") fail("{}: pre-tokenizer Split with behavior \"{}\" is not supported (Isolated and Removed are)", origin, behavior);
    steps.push_back(std::move(step));
  } else {
    fail("{}: pre-tokenizer \"{}\" is not supported (ByteLevel, Digits, Split and Sequence are)", origin, type);
  }
}

// Ids around the text that a post-processor adds.
struct Frame {
  std::vector<int32_t> before, after;
};

void add_frame(const Json& part, const std::string& origin, Frame& frame) {
  if (part.is_null()) return;
  const std::string type = type_of(part);
  if (type == "ByteLevel") return;  // moves offsets only
  if (type == "Sequence") {
    for (const Json& each : part.at("processors")) add_frame(each, origin, frame);
    return;
  }
  if (type != "TemplateProcessing")
    fail("{}: post-processor \"{}\" is not supported (ByteLevel, TemplateProcessing and Sequence are)", origin, type);
  bool seen = false;
  for (const Json& piece : part.at("single")) {
    if (piece.contains("Sequence")) {
      seen = true;
      continue;
    }
    const Json& ids = part.at("special_tokens").at(piece.at("SpecialToken").at("id").get<std::string>()).at("ids");
    for (const Json& id : ids) (seen ? frame.after : frame.before).push_back(id.get<int32_t>());
  }
}

std::vector<std::pair<std::string, std::string>> read_merges(const Json& merges, const std::string& origin) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const Json& merge : merges) {
    if (merge.is_array() && merge.size() == 2) {
      out.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
      continue;
    }
    const auto text = merge.get<std::string>();
    const size_t space = text.find(' ');
    if (space == std::string::npos) fail("{}: merge \"{}\" is not two tokens", origin, text);
    out.emplace_back(text.substr(0, space), text.substr(space + 1));
  }
  return out;
}

Bpe read_model(const Json& model, const std::vector<AddedToken>& added, const std::string& origin) {
  const std::string type = model.value("type", "BPE");
  if (type != "BPE") fail("{}: model \"{}\" is not supported (BPE is)", origin, type);
  if (model.value("byte_fallback", false)) fail("{}: BPE with byte_fallback (SentencePiece style) is not supported; byte-level BPE is", origin);
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (const auto it = model.find(key); it != model.end() && it->is_string() && !it->get<std::string>().empty())
      fail("{}: BPE with {} is not supported", origin, key);
  const Json& vocab = model.at("vocab");
  size_t size = 0;
  for (const auto& [token, id] : vocab.items()) {
    const auto value = id.get<int64_t>();
    if (value < 0 || value > 10'000'000) fail("{}: token \"{}\" has id {}", origin, token, value);
    size = std::max(size, static_cast<size_t>(value) + 1);
  }
  for (const AddedToken& token : added) size = std::max(size, static_cast<size_t>(token.id) + 1);
  std::vector<std::string> vocabulary(size);
  for (const auto& [token, id] : vocab.items()) vocabulary[id.get<size_t>()] = token;
  for (const AddedToken& token : added) vocabulary[static_cast<size_t>(token.id)] = token.content;
  return {std::move(vocabulary), read_merges(model.at("merges"), origin), model.value("ignore_merges", false), origin};
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool is_word_byte(unsigned char c) { return c >= 0x80 || std::isalnum(c) != 0 || c == '_'; }

}  // namespace

struct Tokenizer::Parts {
  Json document;
  std::vector<AddedToken> added;  // longest first
  std::vector<int32_t> special;
  std::vector<Step> steps;
  Frame frame;
  std::unique_ptr<Bpe> bpe;

  const AddedToken* added_at(std::string_view text, size_t at) const;
  void encode_words(std::string_view piece, size_t step, std::vector<int32_t>& ids) const;
};

const AddedToken* Tokenizer::Parts::added_at(std::string_view text, size_t at) const {
  for (const AddedToken& token : added) {
    if (!text.substr(at).starts_with(token.content)) continue;
    const size_t end = at + token.content.size();
    if (token.single_word && ((at > 0 && is_word_byte(static_cast<unsigned char>(text[at - 1]))) ||
                              (end < text.size() && is_word_byte(static_cast<unsigned char>(text[end])))))
      continue;
    return &token;
  }
  return nullptr;
}

void Tokenizer::Parts::encode_words(std::string_view piece, size_t step, std::vector<int32_t>& ids) const {
  if (step == steps.size()) {
    std::string word;
    for (const char c : piece) word += alphabet().text[static_cast<unsigned char>(c)];
    bpe->encode(word, ids);
    return;
  }
  const Step& here = steps[step];
  std::string prefixed;
  if (here.prefix_space && !piece.empty() && !is_space(piece[0])) {
    prefixed = " " + std::string(piece);
    piece = prefixed;
  }
  if (!here.cuts) return encode_words(piece, step + 1, ids);
  here.pattern.cut(piece, [&](std::string_view part, bool matched) {
    if (!(matched ? here.remove_matched : here.remove_between)) encode_words(part, step + 1, ids);
  });
}

Tokenizer::Tokenizer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

Tokenizer Tokenizer::from_json(std::string_view text, const std::string& origin) {
  auto parts = std::make_unique<Parts>();
  parts->document = parse_json(text, origin);
  const Json& json = parts->document;
  try {
    if (const auto it = json.find("normalizer"); it != json.end() && !it->is_null())
      fail("{}: normalizer \"{}\" is not supported", origin, type_of(*it));
    if (json.contains("added_tokens"))
      for (const Json& t : json["added_tokens"])
        parts->added.push_back({t.at("id").get<int32_t>(), t.at("content").get<std::string>(), t.value("special", false),
                                t.value("lstrip", false), t.value("rstrip", false), t.value("single_word", false)});
    for (const AddedToken& token : parts->added) {
      if (token.id < 0 || token.content.empty()) fail("{}: an added token has a negative id or no content", origin);
      if (token.special) parts->special.push_back(token.id);
    }
    std::ranges::sort(parts->special);
    std::ranges::stable_sort(parts->added, std::greater<>(), [](const AddedToken& t) { return t.content.size(); });
    parts->bpe = std::make_unique<Bpe>(read_model(json.at("model"), parts->added, origin));
    add_steps(json.value("pre_tokenizer", Json()), origin, parts->steps);
    add_frame(json.value("post_processor", Json()), origin, parts->frame);
    if (const std::string decoder = type_of(json.value("decoder", Json())); decoder != "ByteLevel")
      fail("{}: decoder \"{}\" is not supported (ByteLevel is)", origin, decoder);
  } catch (const Json::exception& e) {
    fail("{}: not a usable tokenizer.json: {}", origin, e.what());
  }
  return Tokenizer(std::move(parts));
}

std::vector<int32_t> Tokenizer::encode(std::string_view raw, bool add_special_tokens) const {
  const std::string text = valid_utf8(raw);
  const std::string_view view = text;
  std::vector<int32_t> ids;
  if (add_special_tokens) ids = parts_->frame.before;
  size_t done = 0;
  for (size_t at = 0; at < view.size();) {
    const AddedToken* token = parts_->added_at(view, at);
    if (token == nullptr) {
      ++at;
      continue;
    }
    size_t begin = at, end = at + token->content.size();
    while (token->lstrip && begin > done && is_space(view[begin - 1])) --begin;
    while (token->rstrip && end < view.size() && is_space(view[end])) ++end;
    if (begin > done) parts_->encode_words(view.substr(done, begin - done), 0, ids);
    ids.push_back(token->id);
    done = at = end;
  }
  if (done < view.size()) parts_->encode_words(view.substr(done), 0, ids);
  if (add_special_tokens) ids.insert(ids.end(), parts_->frame.after.begin(), parts_->frame.after.end());
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special_tokens) const {
  std::string bytes;
  for (const int32_t id : ids)
    if (!(skip_special_tokens && is_special(id))) append_bytes(token(id), bytes);
  return valid_utf8(bytes);
}

int32_t Tokenizer::vocab_size() const { return static_cast<int32_t>(parts_->bpe->vocabulary().size()); }

std::optional<int32_t> Tokenizer::token_id(std::string_view token) const {
  const int32_t id = parts_->bpe->id(token);
  return id < 0 ? std::nullopt : std::optional(id);
}

std::string_view Tokenizer::token(int32_t id) const {
  return id < 0 || id >= vocab_size() ? std::string_view() : parts_->bpe->vocabulary()[static_cast<size_t>(id)];
}

bool Tokenizer::is_special(int32_t id) const { return std::ranges::binary_search(parts_->special, id); }

std::string Tokenizer::to_json() const { return parts_->document.dump(); }

}  // namespace slipway
