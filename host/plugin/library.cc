// The only file that sees Boost.DLL.
#include "plugin/library.h"

#define BOOST_DLL_USE_STD_FS
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wconversion"
#include <boost/dll/shared_library.hpp>
#pragma GCC diagnostic pop

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <deque>
#include <set>
#include <string_view>

#include "base/error.h"
#include "base/visible_text.h"
#include "plugin/options.h"
#include "plugin/services.h"
#include "plugin/trampoline.h"
#include "slipway/torch_build.hpp"

namespace slipway {
namespace {

// Entries whose init() succeeded, in that order. deinit() runs from exit(), each before the
// plugin's own static objects go.
std::vector<const slw_entry*> initialised;

void deinit_newest() {
  const slw_entry* entry = initialised.back();
  initialised.pop_back();
  if (Library::live_instances != 0 || !SLW_HAS(entry, deinit)) return;
  const PluginCallScope scope(entry->count() > 0 ? entry->describe(0)->id : "?", "deinit");
  entry->deinit();
}

// What the loader says stands in the middle of Boost's sentence.
std::string loader_reason(std::string_view text) {
  constexpr std::string_view kBefore = "dlerror system message: ";
  const size_t at = text.find(kBefore), end = text.rfind("): ");
  if (at == std::string_view::npos || end == std::string_view::npos || end < at)
    return std::string(text);
  return std::string(text.substr(at + kBefore.size(), end - at - kBefore.size()));
}

}  // namespace

bool is_plugin_id(std::string_view id) {
  const auto legal = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_';
  };
  return !id.empty() && id.size() <= 128 && id.front() != '.' && id.back() != '.' &&
         std::ranges::all_of(id, legal);
}

std::string kind_names(uint32_t kinds) {
  constexpr std::pair<uint32_t, const char*> kNames[] = {
      {SLW_KIND_MODEL, "model"},   {SLW_KIND_REWARD, "reward"}, {SLW_KIND_CALLBACK, "callback"},
      {SLW_KIND_LOGGER, "logger"}, {SLW_KIND_SEARCH, "search"}, {SLW_KIND_METRIC, "metric"},
      {SLW_KIND_LOSS, "loss"}};
  std::string out;
  for (const auto& [bit, name] : kNames)
    if ((kinds & bit) != 0) out += (out.empty() ? "" : ", ") + std::string(name);
  return out;
}

void check_compatible(const PluginNote& note, const fs::path& path) {
  if (note.abi_major != SLW_ABI_MAJOR)
    fail(
        "{}: built for plugin ABI {}.{}, this host speaks {}.{}; rebuild it with this version's "
        "headers",
        path.string(), note.abi_major, note.abi_minor, SLW_ABI_MAJOR, SLW_ABI_MINOR);
  if (note.min_host_minor > SLW_ABI_MINOR)
    fail("{}: needs a host with plugin ABI {}.{} or later, this one has {}.{}; update Slipway",
         path.string(), SLW_ABI_MAJOR, note.min_host_minor, SLW_ABI_MAJOR, SLW_ABI_MINOR);
  if (!note.torch_build.empty() && note.torch_build != SLW_TORCH_BUILD)
    fail(
        "{}: built with \"{}\", this host has \"{}\", and LibTorch's C++ objects pass only between "
        "equals; rebuild it with this LibTorch",
        path.string(), note.torch_build, SLW_TORCH_BUILD);
  // LibTorch's stable ABI keeps what it once had: a binary for an older one works, one for a newer
  // may ask for what is not there yet.
  const auto minor = [](uint64_t abi) { return fmt::format("{}.{}", abi >> 56, abi >> 48 & 0xFF); };
  if (note.torch_abi >> 48 > uint64_t{TORCH_ABI_VERSION} >> 48)
    fail(
        "{}: built for LibTorch {} or later, this host has {}; rebuild it with this LibTorch, or "
        "update Slipway",
        path.string(), minor(note.torch_abi), minor(TORCH_ABI_VERSION));
  for (const NamedPlugin& plugin : note.plugins) {
    if (!is_plugin_id(plugin.id))
      fail("{}: its notes name a plugin without a usable id, \"{}\"", path.string(),
           visible_line(plugin.id));
    if (plugin.kinds == 0 || (plugin.kinds & ~uint32_t{note.kinds}) != 0)
      fail("{}: its notes do not agree about the kinds of {}", path.string(), plugin.id);
  }
}

Library::Library(const fs::path& path, const PluginNote& note) : path_(path) {
  check_compatible(note, path);
  boost::dll::shared_library* handle = nullptr;
  try {
    const PluginCallScope scope(path_.c_str(), "constructor");
    // Never destroyed: that would unload, and code of ours may hold addresses inside until the very
    // end.
    static auto& loaded = *new std::deque<boost::dll::shared_library>;
    const RoundingScope rounding(path_.c_str(), "constructor");
    const ProcessScope process(path_.c_str(), "constructor");
    handle = &loaded.emplace_back(
        path, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
    static auto& paths = *new std::set<std::string>;  // for a handler that may run at the very end
    if (const auto [noted, fresh] = paths.insert(path.string()); fresh)
      note_plugin_code(noted->c_str());
  } catch (const std::exception& e) {
    fail("{}: cannot be loaded: {}", path.string(), loader_reason(e.what()));
  }
  if (!handle->has("slipway_plugin_v1")) fail("{}: exports no slipway_plugin_v1", path.string());
  entry_ = &handle->get<const slw_entry>("slipway_plugin_v1");
  check_entry(note);
  const PluginCallScope scope(path_.c_str(), "describe");
  const uint32_t count = entry_->count();
  for (uint32_t i = 0; i < count; ++i) {
    const slw_descriptor* descriptor = entry_->describe(i);
    check_descriptor(i, descriptor, note);
    descriptors_.push_back(descriptor);
  }
  if (descriptors_.empty()) fail("{}: holds no plugin", path.string());
  check_names(note);
}

void Library::check_entry(const PluginNote& note) const {
  if (!SLW_HAS(entry_, count) || !SLW_HAS(entry_, describe) || !SLW_HAS(entry_, create))
    fail("{}: its entry table lacks count, describe or create", path_.string());
  if (entry_->abi_major != note.abi_major || entry_->abi_minor != note.abi_minor ||
      entry_->min_host_minor != note.min_host_minor)
    fail("{}: its note and its entry table name different ABI versions", path_.string());
}

// Whoever chose a plugin by what the file says of itself gets that one.
void Library::check_names(const PluginNote& note) const {
  if (note.plugins.empty()) return;
  const auto is = [](const slw_descriptor* found, const NamedPlugin& said) {
    return found->id == said.id && found->kinds == said.kinds;
  };
  for (const slw_descriptor* found : descriptors_)
    if (std::ranges::none_of(note.plugins,
                             [&](const NamedPlugin& said) { return is(found, said); }))
      fail("{}: holds {} ({}), of which its notes do not know", path_.string(), found->id,
           kind_names(found->kinds));
  for (const NamedPlugin& said : note.plugins)
    if (std::ranges::none_of(descriptors_,
                             [&](const slw_descriptor* found) { return is(found, said); }))
      fail("{}: its notes name {} ({}), and it holds no such plugin", path_.string(), said.id,
           kind_names(said.kinds));
}

// Everything that ABI 1.0 has must be there: the host may then read it without asking again.
void Library::check_descriptor(uint32_t index, const slw_descriptor* d,
                               const PluginNote& note) const {
  if (d == nullptr)
    fail("{}: describe({}) gave nothing, count() promised it", path_.string(), index);
  if (d->struct_size < sizeof(slw_descriptor))
    fail("{}: the descriptor of plugin {} is shorter than in ABI 1.0", path_.string(), index);
  if (d->id == nullptr || !is_plugin_id(d->id))
    fail(
        "{}: plugin {} has no usable id (letters, digits, '.', '-' and '_', like "
        "\"org.example.length\")",
        path_.string(), index);
  if (d->name == nullptr || d->version == nullptr || d->description == nullptr ||
      d->license == nullptr || d->interfaces == nullptr)
    fail("{}: {} lacks a name, version, description, license or list of interfaces", path_.string(),
         d->id);
  if (d->kinds == 0 || (d->kinds & ~uint32_t{note.kinds}) != 0)
    fail("{}: the kinds of {} are not those that the note announces", path_.string(), d->id);
  for (const slw_option* const* o = d->options; o != nullptr && *o != nullptr; ++o) {
    const slw_option& option = **o;
    if (option.struct_size < sizeof(slw_option) || option.name == nullptr || *option.name == '\0' ||
        option.type < SLW_BOOL || option.type > SLW_TABLE)
      fail("{}: option {} of {} has no name, an unknown type, or is shorter than in ABI 1.0",
           path_.string(), o - d->options, d->id);
  }
  try {
    check_schema(d->options, d->id);
  } catch (const Error& e) {
    fail("{}: {}", path_.string(), e.what());
  }
}

void Library::init() {
  if (std::ranges::find(initialised, entry_) != initialised.end()) return;
  // Of no run: it logs, tells of a stop, and gives what needs no run. Never destroyed, for a plugin
  // may use it in deinit().
  static auto& hosts = *new std::deque<HostServices>;
  const slw_host* host = hosts.emplace_back(descriptors_.front()->id, RunFacts{}).host();
  if (SLW_HAS(entry_, init))
    call_plugin_at_length(path_.c_str(), "init", [&](slw_error* error) {
      return entry_->init(host, path_.c_str(), error);
    });
  initialised.push_back(entry_);
  std::atexit(deinit_newest);
}

}  // namespace slipway
