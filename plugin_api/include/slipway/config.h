/* SPDX-License-Identifier: Apache-2.0 */
/* config.h -- the option schema a plugin publishes, and the validated values it receives. */
#ifndef SLW_CONFIG_H
#define SLW_CONFIG_H
#include "abi.h"
SLW_EXTERN_C_BEGIN

typedef int32_t slw_type;
enum {
  SLW_BOOL = 1,
  SLW_INT = 2,
  SLW_FLOAT = 3,
  SLW_STRING = 4,
  SLW_PATH = 5,
  SLW_ARRAY = 6,
  SLW_TABLE = 7
};

typedef struct slw_value slw_value;
typedef struct slw_pair slw_pair;
struct slw_value {
  slw_type type;
  int32_t reserved;
  union {
    int64_t i; /* SLW_BOOL (0/1), SLW_INT */
    double f;
    slw_str s; /* SLW_STRING, SLW_PATH (already absolute) */
    struct {
      const slw_value *items;
      uint64_t size;
    } array;
    struct {
      const slw_pair *items;
      uint64_t size;
    } table; /* sorted by key */
  } v;
};
struct slw_pair {
  slw_str key;
  slw_value value;
};
/* Frozen for all of major 1: these two are walked by stride, so they never grow. */

typedef struct slw_option slw_option;
struct slw_option {
  uint32_t struct_size;
  slw_type type;
  const char *name;     /* "max_chars"; dotted for nesting: "ngram.order" */
  const char *help;     /* one sentence, shown by `slipway plugin info` */
  const char *fallback; /* default as TOML source ("0.5", "\"mean\""); NULL = required */
  const char *minimum;  /* inclusive, TOML source, NULL = none */
  const char *maximum;
  const char *const *choices; /* NULL-terminated, NULL = any */
  uint32_t flags;             /* SLW_OPTION_* */
  slw_type element_type;      /* for SLW_ARRAY */
};
enum {
  SLW_OPTION_SECRET = 1u << 0,
  SLW_OPTION_DEPRECATED = 1u << 1,
  SLW_OPTION_SEARCHABLE = 1u << 2
};

SLW_EXTERN_C_END
#endif
