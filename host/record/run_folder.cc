// Run folders.
#include "record/run_folder.h"

#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/place.h"
#include "record/checkpoint.h"

namespace slipway {
namespace {

// the run has not begun yet; names what was moved aside for it
constexpr const char* kBeginning = ".slipway-beginning";

bool says_nothing(const std::string& name) {
  const bool unfinished = name.starts_with(".") && name.ends_with(".slipway-part");
  return name == "lost+found" || name == FolderLock::kFile || name.starts_with(".nfs") ||
         unfinished;
}

bool is_run_mark(const std::string& name) {
  return name == "config.resolved.toml" || name == "metrics.jsonl" || name == "trials.jsonl" ||
         step_in_name(name) || name.starts_with(".checkpoint-") || name.starts_with(".unfinished-");
}

bool is_result(const std::string& name) {
  return name.ends_with("_results.json") || name.starts_with("predictions") ||
         name == "report.html" || name == "trace.json";
}

bool lies_in(const fs::path& path, const fs::path& folder) {
  std::error_code ec;
  const fs::path relative = fs::weakly_canonical(path, ec).lexically_relative(folder);
  return !ec && !relative.empty() && *relative.begin() != "..";
}

std::string shown_content(const fs::path& folder) {
  std::string out;
  int shown = 0;
  for (const fs::path& path : list_folder(folder)) {
    if (says_nothing(path.filename().string())) continue;
    if (++shown > 3) return out + ", ...";
    out += (out.empty() ? "" : ", ") + path.filename().string();
  }
  return out;
}

void refuse_other(const fs::path& folder, const fs::path& given) {
  if (content_of(folder) != FolderContent::kOther || path_exists(folder / kBeginning)) return;
  fail(
      "{}: holds files that are not a run of Slipway's ({}); name an empty or a new folder in "
      "run.output_dir, like \"{}\"",
      given.string(), shown_content(folder), (given / "run").string());
}

// Where the folder is, links followed. Throws Error for a link that leads nowhere: its disk may not
// be there.
fs::path followed(const fs::path& folder) {
  std::error_code ec;
  if (fs::is_symlink(folder, ec) && !fs::exists(folder, ec))
    fail("{}: is a link to {}, which is not there; make that folder, or mount its disk",
         folder.string(), fs::read_symlink(folder, ec).string());
  const fs::path out = fs::weakly_canonical(folder, ec);
  if (ec) fail("{}: cannot be looked at: {}", folder.string(), ec.message());
  return without_slash(out);  // there is one where nothing exists yet
}

void empty(const fs::path& folder) {
  for (const fs::path& path : list_folder(folder))
    if (path.filename() != "lost+found" && path.filename() != FolderLock::kFile) remove_path(path);
}

}  // namespace

FolderContent content_of(const fs::path& folder) {
  std::error_code ec;
  const fs::file_status status = fs::status(folder, ec);
  if (status.type() == fs::file_type::not_found) return FolderContent::kNothing;
  if (status.type() == fs::file_type::none)
    fail("{}: cannot be looked at: {}", folder.string(), ec.message());
  if (status.type() != fs::file_type::directory)
    fail("{}: is a file; a folder is needed (run.output_dir)", folder.string());
  bool results = true, any = false;
  for (const fs::path& path : list_folder(folder)) {
    const std::string name = path.filename().string();
    if (is_run_mark(name)) return FolderContent::kRun;
    if (says_nothing(name)) continue;
    any = true;
    results = results && is_result(name);
  }
  return !any ? FolderContent::kEmpty : results ? FolderContent::kRun : FolderContent::kOther;
}

RunFolder::RunFolder(const fs::path& output_dir) : given_(output_dir), real_(followed(output_dir)) {
  refuse_other(real_, given_);
  if (content_of(real_) == FolderContent::kNothing) return;
  lock_ = FolderLock(real_, "run");
  if (path_exists(real_ / kBeginning)) put_back_earlier();
}

RunFolder::~RunFolder() {
  if (kept_) return;
  try {
    undo();
  } catch (const std::exception& e) {
    log_warn("{}", e.what());
  }
}

// A start ended before its run began.
void RunFolder::put_back_earlier() {
  const Json note = Json::parse(read_file(real_ / kBeginning), nullptr, false);
  const std::string earlier =
      note.is_object() && note.contains("earlier") && note["earlier"].is_string()
          ? note["earlier"].get<std::string>()
          : "";
  empty(real_);
  if (earlier.empty() || content_of(earlier) != FolderContent::kRun) return;
  lock_.release();
  if (!remove_path(real_))
    fail("{}: cannot be removed; the earlier run that was there is {}", real_.string(), earlier);
  move_path(earlier, real_);
  lock_ = FolderLock(real_, "run");
  log_info(
      "{}: a start ended before its run began; the earlier run, which it had moved to {}, is back",
      given_.string(), earlier);
}

void RunFolder::begin(const std::vector<RunInput>& inputs) {
  // it was made meanwhile
  if (!lock_ && content_of(real_) != FolderContent::kNothing) lock_ = FolderLock(real_, "run");
  refuse_other(real_, given_);
  fresh_ = kept_ = made_ = false;
  earlier_.clear();
  if (content_of(real_) == FolderContent::kRun) move_aside(inputs);
  if (content_of(real_) == FolderContent::kNothing) make();
  if (!lock_) lock_ = FolderLock(real_, "run");
  fresh_ = true;
  write_file_durably(real_ / kBeginning, Json{{"earlier", earlier_.string()}}.dump() + "\n");
}

void RunFolder::move_aside(const std::vector<RunInput>& inputs) {
  for (const auto& [key, path] : inputs)
    if (lies_in(path, real_))
      fail(
          "{}: holds an earlier run, which would be moved aside, and with it {} ({}); name another "
          "folder in run.output_dir",
          given_.string(), key, path.string());
  int n = 1;
  while (path_exists(fmt::format("{}.{}", real_.string(), n))) ++n;
  const fs::path aside = fmt::format("{}.{}", real_.string(), n);
  try {
    move_path(real_, aside);
  } catch (const Error& e) {
    fail(
        "{}: holds an earlier run that cannot be moved aside ({}); resume it with --resume, or "
        "name another folder in run.output_dir, like \"{}\"",
        given_.string(), e.what(), (real_ / "run-2").string());
  }
  earlier_ = aside;
  earlier_lock_ = std::move(lock_);
  earlier_lock_.follow(aside);
  lock_ = FolderLock();
}

void RunFolder::make() {
  made_ = true;
  top_ = real_;
  while (top_.has_parent_path() && top_.parent_path() != top_ && !path_exists(top_.parent_path()))
    top_ = top_.parent_path();
  try {
    create_folder(real_);
  } catch (const Error& e) {
    fail("run.output_dir = \"{}\": cannot be made: {}", given_.string(), e.what());
  }
}

void RunFolder::keep() {
  if (!fresh_ || kept_) return;
  if (!remove_path(real_ / kBeginning)) fail("{}: cannot be written to", real_.string());
  flush_to_disk(real_);
  kept_ = true;
  earlier_lock_.release();
  if (!earlier_.empty())
    log_info("an earlier run was moved to {} (--resume would have resumed it)", earlier_.string());
}

void RunFolder::undo() {
  if (std::exchange(fresh_, false)) {
    empty(real_);
    if (kept_ || !made_) return;
    lock_.release();
    std::error_code ec;
    for (fs::path folder = real_;
         fs::is_empty(folder, ec) && remove_path(folder) && folder != top_;)
      folder = folder.parent_path();
  }
  if (earlier_.empty() || kept_ || path_exists(real_)) return;
  move_path(earlier_, real_);
  earlier_.clear();
  earlier_lock_.follow(real_);
  lock_ = std::exchange(earlier_lock_, FolderLock());
}

FolderLock take_search_folder(const fs::path& output_dir) {
  const fs::path real = followed(output_dir);
  refuse_other(real, output_dir);
  create_folder(real);
  return FolderLock(real, "search");
}

}  // namespace slipway
