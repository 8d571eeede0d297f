// What plugins there are, for programs to read.
#include "api/load_model.h"
#include "base/json_text.h"
#include "slipway/slipway.hpp"

namespace slipway {
namespace {

Json describe(const Registry::Found& found) {
  const slw_descriptor& d = *found.descriptor;
  Json out = {{"id", d.id},
              {"name", d.name},
              {"version", d.version},
              {"kinds", kind_names(d.kinds)},
              {"description", d.description},
              {"license", d.license != nullptr ? d.license : ""},
              {"file", found.library->path().string()},
              {"interfaces", Json::array()},
              {"options", Json::array()}};
  for (const char* const* i = d.interfaces; i != nullptr && *i != nullptr; ++i)
    out["interfaces"].push_back(*i);
  constexpr const char* kTypes[] = {"", "bool", "int", "float", "string", "path", "array", "table"};
  for (const slw_option* const* o = d.options; o != nullptr && *o != nullptr; ++o) {
    const slw_option& option = **o;
    const auto text = [](const char* s) { return s == nullptr ? Json(nullptr) : Json(s); };
    Json each = {{"name", option.name},
                 {"type", option.type >= 1 && option.type <= 7 ? kTypes[option.type] : "?"},
                 {"help", text(option.help)},
                 {"default", text(option.fallback)},
                 {"minimum", text(option.minimum)},
                 {"maximum", text(option.maximum)},
                 {"choices", Json::array()}};
    for (const char* const* c = option.choices; c != nullptr && *c != nullptr; ++c)
      each["choices"].push_back(*c);
    out["options"].push_back(std::move(each));
  }
  return out;
}

}  // namespace

std::string describe_plugins(const std::vector<fs::path>& plugin_path) {
  const Registry registry(plugin_folders(plugin_path));
  Json out = {{"plugins", Json::array()}, {"rejected", Json::array()}};
  for (const auto& found : registry.plugins()) out["plugins"].push_back(describe(found));
  for (const auto& r : registry.rejected())
    out["rejected"].push_back({{"file", r.path.string()}, {"reason", r.reason}});
  return json_text(out, 2);
}

std::string describe_plugin(const std::string& id, const std::vector<fs::path>& plugin_path) {
  const Registry registry(plugin_folders(plugin_path));
  return json_text(describe(registry.find(id, ~0u, {"plugin", 0})), 2);
}

}  // namespace slipway
