// What this machine can do at best, for the benchmark to compare with: multiply-adds, products of
// matrices, reading memory.
//
// usage: slipway_bench_limits [SECONDS [packed]]     (time for each figure; default 1; that alone)
//
// Prints one JSON object. "peak": GFLOP/s of chains of multiply-adds that stay in registers, of
// each arithmetic (null: the processor has no instructions for it), with one and with all threads.
// "square": GFLOP/s of LibTorch's 1024-cubed product in float32. "products": of two models and each
// count of rows, GFLOP/s over the model's products (weights [n, k], each as often as the model has
// it), each shape again and again on weights that lie still: "sgemm" is LibTorch's, "float32" and
// "bfloat16" are Slipway's own. "packed": the same of SmolLM2-135M on weights that are packed once,
// as sampling has them, by storage; in each round all storages take one turn, and the median of the
// rounds counts. "read_gb_s": GB/s of reading memory.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "compute/measure.h"
#include "compute/peak.h"
#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/product.h"

namespace slipway {
namespace {

struct Shape {
  int64_t n, k, count;
};
// Fused query, key and value; attention's output; gate and up; down; the head.
constexpr Shape kSmall[] = {// SmolLM2-135M
                            {960, 576, 30},
                            {576, 576, 30},
                            {1536, 576, 60},
                            {576, 1536, 30},
                            {49152, 576, 1}};
constexpr Shape kWide[] = {// Llama 3.2 1B
                           {3072, 2048, 16},
                           {2048, 2048, 16},
                           {8192, 2048, 32},
                           {2048, 8192, 16},
                           {128256, 2048, 1}};

double g_seconds = 1;

Json peak(Arithmetic of, int threads) {
  const auto one = multiply_add_peak(of, 1, g_seconds / 4),
             all = multiply_add_peak(of, threads, g_seconds / 4);
  if (!one || !all) return nullptr;
  return {{"1", one->rate / 1e9},
          {"all", all->rate / 1e9},
          {"instructions", std::string(all->instructions)}};
}

// Seconds of all products of a model; `one` computes y = x w^T for x [rows, k], w [n, k].
template <class Product>
double model_seconds(std::span<const Shape> model, int64_t rows, const Product& one) {
  double seconds = 0;
  for (const Shape& s : model) {
    const at::Tensor x = at::rand({rows, s.k}), w = at::rand({s.n, s.k});
    at::Tensor y = at::empty({rows, s.n});
    seconds += static_cast<double>(s.count) * quickest(g_seconds / 8, [&] { one(x, w, y); });
  }
  return seconds;
}

void own_product(const at::Tensor& x, const at::Tensor& w, at::Tensor& y) {
  const Weight weight{w.const_data_ptr<float>(), w.size(0)};
  cpu_kernels().forward_product(x.const_data_ptr<float>(), x.size(1), x.size(0), x.size(1),
                                {&weight, 1}, nullptr, y.data_ptr<float>(), y.size(1));
}

Json products(std::span<const Shape> model, int64_t rows) {
  double flop = 0;
  for (const Shape& s : model) flop += 2.0 * static_cast<double>(rows * s.n * s.k * s.count);
  const double sgemm = model_seconds(
                   model, rows,
                   [](const auto& x, const auto& w, auto& y) { at::mm_out(y, x, w.t()); }),
               own = model_seconds(model, rows, own_product);
  Json out = {{"sgemm", flop / sgemm / 1e9}, {"float32", flop / own / 1e9}, {"bfloat16", nullptr}};
  if (multiply_add_peak(Arithmetic::kBfloat16, 1, 0)) {
    cpu_kernels().round_products(Rounding::kBfloat16);
    out["bfloat16"] = flop / model_seconds(model, rows, own_product) / 1e9;
    cpu_kernels().round_products(Rounding::kNone);
  }
  return out;
}

// Seconds of a model's products in turn, each of its layers on a weight of its own: they come from
// memory, as they do in sampling.
class PackedModel {
 public:
  PackedModel(WeightStorage storage, std::span<const Shape> model) {
    for (const Shape& s : model) {
      const at::Tensor w = at::rand({s.n, s.k}) - 0.5;
      for (int64_t i = 0; i < s.count; ++i) {
        memory_.push_back(at::empty({packed_bytes(storage, s.n, s.k) + 64}, at::kByte));
        void* at = memory_.back().data_ptr();
        auto room = static_cast<size_t>(memory_.back().numel());
        std::align(64, 1, at, room);
        weights_.push_back({pack_weight(storage, {w.const_data_ptr<float>(), s.n}, s.k,
                                        static_cast<std::byte*>(at)),
                            s.k});
      }
    }
  }
  double seconds(int64_t rows) const {
    const at::Tensor x = at::rand({rows, kWidest}), y = at::empty({rows, kHead});
    const auto begin = std::chrono::steady_clock::now();
    for (const auto& [weight, k] : weights_)
      forward_product(x.const_data_ptr<float>(), k, rows, k, {&weight, 1}, nullptr,
                      y.data_ptr<float>(), weight.n);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

 private:
  static constexpr int64_t kWidest = 1536, kHead = 49152;
  std::vector<at::Tensor> memory_;
  std::vector<std::pair<PackedWeight, int64_t>> weights_;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

Json packed_products(std::span<const Shape> model) {
  constexpr WeightStorage kStorages[] = {WeightStorage::kFloat32, WeightStorage::kBfloat16,
                                         WeightStorage::kInt8};
  std::vector<PackedModel> models;
  for (const WeightStorage storage : kStorages) models.emplace_back(storage, model);
  double flop = 0;
  for (const Shape& s : model) flop += 2.0 * static_cast<double>(s.n * s.k * s.count);
  Json out;
  for (const int64_t rows : {1, 4, 8, 16, 32, 128}) {
    std::vector<double> seconds[std::size(kStorages)];
    const auto begin = std::chrono::steady_clock::now();
    do {
      for (size_t i = 0; i < models.size(); ++i) seconds[i].push_back(models[i].seconds(rows));
    } while (seconds[0].size() < 4 ||
             std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() <
                 g_seconds);
    for (size_t i = 0; i < models.size(); ++i)
      out[std::to_string(rows)][std::string(name_of(kStorages[i]))] =
          static_cast<double>(rows) * flop / median(seconds[i]) / 1e9;
  }
  return out;
}

Json measure() {
  const c10::InferenceMode inference;
  const int threads = thread_count();
  constexpr size_t kRead = size_t{256} << 20;
  Json out;
  out["threads"] = threads;
  out["peak"] = {{"float32", peak(Arithmetic::kFloat32, threads)},
                 {"bfloat16", peak(Arithmetic::kBfloat16, threads)},
                 {"int8", peak(Arithmetic::kInt8, threads)}};
  {
    const ThreadCountScope one(1);
    out["square"]["1"] = measure_sgemm(1024, 1024, 1024, g_seconds) / 1e9;
    out["read_gb_s"]["1"] = measure_read(kRead, g_seconds) / 1e9;
  }
  out["square"]["all"] = measure_sgemm(1024, 1024, 1024, g_seconds) / 1e9;
  out["read_gb_s"]["all"] = measure_read(kRead, g_seconds) / 1e9;
  for (const int64_t rows : {8, 32, 128, 1024})
    out["products"]["SmolLM2-135M"][std::to_string(rows)] = products(kSmall, rows);
  out["packed"] = packed_products(kSmall);
  for (const int64_t rows : {32, 128, 512})
    out["products"]["2048 / 8192 / 128256"][std::to_string(rows)] = products(kWide, rows);
  return out;
}

}  // namespace
}  // namespace slipway

int main(int argc, char** argv) {
  using namespace slipway;
  if (argc > 1) g_seconds = std::atof(argv[1]);
  const bool packed_alone = argc > 2 && std::string_view(argv[2]) == "packed";
  std::puts((packed_alone ? packed_products(kSmall) : measure()).dump().c_str());
}
