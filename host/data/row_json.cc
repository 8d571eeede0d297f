// A pass over the keys, then the parse.
#include "data/row_json.h"

#include <set>
#include <vector>

#include "base/error.h"

namespace slipway {
namespace {

constexpr size_t kMaxKeys = 10'000;

class Keys final : public nlohmann::json_sax<Json> {
 public:
  explicit Keys(const std::string& where) : where_(where) {}
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(int64_t) override { return true; }
  bool number_unsigned(uint64_t) override { return true; }
  bool number_float(double, const std::string&) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(Json::binary_t&) override { return true; }
  bool start_array(size_t) override { return true; }
  bool end_array() override { return true; }
  bool start_object(size_t) override {
    open_.emplace_back();
    return true;
  }
  bool end_object() override {
    open_.pop_back();
    return true;
  }
  bool key(std::string& name) override {
    std::set<std::string>& keys = open_.back();
    if (!keys.insert(name).second) fail("{}: the key {} occurs twice in one object", where_, shown(name));
    if (keys.size() > kMaxKeys) fail("{}: an object has more than {} keys; at most that many are read", where_, kMaxKeys);
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  const std::string& where_;
  std::vector<std::set<std::string>> open_;  // the keys of every object around
};

}  // namespace

Json parse_row_json(std::string_view text, const std::string& origin, int first_line) {
  const std::string where = fmt::format("{}:{}", origin, first_line);
  if (text.find('\0') != std::string_view::npos) fail("{}: not valid JSON: holds a NUL byte", where);
  check_json_depth(text, origin, first_line);
  Keys keys(where);
  (void)Json::sax_parse(text.begin(), text.end(), &keys);  // what is malformed is told of by the parse
  return parse_json(text, origin, first_line);
}

bool is_json_object(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  return begin != std::string_view::npos && text[begin] == '{' && Json::accept(text.begin(), text.end());
}

std::string shown(std::string_view name) {
  constexpr size_t kLongest = 40;
  const std::string text = Json(std::string(name.substr(0, kLongest))).dump(-1, ' ', false, Json::error_handler_t::ignore);
  return name.size() > kLongest ? text + "..." : text;
}

}  // namespace slipway
