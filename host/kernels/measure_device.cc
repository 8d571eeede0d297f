// Measuring an accelerator.
#include "kernels/measure_device.h"

#include <algorithm>
#include <functional>
#include <new>
#include <vector>

#include "compute/measure.h"

namespace slipway {
namespace {

class DeviceFloats {
 public:
  DeviceFloats(Accelerator& on, size_t count)
      : on_(on), memory_(on.allocate(count * sizeof(float))) {}
  ~DeviceFloats() { on_.release(memory_); }
  DeviceFloats(const DeviceFloats&) = delete;
  DeviceFloats& operator=(const DeviceFloats&) = delete;
  float* get() const { return static_cast<float*>(memory_); }

  // Numbers of many sizes: products of zeros need less power than a model's, and are faster.
  void fill(size_t count) {
    std::vector<float> numbers(std::min(count, size_t{1} << 18));
    uint32_t draw = 1;
    for (float& x : numbers) {
      draw = draw * 1664525 + 1013904223;
      x = static_cast<float>(static_cast<int32_t>(draw)) * 0x1p-31f;
    }
    for (size_t at = 0; at < count; at += numbers.size())
      on_.copy_in(get() + at, numbers.data(), std::min(numbers.size(), count - at) * sizeof(float));
  }
  // Returns when all work before is done.
  void wait() const {
    float one;
    on_.copy_out(&one, memory_, sizeof one);
  }

 private:
  Accelerator& on_;
  void* memory_;
};

class RoundedProducts {
 public:
  RoundedProducts(Accelerator& on, bool rounded) : kernels_(rounded ? &on.kernels() : nullptr) {
    if (kernels_ != nullptr) kernels_->round_products(Rounding::kBfloat16);
  }
  ~RoundedProducts() {
    if (kernels_ != nullptr) kernels_->round_products(Rounding::kNone);
  }
  RoundedProducts(const RoundedProducts&) = delete;
  RoundedProducts& operator=(const RoundedProducts&) = delete;

 private:
  DeviceKernels* kernels_;
};

double product_seconds(Accelerator& on, int64_t side, double seconds) {
  const auto count = static_cast<size_t>(side * side);
  DeviceFloats x(on, count), w(on, count), y(on, count);
  x.fill(count), w.fill(count);
  const Weight weight{w.get(), side};
  constexpr int kTogether = 4;  // the wait for the last is small against them
  return quickest(seconds / 4,
                  [&] {
                    for (int i = 0; i < kTogether; ++i)
                      on.kernels().forward_product(x.get(), side, side, side, {&weight, 1}, nullptr,
                                                   y.get(), side);
                    y.wait();
                  }) /
         kTogether;
}

}  // namespace

double device_product_rate(Accelerator& on, bool bf16, double seconds) {
  const RoundedProducts scope(on, bf16);
  double best = 0;
  for (int64_t side = 128; side <= 8192; side *= 2) {
    double took = 0;
    try {
      took = product_seconds(on, side, seconds);
    } catch (const std::bad_alloc&) {
      if (best > 0) break;
      throw;
    }
    best = std::max(best, 2.0 * static_cast<double>(side * side * side) / took);
    if (8 * took > seconds) break;  // the next would take longer than is given
  }
  return best;
}

CopyRates device_copy_rates(Accelerator& on, size_t bytes, double seconds) {
  const size_t count = bytes / sizeof(float);
  const DeviceFloats from(on, count), to(on, count);
  std::vector<float> host(count, 1.0f);
  const auto rate = [&](const std::function<void()>& copy) {
    return static_cast<double>(count * sizeof(float)) / quickest(seconds, [&] {
             copy();
             to.wait();
           });
  };
  CopyRates out{};
  out.in = rate([&] { on.copy_in(from.get(), host.data(), count * sizeof(float)); });
  out.within = 2 * rate([&] { on.copy(to.get(), from.get(), count * sizeof(float)); });
  out.out = rate([&] { on.copy_out(host.data(), to.get(), count * sizeof(float)); });
  return out;
}

Json describe_device(Accelerator& on, double seconds) {
  Json out;
  out["name"] = on.name();
  out["capability"] = on.capability();
  out["memory"] = {{"total_gib", static_cast<double>(on.total_memory()) / 0x1p30},
                   {"free_gib", static_cast<double>(on.free_memory()) / 0x1p30}};
  out["product_tflops"] = {{"float32", device_product_rate(on, false, seconds) / 1e12},
                           {"bf16", device_product_rate(on, true, seconds) / 1e12}};
  const CopyRates copies = device_copy_rates(on, size_t{64} << 20, seconds);
  out["copy_gb_per_s"] = {
      {"within", copies.within / 1e9}, {"in", copies.in / 1e9}, {"out", copies.out / 1e9}};
  return out;
}

}  // namespace slipway
