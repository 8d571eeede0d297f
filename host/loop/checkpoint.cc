// Checkpoints.
#include "loop/checkpoint.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace slipway {
namespace {

constexpr std::string_view kPrefix = "checkpoint-", kUnfinished = ".unfinished-";

std::optional<int64_t> step_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  if (!name.starts_with(kPrefix)) return std::nullopt;
  int64_t step = 0;
  const char* end = name.data() + name.size();
  const auto [at, ec] = std::from_chars(name.data() + kPrefix.size(), end, step);
  return ec == std::errc() && at == end ? std::optional(step) : std::nullopt;
}

// Newest first.
std::vector<fs::path> checkpoints(const fs::path& output_dir) {
  std::vector<fs::path> out;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(output_dir, ec))
    if (entry.is_directory() && step_of(entry.path())) out.push_back(entry.path());
  std::ranges::sort(out, [](const fs::path& a, const fs::path& b) { return *step_of(a) > *step_of(b); });
  return out;
}

}  // namespace

fs::path write_checkpoint(const fs::path& output_dir, int64_t step, const std::vector<CheckpointFile>& files) {
  const fs::path final = output_dir / fmt::format("{}{}", kPrefix, step);
  const fs::path partial = output_dir / fmt::format("{}{}", kUnfinished, step);
  fs::remove_all(partial);
  fs::create_directories(partial);
  Json manifest;
  manifest["format_version"] = 1;
  manifest["global_step"] = step;
  manifest["files"] = Json::array();
  for (const CheckpointFile& file : files) {
    file.write(partial / file.name);
    flush_to_disk(partial / file.name);
    manifest["files"].push_back({{"name", file.name}, {"size", fs::file_size(partial / file.name)}, {"sha256", sha256_of_file(partial / file.name)}});
  }
  write_file_durably(partial / "manifest.json", manifest.dump(2) + "\n");
  if (fs::exists(final)) {  // of the same step: the old one steps aside first, a folder cannot be renamed over
    const fs::path old = output_dir / fmt::format("{}old-{}", kUnfinished, step);
    fs::remove_all(old);
    fs::rename(final, old);
    fs::rename(partial, final);
    flush_to_disk(output_dir);
    fs::remove_all(old);
    return final;
  }
  fs::rename(partial, final);
  flush_to_disk(output_dir);
  return final;
}

bool is_foreign_checkpoint(const fs::path& checkpoint) {
  const auto has = [&](const char* name) { return fs::exists(checkpoint / name); };
  return has("trainer_state.json") && (has("model.safetensors") || has("model.safetensors.index.json")) && !has("manifest.json") && !has("run_state.json");
}

void require_resumable(const fs::path& checkpoint) {
  if (is_foreign_checkpoint(checkpoint)) {
    for (const char* name : {"optimizer.pt", "scheduler.pt"})
      if (!fs::exists(checkpoint / name))
        fail("{}: is missing: the checkpoint was saved with save_only_model = true, or by DeepSpeed or FSDP, and a run cannot go on from it. Start anew from its weights: "
             "model.weights = \"{}\"", (checkpoint / name).string(), checkpoint.string());
  } else if (fs::exists(checkpoint / "trainer_state.json") && !fs::exists(checkpoint / "run_state.json")) {
    fail("{}: was saved with train.save_only_model = true: it holds the model alone, and a run cannot go on from it. Start anew from its weights: model.weights = \"{}\"",
         checkpoint.string(), checkpoint.string());
  }
}

void verify_checkpoint(const fs::path& checkpoint) {
  if (is_foreign_checkpoint(checkpoint)) return;
  const fs::path path = checkpoint / "manifest.json";
  if (!fs::exists(path)) fail("{}: has no manifest.json; it is no finished checkpoint", checkpoint.string());
  const Json manifest = parse_json(read_file(path), path.string());
  try {
    if (manifest.at("format_version").get<int>() != 1) fail("{}: format version {} is not known", path.string(), manifest["format_version"].dump());
    for (const Json& file : manifest.at("files")) {
      const fs::path each = checkpoint / file.at("name").get<std::string>();
      if (!fs::exists(each)) fail("{}: missing", each.string());
      if (fs::file_size(each) != file.at("size").get<uint64_t>() || sha256_of_file(each) != file.at("sha256").get<std::string>())
        fail("{}: differs from what the manifest says", each.string());
    }
  } catch (const Json::exception& e) {
    fail("{}: not a usable manifest: {}", path.string(), e.what());
  }
}

std::optional<fs::path> latest_checkpoint(const fs::path& output_dir, std::vector<std::string>* skipped) {
  std::vector<fs::path> candidates = checkpoints(output_dir);
  // A crash between two renames leaves the previous checkpoint of that step under its other name.
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(output_dir, ec))
    if (entry.path().filename().string().starts_with(std::string(kUnfinished) + "old-")) candidates.push_back(entry.path());
  for (const fs::path& checkpoint : candidates) {
    try {
      verify_checkpoint(checkpoint);
      return checkpoint;
    } catch (const Error& e) {
      if (skipped != nullptr) skipped->emplace_back(e.what());
    }
  }
  return std::nullopt;
}

void rotate_checkpoints(const fs::path& output_dir, int64_t limit, const std::vector<fs::path>& protect) {
  const std::vector<fs::path> all = checkpoints(output_dir);
  auto left = static_cast<int64_t>(all.size());
  for (size_t i = all.size(); limit > 0 && left > limit && i-- > 1;) {
    if (std::ranges::find(protect, all[i]) != protect.end()) continue;
    fs::remove_all(all[i]);
    --left;
  }
  std::vector<fs::path> unfinished;
  for (const auto& entry : fs::directory_iterator(output_dir))
    if (entry.path().filename().string().starts_with(kUnfinished)) unfinished.push_back(entry.path());
  for (const fs::path& each : unfinished) fs::remove_all(each);
}

void keep_one_checkpoint(const fs::path& output_dir, const fs::path& keep) {
  for (const fs::path& each : checkpoints(output_dir))
    if (each.filename() != keep.filename()) fs::remove_all(each);
}

}  // namespace slipway
