// The only file that sees Boost.DLL.
#include "plugin/library.h"

#define BOOST_DLL_USE_STD_FS
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wconversion"
#include <boost/dll/shared_library.hpp>
#pragma GCC diagnostic pop

#include "base/error.h"
#include "slipway/abi.h"

namespace slipway {

void check_compatible(const PluginNote& note, const fs::path& path) {
  if (note.abi_major != SLW_ABI_MAJOR)
    fail("{}: built for plugin ABI {}.{}, this host speaks {}.{}; rebuild it with this version's headers", path.string(),
         note.abi_major, note.abi_minor, SLW_ABI_MAJOR, SLW_ABI_MINOR);
  if (note.min_host_minor > SLW_ABI_MINOR)
    fail("{}: needs a host with plugin ABI {}.{} or later, this one has {}.{}; update Slipway", path.string(),
         SLW_ABI_MAJOR, note.min_host_minor, SLW_ABI_MAJOR, SLW_ABI_MINOR);
}

Library::Library(const fs::path& path, const PluginNote& note) : path_(path) {
  check_compatible(note, path);
  boost::dll::shared_library* handle = nullptr;
  try {
    // Leaked: its destructor would unload, and code of ours may hold addresses inside until the very end.
    handle = new boost::dll::shared_library(path, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
  } catch (const std::exception& e) {
    fail("{}: cannot be loaded: {}", path.string(), e.what());
  }
  if (!handle->has("slipway_plugin_v1")) fail("{}: exports no slipway_plugin_v1", path.string());
  entry_ = &handle->get<const slw_entry>("slipway_plugin_v1");
  if (!SLW_HAS(entry_, count) || !SLW_HAS(entry_, describe) || !SLW_HAS(entry_, create))
    fail("{}: its entry table lacks count, describe or create", path.string());
  if (entry_->abi_major != note.abi_major || entry_->abi_minor != note.abi_minor ||
      entry_->min_host_minor != note.min_host_minor)
    fail("{}: its note and its entry table name different ABI versions", path.string());
  const uint32_t count = entry_->count();
  for (uint32_t i = 0; i < count; ++i) {
    const slw_descriptor* d = entry_->describe(i);
    if (!SLW_HAS(d, id) || !SLW_HAS(d, version) || d->kinds == 0) fail("{}: plugin {} has no id, version or kind", path.string(), i);
    descriptors_.push_back(d);
  }
  if (descriptors_.empty()) fail("{}: holds no plugin", path.string());
}

void Library::init(const slw_host* host) {
  if (initialised_) return;
  slw_error error{};
  error.struct_size = sizeof error;
  if (SLW_HAS(entry_, init) && entry_->init(host, path_.c_str(), &error) != SLW_OK)
    fail("{}: init() failed: {}", path_.string(), error.message);
  initialised_ = true;
}

}  // namespace slipway
