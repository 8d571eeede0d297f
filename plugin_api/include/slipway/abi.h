/* SPDX-License-Identifier: Apache-2.0 */
/* abi.h -- vocabulary shared by every table: linkage, status, errors, strings, growth rule. */
#ifndef SLW_ABI_H
#define SLW_ABI_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#  define SLW_EXTERN_C_BEGIN extern "C" {
#  define SLW_EXTERN_C_END }
#else
#  define SLW_EXTERN_C_BEGIN
#  define SLW_EXTERN_C_END
#endif
#ifdef SLW_PARSE /* for cffi, bindgen and other header readers */
#  define SLW_EXPORT
#  define SLW_CALL
#elif defined(_WIN32)
#  define SLW_EXPORT __declspec(dllexport)
#  define SLW_CALL __cdecl
#else
#  define SLW_EXPORT __attribute__((visibility("default")))
#  define SLW_CALL
#endif
/* From C++17 on noexcept is part of the pointer type: a throwing function cannot be stored in a
 * table. */
#if defined(__cplusplus) && __cplusplus >= 201703L
#  define SLW_NOEXCEPT noexcept
#else
#  define SLW_NOEXCEPT
#endif

/* layout or meaning of an existing member changed: never loads across majors */
#define SLW_ABI_MAJOR 1
/* members appended or interfaces added: informational, never used as a feature test */
#define SLW_ABI_MINOR 3

/* Feature test: a table may be longer (newer peer) or shorter (older peer) than here. */
#define SLW_HAS(table, member)                                                              \
  ((table) != NULL &&                                                                       \
   (table)->struct_size >= offsetof(SLW_TYPEOF(table), member) + sizeof((table)->member) && \
   (table)->member != 0)
#ifdef __cplusplus
#  include <type_traits>
#  define SLW_TYPEOF(p) std::remove_cv<std::remove_reference<decltype(*(p))>::type>::type
#else
#  define SLW_TYPEOF(p) __typeof__(*(p))
#endif

SLW_EXTERN_C_BEGIN

typedef int32_t slw_status;
enum {
  SLW_OK = 0,
  SLW_CANCELLED = 1,
  SLW_UNKNOWN = 2,
  SLW_INVALID_ARGUMENT = 3,
  SLW_DEADLINE_EXCEEDED = 4,
  SLW_NOT_FOUND = 5,
  SLW_ALREADY_EXISTS = 6,
  SLW_PERMISSION_DENIED = 7,
  SLW_OUT_OF_MEMORY = 8,
  SLW_FAILED_PRECONDITION = 9,
  SLW_ABORTED = 10,
  SLW_OUT_OF_RANGE = 11,
  SLW_UNIMPLEMENTED = 12,
  SLW_INTERNAL = 13,
  SLW_UNAVAILABLE = 14,
  SLW_DATA_LOSS = 15
};

/* Caller-owned, may be NULL, filled by the callee on any status but SLW_OK. No allocation, no TLS,
 * fits a pipe. */
typedef struct slw_error {
  uint32_t struct_size;
  slw_status code;
  char where[120];   /* "file.cc:42", "reward.length/max_chars", ... */
  char message[896]; /* UTF-8, NUL-terminated, truncated if need be */
} slw_error;

/* Borrowed UTF-8 text; not NUL-terminated; data may be NULL only when size is 0. */
typedef struct slw_str {
  const char *data;
  uint64_t size;
} slw_str;

/* plugin state in: 0 = end, -1 = error; short reads are normal */
typedef struct slw_istream slw_istream;
struct slw_istream {
  void *ctx;
  int64_t(SLW_CALL *read)(slw_istream *s, void *buf, uint64_t n) SLW_NOEXCEPT;
};
typedef struct slw_ostream slw_ostream;
struct slw_ostream {
  void *ctx;
  int64_t(SLW_CALL *write)(slw_ostream *s, const void *buf, uint64_t n) SLW_NOEXCEPT;
};

SLW_EXTERN_C_END
#endif
