// Descriptors and algorithms of products.
#include "kernels/cuda/products.h"

#include "kernels/cuda/check.h"

namespace slipway::cuda {
namespace {

// What cuBLAS itself takes on a Hopper.
constexpr size_t kWorkspace = size_t{32} << 20;

// The largest power of two, up to 256, that all four are multiples of.
uint32_t alignment_of(const void* a, const void* b, const void* c, const void* d) {
  const uintptr_t bits = reinterpret_cast<uintptr_t>(a) | reinterpret_cast<uintptr_t>(b) |
                         reinterpret_cast<uintptr_t>(c) | reinterpret_cast<uintptr_t>(d) | 256;
  return static_cast<uint32_t>(bits & (~bits + 1));
}

cublasLtMatrixLayout_t layout(int64_t rows, int64_t columns, int64_t leading) {
  cublasLtMatrixLayout_t out = nullptr;
  check(cublasLtMatrixLayoutCreate(&out, CUDA_R_32F, static_cast<uint64_t>(rows),
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

  explicit Prepared(const ProductPlan& p)
      : a(p.transpose_a ? layout(p.k, p.m, p.lda) : layout(p.m, p.k, p.lda)),
        b(p.transpose_b ? layout(p.n, p.k, p.ldb) : layout(p.k, p.n, p.ldb)),
        c(layout(p.m, p.n, p.ldc)) {
    check(cublasLtMatmulDescCreate(
              &product, p.bfloat16 ? CUBLAS_COMPUTE_32F_FAST_16BF : CUBLAS_COMPUTE_32F, CUDA_R_32F),
          "product");
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
  cudaFree(workspace_);
  if (handle_ != nullptr) cublasLtDestroy(handle_);
}

const Products::Prepared& Products::prepared(const ProductPlan& p, uint32_t alignment) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Prepared>& found = prepared_[{p.transpose_a, p.transpose_b, p.m, p.n, p.k, p.lda,
                                                p.ldb, p.ldc, p.beta != 0, p.bfloat16, alignment}];
  if (found != nullptr) return *found;
  auto made = std::make_unique<Prepared>(p);
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

void Products::multiply(const ProductPlan& plan, const float* a, const float* b, const float* c,
                        float* d) {
  const Prepared& with = prepared(plan, alignment_of(a, b, c, d));
  const float one = 1.0f;
  check(cublasLtMatmul(handle_, with.product, &one, a, with.a, b, with.b, &plan.beta, c, with.c, d,
                       with.c, &with.best.algo, workspace_, kWorkspace, stream_),
        "product");
}

}  // namespace slipway::cuda
