// SPDX-License-Identifier: Apache-2.0
// core.hpp -- what the C++17 sugar of every kind shares: errors, the barrier, options, the export
// of one plugin.
#pragma once
#include "plugin.h"
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace slipway {

inline std::string_view view(slw_str s) {
  return {s.data ? s.data : "", static_cast<size_t>(s.size)};
}

// One option of the schema; what is left out means "none". `fallback` is TOML source, nullptr makes
// the option required.
constexpr slw_option option(slw_type type, const char *name, const char *help,
                            const char *fallback = nullptr, const char *minimum = nullptr,
                            const char *maximum = nullptr, const char *const *choices = nullptr,
                            uint32_t flags = 0, slw_type element_type = 0) {
  return {sizeof(slw_option), type, name, help, fallback, minimum, maximum, choices, flags,
          element_type};
}

struct Error : std::runtime_error {
  slw_status code;
  Error(slw_status c, const std::string &text) : std::runtime_error(text), code(c) {}
};

inline slw_status fail(slw_error *err, slw_status code, const char *text) noexcept {
  // As much of it as this host has: it may be older than these headers, and its slw_error shorter.
  constexpr size_t head = offsetof(slw_error, message);
  if (err && err->struct_size >= offsetof(slw_error, code) + sizeof err->code) err->code = code;
  if (err && err->struct_size > head) {
    const size_t room = err->struct_size - head;
    std::snprintf(err->message, room < sizeof err->message ? room : sizeof err->message, "%s",
                  text);
  }
  return code;
}

// The barrier: every trampoline is one guarded call.
template <class F>
slw_status guard(slw_error *err, F &&f) noexcept {
  try {
    f();
    return SLW_OK;
  } catch (const Error &e) {
    return fail(err, e.code, e.what());
  } catch (const std::bad_alloc &) {
    return fail(err, SLW_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception &e) {
    return fail(err, SLW_INTERNAL, e.what());
  } catch (...) {
    return fail(err, SLW_UNKNOWN, "unknown exception");
  }
}

// Options: defaults were already filled in by the host from the schema, so a missing key is a host
// bug.
class Config {
 public:
  explicit Config(const slw_value &table) : table_(table) {}
  int64_t integer(std::string_view key) const { return find(key, SLW_INT).v.i; }
  double number(std::string_view key) const { return find(key, SLW_FLOAT).v.f; }
  bool flag(std::string_view key) const { return find(key, SLW_BOOL).v.i != 0; }
  // paths too
  std::string_view text(std::string_view key) const { return view(find(key, SLW_STRING).v.s); }
  std::vector<int64_t> integers(std::string_view key) const {
    const slw_value &array = find(key, SLW_ARRAY);
    std::vector<int64_t> out;
    for (uint64_t i = 0; i < array.v.array.size; ++i) out.push_back(array.v.array.items[i].v.i);
    return out;
  }
  std::vector<std::string_view> texts(std::string_view key) const {
    const slw_value &array = find(key, SLW_ARRAY);
    std::vector<std::string_view> out;
    for (uint64_t i = 0; i < array.v.array.size; ++i)
      out.push_back(view(array.v.array.items[i].v.s));
    return out;
  }

 private:
  const slw_value &find(std::string_view key, slw_type type) const {
    for (uint64_t i = 0; i < table_.v.table.size; ++i)
      if (const slw_pair &kv = table_.v.table.items[i];
          view(kv.key) == key && kv.value.type == type)
        return kv.value;
    throw Error(SLW_NOT_FOUND, "no option " + std::string(key));
  }
  const slw_value &table_;
};

// A service of the host by its id, nullptr when this host has none: service<slw_host_store>(host,
// SLW_HOST_STORE).
template <class Table>
const Table *service(const slw_host *host, const char *id) {
  return SLW_HAS(host, get_service) ? static_cast<const Table *>(host->get_service(host, id))
                                    : nullptr;
}

// What the file says of the plugin P without being run: its id, where that is a constant.
template <class P, char = P::id[0]>
constexpr slw_id_note id_note(uint32_t kinds, int) {
  slw_id_note out{8, sizeof out - offsetof(slw_id_note, kinds), 2, "Slipway", kinds, ""};
  size_t size = 0;
  while (P::id[size] != '\0') ++size;
  for (size_t i = 0; size < sizeof out.id && i < size; ++i) out.id[i] = P::id[i];
  return out;
}
template <class P>
constexpr slw_id_note id_note(uint32_t kinds, long) {
  return {8, sizeof(slw_id_note) - offsetof(slw_id_note, kinds), 2, "Slipway", kinds, ""};
}

// What every kind derives from: a plugin takes no options until it says which.
struct WithoutOptions : slw_plugin {
  static constexpr const slw_option *options[] = {nullptr};
};

// What a file exports for the plugin P, a class derived from one of the kinds (Reward<P>,
// Callback<P>, ...). P has static members id, name, version, license and help, and where it takes
// options these, and a constructor P(Config) or P(const slw_host *, Config); one that needs neither
// may do without.
template <class P>
struct Export {
  static const slw_descriptor *describe(uint32_t i) noexcept {
    static const char *const interfaces[] = {P::kInterface, nullptr};
    static const slw_descriptor d{sizeof d, P::kKind,   P::id,      P::name,   P::version,
                                  P::help,  P::license, interfaces, P::options};
    return i == 0 ? &d : nullptr;
  }
  static slw_status create(const slw_host *host, const char *id, const slw_value *config,
                           slw_plugin **out, slw_error *err) noexcept {
    return guard(err, [&] {
      if (std::strcmp(id, P::id) != 0) throw Error(SLW_NOT_FOUND, std::string("no plugin ") + id);
      auto p = make(host, *config);
      static_cast<slw_plugin &>(
          *p) = {sizeof(slw_plugin),
                 0,
                 describe(0),
                 p.get(),
                 [](slw_plugin *q) noexcept { delete static_cast<P *>(q); },
                 [](slw_plugin *, const char *interface_id) noexcept -> const void * {
                   return std::strcmp(interface_id, P::kInterface) == 0 ? P::table() : nullptr;
                 }};
      *out = p.release();
    });
  }

 private:
  static std::unique_ptr<P> make(const slw_host *host, const slw_value &config) {
    if constexpr (std::is_constructible_v<P, const slw_host *, Config>)
      return std::make_unique<P>(host, Config(config));
    else if constexpr (std::is_constructible_v<P, Config>)
      return static_cast<void>(host), std::make_unique<P>(Config(config));
    else return static_cast<void>(host), static_cast<void>(config), std::make_unique<P>();
  }
};
}  // namespace slipway

#define SLW_PLUGIN_ID_OF(P, kinds_)                                          \
  __attribute__((section(".note.slipway"), used,                             \
                 aligned(8))) static constexpr slw_id_note slw_id_note_of_ = \
      slipway::id_note<P>(kinds_, 0)
#define SLW_EXPORT_PLUGIN(P)                                                               \
  SLW_PLUGIN_NOTE(P::kKind, 0, 0, "", "");                                                 \
  SLW_PLUGIN_ID_OF(P, P::kKind);                                                           \
  extern "C" const slw_entry slipway_plugin_v1 = {sizeof(slw_entry),                       \
                                                  SLW_ABI_MAJOR,                           \
                                                  SLW_ABI_MINOR,                           \
                                                  0,                                       \
                                                  {},                                      \
                                                  [](const slw_host *, const char *,       \
                                                     slw_error *) noexcept -> slw_status { \
                                                    return SLW_OK;                         \
                                                  },                                       \
                                                  []() noexcept {},                        \
                                                  []() noexcept -> uint32_t { return 1; }, \
                                                  slipway::Export<P>::describe,            \
                                                  slipway::Export<P>::create}
