/* SPDX-License-Identifier: Apache-2.0 */
/* entry.h -- the one exported symbol, what it describes, and the instance every interface hangs
 * off. */
#ifndef SLW_ENTRY_H
#define SLW_ENTRY_H
#include "abi.h"
#include "config.h"
SLW_EXTERN_C_BEGIN

typedef struct slw_host slw_host;
typedef struct slw_plugin slw_plugin;

enum {
  SLW_KIND_MODEL = 1u << 0,
  SLW_KIND_REWARD = 1u << 1,
  SLW_KIND_CALLBACK = 1u << 2,
  SLW_KIND_LOGGER = 1u << 3,
  SLW_KIND_SEARCH = 1u << 4,
  SLW_KIND_METRIC = 1u << 5,
  SLW_KIND_LOSS = 1u << 6
};

typedef struct slw_descriptor {
  uint32_t struct_size;
  uint32_t kinds;                /* SLW_KIND_*; one plugin may be several */
  const char *id;                /* "org.example.length-reward" */
  const char *name;              /* "Length reward" */
  const char *version;           /* SemVer */
  const char *description;       /* one line */
  const char *license;           /* SPDX */
  const char *const *interfaces; /* ids offered, NULL-terminated; get_interface() must agree */
  /* NULL-terminated; an array of pointers, so slw_option may grow */
  const slw_option *const *options;
} slw_descriptor;

struct slw_plugin {
  uint32_t struct_size;
  uint32_t reserved;
  const slw_descriptor *descriptor;
  void *self;                                          /* the plugin's own */
  void(SLW_CALL *destroy)(slw_plugin *p) SLW_NOEXCEPT; /* [main] */
  /* [any] lives as long as p */
  const void *(SLW_CALL *get_interface)(slw_plugin *p, const char *id)SLW_NOEXCEPT;
};

typedef struct slw_entry {
  uint32_t struct_size;
  uint16_t abi_major, abi_minor; /* of the headers this binary was built with */
  uint16_t min_host_minor;       /* oldest host minor it can live with */
  uint16_t reserved[3];
  /* [main] once */
  slw_status(SLW_CALL *init)(const slw_host *host, const char *path, slw_error *err) SLW_NOEXCEPT;
  /* [main] once */
  void(SLW_CALL *deinit)(void) SLW_NOEXCEPT;
  /* [any] */
  uint32_t(SLW_CALL *count)(void) SLW_NOEXCEPT;
  /* [any] static data */
  const slw_descriptor *(SLW_CALL *describe)(uint32_t index)SLW_NOEXCEPT;
  /* [main] */
  slw_status(SLW_CALL *create)(const slw_host *host, const char *id, const slw_value *config,
                               slw_plugin **out, slw_error *err) SLW_NOEXCEPT;
} slw_entry;

SLW_EXPORT extern const slw_entry slipway_plugin_v1; /* the only symbol a plugin exports */

/* Read from the file before dlopen(): no constructor of an unknown or incompatible binary ever
 * runs. */
typedef struct slw_note {
  uint32_t name_size, desc_size, type; /* ELF note header: 8, sizeof the rest, 1 */
  char name[12];                       /* "Slipway", padded so that what follows is 8-aligned */
  uint16_t abi_major, abi_minor, min_host_minor, kinds;
  /* 0 = does not use LibTorch; TORCH_ABI_VERSION = stable ABI target */
  uint64_t torch_abi;
  /* "" unless it uses LibTorch's C++ ABI: version+git hash+cxx11 flag */
  char torch_build[48];
  char cuda[16]; /* "13.0", "" = none */
} slw_note;
#define SLW_PLUGIN_NOTE(kinds_, min_minor_, torch_abi_, torch_build_, cuda_)                      \
  __attribute__((section(".note.slipway"), used, aligned(8))) static const slw_note slw_note_ = { \
      8,                                                                                          \
      sizeof(slw_note) - offsetof(slw_note, abi_major),                                           \
      1,                                                                                          \
      "Slipway",                                                                                  \
      SLW_ABI_MAJOR,                                                                              \
      SLW_ABI_MINOR,                                                                              \
      min_minor_,                                                                                 \
      kinds_,                                                                                     \
      torch_abi_,                                                                                 \
      torch_build_,                                                                               \
      cuda_}

/* Since 1.3, one for each plugin of the file, in the same section: what it holds is then known
 * without running it. Optional: a file without any is asked by a process of its own. All are there
 * or none; they must agree with the descriptors. */
typedef struct slw_id_note {
  uint32_t name_size, desc_size, type; /* ELF note header: 8, sizeof the rest, 2 */
  char name[12];                       /* "Slipway", padded as above */
  uint32_t kinds;
  /* "" = not known when it was compiled: the file counts as one without */
  char id[132];
} slw_id_note;
#define SLW_PLUGIN_ID_NAMED_(line_) slw_id_note_##line_
#define SLW_PLUGIN_ID_NAME_(line_) SLW_PLUGIN_ID_NAMED_(line_)
#define SLW_PLUGIN_ID(kinds_, id_)                                                             \
  __attribute__((section(".note.slipway"), used, aligned(8))) static const slw_id_note         \
  SLW_PLUGIN_ID_NAME_(__LINE__) = {8,      sizeof(slw_id_note) - offsetof(slw_id_note, kinds), \
                                   2,      "Slipway",                                          \
                                   kinds_, id_}

SLW_EXTERN_C_END
#endif
