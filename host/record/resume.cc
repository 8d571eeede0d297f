// Resuming.
#include "record/resume.h"

#include <algorithm>

#include "base/error.h"
#include "base/folder_copy.h"
#include "base/json.h"
#include "base/log.h"
#include "base/numbered_name.h"
#include "base/place.h"
#include "record/checkpoint.h"
#include "record/state.h"
#include "weights/shards.h"

namespace slipway {
namespace {

// what is being moved aside, and where to
constexpr const char* kGoingBack = ".slipway-going-back";

Json read_json(const fs::path& path) { return parse_json(read_file(path), path.string()); }

// What is not there, or of another type, is `fallback`: files of a checkpoint were held against its
// manifest before.
template <class T>
T field(const Json& json, const char* key, T fallback) {
  const auto at = json.find(key);
  try {
    return at == json.end() ? fallback : at->template get<T>();
  } catch (const Json::exception&) {
    return fallback;
  }
}

// Where a checkpoint stands among RAFT's iterations; what it is not of RAFT, before the first.
struct Iterations {
  // the last one whose samples, and whose held-out answers, were there when it was saved
  int64_t sampled = 0, evaluated = 0;

  static Iterations of(const fs::path& checkpoint) {
    if (!path_exists(checkpoint / "raft_state.json")) return {};
    const Json json = read_json(checkpoint / "raft_state.json");
    const int64_t done = field<int64_t>(json, "iteration", 0);
    return {done + (field<std::string>(json, "phase", "") == "train" ? 1 : 0), done};
  }
};

// Names in output_dir/samples; `later`: those that are, or are not, of later iterations than `at`.
std::vector<fs::path> samples(const fs::path& output_dir, const Iterations& at, bool later) {
  std::vector<fs::path> out;
  if (!path_exists(output_dir / "samples")) return out;
  for (const fs::path& path : list_folder(output_dir / "samples")) {
    const std::string name = path.filename().string();
    const auto iteration = number_in_name(name, "iteration-", ".jsonl"),
               evaluation = number_in_name(name, "eval-", ".jsonl");
    const bool is_later =
        (iteration && *iteration > at.sampled) || (evaluation && *evaluation > at.evaluated);
    if (is_later == later && (iteration || evaluation)) out.push_back(fs::path("samples") / name);
  }
  return out;
}

bool is_of_the_end(const std::string& name) {
  return is_weights_file(name) || name == "model.pt" || name == "trainer_state.json" ||
         name == "report.html" || name.ends_with("_results.json");
}

// Names in output_dir of what was written after the checkpoint. Empty where the run does not go
// back: a crash may leave samples of the very iteration that is sampled again.
std::vector<fs::path> written_after(const fs::path& output_dir, const fs::path& checkpoint,
                                    bool known_to_go_back) {
  const int64_t step = step_in_name(checkpoint.filename().string()).value_or(0);
  std::vector<fs::path> out, end;
  for (const fs::path& path : list_folder(output_dir)) {
    const std::string name = path.filename().string();
    if (step_in_name(name).value_or(-1) > step) out.emplace_back(name);
    else if (is_of_the_end(name)) end.emplace_back(name);
  }
  const Iterations at = Iterations::of(checkpoint);
  const bool goes_back = known_to_go_back || !out.empty() ||
                         !samples(output_dir, {at.evaluated + 1, at.evaluated + 1}, true).empty();
  if (!goes_back) return {};
  for (const fs::path& name : samples(output_dir, at, true)) out.push_back(name);
  out.insert(out.end(), end.begin(), end.end());
  return out;
}

void move_to(const fs::path& output_dir, const std::vector<fs::path>& names,
             const std::string& folder) {
  const fs::path to = output_dir / folder;
  create_folder(to);
  if (path_exists(output_dir / "metrics.jsonl") && !path_exists(to / "metrics.jsonl"))
    copy_file_durably(output_dir / "metrics.jsonl", to / "metrics.jsonl");
  for (const fs::path& name : names) {
    create_folder((to / name).parent_path());
    move_path(output_dir / name, to / name);
  }
  if (!remove_path(output_dir / kGoingBack)) fail("{}: cannot be written to", output_dir.string());
  flush_to_disk(output_dir);
}

// What a crash interrupted.
void finish_going_back(const fs::path& output_dir) {
  if (!path_exists(output_dir / kGoingBack)) return;
  const Json note = read_json(output_dir / kGoingBack);
  const fs::path checkpoint = output_dir / field<std::string>(note, "checkpoint", "?");
  const auto to = field<std::string>(note, "to", "abandoned");
  if (!path_exists(checkpoint))
    fail(
        "{}: the run was going back to it and it is gone; name the checkpoint to resume from with "
        "--resume=",
        checkpoint.string());
  move_to(output_dir, written_after(output_dir, checkpoint, true), to);
  log_info("what the run wrote after {} was moved to {}", checkpoint.string(),
           (output_dir / to).string());
}

void verify(const std::string& resume) {
  std::error_code ec;
  if (!fs::is_directory(resume, ec)) fail("--resume={}: no such folder", resume);
  verify_checkpoint(resume);
  require_resumable(resume);
}

// The checkpoint's siblings that it needs: the best so far, and the one of the RAFT iteration's
// start.
std::vector<std::string> siblings_of(const fs::path& checkpoint, const TrainerState& state) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& name) {
    const bool needed = step_in_name(name) && *step_in_name(name) != state.global_step &&
                        path_exists(checkpoint.parent_path() / name);
    if (needed && std::ranges::find(out, name) == out.end()) out.push_back(name);
  };
  if (!state.best_model_checkpoint.empty())
    add(fmt::format("checkpoint-{}", state.best_global_step));
  if (path_exists(checkpoint / "raft_state.json"))
    add(field<std::string>(read_json(checkpoint / "raft_state.json"), "start_checkpoint", ""));
  return out;
}

// The rows of metrics.jsonl that there were when the checkpoint was saved; none where that file is
// gone or another.
void take_over_metrics(const fs::path& checkpoint, const fs::path& output_dir) {
  const fs::path metrics = checkpoint.parent_path() / "metrics.jsonl";
  std::error_code ec;
  if (!path_exists(checkpoint / "run_state.json") || !fs::is_regular_file(metrics, ec)) return;
  const auto bytes = field<int64_t>(read_json(checkpoint / "run_state.json"), "metrics_bytes", 0);
  const MappedFile rows(metrics);
  const auto size = static_cast<size_t>(std::max<int64_t>(0, bytes));
  if (size > 0 && size <= rows.text().size() && rows.text()[size - 1] == '\n')
    copy_file_durably(metrics, output_dir / "metrics.jsonl", size);
}

}  // namespace

std::optional<fs::path> checkpoint_to_resume(const std::string& resume,
                                             const fs::path& output_dir) {
  if (resume.empty()) return std::nullopt;
  recover_run_folder(output_dir);
  if (resume != "true") {
    verify(resume);
    return without_slash(fs::absolute(resume));
  }
  finish_going_back(output_dir);
  std::vector<std::string> skipped;
  const std::optional<fs::path> found = latest_checkpoint(output_dir, &skipped);
  for (const std::string& reason : skipped) log_warn("passed over a checkpoint: {}", reason);
  if (!found && !skipped.empty())
    fail(
        "{}: has no checkpoint that can be resumed from; without --resume a fresh run begins, and "
        "what is there is moved aside",
        output_dir.string());
  if (found) require_resumable(*found);
  else log_warn("no checkpoint in {}: starting from the beginning", output_dir.string());
  return found;
}

bool is_of_run(const fs::path& checkpoint, const fs::path& output_dir) {
  std::error_code ec;
  const fs::path folder = fs::weakly_canonical(output_dir, ec),
                 path = fs::weakly_canonical(checkpoint, ec);
  if (path.parent_path() == without_slash(folder)) return true;
  const fs::path inside = path.lexically_relative(folder);
  if (!inside.empty() && *inside.begin() != ".." && *inside.begin() != ".")
    fail(
        "{}: lies in run.output_dir, but is not a checkpoint of the run there; resume it in a "
        "folder of its own, like --set run.output_dir=\"{}.2\"",
        checkpoint.string(), without_slash(folder).string());
  return false;
}

void go_back_to(const fs::path& checkpoint, const fs::path& output_dir) {
  const std::vector<fs::path> names = written_after(output_dir, checkpoint, false);
  if (names.empty()) return;
  int n = 1;
  while (path_exists(output_dir / fmt::format("abandoned-{}", n))) ++n;
  const std::string to = fmt::format("abandoned-{}", n);
  write_file_durably(
      output_dir / kGoingBack,
      Json{{"checkpoint", checkpoint.filename().string()}, {"to", to}}.dump() + "\n");
  move_to(output_dir, names, to);
  log_info("back to {}: what the run wrote after it was moved to {}", checkpoint.string(),
           (output_dir / to).string());
}

fs::path take_over(const fs::path& checkpoint, const fs::path& output_dir) {
  const fs::path state_file = checkpoint / "trainer_state.json";
  const TrainerState state = TrainerState::from_json(read_json(state_file), state_file.string());
  for (const std::string& name : siblings_of(checkpoint, state))
    copy_folder(checkpoint.parent_path() / name, output_dir / name);
  for (const fs::path& name : samples(checkpoint.parent_path(), Iterations::of(checkpoint), false))
    copy_file_durably(checkpoint.parent_path() / name, output_dir / name);
  take_over_metrics(checkpoint, output_dir);
  const fs::path out = output_dir / fmt::format("checkpoint-{}", state.global_step);
  copy_folder(checkpoint, out);
  return out;
}

}  // namespace slipway
