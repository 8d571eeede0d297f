// Rotation.
#include "record/rotation.h"

#include <algorithm>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "base/place.h"

namespace slipway {
namespace {

constexpr const char* kMark = "iteration_start.json";

// A file of the checkpoint; nothing where it is not there or says nothing: the checkpoint counts as
// one that was asked for then, and nobody loses it by a file that cannot be read.
std::optional<Json> file_of(const fs::path& checkpoint, const char* name) {
  try {
    if (!path_exists(checkpoint / name)) return std::nullopt;
    Json out = parse_json(read_file(checkpoint / name), name);
    return out.is_object() ? std::optional(std::move(out)) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

struct Kept {
  fs::path folder;
  bool start = false, asked = true;

  explicit Kept(fs::path path) : folder(std::move(path)) {
    const std::optional<Json> mark = file_of(folder, kMark);
    if (!mark) return;
    start = true;
    const auto at = mark->find("asked");
    asked = at == mark->end() || *at != false;
  }
};

bool names(const std::vector<fs::path>& some, const fs::path& folder) {
  return std::ranges::any_of(
      some, [&](const fs::path& each) { return each.filename() == folder.filename(); });
}

// Where the iterations began that these checkpoints are in the middle of.
void add_starts_of(const std::vector<Kept>& all, std::vector<fs::path>& out) {
  for (const Kept& each : all) {
    if (each.start) continue;
    const std::optional<Json> state = file_of(each.folder, "raft_state.json");
    if (!state) continue;
    const auto at = state->find("start_checkpoint");
    if (at != state->end() && at->is_string()) out.emplace_back(at->get<std::string>());
  }
}

}  // namespace

CheckpointFile start_mark(bool asked) {
  return {kMark, [asked](const fs::path& path) {
            write_file_durably(path, Json{{"asked", asked}}.dump() + "\n");
          }};
}

void rotate_checkpoints(const fs::path& output_dir, const Rotation& rotation) {
  std::vector<Kept> asked, starts;  // newest first; a start that was asked for too is in both
  bool newest_start = true;
  for (const fs::path& path : list_checkpoints(output_dir)) {
    if (!step_of(path)) continue;
    Kept each(path);
    if (each.asked) asked.push_back(each);
    else if (!newest_start) starts.push_back(each);
    newest_start = newest_start && !each.start;
  }
  auto left = static_cast<int64_t>(asked.size());
  for (size_t i = asked.size(); rotation.limit > 0 && left > rotation.limit && i-- > 1;) {
    if (names(rotation.protect, asked[i].folder)) continue;
    remove_path(asked[i].folder);
    asked.erase(asked.begin() + static_cast<std::ptrdiff_t>(i));
    --left;
  }
  std::vector<fs::path> needed = rotation.protect;
  if (rotation.keep_starts_of_kept) add_starts_of(asked, needed);
  for (const Kept& each : starts)
    if (!names(needed, each.folder)) remove_path(each.folder);
}

}  // namespace slipway
