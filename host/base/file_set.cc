// Placing sets of files. The new files lie in a hidden folder; once that has the name that says
// "complete", the set will be placed, by this process or by the next.
#include "base/file_set.h"

#include <algorithm>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/json.h"
#include "base/place.h"

namespace slipway {
namespace {

constexpr const char *kSet = "model", *kReady = ".model.slipway-ready", *kOrder = ".order.json";

// One process at a time moves files out of the folder; a file system without locks has one process.
struct LockedFolder {
  explicit LockedFolder(const fs::path& path)
      : folder(open_descriptor(path, O_RDONLY | O_DIRECTORY)), lock(folder.fd) {}
  const Descriptor folder;
  const ExclusiveLock lock;
};

bool same_bytes(const fs::path& a, const fs::path& b) {
  if (!path_exists(b) || !fs::is_regular_file(fs::symlink_status(b))) return false;
  const MappedFile one(a), other(b);
  return one.text() == other.text();
}

void replace(const fs::path& from, const fs::path& to) {
  std::error_code ec;
  fs::rename(from, to, ec);
  if (ec) fail("{}: cannot rename into place: {}", to.string(), ec.message());
}

void remove_or_fail(const fs::path& path) {
  if (!remove_path(path))
    fail("{}: is of an earlier model and cannot be removed; remove it by hand", path.string());
}

// `ready` is locked. Every step may have been taken before.
void move_out(const fs::path& ready, const fs::path& folder) {
  const fs::path order_file = ready / kOrder;
  if (!path_exists(order_file)) {
    remove_path(ready);  // all is in place, but this
    return;
  }
  const Json order = parse_json(read_file(order_file), order_file.string());
  const auto last = order.value("last", std::string());
  if (path_exists(ready / last)) {
    remove_or_fail(folder / last);
    flush_to_disk(folder);
    for (const Json& name : order.value("obsolete", Json::array()))
      remove_or_fail(folder / name.get<std::string>());
    for (const fs::path& path : list_folder(ready))
      if (path.filename() != last && path.filename() != kOrder)
        replace(path, folder / path.filename());
    flush_to_disk(folder);
    replace(ready / last, folder / last);
    flush_to_disk(folder);
  }
  remove_path(ready);
}

}  // namespace

FileSet::FileSet(const fs::path& folder) : folder_(folder) {
  create_folder(folder);
  finish_file_set(folder);
  part_ = begin_part_folder(folder / kSet);
}

FileSet::~FileSet() {
  if (!part_.empty()) remove_path(part_);
}

void FileSet::place(std::vector<std::string> obsolete, const std::string& last) {
  std::erase_if(obsolete, [&](const std::string& name) { return !path_exists(folder_ / name); });
  std::vector<fs::path> changed;
  for (const fs::path& path : list_folder(part_))
    if (!same_bytes(path, folder_ / path.filename())) changed.push_back(path);
  if (changed.size() + obsolete.size() <= 1) {  // one step is whole by itself
    for (const fs::path& path : changed) replace(path, folder_ / path.filename());
    for (const std::string& name : obsolete) remove_or_fail(folder_ / name);
    flush_to_disk(folder_);
    return;
  }
  const LockedFolder lock(part_);
  write_file_durably(part_ / kOrder, Json{{"last", last}, {"obsolete", obsolete}}.dump() + "\n");
  flush_to_disk(part_);
  const fs::path ready = folder_ / kReady;
  move_path(part_, ready);
  part_.clear();
  move_out(ready, folder_);
}

void finish_file_set(const fs::path& folder) {
  const fs::path ready = folder / kReady;
  if (!path_exists(ready)) return;
  const LockedFolder lock(ready);
  if (path_exists(ready)) move_out(ready, folder);
}

}  // namespace slipway
