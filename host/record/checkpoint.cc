// Checkpoints.
#include "record/checkpoint.h"

#include <algorithm>

#include "base/error.h"
#include "base/file_set.h"
#include "base/manifest.h"
#include "base/numbered_name.h"
#include "base/place.h"
#include "weights/other_formats.h"

namespace slipway {
namespace {

constexpr std::string_view kPrefix = "checkpoint-";
// As earlier versions called what was unfinished, and what stepped aside.
constexpr std::string_view kEarlierUnfinished = ".unfinished-", kEarlierAside = ".unfinished-old-";

std::string name_of(const fs::path& path) { return path.filename().string(); }

// The step of a checkpoint under its own name or one that it has while another takes its place.
std::optional<int64_t> step_of_any(const fs::path& folder) {
  std::string name = name_of(folder);
  if (name.starts_with(kEarlierAside))
    name = std::string(kPrefix) + name.substr(kEarlierAside.size());
  else if (name.starts_with('.') && name.ends_with(".slipway-old"))
    name = name.substr(1, name.size() - 1 - std::string_view(".slipway-old").size());
  return step_in_name(name);
}

}  // namespace

std::optional<int64_t> step_of(const fs::path& folder) { return step_in_name(name_of(folder)); }

std::optional<int64_t> step_in_name(std::string_view name) { return number_in_name(name, kPrefix); }

std::vector<fs::path> list_checkpoints(const fs::path& output_dir) {
  std::vector<fs::path> out;
  if (!path_exists(output_dir)) return out;
  for (const fs::path& path : list_folder(output_dir)) {
    std::error_code ec;
    if (step_of_any(path) && fs::is_directory(path, ec)) out.push_back(path);
  }
  // Of one step, the one in its place before the one that made room for it.
  std::ranges::sort(out, [](const fs::path& a, const fs::path& b) {
    return std::pair(*step_of_any(a), step_of(a).has_value()) >
           std::pair(*step_of_any(b), step_of(b).has_value());
  });
  return out;
}

fs::path write_checkpoint(const fs::path& output_dir, int64_t step,
                          const std::vector<CheckpointFile>& files) {
  const fs::path folder = output_dir / fmt::format("{}{}", kPrefix, step),
                 part = begin_part_folder(folder);
  try {
    for (const CheckpointFile& file : files) {
      file.write(part / file.name);
      if (!path_exists(part / file.name)) fail("{}: was not written", (part / file.name).string());
    }
    std::vector<std::string> names;  // one write may make several files
    for (const fs::path& path : list_folder(part)) {
      flush_to_disk(path);
      names.push_back(name_of(path));
    }
    write_manifest(part, step, names);
    place_folder(part, folder);
  } catch (...) {
    remove_path(part);  // a full disk needs the room
    throw;
  }
  return folder;
}

bool is_foreign_checkpoint(const fs::path& checkpoint) {
  const auto has = [&](const char* name) { return path_exists(checkpoint / name); };
  if (!has("trainer_state.json") ||
      !(has("model.safetensors") || has("model.safetensors.index.json") ||
        has("adapter_model.safetensors")))
    return false;
  // Any of these, and it is what is left of one of ours.
  return std::ranges::none_of(
      std::initializer_list<const char*>{"manifest.json", "run_state.json", "training_args.json",
                                         "sft_state.json", "raft_state.json"},
      has);
}

void require_resumable(const fs::path& checkpoint) {
  if (is_foreign_checkpoint(checkpoint)) {
    for (const char* name : {"optimizer.pt", "scheduler.pt"})
      if (!path_exists(checkpoint / name))
        fail(
            "{}: is missing: the checkpoint was saved with save_only_model = true, or by DeepSpeed "
            "or FSDP, and a run cannot resume from it. Start anew from its weights: "
            "model.weights = \"{}\"",
            (checkpoint / name).string(), checkpoint.string());
  } else if (path_exists(checkpoint / "trainer_state.json") &&
             !path_exists(checkpoint / "run_state.json")) {
    fail(
        "{}: was saved with train.save_only_model = true: it holds the model alone, and a run "
        "cannot resume from it. Start anew from its weights: model.weights = \"{}\"",
        checkpoint.string(), checkpoint.string());
  }
}

void verify_checkpoint(const fs::path& checkpoint) {
  if (is_foreign_checkpoint(checkpoint)) return;
  if (!path_exists(checkpoint / "manifest.json"))
    if (const std::string other = other_format(checkpoint); !other.empty())
      fail("{}: a run cannot resume from it: {}", checkpoint.string(), other);
  verify_manifest(checkpoint);
}

std::optional<fs::path> latest_checkpoint(const fs::path& output_dir,
                                          std::vector<std::string>* skipped) {
  for (const fs::path& checkpoint : list_checkpoints(output_dir)) {
    try {
      verify_checkpoint(checkpoint);
      return checkpoint;
    } catch (const Damaged& e) {
      if (skipped != nullptr) skipped->emplace_back(e.what());
    }
  }
  return std::nullopt;
}

void keep_one_checkpoint(const fs::path& output_dir, const fs::path& keep) {
  for (const fs::path& each : list_checkpoints(output_dir))
    if (each.filename() != keep.filename()) remove_path(each);
}

void recover_run_folder(const fs::path& output_dir) {
  if (!path_exists(output_dir)) return;
  for (const fs::path& path : list_folder(output_dir)) {
    const std::string name = name_of(path);
    if (!name.starts_with(kEarlierUnfinished)) continue;
    const fs::path place =
        output_dir / (std::string(kPrefix) +
                      std::string(name.substr(std::min(name.size(), kEarlierAside.size()))));
    if (name.starts_with(kEarlierAside) && step_of(place) && !path_exists(place))
      move_path(path, place);
    else remove_path(path);
  }
  tidy(output_dir);
  if (path_exists(output_dir / "samples")) tidy(output_dir / "samples");
  finish_file_set(output_dir);
}

}  // namespace slipway
