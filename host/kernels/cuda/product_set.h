// Products as launches. In bfloat16 operands that come as float32 are rounded into a room of their
// own first, the weights of one product side by side, so that it is one product; weights, and what
// is as wide as they are, in pieces that fit there. Launcher: kernel_set.h.
#pragma once
#include <algorithm>

#include "kernels/cuda/operand_room.h"
#include "kernels/cuda/product_plan.h"
#include "kernels/cuda/row_set.h"

namespace slipway::cuda {

template <class Launcher>
class ProductSet : public RowSet<Launcher> {
 public:
  using RowSet<Launcher>::RowSet;

  void round_products(Rounding to) override { bfloat16_ = to == Rounding::kBfloat16; }
  bool bfloat16_values() const override { return bfloat16_; }
  void round_values(const float* from, int64_t count, uint16_t* to) override {
    if (count > 0)
      to_.launch(convert_values_kernel, update_grid(pieces(count, 4)), kValueThreads, 0,
                 ConstValues(from), count, Values(to));
  }
  void widen_values(const uint16_t* from, int64_t count, float* to) override {
    if (count > 0)
      to_.launch(convert_values_kernel, update_grid(pieces(count, 4)), kValueThreads, 0,
                 ConstValues(from), count, Values(to));
  }

  void forward_product(ConstValues x, int64_t x_row, int64_t rows, int64_t k,
                       std::span<const Weight> weights, const float* addend, Values out,
                       int64_t y_row) override {
    if (rows == 0) return;
    const auto multiply = [&](ConstValues w, int64_t column, int64_t n, ConstValues from,
                              int64_t from_row) {
      to_.multiply(forward_plan(from_row, rows, n, k, y_row, addend != nullptr),
                   {w, from, addend == nullptr ? nullptr : addend + column, out + column});
    };
    if (!bfloat16_) {
      for_each_weight(weights, [&](const Weight& weight, int64_t column) {
        multiply(weight.w, column, weight.n, x, x_row);
      });
      return;
    }
    const Rounded from = rounded(x, x_row, rows, k, OperandRoom::kRows);
    for_rounded_weights(weights, k, k, [&](const uint16_t* w, int64_t column, int64_t n) {
      multiply(w, column, n, from.values, from.row);
    });
  }
  void rounded_product(ConstValues x, int64_t x_row, int64_t rows, int64_t k, const uint16_t* w,
                       int64_t n, const float* addend, Values out, int64_t y_row) override {
    if (rows == 0) return;
    const Rounded from = rounded(x, x_row, rows, k, OperandRoom::kRows);
    to_.multiply(forward_plan(from.row, rows, n, k, y_row, addend != nullptr),
                 {w, from.values, addend, out});
  }
  void input_gradient(ConstValues out_gradient, int64_t dy_row, int64_t rows,
                      std::span<const Weight> weights, int64_t k, float* dx, int64_t dx_row,
                      bool add) override {
    if (rows == 0) return;
    const auto multiply = [&](ConstValues w, int64_t n, ConstValues dy, int64_t row) {
      to_.multiply(input_gradient_plan(row, rows, n, k, dx_row, add), {w, dy, dx, Values(dx)});
      add = true;
    };
    if (!bfloat16_) {
      for_each_weight(weights, [&](const Weight& weight, int64_t column) {
        multiply(weight.w, weight.n, out_gradient + column, dy_row);
      });
      return;
    }
    const int64_t height = out_gradient.bfloats != nullptr ? k : std::max(k, rows);
    for_rounded_weights(weights, k, height, [&](const uint16_t* w, int64_t column, int64_t n) {
      const Rounded dy = rounded(out_gradient + column, dy_row, rows, n, OperandRoom::kRows);
      multiply(w, n, dy.values, dy.row);
    });
  }
  void weight_gradients(ConstValues out_gradient, int64_t dy_row, ConstValues x, int64_t x_row,
                        int64_t rows, int64_t k,
                        std::span<const WeightGradient> gradients) override {
    if (rows == 0) return;
    Rounded from{x, x_row};
    bool prepared = !bfloat16_;
    ConstValues dy = out_gradient;
    for (const WeightGradient& gradient : gradients) {
      if (gradient.dw != nullptr) {
        if (!prepared) from = rounded(x, x_row, rows, k, OperandRoom::kRows), prepared = true;
        add_weight_gradient(dy, dy_row, from, rows, k, gradient);
      }
      dy = dy + gradient.n;
    }
  }

 protected:
  using RowSet<Launcher>::to_;
  using RowSet<Launcher>::update_grid;
  using RowSet<Launcher>::bfloat16_;

 private:
  // Values as a product takes them, and the distance of their rows.
  struct Rounded {
    ConstValues values;
    int64_t row;
  };

  // Columns of a matrix of `height` rows that are rounded at once, a multiple of 64 of them.
  int64_t fitting(int64_t height) const {
    return std::max<int64_t>(64, to_.card().room_values / height / 64 * 64);
  }
  template <class Each>
  static void for_each_weight(std::span<const Weight> weights, const Each& each) {
    int64_t column = 0;
    for (const Weight& weight : weights) {
      each(weight, column);
      column += weight.n;
    }
  }
  // work(w, first column, columns) over pieces of all weights' rows, as many at once as fit beside
  // matrices of `height` rows.
  template <class Work>
  void for_rounded_weights(std::span<const Weight> weights, int64_t k, int64_t height,
                           const Work& work) {
    int64_t all = 0, column = 0, filled = 0;
    for (const Weight& weight : weights) all += weight.n;
    const int64_t most = std::min(fitting(height), all);
    for (const Weight& weight : weights)
      for (int64_t first = 0; first < weight.n;) {
        const int64_t count = std::min(weight.n - first, most - filled);
        uint16_t* const room = to_.room(OperandRoom::kWeights, most * k);
        round_values(weight.w + first * k, count * k, room + filled * k);
        first += count, filled += count;
        if (filled == most || column + filled == all) {
          work(room, column, filled);
          column += filled, filled = 0;
        }
      }
  }
  Rounded rounded(ConstValues from, int64_t row, int64_t rows, int64_t width, OperandRoom place) {
    if (from.bfloats != nullptr) return {from, row};
    uint16_t* const room = to_.room(place, rows * width);
    if (row == width) round_values(from.floats, rows * width, room);
    else
      to_.launch(round_rows_kernel, {rows, pieces(width, 4 * kValueThreads)}, kValueThreads, 0,
                 from.floats, row, width, room);
    return {room, width};
  }
  void add_weight_gradient(ConstValues dy, int64_t dy_row, const Rounded& x, int64_t rows,
                           int64_t k, const WeightGradient& to) {
    const int64_t most = bfloat16_ && dy.bfloats == nullptr ? std::min(fitting(rows), to.n) : to.n;
    for (int64_t first = 0; first < to.n; first += most) {
      const int64_t n = std::min(most, to.n - first);
      Rounded part{dy + first, dy_row};
      if (bfloat16_) part = rounded(part.values, dy_row, rows, n, OperandRoom::kGradients);
      float* const dw = to.dw + first * k;
      to_.multiply(weight_gradient_plan(part.row, x.row, rows, n, k),
                   {x.values, part.values, dw, Values(dw)});
    }
  }
};

}  // namespace slipway::cuda
