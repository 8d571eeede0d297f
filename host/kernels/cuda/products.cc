// Descriptors and algorithms of products.
#include "kernels/cuda/products.h"

#include <algorithm>

#include "kernels/cuda/check.h"

namespace slipway::cuda {
namespace {

// What cuBLAS itself takes on a Hopper.
constexpr size_t kWorkspace = size_t{32} << 20;

cudaDataType_t type_of(ConstValues values) {
  return values.bfloats != nullptr ? CUDA_R_16BF : CUDA_R_32F;
}
const void* data_of(ConstValues values) {
  return values.bfloats != nullptr ? static_cast<const void*>(values.bfloats) : values.floats;
}

// What is read as c: d itself where nothing is added.
const void* addend_of(const ProductOperands& of) { return of.c != nullptr ? of.c : data_of(of.d); }

// The largest power of two, up to 256, that all four are multiples of.
uint32_t alignment_of(const ProductOperands& of) {
  uintptr_t bits = 256;
  for (const void* each : {data_of(of.a), data_of(of.b), addend_of(of), data_of(of.d)})
    bits |= reinterpret_cast<uintptr_t>(each);
  return static_cast<uint32_t>(bits & (~bits + 1));
}

cublasLtMatrixLayout_t layout(cudaDataType_t type, int64_t rows, int64_t columns, int64_t leading) {
  cublasLtMatrixLayout_t out = nullptr;
  check(cublasLtMatrixLayoutCreate(&out, type, static_cast<uint64_t>(rows),
                                   static_cast<uint64_t>(columns), leading),
        "layout");
  return out;
}

template <class Attribute, class Value>
void set(cublasLtMatmulDesc_t to, Attribute attribute, const Value& value) {
  check(cublasLtMatmulDescSetAttribute(to, attribute, &value, sizeof value), "product");
}
template <class Attribute, class Value>
void prefer(cublasLtMatmulPreference_t to, Attribute attribute, const Value& value) {
  check(cublasLtMatmulPreferenceSetAttribute(to, attribute, &value, sizeof value), "preference");
}

}  // namespace

struct Products::Prepared {
  cublasLtMatmulDesc_t product = nullptr;
  cublasLtMatrixLayout_t a = nullptr, b = nullptr, c = nullptr;  // c: of d too
  cublasLtMatmulHeuristicResult_t best{};

  Prepared(const ProductPlan& p, cudaDataType_t operands, cudaDataType_t result)
      : a(p.transpose_a ? layout(operands, p.k, p.m, p.lda) : layout(operands, p.m, p.k, p.lda)),
        b(p.transpose_b ? layout(operands, p.n, p.k, p.ldb) : layout(operands, p.k, p.n, p.ldb)),
        c(layout(result, p.m, p.n, p.ldc)) {
    check(cublasLtMatmulDescCreate(&product, CUBLAS_COMPUTE_32F, CUDA_R_32F), "product");
    set(product, CUBLASLT_MATMUL_DESC_TRANSA, p.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(product, CUBLASLT_MATMUL_DESC_TRANSB, p.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
  }
  ~Prepared() {
    for (const cublasLtMatrixLayout_t each : {a, b, c})
      if (each != nullptr) cublasLtMatrixLayoutDestroy(each);
    if (product != nullptr) cublasLtMatmulDescDestroy(product);
  }
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;
};

Products::Products(cudaStream_t stream) : stream_(stream) {
  check(cublasLtCreate(&handle_), "start");
  check(cudaMalloc(&workspace_, kWorkspace), "memory for products");
}

Products::~Products() {
  for (const auto& rooms : rooms_)
    for (const Room& each : rooms) cudaFree(each.memory);
  cudaFree(workspace_);
  if (handle_ != nullptr) cublasLtDestroy(handle_);
}

const Products::Prepared& Products::prepared(const ProductPlan& p, const ProductOperands& of) {
  const std::lock_guard lock(mutex_);
  const uint32_t alignment = alignment_of(of);
  const cudaDataType_t operands = type_of(of.a), result = type_of(of.d);
  std::unique_ptr<Prepared>& found =
      prepared_[{p.transpose_a, p.transpose_b, p.m, p.n, p.k, p.lda, p.ldb, p.ldc, p.beta != 0,
                 operands, result, alignment}];
  if (found != nullptr) return *found;
  auto made = std::make_unique<Prepared>(p, operands, result);
  cublasLtMatmulPreference_t preference = nullptr;
  check(cublasLtMatmulPreferenceCreate(&preference), "preference");
  const std::unique_ptr<cublasLtMatmulPreferenceOpaque_t,
                        decltype(&cublasLtMatmulPreferenceDestroy)>
      owned(preference, cublasLtMatmulPreferenceDestroy);
  prefer(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kWorkspace);
  for (const auto operand :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
    prefer(preference, operand, alignment);
  int results = 0;
  check(cublasLtMatmulAlgoGetHeuristic(handle_, made->product, made->a, made->b, made->c, made->c,
                                       preference, 1, &made->best, &results),
        "choosing an algorithm");
  if (results == 0)
    throw std::runtime_error("cuBLASLt knows no algorithm for a product of " + std::to_string(p.m) +
                             " x " + std::to_string(p.n) + " x " + std::to_string(p.k));
  found = std::move(made);
  return *found;
}

void Products::multiply(const ProductPlan& plan, const ProductOperands& of) {
  const Prepared& with = prepared(plan, of);
  const float one = 1.0f;
  const Values d = of.d;
  void* const to = d.bfloats != nullptr ? static_cast<void*>(d.bfloats) : d.floats;
  check(cublasLtMatmul(handle_, with.product, &one, data_of(of.a), with.a, data_of(of.b), with.b,
                       &plan.beta, addend_of(of), with.c, to, with.c, &with.best.algo, workspace_,
                       kWorkspace, stream_),
        "product");
}

uint16_t* Products::room(OperandRoom place, int64_t count) {
  const std::lock_guard lock(mutex_);
  std::vector<Room>& rooms = rooms_[static_cast<int>(place)];
  if (rooms.empty() || rooms.back().count < count) {
    // At least twice as large as the one before: all of them together take no more than two of it.
    const int64_t larger = rooms.empty() ? count : std::max(count, 2 * rooms.back().count);
    void* memory = nullptr;
    check(cudaMalloc(&memory, static_cast<size_t>(larger) * sizeof(uint16_t)),
          "memory for rounded operands");
    rooms.push_back({static_cast<uint16_t*>(memory), larger});
  }
  return rooms.back().memory;
}

}  // namespace slipway::cuda
