// Finding and creating plugins.
#include "plugin/registry.h"

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"
#include "plugin/trampoline.h"

namespace slipway {

std::string kind_names(uint32_t kinds) {
  constexpr std::pair<uint32_t, const char*> kNames[] = {{SLW_KIND_MODEL, "model"},   {SLW_KIND_REWARD, "reward"},
                                                         {SLW_KIND_CALLBACK, "callback"}, {SLW_KIND_LOGGER, "logger"},
                                                         {SLW_KIND_SEARCH, "search"}, {SLW_KIND_METRIC, "metric"},
                                                         {SLW_KIND_LOSS, "loss"}};
  std::string out;
  for (const auto& [bit, name] : kNames)
    if ((kinds & bit) != 0) out += (out.empty() ? "" : ", ") + std::string(name);
  return out;
}

Plugin::Plugin(Library& library, const slw_descriptor& descriptor, const Value& options, const RunFacts& facts)
    : options_(std::make_unique<OptionTree>()), services_(std::make_unique<HostServices>(descriptor.id, facts)),
      id_(descriptor.id) {
  options_->set(options);
  library.init(services_->host());
  call_plugin(id_, "create", [&](slw_error* error) {
    return library.entry().create(services_->host(), id_, options_->root(), &plugin_, error);
  });
  if (!SLW_HAS(plugin_, get_interface) || !SLW_HAS(plugin_, destroy)) {
    if (SLW_HAS(plugin_, destroy)) destroy();
    fail("plugin {}, create(): gave no usable instance (destroy and get_interface are needed)", id_);
  }
  ++Library::live_instances;
}

Plugin::Plugin(const char* id, const std::function<slw_plugin*(const slw_host*)>& create, const RunFacts& facts)
    : services_(std::make_unique<HostServices>(id, facts)), id_(id), plugin_(create(services_->host())) {
  ++Library::live_instances;
}

Plugin::~Plugin() {
  if (plugin_ == nullptr) return;
  destroy();
  --Library::live_instances;
}

void Plugin::destroy() {
  const PluginCallScope scope(id_, "destroy");
  plugin_->destroy(plugin_);
}

Plugin::Plugin(Plugin&& other) noexcept
    : options_(std::move(other.options_)), services_(std::move(other.services_)), id_(other.id_),
      plugin_(std::exchange(other.plugin_, nullptr)) {}

Plugin& Plugin::operator=(Plugin&& other) noexcept {
  std::swap(options_, other.options_);
  std::swap(services_, other.services_);
  std::swap(id_, other.id_);
  std::swap(plugin_, other.plugin_);
  return *this;
}

const void* Plugin::required(const char* interface_id) const {
  const PluginCallScope scope(id_, "get_interface");
  const void* table = plugin_->get_interface(plugin_, interface_id);
  if (table == nullptr) fail("plugin {} does not offer {}", id_, interface_id);
  return table;
}

Registry::Registry(const std::vector<fs::path>& folders) {
  for (const fs::path& given : folders) {
    std::error_code ec;
    const fs::path folder = fs::canonical(given, ec);
    if (ec || !fs::is_directory(folder, ec)) {
      rejected_.push_back({given, fmt::format("{}: no such folder", given.string())});
      continue;
    }
    if (std::ranges::find(folders_, folder) != folders_.end()) continue;
    folders_.push_back(folder);
    scan(folder);
  }
}

void Registry::scan(const fs::path& folder) {
  std::error_code ec;
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(folder, ec), end; !ec && entry != end; entry.increment(ec))
    if (entry->path().extension() == ".so") files.push_back(entry->path());
  if (ec) rejected_.push_back({folder, fmt::format("{}: cannot be read: {}", folder.string(), ec.message())});
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    try {
      add(file);
    } catch (const std::exception& e) {
      rejected_.push_back({file, e.what()});
    }
  }
}

void Registry::add(const fs::path& file) {
  std::error_code ec;
  const fs::path real = fs::canonical(file, ec);
  // A pipe named *.so would wait for a writer for ever.
  if (ec || !fs::is_regular_file(real, ec)) fail("{}: not a file", file.string());
  for (const auto& library : libraries_)
    if (library->path() == real) return;  // a second name of a file that is known
  auto library = std::make_unique<Library>(real, read_note(real));
  for (const slw_descriptor* d : library->descriptors())
    for (const Found& found : found_)
      if (std::string_view(found.descriptor->id) == d->id)
        fail("{}: offers {}, which {} offers already; remove one of the two", file.string(), d->id, found.library->path().string());
  for (const slw_descriptor* d : library->descriptors()) found_.push_back({library.get(), d});
  libraries_.push_back(std::move(library));
}

const Registry::Found& Registry::find(std::string_view name, uint32_t kind, const Location& where) const {
  std::vector<const Found*> matches;
  std::vector<std::string> names;
  std::string reasons;
  for (const Found& found : found_) {
    const std::string_view id = found.descriptor->id;
    const std::string_view brief = id.substr(id.rfind('.') + 1);
    if ((found.descriptor->kinds & kind) == 0) {
      if (id == name || brief == name) reasons += fmt::format("; {} is a {} plugin", id, kind_names(found.descriptor->kinds));
      continue;
    }
    if (id == name) return found;
    if (brief == name) matches.push_back(&found);
    names.emplace_back(brief);
    names.emplace_back(id);
  }
  if (matches.size() == 1) return *matches[0];
  if (matches.size() > 1)
    fail("{}: \"{}\" names several {} plugins: {} and {}; use the full id", where.text(), name, kind_names(kind),
         matches[0]->descriptor->id, matches[1]->descriptor->id);
  for (const Rejected& r : rejected_)
    if (r.path.stem() == name) reasons += "; " + r.reason;
  std::string searched;
  for (const fs::path& folder : folders_) searched += (searched.empty() ? "" : ", ") + folder.string();
  fail("{}: no {} plugin \"{}\"{} (searched {}{})", where.text(), kind_names(kind), name, did_you_mean(name, names),
       searched.empty() ? "no folder" : searched, reasons);
}

}  // namespace slipway
