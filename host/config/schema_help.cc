// Help from the tables that check run files.
#include "config/schema_help.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/nearest.h"
#include "base/text_width.h"
#include "config/blocks.h"
#include "config/lookup.h"
#include "config/other_names.h"
#include "config/schema.h"
#include "config/sharding_words.h"
#include "config/training_arguments.h"

namespace slipway {
namespace {

constexpr size_t kNameIndent = 2, kHelpIndent = 6;

std::string entry(const std::string& name, const std::string& value, const std::string& help,
                  size_t columns) {
  return std::string(kNameIndent, ' ') +
         wrapped(fmt::format("{} ({})", name, value), kHelpIndent, columns) + "\n" +
         std::string(kHelpIndent, ' ') + wrapped(help, kHelpIndent, columns) + "\n";
}

std::string default_of(Value::Kind kind, const char* fallback) {
  return std::string(kind_name(kind)) +
         (fallback != nullptr ? fmt::format(", default {}", fallback) : ", required");
}

// ": a | b"; "" where there is no choice.
std::string choices_of(const char* choices) {
  std::string listed;
  for (const std::string& each : words_of(choices == nullptr ? "" : choices))
    listed += (listed.empty() ? ": " : " | ") + each;
  return listed;
}

std::string value_of(const Key& key) {
  std::string out = default_of(key.kind, key.fallback);
  if (key.minimum != nullptr) out += fmt::format(", at least {}", key.minimum);
  if (key.maximum != nullptr) out += fmt::format(", at most {}", key.maximum);
  return out + choices_of(key.choices);
}

std::string entry_of(const Key& key, size_t columns) {
  std::string help = key.help;
  for (const std::string& other : other_names(key)) help += fmt::format("\nAlso called {}.", other);
  if (const OtherDefault* other =
          std::string_view(key.section) == "train" ? other_default(key.name) : nullptr;
      other != nullptr)
    help += fmt::format("\n(Hugging Face's default is {}: {})", other->theirs, other->reason);
  return entry(key.name, value_of(key), help, columns);
}

std::string entry_of(const BlockKey& key, size_t columns) {
  return entry(key.name, default_of(key.kind, key.fallback) + choices_of(key.choices), key.help,
               columns);
}

// All keys of a section or block, under its name; "" where there is none.
std::string section_help(std::string_view section, size_t columns) {
  std::string out, title;
  for (const Key& key : run_schema())
    if (section == key.section) out += entry_of(key, columns), title = fmt::format("[{}]", section);
  for (const BlockKey& key : block_schema())
    if (section == key.block) out += entry_of(key, columns), title = written_block(section);
  return out.empty() ? "" : title + "\n" + out;
}

std::vector<std::string> section_names() {
  std::vector<std::string> out;
  const auto add = [&](const char* name) {
    if (std::ranges::find(out, name) == out.end()) out.emplace_back(name);
  };
  for (const Key& key : run_schema()) add(key.section);
  for (const BlockKey& key : block_schema()) add(key.block);
  return out;
}

// Why "train.fp16", or "fp16", has no use here, or what it becomes; "" for what is not an argument
// of a peer.
std::string idle_help(std::string_view name, size_t columns) {
  const size_t dot = name.find('.');
  const std::string_view given = dot == name.npos ? "" : name.substr(0, dot),
                         argument = dot == name.npos ? name : name.substr(dot + 1);
  if (const std::string_view word = sharding_word_help(argument);
      !word.empty() && (given.empty() || given == "train"))
    return "[train]\n" +
           entry(std::string(argument), "of the Hugging Face Trainer", std::string(word), columns);
  for (const char* section : {"raft", "train", "model", "data", "reward"}) {
    const IdleArgument* idle =
        given.empty() || given == section ? idle_argument(section, argument) : nullptr;
    if (idle == nullptr) continue;
    const char* whose =
        std::string_view(section) == "train" ? "of the Hugging Face Trainer" : "of LMFlow";
    return fmt::format("[{}]\n", section) + entry(std::string(argument), whose,
                                                  fmt::format("Has no use here: {}.", idle->reason),
                                                  columns);
  }
  return "";
}

}  // namespace

std::string schema_help(size_t columns) {
  std::string out = wrapped(
                        "A run file is TOML. What stands in [[two brackets]] may be there several "
                        "times. `slipway config help KEY` explains one key, block or section.",
                        0, columns) +
                    "\n";
  for (const std::string& section : section_names()) out += "\n" + section_help(section, columns);
  return out;
}

std::string schema_help_on(std::string_view name, size_t columns) {
  if (const size_t first = name.find_first_not_of('['); first != std::string_view::npos)
    name.remove_prefix(first);
  name = name.substr(0, name.find(']'));
  if (std::string whole = section_help(name, columns); !whole.empty()) return whole;
  std::string out;
  std::vector<std::string> known = section_names();
  const auto take = [&](std::string_view section, std::string_view key, const std::string& title,
                        const auto& described) {
    const std::string whole = fmt::format("{}.{}", section, key);
    known.push_back(whole);
    known.emplace_back(key);
    if (name == whole || name == key)
      out += fmt::format("{}{}\n{}", out.empty() ? "" : "\n", title, entry_of(described, columns));
  };
  for (const Key& key : run_schema()) {
    const std::string title = fmt::format("[{}]", key.section);
    const size_t before = out.size();
    take(key.section, key.name, title, key);
    for (const std::string& other : other_names(key))
      if (out.size() == before) take(key.section, other, title, key);
  }
  for (const BlockKey& key : block_schema())
    take(key.block, key.name, written_block(key.block), key);
  if (const size_t dot = name.find('.'); out.empty() && dot != name.npos) {
    const Meaning meaning = meaning_of(name.substr(0, dot), name.substr(dot + 1), {});
    if (find_key(meaning.section, meaning.name) != nullptr)
      return schema_help_on(meaning.section + "." + meaning.name, columns);
  }
  if (out.empty()) out = idle_help(name, columns);
  if (const std::string absent = out.empty() ? absent_section(name) : ""; !absent.empty())
    out = wrapped(absent, 0, columns) + "\n";
  if (out.empty())
    fail("a run file has no key, block or section \"{}\"{}; `slipway config help` lists them", name,
         did_you_mean(name, known));
  return out;
}

}  // namespace slipway
