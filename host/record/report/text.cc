// Text of the report.
#include "record/report/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>

namespace slipway::report {
namespace {

constexpr const char* kNone = "–";
constexpr const char* kMinus = "−";

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

size_t character_bytes(std::string_view text) {
  size_t bytes = 1;
  while (bytes < text.size() && continues(text[bytes])) ++bytes;
  return bytes;
}

// Width of one character as a share of the font's size: classes measured on common sans-serif
// fonts.
double character_width(std::string_view character) {
  const auto lead = static_cast<unsigned char>(character[0]);
  // punctuation; CJK, emoji
  if (lead >= 0xE2 && character.size() >= 3) return lead == 0xE2 ? 0.75 : 1.05;
  if (lead >= 0x80) return 0.68;
  if (std::string_view(" ijl.,:;'|!()[]Itfr").find(character[0]) != std::string_view::npos)
    return 0.38;
  if (std::string_view("mwMW@%").find(character[0]) != std::string_view::npos) return 0.95;
  return character[0] >= 'A' && character[0] <= 'Z' ? 0.71 : 0.63;
}

std::string with_minus(std::string text) {
  if (text.starts_with('-')) text.replace(0, 1, kMinus);
  return text;
}

// 5e-05 as 5e-5.
std::string tidy_exponent(std::string text) {
  const size_t e = text.find('e');
  if (e == std::string::npos) return text;
  const size_t sign = e + 1;
  if (text[sign] == '+') text.erase(sign, 1);
  const size_t digits = text[sign] == '-' ? sign + 1 : sign;
  while (digits + 1 < text.size() && text[digits] == '0') text.erase(digits, 1);
  return text;
}

std::string grouped(double value) {
  std::string digits = fmt::format("{:.0f}", std::abs(value));
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return (value <= -0.5 ? kMinus : "") + digits;
}

constexpr int kMostDecimals = 6;  // smaller values are written with an exponent

// The place of the first digit after rounding: 3 for 0.0052, 0 for 1 and more.
int first_decimal(double value) {
  int out = std::max(0, -static_cast<int>(std::floor(std::log10(std::abs(value)))));
  if (std::abs(value) * std::pow(10.0, out) >= 9.5 && out > 0) --out;  // 0.0096 is 0.01
  return out;
}

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 16);
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string whole_text(double value) { return std::isfinite(value) ? grouped(value) : kNone; }

std::string number_text(double value, int digits) {
  if (!std::isfinite(value)) return kNone;
  if (value == 0) return "0";
  const double size = std::abs(value);
  if (size >= 1000 && size < 1e9) return grouped(value);
  if (size >= 1e9 || size < 1e-3)
    return with_minus(tidy_exponent(fmt::format("{:.{}g}", value, digits)));
  const int before = static_cast<int>(std::floor(std::log10(size))) + 1;
  return with_minus(fmt::format("{:.{}f}", value, std::max(0, digits - std::max(before, 0))));
}

std::string plain_text(double value) {
  if (!std::isfinite(value)) return kNone;
  const double size = std::abs(value);
  if (size >= 1000 && size < 1e6 && value == std::round(value)) return grouped(value);
  return with_minus(tidy_exponent(fmt::format("{:.5g}", value)));
}

std::string signed_text(double value) {
  if (!std::isfinite(value)) return kNone;
  if (value == 0) return "±0.00";
  const int decimals = std::max(2, first_decimal(value));
  if (decimals > kMostDecimals) return with_minus(tidy_exponent(fmt::format("{:+.1g}", value)));
  return with_minus(fmt::format("{:+.{}f}", value, decimals));
}

ChangeText change_text(double from, double to) {
  const double change = to - from, size = std::max(std::abs(from), std::abs(to));
  if (!std::isfinite(change) || !(std::abs(change) > 1e-9 * size))
    return {number_text(from), number_text(to), std::isfinite(change) ? "±0" : kNone};
  const int needed = first_decimal(change);
  if (needed > kMostDecimals || size >= 1e9) {
    const int digits = std::clamp(static_cast<int>(std::log10(size / std::abs(change))) + 2, 2, 12);
    return {number_text(from, digits), number_text(to, digits), signed_text(change)};
  }
  const auto text = [&](double value) {
    const double own = std::abs(value);
    const int usual =
        own > 0 ? std::clamp(2 - static_cast<int>(std::floor(std::log10(own))), 0, 3) : 0;
    const int decimals = std::max(usual, needed);
    return decimals == 0 ? grouped(value) : with_minus(fmt::format("{:.{}f}", value, decimals));
  };
  return {text(from), text(to), signed_text(change)};
}

std::string duration_text(double seconds) {
  if (!(seconds >= 0)) return kNone;
  if (seconds < 10) return fmt::format("{:.1f} s", seconds);
  if (seconds < 59.5) return fmt::format("{:.0f} s", seconds);
  const auto whole = static_cast<long long>(std::lround(std::min(seconds, 1e12)));
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  if (whole < 86400) return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
  return fmt::format("{} d {} h", whole / 86400, whole % 86400 / 3600);
}

std::string date_text(double unix_seconds) {
  if (!(unix_seconds >= 0 && unix_seconds < 1e11)) return "";
  const auto time = static_cast<std::time_t>(unix_seconds);
  std::tm at{};
  char text[64];
  if (gmtime_r(&time, &at) == nullptr) return "";
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &at));
}

std::string power_of_ten(int exponent) {
  static constexpr const char* kDigits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string out = exponent < 0 ? "10⁻" : "10";
  for (const char digit : std::to_string(std::abs(exponent))) out += kDigits[digit - '0'];
  return out;
}

std::string shortened(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  size_t end = bytes;
  while (end > 0 && continues(text[end])) --end;
  return std::string(text.substr(0, end)) + "…";
}

double text_width(std::string_view text, double size) {
  double width = 0;
  while (!text.empty()) {
    const size_t bytes = character_bytes(text);
    width += character_width(text.substr(0, bytes));
    text.remove_prefix(bytes);
  }
  return width * size;
}

std::string fitted(std::string_view text, double size, double width) {
  if (text_width(text, size) <= width + 0.1) return std::string(text);  // sums differ in a last bit
  const double room = width - text_width("…", size);
  size_t end = 0;
  for (double used = 0; end < text.size();) {
    const size_t bytes = character_bytes(text.substr(end));
    used += text_width(text.substr(end, bytes), size);
    if (used > room) break;
    end += bytes;
  }
  return std::string(text.substr(0, end)) + "…";
}

std::vector<std::string> wrapped(std::string_view text, double size, double width, size_t lines) {
  std::vector<std::string> out(1);
  const double room = width - text_width("…", size);
  double used = 0;
  const auto next_line = [&] {
    out.emplace_back();
    used = 0;
  };
  while (!text.empty() && out.size() <= lines) {
    const size_t blank = text.find_first_of(" \n\t");
    const std::string_view word = text.substr(0, blank);
    text.remove_prefix(blank == std::string_view::npos ? text.size() : blank + 1);
    if (word.empty()) continue;
    if (!out.back().empty()) {
      if (used + text_width(word, size) + 0.38 * size > room) {
        next_line();
      } else {
        out.back() += ' ';
        used += 0.38 * size;
      }
    }
    for (std::string_view rest = word; !rest.empty() && out.size() <= lines;) {
      const size_t bytes = character_bytes(rest);
      const double step = text_width(rest.substr(0, bytes), size);
      if (used + step > room && !out.back().empty()) next_line();
      out.back() += rest.substr(0, bytes);
      used += step;
      rest.remove_prefix(bytes);
    }
  }
  if (out.size() > lines) {
    out.resize(lines);
    if (!out.empty()) out.back() += "…";
  }
  return out;
}

}  // namespace slipway::report
