// The plugins that the search folders hold: files are told apart by their notes, and only
// compatible ones that are wanted are loaded.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/library.h"
#include "plugin/options.h"
#include "plugin/probe.h"
#include "plugin/services.h"

namespace slipway {

// One instance of a plugin: owns its options, its services and the plugin's own object. Move-only.
class Plugin {
 public:
  Plugin(Library& library, const slw_descriptor& descriptor, const Value& options,
         const RunFacts& facts);
  // An object of this program rather than of a file: `create` makes it. `id` lives as long as the
  // process.
  Plugin(const char* id, const std::function<slw_plugin*(const slw_host*)>& create,
         const RunFacts& facts);
  ~Plugin();
  Plugin(Plugin&&) noexcept;
  Plugin& operator=(Plugin&&) noexcept;

  const char* id() const { return id_; }
  slw_plugin* get() const { return plugin_; }
  HostServices& services() const { return *services_; }
  // The interface's table; throws Error when the plugin does not offer it.
  template <class Table>
  const Table* interface(const char* interface_id) const {
    return static_cast<const Table*>(required(interface_id));
  }

 private:
  const void* required(const char* interface_id) const;
  void destroy();
  std::unique_ptr<OptionTree> options_;
  std::unique_ptr<HostServices> services_;
  const char* id_;
  slw_plugin* plugin_ = nullptr;
};

class Registry {
 public:
  struct Found {
    Library* library;
    const slw_descriptor* descriptor;
  };
  struct Rejected {
    fs::path path;
    std::string reason;
  };

  // Scans each folder's *.so, not its subfolders; a file that is not a usable plugin, that anyone
  // may write to, or that offers an id which an earlier one offers already, is remembered with the
  // reason. What a file holds that is not bundled with the program stands in its notes; one without
  // is asked by a child process (plugin/probe.h). It is loaded, in a child first and then in this
  // process, when find() or plugins() gives it out. Throws nothing. [main]
  explicit Registry(const std::vector<fs::path>& folders);

  // By id or by the id's last component, among plugins of `kind` (SLW_KIND_*); a whole id wins over
  // a last component. Tells the log of files that were passed over because they offer the same id.
  // Throws Error with the nearest name. [main]
  const Found& find(std::string_view name, uint32_t kind, const Location& where) const;
  const std::deque<Found>& plugins() const;  // all, loaded. [main]
  // The last components of the ids of `kind`, sorted; nothing is loaded. [main]
  std::vector<std::string> names(uint32_t kind) const;
  const std::vector<Rejected>& rejected() const { return rejected_; }

 private:
  // A file that is not loaded yet.
  struct Candidate {
    fs::path path;
    PluginNote note;
    std::vector<NamedPlugin> plugins;
    bool tried_out = false;  // by a child process
    bool loaded = false;     // or refused, with this reason
    std::string refusal;
  };
  // One plugin, loaded or not.
  struct Listed {
    uint32_t kinds;
    std::string_view id;
  };
  void scan(const fs::path& folder, bool bundled);
  void add(const fs::path& file, bool bundled);
  void refuse_known(const fs::path& file, std::string_view id);
  void load(const fs::path& file, const PluginNote& note) const;
  // Loads the candidates that hold a plugin which `wanted` takes.
  void load_where(const std::function<bool(const NamedPlugin&)>& wanted) const;
  std::vector<Listed> listed() const;

  std::vector<fs::path> folders_;
  // find() loads what it finds: a registry that is asked is not changed by it, but for what lies in
  // memory.
  mutable std::vector<std::unique_ptr<Library>> libraries_;
  mutable std::deque<Found> found_;  // a reference to one stays
  mutable std::vector<Candidate> candidates_;
  mutable std::vector<Rejected> rejected_;
  // id, and what is said of the file that offers it too
  std::vector<std::pair<std::string, std::string>> shadowed_;
};

}  // namespace slipway
