// Help from the tables that check run files.
#include "config/schema_help.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/nearest.h"
#include "base/text_width.h"
#include "config/blocks.h"
#include "config/schema.h"
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

std::string value_of(const Key& key) {
  std::string out = fmt::format(
      "{}{}", kind_name(key.kind),
      key.fallback != nullptr ? fmt::format(", default {}", key.fallback) : ", required");
  if (key.minimum != nullptr) out += fmt::format(", at least {}", key.minimum);
  if (key.maximum != nullptr) out += fmt::format(", at most {}", key.maximum);
  if (key.choices == nullptr) return out;
  std::string listed;
  for (const std::string& each : words_of(key.choices))
    listed += (listed.empty() ? "" : " | ") + each;
  return out + ": " + listed;
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
  return entry(key.name, key.value, key.help, columns);
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
  const std::string_view argument = name.starts_with("train.") ? name.substr(6) : name;
  if (const IdleArgument* idle = out.empty() ? idle_argument(argument) : nullptr; idle != nullptr)
    out = "[train]\n" + entry(std::string(argument), "of the Hugging Face Trainer",
                              fmt::format("Has no use here: {}.", idle->reason), columns);
  if (out.empty())
    fail("a run file has no key, block or section \"{}\"{}; `slipway config help` lists them", name,
         did_you_mean(name, known));
  return out;
}

}  // namespace slipway
