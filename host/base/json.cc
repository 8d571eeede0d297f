// JSON: a parse whose errors name file and line.
#include "base/json.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "base/excerpt.h"
#include "base/git_lfs.h"

namespace slipway {

namespace {

constexpr int kMaxDepth = 512;  // dump() and others go down one call a level

int64_t line_at(std::string_view text, size_t at, int first_line) {
  return first_line + std::count(text.begin(),
                                 text.begin() + static_cast<ptrdiff_t>(std::min(text.size(), at)),
                                 '\n');
}

[[noreturn]] void malformed(const Json::parse_error& e, std::string_view text,
                            const std::string& origin, int first_line) {
  refuse_git_lfs_pointer(text, origin);
  std::string reason = e.what();
  if (const size_t colon = reason.find(": "); colon != std::string::npos)
    reason = reason.substr(colon + 2);
  fail("{}:{}: not valid JSON: {}", origin, line_at(text, e.byte == 0 ? 0 : e.byte - 1, first_line),
       excerpt(reason, 300));
}

// What every reader of a text says when the text is malformed.
struct Sax : nlohmann::json_sax<Json> {
  std::string_view text;
  const std::string& origin;
  int first_line;
  Sax(std::string_view t, const std::string& o, int line) : text(t), origin(o), first_line(line) {}
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& e) override {
    if (const auto* error = dynamic_cast<const Json::parse_error*>(&e))
      malformed(*error, text, origin, first_line);
    // a number out of range
    fail("{}:{}: not valid JSON: {}", origin, first_line, excerpt(e.what(), 300));
  }
};

// Builds the value. A Json of its own accord searches all keys of an object for each that it is
// given.
class Builder final : public Sax {
 public:
  Builder(std::string_view t, const std::string& o, int line, const KeyCheck& check)
      : Sax(t, o, line), check_(check) {}
  Json document;
  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(int64_t value) override { return put(value); }
  bool number_unsigned(uint64_t value) override { return put(value); }
  bool number_float(double value, const std::string&) override { return put(value); }
  bool string(std::string& value) override { return put(std::move(value)); }
  bool binary(Json::binary_t&) override { return false; }
  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool key(std::string& name) override {
    Open& into = open_.back();
    const auto& pairs = into.value->get_ref<Json::object_t&>();
    into.at = place_of(into, name);
    const bool again = into.at < pairs.size();
    if (check_) check_(name, pairs.size() + (again ? 0 : 1), again);
    into.key = std::move(name);
    return true;
  }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

 private:
  struct Open {
    Json* value;      // stays where it is: only the innermost grows
    std::string key;  // the last one read, and its place among the others
    size_t at = 0;
    std::unordered_map<std::string, size_t> places;  // of its keys, once they are many
  };

  // Where the object has the key, or will have it.
  static size_t place_of(Open& in, const std::string& key) {
    constexpr size_t kFew = 16;
    const auto& pairs = in.value->get_ref<Json::object_t&>();
    if (pairs.size() <= kFew)
      return static_cast<size_t>(std::ranges::find(pairs, key, &Json::object_t::value_type::first) -
                                 pairs.begin());
    for (size_t i = in.places.size(); i < pairs.size(); ++i)
      in.places.emplace(pairs.data()[i].first, i);
    const auto found = in.places.find(key);
    return found == in.places.end() ? pairs.size() : found->second;
  }
  static Json* member(Open& into, Json value) {
    auto& pairs = into.value->get_ref<Json::object_t&>();
    if (into.at == pairs.size()) pairs.push_back({std::move(into.key), std::move(value)});
    else pairs.data()[into.at].second = std::move(value);
    return &pairs.data()[into.at].second;
  }
  Json* add(Json value) {
    if (open_.empty()) return &(document = std::move(value));
    Open& into = open_.back();
    if (into.value->is_object()) return member(into, std::move(value));
    into.value->push_back(std::move(value));
    return &into.value->back();
  }
  bool put(Json value) { return add(std::move(value)) != nullptr; }
  bool open(Json value) {
    Json* const added = add(std::move(value));
    open_.push_back({added, {}, 0, {}});
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  const KeyCheck& check_;
  std::vector<Open> open_;
};

// Sees every value and keeps none; where `unique`, repeated keys are an Error.
struct Ignore final : Sax {
  bool unique = false;
  std::vector<std::unordered_set<std::string>> open;  // the keys of every object around
  using Sax::Sax;
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(int64_t) override { return true; }
  bool number_unsigned(uint64_t) override { return true; }
  bool number_float(double, const std::string&) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(Json::binary_t&) override { return true; }
  bool start_object(size_t) override {
    if (unique) open.emplace_back();
    return true;
  }
  bool key(std::string& name) override {
    if (unique && !open.back().insert(name).second)
      fail("{}: the key \"{}\" occurs twice in one object", origin, excerpt(name));
    return true;
  }
  bool end_object() override {
    if (unique) open.pop_back();
    return true;
  }
  bool start_array(size_t) override { return true; }
  bool end_array() override { return true; }
};

}  // namespace

void check_json_depth(std::string_view text, const std::string& origin, int first_line) {
  // The parser takes a NUL for the text's end, whatever follows.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos)
    fail("{}:{}: not valid JSON: holds a NUL byte; is the file damaged?", origin,
         line_at(text, nul, first_line));
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\') ++i;
    else if (c == '"') quoted = !quoted;
    else if (!quoted && (c == '{' || c == '[') && ++depth > kMaxDepth)
      fail("{}:{}: not usable JSON: nests deeper than {}", origin, line_at(text, i, first_line),
           kMaxDepth);
    else if (!quoted && (c == '}' || c == ']')) --depth;
  }
}

void check_json(std::string_view text, const std::string& origin, int first_line) {
  check_json_depth(text, origin, first_line);
  Ignore sax(text, origin, first_line);
  Json::sax_parse(text.begin(), text.end(), &sax);
}

nlohmann::json parse_unique_json(std::string_view text, const std::string& origin) {
  check_json_depth(text, origin);
  Ignore sax(text, origin, 1);
  sax.unique = true;
  Json::sax_parse(text.begin(), text.end(), &sax);
  return nlohmann::json::parse(text.begin(), text.end());
}

Json parse_json(std::string_view text, const std::string& origin, int first_line,
                const KeyCheck& check_key) {
  check_json_depth(text, origin, first_line);
  Builder sax(text, origin, first_line, check_key);
  Json::sax_parse(text.begin(), text.end(), &sax);
  return std::move(sax.document);
}

std::string json_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return fmt::format("{}", value);
}

}  // namespace slipway
