// Adafactor (Shazeer and Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost",
// 2018) as the Hugging Face Trainer sets it: no relative step, no scaling by the parameter, no
// first moment. Of a matrix it keeps the means of each row and column alone.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "compute/parallel.h"
#include "kernels/cpu/update_kernels.h"
#include "operators/accelerator/device_tensors.h"
#include "optim/optimizers.h"

namespace slipway {
namespace {

constexpr double kEpsilon = 1e-30, kClip = 1.0, kDecayRate = -0.8;
constexpr int64_t kRowsGrain = 65536;  // values of a piece of rows

// A parameter as matrices: [matrices, rows, width]; a vector is one with a single row, and is not
// factored.
struct Shape {
  int64_t matrices, rows, width;
  bool factored;
  explicit Shape(const FlatParameters::Place& place)
      : width(place.shape.empty() ? 1 : place.shape.back()), factored(place.shape.size() >= 2) {
    rows = factored ? place.shape[place.shape.size() - 2] : 1;
    matrices = factored ? place.count / std::max<int64_t>(1, rows * width) : 1;
  }
};

class Adafactor : public Optimizer {
 public:
  Adafactor(FlatParameters& parameters, const OptimizerSettings& settings)
      : Optimizer(parameters, settings, "adafactor"), weight_decay_(settings.weight_decay) {
    require_whole();
    if (accelerator() != nullptr)
      fail(
          "adafactor's means of rows and columns have no kernels on {}; use adamw_torch, "
          "lion_32bit, sgd, adagrad or rmsprop, or train.device = \"cpu\"",
          accelerator()->name());
    slots_ = {{"exp_avg_sq_row", {}, {}}, {"exp_avg_sq_col", {}, {}}, {"exp_avg_sq", {}, {}}};
    for (const FlatParameters::Group* group : groups_) {
      first_.push_back(slots_[0].views.size());
      for (size_t slot = 0; slot < 3; ++slot) add_buffer(*group, slot);
    }
  }

  TorchLayout torch_layout() const override {
    return {weight_decay_,
            TorchValue::dict({{"eps", TorchValue::tuple({kEpsilon, 1e-3})},
                              {"clip_threshold", kClip},
                              {"decay_rate", kDecayRate},
                              {"beta1", {}},
                              {"scale_parameter", false},
                              {"relative_step", false},
                              {"warmup_init", false}}),
            TorchLayout::Step::kInteger, /*rms=*/true};
  }

 protected:
  void update(FlatParameters::Group& group, size_t index, const Update& update) override {
    const double kept = 1.0 - std::pow(static_cast<double>(update.step), kDecayRate);
    const double keep = group.decay ? 1 - update.learning_rate * weight_decay_ : 1.0;
    const float* g = group.grads.const_data_ptr<float>();
    float* w = group.weights.data_ptr<float>();
    for (size_t p = 0; p < group.places.size(); ++p) {
      const FlatParameters::Place& place = group.places[p];
      const size_t view = first_[index] + p;
      if (place.shape.size() >= 2)
        matrices(Shape(place), g + place.offset, update, kept, keep, view, w + place.offset);
      else
        vector(place.count, g + place.offset, update, kept, keep,
               slots_[2].views[view].data_ptr<float>(), w + place.offset);
    }
  }

 private:
  void add_buffer(const FlatParameters::Group& group, size_t slot) {
    std::vector<std::vector<int64_t>> shapes;
    int64_t total = 0;
    for (const FlatParameters::Place& place : group.places) {
      std::vector<int64_t> shape = place.shape;
      const bool factored = shape.size() >= 2, wanted = factored == (slot < 2);
      if (factored) shape.erase(slot == 0 ? shape.end() - 1 : shape.end() - 2);
      shapes.push_back(wanted ? shape : std::vector<int64_t>{-1});
      if (wanted)
        total += std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
    }
    slots_[slot].buffers.push_back(at::zeros({total}, at::kFloat));
    int64_t at = 0;
    for (const std::vector<int64_t>& shape : shapes) {
      if (shape == std::vector<int64_t>{-1}) {
        slots_[slot].views.emplace_back();
        continue;
      }
      const int64_t count =
          std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
      slots_[slot].views.push_back(slots_[slot].buffers.back().narrow(0, at, count).view(shape));
      at += count;
    }
  }

  // What the change is divided by, so that its root mean square is at most kClip.
  static double clip(double squares, int64_t count) {
    return std::max(1.0, std::sqrt(squares / static_cast<double>(count)) / kClip);
  }

  static void vector(int64_t count, const float* g, const Update& update, double kept, double keep,
                     float* square, float* w) {
    const auto scale = static_cast<float>(update.grad_scale), kept_f = static_cast<float>(kept),
               rest = static_cast<float>(1 - kept), epsilon = static_cast<float>(kEpsilon);
    double squares = 0;
    std::vector<float> change(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) {
      const float grad = scale * g[i];
      square[i] = kept_f * square[i] + rest * (grad * grad + epsilon);
      const float each = change[static_cast<size_t>(i)] = grad / std::sqrt(square[i]);
      squares += static_cast<double>(each) * static_cast<double>(each);
    }
    const auto rate = static_cast<float>(update.learning_rate / clip(squares, count)),
               keep_f = static_cast<float>(keep);
    for (int64_t i = 0; i < count; ++i)
      w[i] = keep_f * w[i] - rate * change[static_cast<size_t>(i)];
  }

  // The change of all matrices of a parameter is clipped as one.
  void matrices(const Shape& shape, const float* g, const Update& update, double kept, double keep,
                size_t view, float* w) {
    float *row = slots_[0].views[view].data_ptr<float>(),
          *column = slots_[1].views[view].data_ptr<float>();
    std::vector<float> row_factor(static_cast<size_t>(shape.matrices * shape.rows)),
        column_factor(static_cast<size_t>(shape.matrices * shape.width));
    const auto scale = static_cast<float>(update.grad_scale);
    const int64_t grain = std::max<int64_t>(1, kRowsGrain / std::max<int64_t>(1, shape.width)),
                  pieces = (shape.rows + grain - 1) / grain;
    std::vector<double> parts(static_cast<size_t>(pieces));
    double squares = 0;
    for (int64_t m = 0; m < shape.matrices; ++m) {
      const float* gm = g + m * shape.rows * shape.width;
      float *rm = row_factor.data() + m * shape.rows, *cm = column_factor.data() + m * shape.width;
      averages(shape, gm, scale, kept, grain, row + m * shape.rows, column + m * shape.width, rm,
               cm);
      parallel_ranges(shape.rows, grain, [&](int64_t begin, int64_t end) {
        parts[static_cast<size_t>(begin / grain)] = kernels::adafactor_squares(
            gm + begin * shape.width, end - begin, shape.width, scale, rm + begin, cm);
      });
      for (const double part : parts) squares += part;
    }
    const auto rate = static_cast<float>(update.learning_rate /
                                         clip(squares, shape.matrices * shape.rows * shape.width));
    for (int64_t m = 0; m < shape.matrices; ++m)
      parallel_ranges(shape.rows, grain, [&](int64_t begin, int64_t end) {
        const int64_t at = (m * shape.rows + begin) * shape.width;
        kernels::adafactor_apply(
            g + at, end - begin, shape.width, scale, row_factor.data() + m * shape.rows + begin,
            column_factor.data() + m * shape.width, static_cast<float>(keep), rate, w + at);
      });
  }

  // One matrix: its running means, and the factors 1 / sqrt(row / mean row) and 1 / sqrt(column)
  // that follow.
  static void averages(const Shape& shape, const float* g, float scale, double kept, int64_t grain,
                       float* row, float* column, float* row_factor, float* column_factor) {
    const int64_t pieces = (shape.rows + grain - 1) / grain;
    std::vector<float> row_sum(static_cast<size_t>(shape.rows)),
        column_sums(static_cast<size_t>(pieces * shape.width), 0.0f);
    parallel_ranges(shape.rows, grain, [&](int64_t begin, int64_t end) {
      kernels::adafactor_sums(g + begin * shape.width, end - begin, shape.width, scale,
                              static_cast<float>(kEpsilon), row_sum.data() + begin,
                              column_sums.data() + begin / grain * shape.width);
    });
    double mean = 0;
    for (int64_t r = 0; r < shape.rows; ++r) {
      row[r] =
          static_cast<float>(kept * static_cast<double>(row[r]) +
                             (1 - kept) * static_cast<double>(row_sum[static_cast<size_t>(r)]) /
                                 static_cast<double>(shape.width));
      mean += static_cast<double>(row[r]) / static_cast<double>(shape.rows);
    }
    parallel_ranges(shape.rows, kValuesPerChunk, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        row_factor[r] = static_cast<float>(1 / std::sqrt(static_cast<double>(row[r]) / mean));
    });
    parallel_ranges(shape.width, kValuesPerChunk / pieces, [&](int64_t begin, int64_t end) {
      std::vector<double> sums(static_cast<size_t>(end - begin));
      for (int64_t piece = 0; piece < pieces; ++piece)
        for (int64_t c = begin; c < end; ++c)
          sums[static_cast<size_t>(c - begin)] +=
              static_cast<double>(column_sums[static_cast<size_t>(piece * shape.width + c)]);
      for (int64_t c = begin; c < end; ++c) {
        column[c] = static_cast<float>(kept * static_cast<double>(column[c]) +
                                       (1 - kept) * sums[static_cast<size_t>(c - begin)] /
                                           static_cast<double>(shape.rows));
        column_factor[c] = static_cast<float>(1 / std::sqrt(static_cast<double>(column[c])));
      }
    });
  }

  const double weight_decay_;
  std::vector<size_t> first_;  // of each group: the number of its first parameter among the views
};

}  // namespace

std::unique_ptr<Optimizer> make_adafactor(FlatParameters& parameters,
                                          const OptimizerSettings& settings) {
  return std::make_unique<Adafactor>(parameters, settings);
}

}  // namespace slipway
