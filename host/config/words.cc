// Going through a table word by word.
#include "config/words.h"

#include <algorithm>

#include "base/nearest.h"
#include "config/schema.h"
#include "config/toml.h"

namespace slipway {
namespace {

// A walk through the tables of one configuration.
class WordWalk {
 public:
  WordWalk(std::span<const Word> words, std::string name, TrainKeys& keys)
      : words_(words), name_(std::move(name)), keys_(keys) {}

  // `prefix` is "" or "zero_optimization."
  void table(const std::string& prefix, const Value& table) {
    for (const auto& [key, value] : table.table) entry(prefix, key, value);
  }

 private:
  void entry(const std::string& prefix, const std::string& key, const Value& value) {
    const std::string path = prefix + key;
    const Word *word = found(path), *other = found(prefix + "*");
    const bool has_parts = !parts(path + ".").empty();
    const Said said{name_ + "." + path, value};
    if (value.kind == Value::Kind::kTable && has_parts) table(path + ".", value);
    else if (word != nullptr) judge(*word, said);
    else if (has_parts) keys_.fault(said, "is not a table");
    else if (other != nullptr) judge(*other, said);
    else keys_.fault(said, "is not known" + did_you_mean(key, parts(prefix)));
  }

  void judge(const Word& word, const Said& said) {
    if (is_auto(said.value)) return;
    if (word.read != nullptr) word.read(said, keys_);
    else if (word.key != nullptr) keys_.mean(said, word.key, said.value);
    else if (word.harmless == nullptr) keys_.has_no_effect(said);
    else if (!is_harmless(said.value, word.harmless))
      keys_.fault(said, std::string("cannot be had: ") + word.reason);
  }

  const Word* found(const std::string& path) const {
    const auto at =
        std::ranges::find_if(words_, [&](const Word& each) { return path == each.name; });
    return at == words_.end() ? nullptr : &*at;
  }
  // What may stand in the table.
  std::vector<std::string> parts(const std::string& prefix) const {
    std::vector<std::string> out;
    for (const Word& each : words_) {
      const std::string_view name = each.name;
      if (!name.starts_with(prefix)) continue;
      const std::string_view rest = name.substr(prefix.size());
      out.emplace_back(rest.substr(0, rest.find('.')));
    }
    return out;
  }

  std::span<const Word> words_;
  const std::string name_;
  TrainKeys& keys_;
};

}  // namespace

bool is_auto(const Value& value) { return value.kind == Value::Kind::kString && value.s == "auto"; }

bool is_harmless(const Value& value, const char* harmless) {
  return std::ranges::any_of(words_of(harmless), [&](const std::string& source) {
    const Value each = parse_toml_value(source, harmless);
    return value.is_number() && each.is_number() ? value.number() == each.number()
                                                 : value.toml() == each.toml();
  });
}

void read_words(std::span<const Word> words, const std::string& name, const Value& table,
                TrainKeys& keys) {
  WordWalk(words, name, keys).table("", table);
}

}  // namespace slipway
