// What a folder would run.
#include "app/trust.h"

#include <algorithm>
#include <array>

#include "api/load_model.h"
#include "config/toml.h"
#include "plugin/registry.h"
#include "weights/model_folder.h"

namespace slipway {
namespace {

constexpr const char* kHow =
    "it may do anything that you may do. Run with --trust if you know where it is from";

// "dir/a.so, dir/b.so", or the folder itself where it holds none.
std::string libraries_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ec;
  for (fs::directory_iterator entry(folder, ec), end; !ec && entry != end; entry.increment(ec))
    if (entry->path().extension() == ".so") names.push_back(entry->path().string());
  std::ranges::sort(names);
  std::string out;
  for (size_t i = 0; i < names.size() && i < 8; ++i) out += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > 8) out += fmt::format(" and {} more", names.size() - 8);
  return names.empty() ? folder.string() : out;
}

// Names of plugins in `file` that are not bundled.
std::vector<std::string> foreign_uses(const Value& root) {
  const Registry bundled(plugin_folders({}));
  std::vector<std::string> out;
  const auto look = [&](const Value& item, uint32_t kind) {
    const Value* use = item.find("use");
    if (use == nullptr || use->kind != Value::Kind::kString) return;
    if (kind == SLW_KIND_MODEL && use->s == "auto") return;
    try {
      bundled.find(use->s, kind, use->where);
    } catch (const Error&) {
      out.push_back(use->s);
    }
  };
  constexpr std::array<std::pair<const char*, uint32_t>, 6> kSections = {
      {{"model", SLW_KIND_MODEL},
       {"reward", SLW_KIND_REWARD},
       {"metric", SLW_KIND_METRIC},
       {"callback", SLW_KIND_CALLBACK},
       {"logger", SLW_KIND_LOGGER},
       {"loss", SLW_KIND_LOSS}}};
  for (const auto& [section, kind] : kSections) {
    const Value* body = root.find(section);
    if (body == nullptr) continue;
    if (body->kind == Value::Kind::kArray)
      for (const Value& item : body->items) look(item, kind);
    else look(*body, kind);
  }
  return out;
}

}  // namespace

void add_trust_option(CommandLine& line) {
  line.flag("trust",
            "let the folder's own files name plugins and compiled models: they run as code, with "
            "your rights");
}

void leave_out_foreign_plugins(const fs::path& file, Overrides& overrides) {
  const Value root = parse_toml(read_file(file), file.string());
  const Value* plugins = root.find("plugins");
  const Value* path = plugins == nullptr ? nullptr : plugins->find("path");
  if (path == nullptr || (path->items.empty() && path->s.empty())) return;
  const std::vector<std::string> foreign = foreign_uses(root);
  if (foreign.empty()) {
    overrides.emplace_back("plugins.path=[]");
    return;
  }
  std::string uses, libraries;
  for (const std::string& use : foreign)
    uses += fmt::format("{}\"{}\"", uses.empty() ? "" : ", ", use);
  std::vector<std::string> folders;
  for (const Value& item : path->items) folders.push_back(item.s);
  if (path->kind == Value::Kind::kString) folders.push_back(path->s);
  for (const fs::path folder : folders)
    libraries += (libraries.empty() ? "" : ", ") +
                 libraries_in(folder.is_absolute() ? folder : file.parent_path() / folder);
  throw UsageError(
      fmt::format("{}: this folder uses plugins that are not Slipway's own ({}) and names where "
                  "they lie: {}. A plugin is a program: {}",
                  file.string(), uses, libraries, kHow));
}

void refuse_compiled_weights(const fs::path& weights) {
  const fs::path program = program_at(weights);
  if (program.extension() != ".pt2") return;
  throw UsageError(
      fmt::format("{}: is compiled code with weights inside: {}", program.string(), kHow));
}

}  // namespace slipway
