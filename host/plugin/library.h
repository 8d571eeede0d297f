// A plugin file in the process: loaded once, checked, never unloaded.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "plugin/note.h"
#include "slipway/entry.h"

namespace slipway {

class Library {
 public:
  // Loads after the note has been found compatible; every symbol is bound now, none becomes global. Throws Error naming
  // the file: incompatible versions, missing symbol, tables too short, note and entry that disagree. [main]
  Library(const fs::path& path, const PluginNote& note);

  const fs::path& path() const { return path_; }
  const slw_entry& entry() const { return *entry_; }
  std::span<const slw_descriptor* const> descriptors() const { return descriptors_; }
  // entry().init, once in the life of the process. Throws Error. [main]
  void init(const slw_host* host);

 private:
  fs::path path_;
  const slw_entry* entry_ = nullptr;
  std::vector<const slw_descriptor*> descriptors_;
  bool initialised_ = false;
};

// Throws Error when this host cannot run a plugin with such a note; runs nothing of the plugin.
void check_compatible(const PluginNote& note, const fs::path& path);

}  // namespace slipway
