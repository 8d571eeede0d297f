// --profile: a trace of a command, from where it is asked for to the command's end, however that comes.
#pragma once
#include "app/command_line.h"
#include "base/files.h"

namespace slipway {

// What --profile says: "" = no trace, `fallback` when it names no file. Throws UsageError unless the name ends in ".json": a run
// file that was taken for the option's value must not be overwritten.
fs::path trace_path(const CommandLine& line, const fs::path& fallback);

class Profile {
 public:
  explicit Profile(const fs::path& path);  // "" = nothing is traced. Throws Error when `path` cannot be written.
  ~Profile();  // writes the trace; one that cannot be written is a warning, not the end of what was done
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

 private:
  fs::path path_;
};

}  // namespace slipway
