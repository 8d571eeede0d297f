// Names in [search.space].
#include "config/search_space.h"

#include <algorithm>

#include "base/nearest.h"
#include "config/other_names.h"
#include "config/schema.h"

namespace slipway {
namespace {

std::vector<Value> values_of(const Value& space) {
  if (space.kind == Value::Kind::kArray) return space.items;
  std::vector<Value> out;
  for (const char* end : {"low", "high"})
    if (const Value* value = space.find(end); value != nullptr) out.push_back(*value);
  return out;
}

std::string unknown(const std::string& given) {
  std::vector<std::string> keys;
  for (const Key& key : run_schema()) keys.push_back(std::string(key.section) + "." + key.name);
  return "no such key of a run file" + did_you_mean(given, keys);
}

}  // namespace

SpaceKey space_key(const std::string& given, const Value& space) {
  SpaceKey out{given, "", ""};
  // "reward[0].weight" is a place in a list of blocks
  if (is_key(given) || given.find('[') != std::string::npos) return out;
  const size_t dot = std::min(given.find('.'), given.size());
  const std::string section = given.substr(0, dot),
                    name = given.substr(std::min(dot + 1, given.size()));
  for (const Value& value : values_of(space)) {
    const Meaning meaning = meaning_of(section, name, value);
    if (!meaning.fault.empty()) return {given, "", meaning.fault};
    if (meaning.notice.empty()) continue;
    out.notice = meaning.notice;
    const bool is_name = !meaning.idle && meaning.value.toml() == value.toml();
    out.name = is_name ? meaning.section + "." + meaning.name : given;
  }
  if (out.notice.empty()) out.fault = unknown(given);
  return out;
}

}  // namespace slipway
