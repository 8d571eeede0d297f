// The kernels' sources, compiled for GPUs, and how they are launched.
#include "kernels/cuda/kernels.h"

#include "kernels/cuda/check.h"
#include "kernels/cuda/kernel_set.h"
#include "kernels/cuda/own_device.h"

namespace slipway::cuda {
namespace {

// Above this a kernel must be allowed its shared memory first.
constexpr int kSharedWithoutAsking = 48 << 10;

class StreamLauncher {
 public:
  StreamLauncher(cudaStream_t stream, Products& products, const Card& card)
      : stream_(stream), products_(products), card_(card) {}

  template <class... Parameters, class... Arguments>
  void launch(void (*kernel)(Parameters...), Grid grid, int threads, int shared_bytes,
              Arguments... arguments) {
    use_own_device();
    if (shared_bytes > kSharedWithoutAsking)
      check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                 cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes),
            "shared memory");
    const dim3 blocks(static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y));
    kernel<<<blocks, static_cast<unsigned>(threads), static_cast<size_t>(shared_bytes), stream_>>>(
        arguments...);
    check(cudaGetLastError(), "launch");
  }
  void multiply(const ProductPlan& plan, const ProductOperands& of) {
    use_own_device();
    products_.multiply(plan, of);
  }
  uint16_t* room(OperandRoom place, int64_t count) {
    use_own_device();
    return products_.room(place, count);
  }
  const Card& card() const { return card_; }

 private:
  cudaStream_t stream_;
  Products& products_;
  Card card_;
};

}  // namespace

std::unique_ptr<DeviceKernels> kernels_on(cudaStream_t stream, Products& products,
                                          const Card& card) {
  return std::make_unique<KernelSet<StreamLauncher>>(stream, products, card);
}

}  // namespace slipway::cuda
