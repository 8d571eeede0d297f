// Giving exchanges to the lane.
#include "dist/device_exchanges.h"

#include <stdexcept>

#include "dist/rank_lost.h"
#include "dist/settled.h"
#include "operators/accelerator/device_tensors.h"

namespace slipway {
namespace {

// How long the end waits for what nobody waited for, and for the other ranks to end.
constexpr double kEndSeconds = 2;

WireType wire_type(const at::Tensor& x, const char* what) {
  switch (x.scalar_type()) {
    case at::kFloat:
      return WireType::kFloat32;
    case at::kDouble:
      return WireType::kFloat64;
    case at::kBFloat16:
      return WireType::kBfloat16;
    case at::kLong:
      return WireType::kInt64;
    default:
      throw std::logic_error(fmt::format("{}: devices do not exchange this type", what));
  }
}

size_t count_of(const at::Tensor& x) { return static_cast<size_t>(x.numel()); }

}  // namespace

class DeviceExchanges::OnDevice : public Exchange {
 public:
  OnDevice(DeviceWatch& watch, std::shared_ptr<WorkLane::Mark> mark,
           const std::vector<at::Tensor>& tensors)
      : watch_(watch), mark_(std::move(mark)), tensors_(tensors) {}
  // The memory is the exchange's until then, and may be given to others after.
  ~OnDevice() override {
    if (mark_ == nullptr) return;
    try {
      mark_->hold_back_kernels();
    } catch (const std::exception&) {
      // The device is gone: whoever asks it for something is told.
    }
  }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

  void wait() override {
    watch_.check();
    if (mark_ == nullptr) return;
    mark_->hold_back_kernels();
    mark_ = nullptr;
    tensors_.clear();
  }

 private:
  DeviceWatch& watch_;
  std::shared_ptr<WorkLane::Mark> mark_;
  std::vector<at::Tensor> tensors_;
};

DeviceExchanges::DeviceExchanges(std::unique_ptr<WorkLane> lane, std::unique_ptr<DeviceWire> wire,
                                 const std::shared_ptr<Heartbeat>& heartbeat,
                                 const WaitedExchange& exchange, double limit_seconds)
    : heartbeat_(heartbeat),
      exchange_(exchange),
      limit_seconds_(limit_seconds),
      lane_(std::move(lane)),
      wire_(std::move(wire)),
      watch_(*wire_, heartbeat, exchange, limit_seconds),
      copies_([this] { watch_.check(); }) {}

DeviceExchanges::~DeviceExchanges() {
  try {
    if (!watch_.wait_until_idle(kEndSeconds) || heartbeat_->is_lost()) return;
    wire_->finish();
    (void)settled(*wire_, kEndSeconds, [&] { return !heartbeat_->is_lost(); });
  } catch (const std::exception&) {
    // The wire breaks off what is left.
  }
}

template <class Call>
std::unique_ptr<Exchange> DeviceExchanges::begin(const char* what,
                                                 const std::vector<at::Tensor>& tensors,
                                                 const Call& call) {
  for (const at::Tensor& x : tensors)
    if (!on_device(x))
      throw std::logic_error(fmt::format("{}: one lies on a device, another does not", what));
  watch_.check();
  heartbeat_->check();
  exchange_.what = what;
  heartbeat_->begun(exchange_.group, ++exchange_.number);
  lane_->follow_kernels();
  try {
    call(lane_->handle());
    settle();
  } catch (const RankLost&) {
    watch_.break_off("");
    throw;
  } catch (const std::exception& problem) {
    watch_.break_off(problem.what());
    watch_.check();
    throw;
  }
  std::shared_ptr<WorkLane::Mark> mark = lane_->mark();
  watch_.add(exchange_.number, what, mark);
  return std::make_unique<OnDevice>(watch_, std::move(mark), tensors);
}

// The first exchange connects the ranks, and comes back when all have come to it.
void DeviceExchanges::settle() {
  constexpr double kAtOnce = 0.1;
  const auto goes_on = [&] { return heartbeat_->check(), true; };
  if (settled(*wire_, kAtOnce, goes_on)) return;
  heartbeat_->waits(exchange_);
  const bool came = settled(*wire_, limit_seconds_, goes_on);
  if (!came && wire_->state() == DeviceWire::State::kUnderWay) heartbeat_->give_up(limit_seconds_);
  if (!came) throw std::runtime_error(wire_->problem());
  heartbeat_->goes_on();
}

std::unique_ptr<Exchange> DeviceExchanges::all_reduce(const at::Tensor& x, Reduction reduction,
                                                      const char* what) {
  const WireType type = wire_type(x, what);
  return begin(what, {x}, [&](void* lane) {
    wire_->all_reduce(x.mutable_data_ptr(), count_of(x), type, reduction, lane);
  });
}

std::unique_ptr<Exchange> DeviceExchanges::reduce_scatter(const at::Tensor& whole,
                                                          const at::Tensor& own, const char* what) {
  const WireType type = wire_type(own, what);
  return begin(what, {whole, own}, [&](void* lane) {
    wire_->reduce_scatter(whole.const_data_ptr(), own.mutable_data_ptr(), count_of(own), type,
                          lane);
  });
}

std::unique_ptr<Exchange> DeviceExchanges::all_gather(const at::Tensor& own,
                                                      const at::Tensor& whole, const char* what) {
  const WireType type = wire_type(own, what);
  return begin(what, {own, whole}, [&](void* lane) {
    wire_->all_gather(own.const_data_ptr(), whole.mutable_data_ptr(), count_of(own), type, lane);
  });
}

std::unique_ptr<Exchange> DeviceExchanges::broadcast(const at::Tensor& x, int64_t from,
                                                     const char* what) {
  const WireType type = wire_type(x, what);
  return begin(what, {x}, [&](void* lane) {
    wire_->broadcast(x.mutable_data_ptr(), count_of(x), type, from, lane);
  });
}

}  // namespace slipway
