// Finding and creating plugins.
#include "plugin/registry.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/log.h"
#include "base/nearest.h"
#include "base/program_folder.h"
#include "base/visible_text.h"
#include "plugin/trampoline.h"

namespace slipway {

Plugin::Plugin(Library& library, const slw_descriptor& descriptor, const Value& options,
               const RunFacts& facts)
    : options_(std::make_unique<OptionTree>()),
      services_(std::make_unique<HostServices>(descriptor.id, facts)),
      id_(descriptor.id) {
  options_->set(options);
  library.init();
  call_plugin_at_length(id_, "create", [&](slw_error* error) {
    return library.entry().create(services_->host(), id_, options_->root(), &plugin_, error);
  });
  if (!SLW_HAS(plugin_, get_interface) || !SLW_HAS(plugin_, destroy)) {
    if (SLW_HAS(plugin_, destroy)) destroy();
    fail("plugin {}, create(): gave no usable instance (destroy and get_interface are needed)",
         id_);
  }
  for (const char* const* each = descriptor.interfaces; *each != nullptr; ++each) {
    if (interface_of(plugin_, id_, *each) != nullptr) continue;
    destroy();
    fail("plugin {}: its descriptor offers {}, and get_interface() does not give it", id_,
         visible_line(*each));
  }
  ++Library::live_instances;
}

Plugin::Plugin(const char* id, const std::function<slw_plugin*(const slw_host*)>& create,
               const RunFacts& facts)
    : services_(std::make_unique<HostServices>(id, facts)),
      id_(id),
      plugin_(create(services_->host())) {
  ++Library::live_instances;
}

Plugin::~Plugin() {
  if (plugin_ == nullptr) return;
  destroy();
  --Library::live_instances;
}

void Plugin::destroy() {
  const ProcessScope process(id_, "destroy");
  const PluginCallScope scope(id_, "destroy");
  const RoundingScope rounding(id_, "destroy");
  plugin_->destroy(plugin_);
}

Plugin::Plugin(Plugin&& other) noexcept
    : options_(std::move(other.options_)),
      services_(std::move(other.services_)),
      id_(other.id_),
      plugin_(std::exchange(other.plugin_, nullptr)) {}

Plugin& Plugin::operator=(Plugin&& other) noexcept {
  std::swap(options_, other.options_);
  std::swap(services_, other.services_);
  std::swap(id_, other.id_);
  std::swap(plugin_, other.plugin_);
  return *this;
}

const void* Plugin::required(const char* interface_id) const {
  const void* table = interface_of(plugin_, id_, interface_id);
  if (table == nullptr) fail("plugin {} does not offer {}", id_, interface_id);
  return table;
}

Registry::Registry(const std::vector<fs::path>& folders) {
  std::error_code ec;
  const fs::path own = fs::canonical(parts_folder() / "plugins", ec);
  for (const fs::path& given : folders) {
    const fs::path folder = fs::canonical(given, ec);
    if (ec || !fs::is_directory(folder, ec)) {
      rejected_.push_back({given, fmt::format("{}: no such folder", given.string())});
      continue;
    }
    if (std::ranges::find(folders_, folder) != folders_.end()) continue;
    folders_.push_back(folder);
    scan(folder, folder == own);
  }
}

void Registry::scan(const fs::path& folder, bool bundled) {
  std::error_code ec;
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(folder, ec), end; !ec && entry != end; entry.increment(ec))
    if (entry->path().extension() == ".so") files.push_back(entry->path());
  if (ec)
    rejected_.push_back(
        {folder, fmt::format("{}: cannot be read: {}", folder.string(), ec.message())});
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    try {
      add(file, bundled);
    } catch (const std::exception& e) {
      rejected_.push_back({file, e.what()});
    }
  }
}

namespace {

// Whoever may write to a plugin runs what they like as the one who trains.
void refuse_writable(const fs::path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) fail("{}: {}", path.string(), std::strerror(errno));
  // like /tmp: nobody replaces another's file
  const bool shared_folder = S_ISDIR(info.st_mode) && (info.st_mode & S_ISVTX) != 0;
  if ((info.st_mode & S_IWOTH) != 0 && !shared_folder)
    fail("{}: anyone on this machine may write to it, and so run code as you; chmod o-w {}",
         path.string(), path.string());
}

}  // namespace

void Registry::refuse_known(const fs::path& file, std::string_view id) {
  const auto offered = [&](const fs::path& by) {
    std::string text = fmt::format("{}: offers {}, which {} offers already; remove one of the two",
                                   file.string(), id, by.string());
    shadowed_.emplace_back(id, text);
    throw Error(text);
  };
  for (const Found& found : found_)
    if (found.descriptor->id == id) offered(found.library->path());
  for (const Candidate& candidate : candidates_)
    for (const NamedPlugin& plugin : candidate.plugins)
      if (plugin.id == id) offered(candidate.path);
}

void Registry::add(const fs::path& file, bool bundled) {
  std::error_code ec;
  const fs::path real = fs::canonical(file, ec);
  // A pipe named *.so would wait for a writer for ever.
  if (ec || !fs::is_regular_file(real, ec)) fail("{}: not a file", file.string());
  for (const auto& library : libraries_)
    if (library->path() == real) return;  // a second name of a file that is known
  for (const Candidate& candidate : candidates_)
    if (candidate.path == real) return;
  if (!bundled) {
    refuse_writable(real);
    refuse_writable(real.parent_path());
  }
  const PluginNote note = read_note(real);
  if (bundled) return load(real, note);
  check_compatible(note, real);
  Candidate candidate{real, note, note.plugins, note.plugins.empty(), false, ""};
  if (candidate.tried_out) candidate.plugins = probe_library(real, note);
  for (const NamedPlugin& plugin : candidate.plugins) refuse_known(file, plugin.id);
  candidates_.push_back(std::move(candidate));
}

void Registry::load(const fs::path& file, const PluginNote& note) const {
  auto library = std::make_unique<Library>(file, note);
  for (const slw_descriptor* d : library->descriptors()) found_.push_back({library.get(), d});
  libraries_.push_back(std::move(library));
}

void Registry::load_where(const std::function<bool(const NamedPlugin&)>& wanted) const {
  for (Candidate& candidate : candidates_) {
    if (candidate.loaded || std::ranges::none_of(candidate.plugins, wanted)) continue;
    candidate.loaded = true;
    try {
      if (!candidate.tried_out) probe_library(candidate.path, candidate.note);
      load(candidate.path, candidate.note);
    } catch (const std::exception& e) {
      candidate.refusal = e.what();
      rejected_.push_back({candidate.path, e.what()});
    }
  }
}

const std::deque<Registry::Found>& Registry::plugins() const {
  load_where([](const NamedPlugin&) { return true; });
  return found_;
}

std::vector<Registry::Listed> Registry::listed() const {
  std::vector<Listed> out;
  for (const Found& found : found_) out.push_back({found.descriptor->kinds, found.descriptor->id});
  for (const Candidate& candidate : candidates_)
    for (const NamedPlugin& plugin : candidate.plugins)
      if (!candidate.loaded) out.push_back({plugin.kinds, plugin.id});
  return out;
}

std::vector<std::string> Registry::names(uint32_t kind) const {
  std::vector<std::string> out;
  for (const Listed& each : listed())
    if ((each.kinds & kind) != 0) out.push_back(brief_id(each.id));
  std::ranges::sort(out);
  return out;
}

const Registry::Found& Registry::find(std::string_view name, uint32_t kind,
                                      const Location& where) const {
  const auto wanted = [&](const NamedPlugin& plugin) {
    return (plugin.kinds & kind) != 0 && (plugin.id == name || brief_id(plugin.id) == name);
  };
  load_where(wanted);
  std::vector<const Found*> matches;
  const auto chosen = [&](const Found& found) -> const Found& {
    for (const auto& [id, text] : shadowed_)
      if (id == found.descriptor->id)
        log_warn("{}; {} is used", text, found.library->path().string());
    return found;
  };
  for (const Found& found : found_) {
    if ((found.descriptor->kinds & kind) == 0) continue;
    if (found.descriptor->id == name) return chosen(found);
    if (brief_id(found.descriptor->id) == name) matches.push_back(&found);
  }
  if (matches.size() == 1) return chosen(*matches[0]);
  if (matches.size() > 1)
    fail("{}: \"{}\" names several {} plugins: {} and {}; use the full id", where.text(), name,
         kind_names(kind), matches[0]->descriptor->id, matches[1]->descriptor->id);
  std::vector<std::string> names;
  std::string reasons;
  for (const Listed& each : listed()) {
    const std::string brief = brief_id(each.id);
    if ((each.kinds & kind) == 0) {
      if (each.id == name || brief == name)
        reasons += fmt::format("; {} is a {} plugin", each.id, kind_names(each.kinds));
      continue;
    }
    names.push_back(brief);
    names.emplace_back(each.id);
  }
  for (const Candidate& candidate : candidates_)
    if (!candidate.refusal.empty() && std::ranges::any_of(candidate.plugins, wanted))
      reasons += "; " + candidate.refusal;
  for (const Rejected& r : rejected_)
    if (r.path.stem() == name && reasons.find(r.reason) == std::string::npos)
      reasons += "; " + r.reason;
  std::string searched;
  for (const fs::path& folder : folders_)
    searched += (searched.empty() ? "" : ", ") + folder.string();
  const bool any = kind == ~0u;
  fail("{}no {}plugin \"{}\"{} (searched {}{})", any ? "" : where.text() + ": ",
       any ? "" : kind_names(kind) + " ", name, did_you_mean(name, names),
       searched.empty() ? "no folder" : searched, reasons);
}

}  // namespace slipway
