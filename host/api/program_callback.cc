// The callback contract over a C++ object.
#include "api/program_callback.h"

#include <cstdio>
#include <cstring>
#include <mutex>
#include <set>

namespace slipway {
namespace {

struct ProgramCallback : slw_plugin {
  std::shared_ptr<TrainerCallback> object;
  slw_callback callback{};
};

TrainerCallback& object_of(slw_plugin* plugin) {
  return *static_cast<ProgramCallback*>(plugin)->object;
}

// What the object throws goes to the host as the plugin contract says.
template <class Body>
slw_status guarded(slw_error* error, Body&& body) noexcept {
  try {
    body();
    return SLW_OK;
  } catch (const std::exception& e) {
    std::snprintf(error->message, sizeof error->message, "%s", e.what());
    return error->code = SLW_INTERNAL;
  } catch (...) {
    return error->code = SLW_UNKNOWN;
  }
}

slw_status on_event(slw_plugin* plugin, const slw_event* event, uint32_t* control,
                    slw_error* error) noexcept {
  return guarded(error, [&] { object_of(plugin).on_event(*event, *control); });
}

slw_status save(slw_plugin* plugin, slw_ostream* out, slw_error* error) noexcept {
  return guarded(error, [&] {
    const std::string state = object_of(plugin).save();
    if (out->write(out, state.data(), state.size()) != static_cast<int64_t>(state.size()))
      throw std::bad_alloc();
  });
}

slw_status load(slw_plugin* plugin, slw_istream* in, slw_error* error) noexcept {
  return guarded(error, [&] {
    std::string state;
    char part[4096];
    for (int64_t n; (n = in->read(in, part, sizeof part)) > 0;)
      state.append(part, static_cast<size_t>(n));
    object_of(plugin).load(state);
  });
}

// Traces and messages keep ids until the process ends.
const char* lasting(const std::string& id) {
  static std::mutex mutex;
  static std::set<std::string> ids;
  const std::lock_guard lock(mutex);
  return ids.insert(id).first->c_str();
}

}  // namespace

CallbackPlugin program_callback(std::shared_ptr<TrainerCallback> callback, const RunFacts& facts) {
  auto made = std::make_unique<ProgramCallback>();
  static_cast<slw_plugin&>(*made) = {
      sizeof(slw_plugin),
      0,
      nullptr,
      made.get(),
      [](slw_plugin* plugin) noexcept { delete static_cast<ProgramCallback*>(plugin); },
      [](slw_plugin* plugin, const char* interface) noexcept -> const void* {
        return std::strcmp(interface, SLW_CALLBACK) == 0
                   ? &static_cast<ProgramCallback*>(plugin)->callback
                   : nullptr;
      }};
  made->callback = {
      sizeof(slw_callback), callback->order(), callback->events(), on_event, save, load};
  made->object = std::move(callback);
  const char* id = lasting(made->object->id());
  return CallbackPlugin(Plugin(
      id,
      [&](const slw_host* host) -> slw_plugin* {
        made->object->attach(host);
        return made.release();
      },
      facts));
}

}  // namespace slipway
