// Copies of folders.
#include "base/folder_copy.h"

#include <unistd.h>

#include "base/error.h"
#include "base/place.h"

namespace slipway {
namespace {

void fill(const fs::path& from, const fs::path& to) {
  for (const fs::path& path : list_folder(from)) {
    const fs::path target = to / path.filename();
    std::error_code ec;
    if (fs::is_directory(path, ec)) {
      create_folder(target);
      fill(path, target);
      flush_to_disk(target);
    } else if (!fs::is_regular_file(path, ec)) {
      fail("{}: is neither a file nor a folder", path.string());
    } else if (fs::is_symlink(path, ec) || ::link(path.c_str(), target.c_str()) != 0) {
      copy_file_durably(path, target);
    } else {
      flush_to_disk(target);
    }
  }
}

}  // namespace

void copy_folder(const fs::path& from, const fs::path& to) {
  if (path_exists(to)) fail("{}: is there already", to.string());
  const fs::path part = begin_part_folder(to);
  try {
    fill(from, part);
    place_folder(part, to);
  } catch (...) {
    remove_path(part);
    throw;
  }
}

void copy_file_durably(const fs::path& from, const fs::path& to, size_t bytes) {
  const MappedFile source(from);
  DurableFile file(to);
  file.write(source.text().substr(0, bytes));
  file.commit();
}

}  // namespace slipway
