// The kernels' sources, compiled for the emulator.
#include "tests/unit/kernels/cuda/emulator.h"

#include <deque>

#include "compute/bfloat16.h"
#include "kernels/cuda/kernel_set.h"
#include "tests/unit/kernels/cuda/emulated_kernels.h"

namespace slipway::cuda {
namespace {

std::vector<std::function<void()>>* recording = nullptr;

double operand(ConstValues values, int64_t at) {
  return static_cast<double>(values.bfloats != nullptr ? from_bfloat16(values.bfloats[at])
                                                       : values.floats[at]);
}

// d [m, n] = a b + beta c by columns, in float64 within an element.
void multiply_columns(const ProductPlan& p, const ProductOperands& of) {
  if ((of.a.bfloats == nullptr) != (of.b.bfloats == nullptr))
    throw std::runtime_error("emulator: a product of two types of values, which cuBLASLt refuses");
  if (p.beta != 0 && of.d.bfloats != nullptr)
    throw std::runtime_error("emulator: c of float32 beside d of bfloat16");
  for (int64_t j = 0; j < p.n; ++j)
    for (int64_t i = 0; i < p.m; ++i) {
      double sum = 0;
      for (int64_t l = 0; l < p.k; ++l)
        sum += operand(of.a, p.transpose_a ? l + i * p.lda : i + l * p.lda) *
               operand(of.b, p.transpose_b ? j + l * p.ldb : l + j * p.ldb);
      const int64_t at = i + j * p.ldc;
      if (p.beta != 0) sum += static_cast<double>(p.beta) * static_cast<double>(of.c[at]);
      if (of.d.bfloats != nullptr) of.d.bfloats[at] = to_bfloat16(static_cast<float>(sum));
      else of.d.floats[at] = static_cast<float>(sum);
    }
}

class EmulatorLauncher {
 public:
  EmulatorLauncher(ThreadOrder order, std::function<void(bool)> open, const Card& card)
      : order_(order == ThreadOrder::kAscending ? emulator::Order::kAscending
                                                : emulator::Order::kDescending),
        open_(std::move(open)),
        card_(card) {}

  // Arguments are taken by value, as a launch does.
  template <class... Parameters, class... Arguments>
  void launch(void (*kernel)(Parameters...), Grid grid, int threads, int shared_bytes,
              Arguments... arguments) {
    if (shared_bytes > card_.shared_bytes)
      throw std::runtime_error("emulator: a launch with " + std::to_string(shared_bytes) +
                               " bytes of shared memory, the card has " +
                               std::to_string(card_.shared_bytes));
    emulated_launches().most_blocks = std::max(emulated_launches().most_blocks, grid.x * grid.y);
    submit([=, this] {
      emulator::run({static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y), 1}, threads,
                    shared_bytes, order_, [&] { kernel(arguments...); });
      emulated_launches().most_additions = emulator::most_additions_at_one_place();
    });
  }
  void multiply(const ProductPlan& plan, const ProductOperands& of) {
    submit([=] { multiply_columns(plan, of); });
  }
  uint16_t* room(OperandRoom place, int64_t count) {
    auto& rooms = rooms_[static_cast<int>(place)];
    if (rooms.empty() || static_cast<int64_t>(rooms.back().size()) < count)
      rooms.emplace_back(static_cast<size_t>(count));
    return rooms.back().data();
  }
  const Card& card() const { return card_; }

 private:
  template <class Work>
  void submit(Work work) {
    const auto whole = [this, work] {
      ++emulated_launches().launches;
      if (open_) open_(true);
      work();
      if (open_) open_(false);
    };
    if (recording != nullptr) return recording->push_back(whole);
    whole();
  }

  emulator::Order order_;
  std::function<void(bool)> open_;
  const Card& card_;
  std::deque<std::vector<uint16_t>> rooms_[kOperandRooms];
};

}  // namespace

LaunchRecording::LaunchRecording() { recording = &launches_; }
LaunchRecording::~LaunchRecording() { recording = nullptr; }
std::vector<std::function<void()>> LaunchRecording::take() { return std::move(launches_); }

std::unique_ptr<DeviceKernels> emulated_kernels(ThreadOrder order, std::function<void(bool)> open,
                                                const Card& card) {
  return std::make_unique<KernelSet<EmulatorLauncher>>(order, std::move(open), card);
}
LaunchCount& emulated_launches() {
  static LaunchCount count;
  return count;
}

}  // namespace slipway::cuda
