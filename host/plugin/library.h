// A plugin file in the process: loaded once, checked, never unloaded.
#pragma once
#include <atomic>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "plugin/note.h"
#include "slipway/entry.h"

namespace slipway {

class Library {
 public:
  // Loads after the note has been found compatible; every symbol is bound now, none becomes global.
  // Throws Error naming the file: incompatible versions, missing symbol, tables too short, note and
  // entry that disagree, descriptors or option schemas with holes. [main]
  Library(const fs::path& path, const PluginNote& note);

  const fs::path& path() const { return path_; }
  const slw_entry& entry() const { return *entry_; }
  std::span<const slw_descriptor* const> descriptors() const { return descriptors_; }
  // entry().init, once in the life of the process, whoever else loaded the same file; deinit
  // follows at exit, unless instances are alive then. Throws Error. [main] The host that it is
  // given outlives every instance, and deinit: a plugin may keep it.
  void init();

  static inline std::atomic<int> live_instances{0};  // of all plugins; kept by Plugin

 private:
  void check_entry(const PluginNote& note) const;
  void check_names(const PluginNote& note) const;
  void check_descriptor(uint32_t index, const slw_descriptor* descriptor,
                        const PluginNote& note) const;

  fs::path path_;
  const slw_entry* entry_ = nullptr;
  std::vector<const slw_descriptor*> descriptors_;
};

// Whether `id` can name a plugin: letters, digits, '.', '-' and '_'. Ids become folder names and
// words of messages.
bool is_plugin_id(std::string_view id);

// "model", "reward", ... for one SLW_KIND_* bit; several bits joined with ", ".
std::string kind_names(uint32_t kinds);

// Throws Error when this host cannot run a plugin with such a note; runs nothing of the plugin.
void check_compatible(const PluginNote& note, const fs::path& path);

}  // namespace slipway
