// Keys of a run file, one by one.
#include "config/check_keys.h"

#include <algorithm>

#include "base/nearest.h"
#include "config/blocks.h"
#include "config/lookup.h"
#include "config/other_names.h"
#include "config/schema.h"
#include "config/sharding_words.h"
#include "config/toml.h"

namespace slipway {
namespace {

using enum Value::Kind;

std::string location(const Value& value) { return value.where.text(); }

// One text where a list is expected is a list of it.
void as_list(Value& value) {
  if (value.kind != kString) return;
  Value array;
  array.kind = kArray;
  array.where = value.where;
  array.items.push_back(value);
  value = array;
}

std::string item_fault(const std::string& name, const Value& list) {
  for (const Value& item : list.items)
    if (item.kind != kString)
      return fmt::format("{} holds {}, every item must be text", name, item.toml());
  return "";
}

// A table of named lists: names become parts of metrics' names.
std::string named_fault(const std::string& name, Value& table) {
  for (auto& [set, list] : table.table) {
    if (set.empty() || !std::ranges::all_of(set, [](unsigned char c) {
          return std::isalnum(c) != 0 || c == '_' || c == '-';
        }))
      return fmt::format(
          "{}: \"{}\" is not a valid name for a set; letters, digits, _ and - make one", name, set);
    as_list(list);
    if (list.kind != kArray)
      return fmt::format("{}.{} is {} ({}), an array is needed", name, set, list.toml(),
                         kind_name(list.kind));
    if (list.items.empty()) return fmt::format("{}.{} is empty", name, set);
    if (const std::string wrong = item_fault(name + "." + set, list); !wrong.empty()) return wrong;
  }
  return "";
}

// "" when the value is right for the key; converts whole numbers where a float is wanted, one text
// where an array is.
std::string fault_of(const Key& key, Value& value) {
  const std::string name = std::string(key.section) + "." + key.name;
  if (key.kind == kFloat && value.kind == kInt) {
    value.f = static_cast<double>(value.i);
    value.kind = kFloat;
  }
  if (key.kind == kInt && value.kind == kFloat &&
      value.f == static_cast<double>(static_cast<int64_t>(value.f)))
    value.i = static_cast<int64_t>(value.f), value.kind = kInt;
  if (key.kind == kString && value.kind == kBool && key.choices != nullptr &&
      std::string_view(key.choices).find("true|false") != std::string_view::npos)
    value.s = value.b ? "true" : "false", value.kind = kString;
  if (key.named && value.kind == kTable) return named_fault(name, value);
  if (key.kind == kArray) as_list(value);
  if (value.kind != key.kind)
    return fmt::format("{} is {} ({}), {} is needed", name, value.toml(), kind_name(value.kind),
                       kind_name(key.kind));
  if (key.kind == kArray)
    if (std::string wrong = item_fault(name, value); !wrong.empty()) return wrong;
  if (value.is_number() && key.minimum != nullptr &&
      !(value.number() >= parse_toml_value(key.minimum, name).number()))
    return fmt::format("{} is {}, at least {} is needed", name, value.toml(), key.minimum);
  if (value.is_number() && key.maximum != nullptr &&
      !(value.number() <= parse_toml_value(key.maximum, name).number()))
    return fmt::format("{} is {}, at most {} is allowed", name, value.toml(), key.maximum);
  if (key.choices != nullptr) {
    const std::vector<std::string> names = words_of(key.choices);
    std::string listed = key.choices;
    if (std::ranges::find(names, value.s) == names.end()) {
      std::ranges::replace(listed, '|', ' ');
      return fmt::format("{} is \"{}\", one of {} is needed{}", name, value.s, listed,
                         did_you_mean(value.s, names));
    }
  }
  return "";
}

std::string unknown_in_block(const std::string& section, const std::string& block,
                             const std::string& name, const std::vector<std::string>& known) {
  if (const IdleArgument* idle = idle_argument(section, name); idle != nullptr)
    return fmt::format("{}.{} has no use here: {}", section, name, idle->reason);
  return fmt::format("unknown key \"{}\" in {}{}", name, block, did_you_mean(name, known));
}

// One block that names a plugin, whose options the plugin's own schema checks later; `block` as it
// is written. Takes out what is wrong beside the name; false where there is none.
bool check_use(const std::string& section, const std::string& block, Value& use,
               std::vector<std::string>& faults) {
  const std::vector<std::string> known = block_keys(section);
  for (const auto& [name, item] : use.table)
    if (std::ranges::find(known, name) == known.end())
      faults.push_back(location(item) + ": " + unknown_in_block(section, block, name, known));
  const auto take_out = [&](const Value& wrong, const char* key, const char* needed) {
    faults.push_back(fmt::format("{}: {}.{} is {} ({}), {} is needed", location(wrong), section,
                                 key, wrong.toml(), kind_name(wrong.kind), needed));
    std::erase_if(use.table, [&](const auto& entry) { return entry.first == key; });
  };
  if (const Value* weight = use.find("weight"); weight != nullptr && !weight->is_number())
    take_out(*weight, "weight", "a number");
  if (const Value* prefix = use.find("prefix"); prefix != nullptr && prefix->kind != kString)
    take_out(*prefix, "prefix", "text");
  const Value* name = use.find("use");
  const bool named = name != nullptr && name->kind == kString;
  if (!named)
    faults.push_back(fmt::format("{}: {} needs use = \"PLUGIN\"; see: slipway plugin list",
                                 location(use), block));
  return named;
}

// Goes through a run file section by section.
class RunFileCheck {
 public:
  RunFileCheck(const Value& root, std::vector<std::string>* notices)
      : root_(root), notices_(notices) {
    const auto add = [](std::vector<std::string>& names, const char* name) {
      if (std::ranges::find(names, name) == names.end()) names.emplace_back(name);
    };
    for (const BlockKey& key : block_schema()) add(sections_, key.block);
    for (const Key& key : run_schema()) add(sections_, key.section);
  }

  CheckedKeys check() {
    for (const auto& [section, body] : root_.table) check_section(section, body);
    for (const Key& key : run_schema()) fill_in(key);
    return std::move(out_);
  }

 private:
  void fault(const Value& at, const std::string& text) {
    out_.faults.push_back(location(at) + ": " + text);
  }
  void unusable(const std::string& name) { out_.unusable.insert(name); }

  void check_section(const std::string& section, const Value& body) {
    if (section == "search") return;  // `slipway search` reads it; a run has no use for it
    if (std::ranges::find(sections_, section) == sections_.end()) {
      unknown_section(section, body);
    } else if (section == "reward" || section == "metric" || section == "callback" ||
               section == "logger") {
      check_uses(section, body);
    } else if (body.kind != kTable) {
      fault(body, fmt::format("[{}] must be a table", section));
      unusable(section);
    } else if (section == "loss") {
      Value loss = body;
      if (check_use(section, "[loss]", loss, out_.faults)) out_.tree[section] = loss;
    } else {
      for (const auto& [name, value] : body.table) check_entry(section, name, value);
    }
  }

  void unknown_section(const std::string& section, const Value& body) {
    if (body.kind == kTable || body.kind == kArray) {
      const std::string absent = absent_section(section);
      if (body.kind == kTable || !absent.empty())
        return fault(body, "unknown section " + (absent.empty()
                                                     ? fmt::format("[{}]{}", section,
                                                                   did_you_mean(section, sections_))
                                                     : absent));
    }
    const std::string near = nearest(section, sections_),
                      whole = near.empty() ? likely_key(section) : "";
    fault(body, fmt::format("unknown key \"{}\" outside of any section{}", section,
                            whole.empty() ? did_you_mean(section, sections_)
                                          : ", did you mean \"" + whole + "\"?"));
  }

  // [[reward]], [[metric]], [[callback]], [[logger]]: an array of tables.
  void check_uses(const std::string& section, const Value& body) {
    if (body.kind != kArray) {
      fault(body, fmt::format("write [[{}]], with two brackets: there may be several", section));
      return unusable(section);
    }
    Value& uses = out_.tree[section];
    uses = body;
    uses.items.clear();
    for (Value use : body.items) {
      if (use.kind != kTable) fault(use, fmt::format("every {} must be a table", section));
      else if (check_use(section, "[[" + section + "]]", use, out_.faults))
        uses.items.push_back(use);
    }
    if (uses.items.size() != body.items.size()) unusable(section);
  }

  void check_entry(const std::string& section, const std::string& given, const Value& written) {
    Meaning meaning = meaning_of(section, given, written);
    if (!meaning.notice.empty() && notices_ != nullptr)
      notices_->push_back(location(written) + ": " + meaning.notice);
    if (!meaning.fault.empty()) fault(written, meaning.fault);
    if (meaning.idle) return;
    const Key* key = find_key(meaning.section, meaning.name);
    if (key == nullptr) return unknown_key(section, given, written);
    const std::string whole = meaning.section + "." + meaning.name;
    Value& body = out_.tree[meaning.section];
    if (body.find(meaning.name) != nullptr)
      fault(written, fmt::format("{} is given twice, here as {}", whole, given));
    if (const std::string wrong = fault_of(*key, meaning.value); !wrong.empty()) {
      fault(written, wrong);
      return unusable(whole);
    }
    body[meaning.name] = meaning.value;
  }

  void unknown_key(const std::string& section, const std::string& given, const Value& written) {
    std::vector<std::string> known;
    for (const Key& key : run_schema())
      if (section == key.section) known.emplace_back(key.name);
    const std::string near = nearest(given, known),
                      elsewhere = near.empty() ? likely_key(given) : "";
    if (!near.empty()) unusable(section + "." + near);
    fault(written,
          fmt::format("unknown key \"{}\" in [{}]{}", given, section,
                      elsewhere.empty() ? did_you_mean(given, known)
                                        : fmt::format(", did you mean \"{}\"?", elsewhere)));
  }

  // The default of a key that is not given, or stands wrong.
  void fill_in(const Key& key) {
    Value& section = out_.tree[key.section];
    if (section.find(key.name) != nullptr) return;
    Value value;
    if (key.fallback != nullptr) {
      value = parse_toml_value(key.fallback, "");
      value.where = {};
    } else {
      const std::string whole = fmt::format("{}.{}", key.section, key.name);
      if (!out_.unusable.contains(whole) && !out_.unusable.contains(key.section))
        out_.faults.push_back(
            fmt::format("{}: {} is missing: {}", root_.where.file, whole, key.help));
      value.kind = key.kind;
      value.where = {root_.where.file, 0};
      unusable(whole);
    }
    section[key.name] = value;
  }

  const Value& root_;
  std::vector<std::string>* notices_;
  std::vector<std::string> sections_;
  CheckedKeys out_;
};

}  // namespace

CheckedKeys check_keys(const Value& root, std::vector<std::string>* notices) {
  Value tree = root;
  std::vector<std::string> faults;
  read_sharding_words(tree, notices, faults);
  CheckedKeys out = RunFileCheck(tree, notices).check();
  out.faults.insert(out.faults.begin(), faults.begin(), faults.end());
  return out;
}

Value check_run_file(const Value& root, std::vector<std::string>* notices) {
  CheckedKeys checked = check_keys(root, notices);
  if (!checked.faults.empty()) throw ConfigError(std::move(checked.faults));
  return std::move(checked.tree);
}

}  // namespace slipway
