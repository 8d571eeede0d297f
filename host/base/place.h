// The one way to put a finished file or folder in its place, and the one way to remove one. After a
// crash or a power cut a place holds what it held before or what was put there, whole.
//
// What is being written, and what steps aside or is being removed, has a hidden name beside its
// place: .NAME.slipway-part, .NAME.slipway-old, .NAME.slipway-gone. A process that is killed leaves
// them behind; tidy() knows them.
#pragma once
#include <string_view>
#include <vector>

#include "base/files.h"

namespace slipway {

// "runs/x/" names runs/x.
fs::path without_slash(const fs::path& path);

// Makes the folder and its missing parents, on the disk when it returns; nothing where it exists.
// Throws Error.
void create_folder(const fs::path& folder);

// Whether writing to `path` cannot replace it: a device, a pipe, a socket, an open descriptor
// (/dev/stdout, /proc/self/fd/1).
bool is_written_directly(const fs::path& path);

// A file that is being written. DurableFile (files.h) is the same behind a class; this is for who
// needs the descriptor.
struct PartFile {
  fs::path target;  // links followed: the link stays, what it names is written
  // where the bytes go meanwhile; empty: straight to `target`. In an unfinished folder: `target`
  // itself
  fs::path part;
  int fd = -1;
};
// Throws Error. Missing folders are made. A file that is replaced hands on its permissions.
PartFile begin_part(const fs::path& path);
// at the end; throws Error
void write_part(const PartFile& file, std::string_view bytes);
void write_part_at(const PartFile& file, std::string_view bytes, uint64_t at);  // throws Error
void resize_part(const PartFile& file, uint64_t bytes);  // what is new is zero; throws Error
// Flushes and puts it in its place. Throws Error, and abandon_part() is still due then.
void place_part(PartFile& file);
// Removes what was written. Bytes that went straight to a device or pipe are gone.
void abandon_part(PartFile& file) noexcept;

// An empty folder to be filled and given to place_folder(): .NAME.slipway-part beside `folder`.
// Throws Error.
fs::path begin_part_folder(const fs::path& folder);
// Puts `part`, whose files are flushed, in the place of `folder`, whether or not there is one.
// Throws Error, leaving `folder` as it is.
void place_folder(const fs::path& part, const fs::path& folder);

// Renames a file or folder, on the disk when it returns; never over something. Throws Error.
void move_path(const fs::path& from, const fs::path& to);

// Removes a file or folder: a folder takes a hidden name first, so that half of it never passes for
// the whole. What cannot be removed is a warning and false: never the end of a training. True where
// there was nothing.
bool remove_path(const fs::path& path);

// Completes or removes what killed processes left in `folder` under hidden names: a folder that
// only stepped aside is put back. Files that a live process is writing stay; folders must be this
// process's alone (the run's lock). What cannot be done is a warning.
void tidy(const fs::path& folder);

// The names in `folder`, sorted. Throws Error when it cannot be read to its end: unreadable is not
// empty.
std::vector<fs::path> list_folder(const fs::path& folder);
// Whether there is something at `path`, a link that leads nowhere included. Throws Error when that
// cannot be told.
bool path_exists(const fs::path& path);

}  // namespace slipway
