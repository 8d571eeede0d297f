// Overrides under any name of their key.
#include "config/overrides.h"

#include <algorithm>

#include "base/error.h"
#include "config/other_names.h"
#include "config/search_space.h"
#include "config/toml.h"

namespace slipway {
namespace {

struct KeyPath {
  std::string section, name, rest;  // "train", "lr_scheduler_kwargs", ".num_cycles"
};

KeyPath parts_of(const std::string& path) {
  const size_t dot = std::min(path.find('.'), path.size());
  const size_t begin = std::min(dot + 1, path.size()),
               end = std::min(path.find_first_of(".[", begin), path.size());
  return {path.substr(0, dot), path.substr(begin, end - begin), path.substr(end)};
}

bool same_key(const Meaning& a, const Meaning& b) {
  return !a.idle && !b.idle && a.section == b.section && a.name == b.name;
}

constexpr std::string_view kSpace = "search.space.";

// What [search.space] says under another name of the same key makes room. The name may stand in
// quotes, as it does in the file, or without.
void lay_over_space(Value& root, Assignment& assignment) {
  std::string name = assignment.key.substr(kSpace.size());
  if (!name.starts_with('"')) assignment.key = fmt::format("{}\"{}\"", kSpace, name);
  else if (name.find('"', 1) + 1 == name.size()) name = name.substr(1, name.size() - 2);
  else return assign(root, assignment);  // a part of what is there
  Value* search = root.find("search");
  if (Value* space = search == nullptr ? nullptr : search->find("space"); space != nullptr) {
    const SpaceKey meant = space_key(name, assignment.value);
    std::erase_if(space->table, [&](const auto& entry) {
      return entry.first != name && space_key(entry.first, entry.second).name == meant.name;
    });
  }
  assign(root, assignment);
}

}  // namespace

bool is_of_search(std::string_view given) {
  return given.starts_with("search.") || given.starts_with("search=");
}

void lay_over(Value& root, std::string_view given) {
  Assignment assignment = parse_assignment(given);
  if (assignment.key.starts_with(kSpace)) return lay_over_space(root, assignment);
  const KeyPath path = parts_of(assignment.key);
  const Meaning meant = meaning_of(path.section, path.name, assignment.value);
  for (auto& [section, body] : root.table) {
    if (body.kind != Value::Kind::kTable) continue;
    const auto is_other = [&, in = section](const auto& entry) {
      return (in != path.section || entry.first != path.name) &&
             same_key(meaning_of(in, entry.first, entry.second), meant);
    };
    if (path.rest.empty()) {
      std::erase_if(body.table, is_other);
    } else if (const auto other = std::ranges::find_if(body.table, is_other);
               other != body.table.end()) {
      // a part of what the file has under its other name
      assignment.key = section + "." + other->first + path.rest;
      break;
    }
  }
  assign(root, assignment);
}

}  // namespace slipway
