// Manifests.
#include "base/manifest.h"

#include <algorithm>

#include "base/json.h"
#include "base/place.h"
#include "base/plain_name.h"

namespace slipway {
namespace {

constexpr const char* kName = "manifest.json";

struct Listed {
  std::string name;
  uint64_t size;
  std::string sha256;
};

std::vector<Listed> read_manifest(const fs::path& path) {
  const std::string text = read_file(path), where = path.string();
  std::vector<Listed> out;
  try {
    const Json json = parse_json(text, where);
    if (json.at("format_version").get<int>() != 1)
      fail("{}: format version {} is not known", where, json["format_version"].dump());
    for (const Json& file : json.at("files")) {
      out.push_back({file.at("name").get<std::string>(), file.at("size").get<uint64_t>(),
                     file.at("sha256").get<std::string>()});
      if (!is_plain_name(out.back().name))
        fail("{}: \"{}\" is not a file name", where, out.back().name);
    }
  } catch (const Json::exception& e) {
    throw Damaged(fmt::format("{}: is not a usable manifest: {}", where, e.what()));
  } catch (const Error& e) {
    throw Damaged(e.what());
  }
  return out;
}

void verify(const fs::path& path, const Listed& listed) {
  if (!path_exists(path)) throw Damaged(fmt::format("{}: missing", path.string()));
  if (!fs::is_regular_file(path)) throw Damaged(fmt::format("{}: is not a file", path.string()));
  const MappedFile file(path);
  if (file.bytes().size() != listed.size || sha256(file.text()) != listed.sha256)
    throw Damaged(fmt::format("{}: differs from what the manifest says", path.string()));
}

}  // namespace

void write_manifest(const fs::path& folder, int64_t step, const std::vector<std::string>& names) {
  Json manifest;
  manifest["format_version"] = 1;
  manifest["global_step"] = step;
  manifest["files"] = Json::array();
  for (const std::string& name : names) {
    const std::string hash = sha256_of_file(folder / name);
    manifest["files"].push_back(
        {{"name", name}, {"size", fs::file_size(folder / name)}, {"sha256", hash}});
  }
  write_file_durably(folder / kName, manifest.dump(2) + "\n");
}

void verify_manifest(const fs::path& folder,
                     const std::function<bool(const std::string& name)>& which) {
  if (!path_exists(folder / kName))
    throw Damaged(
        fmt::format("{}: has no manifest.json; it is not a finished checkpoint", folder.string()));
  for (const Listed& each : read_manifest(folder / kName))
    if (!which || which(each.name)) verify(folder / each.name, each);
}

void verify_manifest_if_any(const fs::path& folder,
                            const std::function<bool(const std::string& name)>& which) {
  const fs::path path = folder / kName;
  if (!path_exists(path)) return;
  const Json json = Json::parse(read_file(path), nullptr, false);
  if (json.is_discarded() || json.contains("files") || json.contains("global_step"))
    verify_manifest(folder, which);
}

}  // namespace slipway
