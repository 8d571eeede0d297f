// Products through a narrow middle.
#include "operators/adapters.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "base/trace.h"
#include "compute/parallel.h"
#include "operators/call_memory.h"
#include "operators/kernels_of.h"
#include "operators/linear.h"
#include "operators/operands.h"

namespace slipway {
namespace {

// What dropout makes of x [rows, k]: value (row, column) goes by draw column % 4 of Philox at
// (column / 4, row, site) under the seed.
struct Drop {
  double share;
  uint32_t site;
  uint64_t seed;

  // to[i] = 0, or factor / (1 - share): with x in the place of 1 what the adapter sees.
  void weigh(int64_t row, int64_t k, float* to) const {
    const auto keep = static_cast<float>(1.0 / (1.0 - share));
    const std::array<uint32_t, 2> key{static_cast<uint32_t>(seed),
                                      static_cast<uint32_t>(seed >> 32)};
    const double least = share * 0x1p32;
    for (int64_t c = 0; c < k; c += 4) {
      const auto drawn =
          philox({static_cast<uint32_t>(c / 4), static_cast<uint32_t>(row), site, 0}, key);
      for (int64_t i = c; i < std::min(k, c + 4); ++i)
        to[i] = static_cast<double>(drawn[static_cast<size_t>(i - c)]) < least ? 0.0f : keep;
    }
  }
};

void drop_rows(const Drop& drop, const float* x, int64_t rows, int64_t k, float* to) {
  parallel_ranges(rows, rows_per_task(4 * k), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* const here = to + row * k;
      drop.weigh(row, k, here);
      for (int64_t i = 0; i < k; ++i) here[i] *= x[row * k + i];
    }
  });
}

// dx += d times what the forward pass had weighed x with.
void add_dropped(const Drop& drop, const float* d, int64_t rows, int64_t k, float* dx) {
  parallel_ranges(rows, rows_per_task(4 * k), [&](int64_t begin, int64_t end) {
    std::vector<float> weights(static_cast<size_t>(k));
    for (int64_t row = begin; row < end; ++row) {
      drop.weigh(row, k, weights.data());
      for (int64_t i = 0; i < k; ++i)
        dx[row * k + i] += d[row * k + i] * weights[static_cast<size_t>(i)];
    }
  });
}

std::optional<Drop> drop_of(const Adapter& adapter, bool drops, uint64_t seed) {
  if (!drops || adapter.dropout <= 0) return std::nullopt;
  return Drop{adapter.dropout, adapter.site, seed};
}

// x as an adapter takes it: as it is, or with dropout in `dropped` [rows, k].
ConstValues taken(Kernels& kernels, const std::optional<Drop>& drop, ConstValues x, int64_t rows,
                  int64_t k, float* widened, float* dropped) {
  if (!drop) return x;
  if (x.bfloats != nullptr) kernels.widen_values(x.bfloats, rows * k, widened);
  drop_rows(*drop, x.bfloats != nullptr ? widened : x.floats, rows, k, dropped);
  return dropped;
}

}  // namespace

void Adapters::add(const at::Tensor& w, Adapter adapter) {
  const at::Tensor &a = adapter.a_RK, &b = adapter.b_NR;
  const bool fit = floats_together({&w, &a, &b}) && w.dim() == 2 && a.dim() == 2 && b.dim() == 2 &&
                   a.size(1) == w.size(1) && b.size(0) == w.size(0) && a.size(0) == b.size(1) &&
                   a.is_contiguous() && b.is_contiguous();
  require_operands(fit, "an adapter", "weight [n, k], A [r, k] and B [n, r], float32",
                   {&w, &a, &b});
  if (adapter.dropout > 0 && on_device(w))
    fail("lora.dropout = {}: there is no dropout of adapters on {} yet; set it to 0.0",
         adapter.dropout, accelerator()->name());
  by_weight_[w.const_data_ptr()] = {std::move(adapter)};
}

const Adapter* Adapters::of(const at::Tensor& w) const {
  const auto found = by_weight_.find(w.const_data_ptr());
  if (found == by_weight_.end()) return nullptr;
  found->second.used = true;
  return &found->second.adapter;
}

std::vector<const void*> Adapters::unused() const {
  std::vector<const void*> out;
  for (const auto& [weight, entry] : by_weight_)
    if (!entry.used) out.push_back(weight);
  return out;
}

at::Tensor Adapters::update_of(const Adapter& adapter) {
  const at::NoGradGuard no_grad;
  const at::Tensor b = adapter.b_NR.detach().clone(), a_KR = adapter.a_RK.detach().t().contiguous();
  const int64_t n = b.size(0), r = b.size(1), k = a_KR.size(0);
  Kernels& kernels = kernels_of(b);
  kernels.scale(b.data_ptr<float>(), b.numel(), static_cast<float>(adapter.scale));
  at::Tensor out = at::empty({n, k}, b.options());
  const Weight weight = weight_of(a_KR, r);
  kernels.forward_product(b.const_data_ptr<float>(), r, n, r, {&weight, 1}, nullptr,
                          out.data_ptr<float>(), k);
  return out;
}

thread_local AdaptersScope::State AdaptersScope::state;

AdaptersScope::AdaptersScope(const Adapters* adapters, bool drops, uint64_t seed)
    : outer_(std::exchange(state, State{adapters, drops, seed})) {}
AdaptersScope::~AdaptersScope() { state = outer_; }
const Adapters* AdaptersScope::current() { return state.adapters; }

ProductAdapters::ProductAdapters(const ProductWeights& weights)
    : drops_(AdaptersScope::state.drops), seed_(AdaptersScope::state.seed) {
  const Adapters* adapters = AdaptersScope::current();
  if (adapters == nullptr) return;
  int64_t column = 0;
  for (const at::Tensor* w : weights) {
    if (const Adapter* adapter = adapters->of(*w); adapter != nullptr)
      parts_.push_back({*adapter, column});
    column += w->size(0);
  }
}

bool ProductAdapters::recorded() const {
  return at::GradMode::is_enabled() && std::ranges::any_of(parts_, [](const Part& part) {
           return part.adapter.a_RK.requires_grad() || part.adapter.b_NR.requires_grad();
         });
}

void ProductAdapters::add_to(ConstValues x, int64_t rows, int64_t k, float* y,
                             int64_t y_row) const {
  for (const auto& [adapter, column] : parts_) {
    const TraceScope trace("operator", "adapter", "tokens", rows);
    const int64_t r = adapter.a_RK.size(0);
    const std::optional<Drop> drop = drop_of(adapter, drops_, seed_);
    const int64_t dropped = drop ? rows * k : 0;
    static thread_local Scratch scratch;
    const CallMemory<3> memory(scratch, adapter.a_RK, {rows * r, dropped, dropped});
    const auto [u, widened, x_dropped] = memory.parts;
    Kernels& kernels = kernels_of(adapter.a_RK);
    const Weight a = weight_of(adapter.a_RK, k), b = weight_of(adapter.b_NR, r);
    kernels.forward_product(taken(kernels, drop, x, rows, k, widened, x_dropped), k, rows, k,
                            {&a, 1}, nullptr, u, r);
    kernels.scale(u, rows * r, static_cast<float>(adapter.scale));
    kernels.forward_product(u, r, rows, r, {&b, 1}, y + column, y + column, y_row);
  }
}

void ProductAdapters::add_gradients(ConstValues dy_all, int64_t dy_row, ConstValues x, int64_t rows,
                                    int64_t k, float* dx) const {
  for (const auto& [adapter, column] : parts_) {
    const TraceScope trace("operator", "adapter backward", "tokens", rows);
    const int64_t r = adapter.a_RK.size(0), n = adapter.b_NR.size(0);
    const std::optional<Drop> drop = drop_of(adapter, drops_, seed_);
    const int64_t dropped = drop ? rows * k : 0;
    static thread_local Scratch scratch;
    const CallMemory<5> memory(scratch, adapter.a_RK,
                               {rows * r, rows * r, dropped, dropped, dropped});
    const auto [u, du, widened, x_dropped, dx_dropped] = memory.parts;
    Kernels& kernels = kernels_of(adapter.a_RK);
    const ConstValues dy = dy_all + column,
                      in = taken(kernels, drop, x, rows, k, widened, x_dropped);
    const Weight a = weight_of(adapter.a_RK, k), b = weight_of(adapter.b_NR, r);
    const GradientTarget da(adapter.a_RK, adapter.a_RK.requires_grad()),
        db(adapter.b_NR, adapter.b_NR.requires_grad());
    const WeightGradient to_a{da.data(), r}, to_b{db.data(), n};
    const auto scale = static_cast<float>(adapter.scale);
    // computed again: r of n columns cost little, and keeping them costs memory through all blocks
    kernels.forward_product(in, k, rows, k, {&a, 1}, nullptr, u, r);
    kernels.scale(u, rows * r, scale);
    kernels.weight_gradients(dy, dy_row, u, r, rows, r, {&to_b, 1});
    kernels.input_gradient(dy, dy_row, rows, {&b, 1}, r, du, r, false);
    kernels.scale(du, rows * r, scale);
    kernels.weight_gradients(du, r, in, k, rows, k, {&to_a, 1});
    if (dx == nullptr) continue;
    kernels.input_gradient(du, r, rows, {&a, 1}, k, drop ? dx_dropped : dx, k, !drop);
    if (drop) add_dropped(*drop, dx_dropped, rows, k, dx);
  }
}

}  // namespace slipway
