/* SPDX-License-Identifier: Apache-2.0 */
/* tensor.h -- DLPack as the only tensor currency, plus the stream contract. */
#ifndef SLW_TENSOR_H
#define SLW_TENSOR_H
#include "abi.h"
#ifdef SLW_DLPACK_HEADER /* the host builds with -DSLW_DLPACK_HEADER="<ATen/dlpack.h>" */
#  include SLW_DLPACK_HEADER
#endif
/* same names and layout as dlpack 1.x, for authors who have no dlpack.h */
#ifndef DLPACK_DLPACK_H_
#  define DLPACK_DLPACK_H_
#  define DLPACK_MAJOR_VERSION 1
#  define DLPACK_MINOR_VERSION 0
SLW_EXTERN_C_BEGIN
typedef struct {
  uint32_t major, minor;
} DLPackVersion;
#  ifdef __cplusplus
typedef enum : int32_t { kDLCPU = 1, kDLCUDA = 2, kDLCUDAHost = 3 } DLDeviceType;
#  else
typedef enum { kDLCPU = 1, kDLCUDA = 2, kDLCUDAHost = 3 } DLDeviceType;
#  endif
typedef struct {
  DLDeviceType device_type;
  int32_t device_id;
} DLDevice;
typedef enum {
  kDLInt = 0U,
  kDLUInt = 1U,
  kDLFloat = 2U,
  kDLBfloat = 4U,
  kDLBool = 6U
} DLDataTypeCode;
typedef struct {
  uint8_t code, bits;
  uint16_t lanes;
} DLDataType;
typedef struct {
  void *data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape;
  int64_t *strides;
  uint64_t byte_offset;
} DLTensor;
#  define DLPACK_FLAG_BITMASK_READ_ONLY (1UL << 0UL)
typedef struct DLManagedTensorVersioned {
  DLPackVersion version;
  void *manager_ctx;
  void (*deleter)(struct DLManagedTensorVersioned *self);
  uint64_t flags;
  DLTensor dl_tensor;
} DLManagedTensorVersioned;
SLW_EXTERN_C_END
#endif
SLW_EXTERN_C_BEGIN

/* The stream a call must run on. CPU: handle is NULL and work is done when the call returns.
 * CUDA: all work is enqueued on `handle` (a cudaStream_t) or joined back to it before return; no
 * call synchronizes; a tensor is ready in stream order. Memory handed back is kept alive until the
 * stream passes that point. */
typedef struct slw_stream {
  DLDevice device;
  void *handle;
} slw_stream;

SLW_EXTERN_C_END
#endif
