// The rules of VADER.
#include "vader.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <unordered_set>

namespace vader {
namespace {

constexpr double kBoost = 0.293, kCaps = 0.733, kNegate = -0.74, kAlpha = 15;

const std::unordered_set<std::string>& negations() {
  static const std::unordered_set<std::string> words = {
      "aint",   "arent",    "cannot",  "cant",     "couldnt",  "darent",   "didnt",   "doesnt",
      "ain't",  "aren't",   "can't",   "couldn't", "daren't",  "didn't",   "doesn't", "dont",
      "hadnt",  "hasnt",    "havent",  "isnt",     "mightnt",  "mustnt",   "neither", "don't",
      "hadn't", "hasn't",   "haven't", "isn't",    "mightn't", "mustn't",  "neednt",  "needn't",
      "never",  "none",     "nope",    "nor",      "not",      "nothing",  "nowhere", "oughtnt",
      "shant",  "shouldnt", "uhuh",    "wasnt",    "werent",   "oughtn't", "shan't",  "shouldn't",
      "uh-uh",  "wasn't",   "weren't", "without",  "wont",     "wouldnt",  "won't",   "wouldn't",
      "rarely", "seldom",   "despite"};
  return words;
}

const std::unordered_map<std::string, double>& boosters() {
  static const std::unordered_map<std::string, double> words = [] {
    std::unordered_map<std::string, double> out;
    for (const char* up :
         {"absolutely",   "amazingly",  "awfully",      "completely",    "considerable",
          "considerably", "decidedly",  "deeply",       "effing",        "enormous",
          "enormously",   "entirely",   "especially",   "exceptional",   "exceptionally",
          "extreme",      "extremely",  "fabulously",   "flipping",      "flippin",
          "frackin",      "fracking",   "fricking",     "frickin",       "frigging",
          "friggin",      "fully",      "fuckin",       "fucking",       "fuggin",
          "fugging",      "greatly",    "hella",        "highly",        "hugely",
          "incredible",   "incredibly", "intensely",    "major",         "majorly",
          "more",         "most",       "particularly", "purely",        "quite",
          "really",       "remarkably", "so",           "substantially", "thoroughly",
          "total",        "totally",    "tremendous",   "tremendously",  "uber",
          "unbelievably", "unusually",  "utter",        "utterly",       "very"})
      out[up] = kBoost;
    for (const char* down :
         {"almost",     "barely",       "hardly",  "just enough", "kind of",  "kinda",
          "kindof",     "kind-of",      "less",    "little",      "marginal", "marginally",
          "occasional", "occasionally", "partly",  "scarce",      "scarcely", "slight",
          "slightly",   "somewhat",     "sort of", "sorta",       "sortof",   "sort-of"})
      out[down] = -kBoost;
    return out;
  }();
  return words;
}

const std::unordered_map<std::string, double>& phrases() {
  static const std::unordered_map<std::string, double> words = {
      {"the shit", 3},         {"the bomb", 3},   {"bad ass", 1.5},
      {"badass", 1.5},         {"bus stop", 0.0}, {"yeah right", -2},
      {"kiss of death", -1.5}, {"to die for", 3}, {"beating heart", 3.5}};
  return words;
}

// ---- text as Python sees it --------------------------------------------------------------------

// The code point at `at`, and its length in bytes; malformed bytes count as themselves.
char32_t code_point(std::string_view s, size_t at, size_t& size) {
  const auto b = static_cast<unsigned char>(s[at]);
  size = b < 0x80 ? 1 : b >= 0xF0 ? 4 : b >= 0xE0 ? 3 : b >= 0xC0 ? 2 : 1;
  if (at + size > s.size()) size = 1;
  if (size == 1) return b;
  char32_t c = b & (0x7Fu >> size);
  for (size_t i = 1; i < size; ++i) c = c << 6 | (static_cast<unsigned char>(s[at + i]) & 0x3Fu);
  return c;
}

void append(char32_t c, std::string& out) {
  const auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) return put(c);
  if (c < 0x800) return put(0xC0 | c >> 6), put(0x80 | (c & 0x3F));
  if (c < 0x10000) return put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 0x3F)), put(0x80 | (c >> 6 & 0x3F)),
      put(0x80 | (c & 0x3F));
}

bool is_space(char32_t c) {
  return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool is_punctuation(char32_t c) {
  return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
         (c >= 123 && c <= 126);
}

char32_t lower_of(char32_t c) {
  if ((c >= 'A' && c <= 'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7) ||
      (c >= 0x391 && c <= 0x3A9 && c != 0x3A2) || (c >= 0x410 && c <= 0x42F))
    return c + 0x20;
  if (c >= 0x400 && c <= 0x40F) return c + 0x50;
  return c;
}

bool is_lower(char32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 0xDF && c <= 0xFF && c != 0xF7) || c == 0xAA ||
         c == 0xB5 || c == 0xBA || (c >= 0x3B1 && c <= 0x3C9) || (c >= 0x430 && c <= 0x45F);
}

std::string lower(std::string_view s) {
  std::string out;
  for (size_t i = 0, size; i < s.size(); i += size) append(lower_of(code_point(s, i, size)), out);
  return out;
}

bool is_upper(std::string_view s) {
  bool any = false;
  for (size_t i = 0, size; i < s.size(); i += size) {
    const char32_t c = code_point(s, i, size);
    if (is_lower(c)) return false;
    any = any || lower_of(c) != c;
  }
  return any;
}

std::string_view strip_spaces(std::string_view s) {
  size_t begin = 0, end = 0;
  bool any = false;
  for (size_t i = 0, size; i < s.size(); i += size)
    if (!is_space(code_point(s, i, size))) {
      if (!any) begin = i;
      any = true;
      end = i + size;
    }
  return any ? s.substr(begin, end - begin) : std::string_view();
}

// Without punctuation around it; what is left with two characters or fewer was an emoticon and
// stays whole.
std::string_view strip_punctuation(std::string_view token) {
  size_t begin = 0, end = token.size();
  while (begin < end && is_punctuation(static_cast<unsigned char>(token[begin]))) ++begin;
  while (end > begin && is_punctuation(static_cast<unsigned char>(token[end - 1]))) --end;
  const std::string_view core = token.substr(begin, end - begin);
  const auto letters =
      std::count_if(core.begin(), core.end(), [](char c) { return (c & 0xC0) != 0x80; });
  return letters <= 2 ? token : core;
}

std::vector<std::string_view> fields(std::string_view line) {
  line = strip_spaces(line);
  std::vector<std::string_view> out;
  for (size_t at = 0; at <= line.size();) {
    const size_t tab = std::min(line.find('\t', at), line.size());
    out.push_back(line.substr(at, tab - at));
    at = tab + 1;
  }
  return out;
}

// each(columns) is false on a line that it cannot use.
template <class Each>
void each_line(std::string_view text, const char* file, Each each) {
  int number = 1;
  for (size_t at = 0; at < text.size(); ++number) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (const auto line = text.substr(at, end - at); !line.empty()) {
      const auto columns = fields(line);
      if (columns.size() < 2 || !each(columns))
        throw std::runtime_error(std::string(file) + ":" + std::to_string(number) +
                                 ": expected a text, a tab and its value");
    }
    at = end + 1;
  }
}

bool negates(const std::string& word) {
  return negations().count(word) != 0 || word.find("n't") != std::string::npos;
}

}  // namespace

struct Analyzer::Words {
  std::vector<std::string_view> word;
  std::vector<std::string> lower;
  std::vector<bool> upper;
  bool mixed_case = false;  // some words are in capitals, others are not

  explicit Words(std::string_view text) {
    for (size_t i = 0, size, begin = 0; i <= text.size(); i += size) {
      const bool end = i == text.size();
      size = 1;
      if (!end && !is_space(code_point(text, i, size))) continue;
      if (i > begin) word.push_back(strip_punctuation(text.substr(begin, i - begin)));
      begin = i + size;
    }
    size_t capitals = 0;
    for (const std::string_view w : word) {
      lower.push_back(vader::lower(w));
      upper.push_back(is_upper(w));
      capitals += upper.back();
    }
    mixed_case = capitals > 0 && capitals < word.size();
  }
  std::string joined(size_t first, size_t last) const {
    std::string out = lower[first];
    for (size_t i = first + 1; i <= last; ++i) out += " " + lower[i];
    return out;
  }
};

Analyzer::Analyzer(std::string_view lexicon, std::string_view emoji) {
  each_line(lexicon, "vader_lexicon.txt", [&](const std::vector<std::string_view>& columns) {
    const std::string value(columns[1]);
    char* end = nullptr;
    const double valence = std::strtod(value.c_str(), &end);
    if (end == value.c_str() || *end != '\0' || !std::isfinite(valence)) return false;
    lexicon_[std::string(columns[0])] = valence;
    return true;
  });
  each_line(emoji, "emoji_utf8_lexicon.txt", [&](const std::vector<std::string_view>& columns) {
    emoji_[std::string(columns[0])] = std::string(columns[1]);
    return true;
  });
}

std::string Analyzer::spell_out_emoji(std::string_view text) const {
  std::string out;
  bool after_space = true;
  for (size_t i = 0, size; i < text.size(); i += size) {
    code_point(text, i, size);
    const std::string one(text.substr(i, size));
    const auto found = size > 1 ? emoji_.find(one) : emoji_.end();
    if (found == emoji_.end()) {
      out += one;
      after_space = one == " ";
      continue;
    }
    if (!after_space) out += ' ';
    out += found->second;
    after_space = false;
  }
  return out;
}

// What the three words before say about word i: boosters, negations, and phrases.
double Analyzer::modified(const Words& words, size_t i, double v) const {
  const auto& w = words.lower;
  for (size_t back = 1; back <= 3 && back <= i; ++back) {
    const std::string& before = w[i - back];
    if (known(before)) continue;
    if (const auto boost = boosters().find(before); boost != boosters().end()) {
      double s = v < 0 ? -boost->second : boost->second;
      if (words.upper[i - back] && words.mixed_case) s += v > 0 ? kCaps : -kCaps;
      v += back == 1 ? s : s * (back == 2 ? 0.95 : 0.9);
    }
    const auto so_or_this = [&](size_t distance) {
      return w[i - distance] == "so" || w[i - distance] == "this";
    };
    if (back == 1) {
      if (negates(before)) v *= kNegate;
    } else if (back == 2) {
      if (w[i - 2] == "never" && so_or_this(1)) v *= 1.25;
      else if (!(w[i - 2] == "without" && w[i - 1] == "doubt") && negates(before)) v *= kNegate;
    } else {
      if ((w[i - 3] == "never" && so_or_this(2)) || so_or_this(1)) v *= 1.25;
      else if (!(w[i - 3] == "without" && (w[i - 2] == "doubt" || w[i - 1] == "doubt")) &&
               negates(before))
        v *= kNegate;
      const std::string three = words.joined(i - 3, i - 1), left = words.joined(i - 3, i - 2),
                        right = words.joined(i - 2, i - 1);
      for (const std::string& phrase :
           {words.joined(i - 1, i), words.joined(i - 2, i), right, three, left})
        if (const auto found = phrases().find(phrase); found != phrases().end()) {
          v = found->second;
          break;
        }
      for (size_t ahead = 1; ahead <= 2; ++ahead)
        if (i + ahead < w.size())
          if (const auto found = phrases().find(words.joined(i, i + ahead));
              found != phrases().end())
            v = found->second;
      for (const std::string& phrase : {three, left, right})
        if (const auto found = boosters().find(phrase); found != boosters().end())
          v += found->second;
    }
  }
  return v;
}

double Analyzer::valence(const Words& words, size_t i) const {
  const auto& w = words.lower;
  const auto found = lexicon_.find(w[i]);
  if (found == lexicon_.end()) return 0;
  double v = found->second;
  // "no" before a word of the lexicon negates that word instead of counting itself.
  if (w[i] == "no" && i + 1 < w.size() && known(w[i + 1])) v = 0;
  if ((i > 0 && w[i - 1] == "no") || (i > 1 && w[i - 2] == "no") ||
      (i > 2 && w[i - 3] == "no" && (w[i - 1] == "or" || w[i - 1] == "nor")))
    v = found->second * kNegate;
  if (words.upper[i] && words.mixed_case) v += v > 0 ? kCaps : -kCaps;
  v = modified(words, i, v);
  if (i > 0 && w[i - 1] == "least" && !known(w[i - 1]) &&
      !(i > 1 && (w[i - 2] == "at" || w[i - 2] == "very")))
    v *= kNegate;
  return v;
}

Scores Analyzer::score(std::string_view raw) const {
  const std::string spelled = spell_out_emoji(raw);
  const std::string_view text = strip_spaces(spelled);
  const Words words(text);
  std::vector<double> values;
  for (size_t i = 0; i < words.word.size(); ++i) {
    const bool kind_of =
        words.lower[i] == "kind" && i + 1 < words.word.size() && words.lower[i + 1] == "of";
    values.push_back(boosters().count(words.lower[i]) != 0 || kind_of ? 0.0 : valence(words, i));
  }
  if (values.empty()) return {};
  // What stands before "but" counts half, what stands after it half more. As in the reference, a
  // value is changed where it first occurs, which is not always where it was met.
  if (const auto but = std::find(words.lower.begin(), words.lower.end(), "but");
      but != words.lower.end()) {
    const auto at = but - words.lower.begin();
    for (size_t i = 0; i < values.size(); ++i) {
      const double v = values[i];
      const auto first = std::find(values.begin(), values.end(), v);
      if (first - values.begin() < at) *first = v * 0.5;
      else if (first - values.begin() > at) *first = v * 1.5;
    }
  }
  const auto count = [&](char c) {
    return static_cast<int>(std::count(text.begin(), text.end(), c));
  };
  const int questions = count('?');
  const double emphasis = std::min(count('!'), 4) * 0.292 + (questions <= 1   ? 0
                                                             : questions <= 3 ? questions * 0.18
                                                                              : 0.96);
  double sum = 0, positive = 0, negative = 0, neutral = 0;
  for (const double v : values) {
    sum += v;
    if (v > 0) positive += v + 1;
    else if (v < 0) negative += v - 1;
    else neutral += 1;
  }
  if (sum > 0) sum += emphasis;
  else if (sum < 0) sum -= emphasis;
  if (positive > std::fabs(negative)) positive += emphasis;
  else if (positive < std::fabs(negative)) negative -= emphasis;
  const double total = positive + std::fabs(negative) + neutral;
  return {std::clamp(sum / std::sqrt(sum * sum + kAlpha), -1.0, 1.0), positive / total,
          std::fabs(negative) / total, neutral / total};
}

}  // namespace vader
