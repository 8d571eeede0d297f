// Steps of the normalizer.
#include "text/normalizer.h"

#include "base/error.h"
#include "base/excerpt.h"
#include "text/base64.h"
#include "text/byte_alphabet.h"
#include "text/unicode.h"

namespace slipway {
namespace {

// Each character as what `change(c, out)` appends for it.
template <class Change>
std::string changed(std::string_view text, Change change) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    change(c.value, text.substr(at, c.size), out);
    at += c.size;
  }
  return out;
}

std::string without(std::string_view text, CharClass kind) {
  return changed(text, [&](char32_t c, std::string_view bytes, std::string& out) {
    if ((char_class(c) & kind) == 0) out += bytes;
  });
}

std::string stripped(std::string_view text, bool left, bool right) {
  const auto is_space = [](CodePoint c) { return (char_class(c.value) & kSpace) != 0; };
  size_t begin = 0, end = text.size();
  while (left && begin < end && is_space(code_point_at(text, begin)))
    begin += code_point_at(text, begin).size;
  while (right && end > begin && is_space(code_point_before(text, end)))
    end -= code_point_before(text, end).size;
  return std::string(text.substr(begin, end - begin));
}

// SentencePiece's rule "nmt": control characters away, other white space and marks of none as a
// space.
std::string nmt(std::string_view text) {
  return changed(text, [](char32_t c, std::string_view bytes, std::string& out) {
    const auto in = [&](char32_t first, char32_t last) { return c >= first && c <= last; };
    if (in(0x1, 0x8) || c == 0xB || in(0xE, 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F) return;
    const bool space = in(0x9, 0xA) || in(0xC, 0xD) || c == 0x1680 || in(0x200B, 0x200F) ||
                       in(0x2028, 0x2029) || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
    if (space) out += ' ';
    else out += bytes;
  });
}

// What BERT puts spaces around. 2B920 is the package's number.
bool is_chinese(char32_t c) {
  const auto in = [&](char32_t first, char32_t last) { return c >= first && c <= last; };
  return in(0x4E00, 0x9FFF) || in(0x3400, 0x4DBF) || in(0x20000, 0x2A6DF) || in(0x2A700, 0x2B81F) ||
         in(0x2B920, 0x2CEAF) || in(0xF900, 0xFAFF) || in(0x2F800, 0x2FA1F);
}

}  // namespace

void Normalizer::add(const Json& description, const std::string& origin) {
  if (description.is_null()) return;
  const std::string type = description.is_object() ? description.value("type", "") : "";
  const auto flag = [&](const char* key, bool otherwise) {
    const auto it = description.find(key);
    return it == description.end() || it->is_null() ? otherwise : it->get<bool>();
  };
  if (type == "Sequence") {
    for (const Json& each : description.at("normalizers")) add(each, origin);
  } else if (type == "NFC") {
    steps_.emplace_back(NormalForm::kNfc);
  } else if (type == "NFD") {
    steps_.emplace_back(NormalForm::kNfd);
  } else if (type == "NFKC") {
    steps_.emplace_back(NormalForm::kNfkc);
  } else if (type == "NFKD") {
    steps_.emplace_back(NormalForm::kNfkd);
  } else if (type == "Lowercase") {
    steps_.emplace_back(Lowercase{});
  } else if (type == "StripAccents") {
    steps_.emplace_back(StripAccents{});
  } else if (type == "Nmt") {
    steps_.emplace_back(Nmt{});
  } else if (type == "ByteLevel") {
    steps_.emplace_back(ByteLevel{});
  } else if (type == "Strip") {
    steps_.emplace_back(Strip{flag("strip_left", true), flag("strip_right", true)});
  } else if (type == "Prepend") {
    steps_.emplace_back(Prepend{description.at("prepend").get<std::string>()});
  } else if (type == "Replace") {
    steps_.emplace_back(std::in_place_type<Replacement>, description, "normalizer", origin);
  } else if (type == "BertNormalizer") {
    const bool lowercase = flag("lowercase", true);
    steps_.emplace_back(Bert{flag("clean_text", true), flag("handle_chinese_chars", true),
                             flag("strip_accents", lowercase), lowercase});
  } else if (type == "Precompiled") {
    steps_.emplace_back(std::in_place_type<Charsmap>,
                        bytes_of_base64(description.at("precompiled_charsmap").get<std::string>(),
                                        origin, "precompiled_charsmap"),
                        origin);
  } else {
    fail(
        "{}: normalizer \"{}\" is not supported (NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, "
        "Strip, Prepend, Replace, Nmt, ByteLevel, BertNormalizer, Precompiled and Sequence are)",
        origin, excerpt(type));
  }
}

std::string Normalizer::bert(const Bert& step, std::string text) {
  if (step.clean)
    text = changed(text, [](char32_t c, std::string_view bytes, std::string& out) {
      const uint16_t kind = char_class(c);
      if ((kind & kControl) != 0) return;
      if ((kind & kSpace) != 0) out += ' ';
      else out += bytes;
    });
  if (step.chinese)
    text = changed(text, [](char32_t c, std::string_view bytes, std::string& out) {
      const bool apart = is_chinese(c);
      if (apart) out += ' ';
      out += bytes;
      if (apart) out += ' ';
    });
  if (step.strip_accents) text = without(normal_form(text, NormalForm::kNfd), kNonspacing);
  return step.lowercase ? lower_case(text) : text;
}

std::string Normalizer::run(const Step& step, std::string text) {
  if (const auto* form = std::get_if<NormalForm>(&step)) return normal_form(text, *form);
  if (std::holds_alternative<Lowercase>(step)) return lower_case(text);
  if (std::holds_alternative<StripAccents>(step)) return without(text, kMark);
  if (std::holds_alternative<Nmt>(step)) return nmt(text);
  if (const auto* strip = std::get_if<Strip>(&step))
    return stripped(text, strip->left, strip->right);
  if (const auto* prepend = std::get_if<Prepend>(&step))
    return text.empty() ? text : prepend->text + text;
  if (const auto* each = std::get_if<Bert>(&step)) return bert(*each, std::move(text));
  if (const auto* map = std::get_if<Charsmap>(&step)) return map->apply(text);
  std::string out;
  if (std::holds_alternative<ByteLevel>(step)) {
    append_as_alphabet(text, out);
    return out;
  }
  return std::get<Replacement>(step).apply(text);
}

bool Normalizer::drops_beginning(const Step& step, std::string_view text) {
  if (text.empty()) return false;
  if (const auto* replacement = std::get_if<Replacement>(&step))
    return replacement->removes_beginning(text);
  if (const auto* strip = std::get_if<Strip>(&step); strip != nullptr && !strip->left) return false;
  const size_t size =
      std::holds_alternative<Charsmap>(step) ? grapheme_end(text, 0) : code_point_at(text, 0).size;
  return run(step, std::string(text.substr(0, size))).empty();
}

std::string Normalizer::apply(std::string_view text, bool* keeps_beginning) const {
  std::string out(text);
  for (const Step& step : steps_) {
    if (keeps_beginning != nullptr && *keeps_beginning)
      *keeps_beginning = !drops_beginning(step, out);
    out = run(step, std::move(out));
  }
  return out;
}

}  // namespace slipway
