// In which order the lane and the wire are asked, and who waits for whom.
#include "dist/device_exchanges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "dist/rank_lost.h"
#include "operators/accelerator/device_tensors.h"
#include "tests/unit/dist/memory_store.h"
#include "tests/unit/kernels/cuda/emulated_accelerator.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;
using Calls = std::vector<std::string>;

// What both are asked for, in one list; how far the lane is says the test.
struct Asked {
  void note(const std::string& call) {
    const std::lock_guard lock(mutex);
    calls.push_back(call);
  }
  Calls taken() {
    const std::lock_guard lock(mutex);
    return std::exchange(calls, {});
  }
  bool has(const std::string& call) {
    const std::lock_guard lock(mutex);
    return std::ranges::find(calls, call) != calls.end();
  }

  std::mutex mutex;
  Calls calls;
  std::atomic<int> done{0};        // of the lane's marks
  std::atomic<int> under_way{0};   // answers of that kind before it is ready
  std::atomic<bool> fails{false};  // the wire
  std::atomic<bool> gone{false};   // the device
};

class NotedLane : public WorkLane {
 public:
  explicit NotedLane(std::shared_ptr<Asked> asked) : asked_(std::move(asked)) {}
  void* handle() override { return this; }
  void follow_kernels() override { asked_->note("follow"); }
  std::unique_ptr<Mark> mark() override {
    asked_->note("mark");
    class Place : public Mark {
     public:
      Place(std::shared_ptr<Asked> asked, int number) : asked_(std::move(asked)), number_(number) {}
      bool is_reached() override {
        if (asked_->gone) throw std::runtime_error("the device is gone");
        return asked_->done >= number_;
      }
      void hold_back_kernels() override { asked_->note("hold"); }

     private:
      std::shared_ptr<Asked> asked_;
      int number_;
    };
    return std::make_unique<Place>(asked_, ++marks_);
  }

 private:
  std::shared_ptr<Asked> asked_;
  int marks_ = 0;
};

class NotedWire : public DeviceWire {
 public:
  explicit NotedWire(std::shared_ptr<Asked> asked) : asked_(std::move(asked)) {}
  ~NotedWire() override { asked_->note("end"); }
  State state() override {
    if (asked_->fails) return State::kFailed;
    if (asked_->under_way == 0) return State::kReady;
    if (--asked_->under_way == 0) asked_->note("ready");
    return State::kUnderWay;
  }
  std::string problem() override { return "a cable was cut"; }
  void all_reduce(void*, size_t count, WireType type, Reduction reduction, void*) override {
    ask(fmt::format("reduce {} {} {}", count, static_cast<int>(type), static_cast<int>(reduction)));
  }
  void reduce_scatter(const void*, void*, size_t count, WireType, void*) override {
    ask(fmt::format("scatter {}", count));
  }
  void all_gather(const void*, void*, size_t count, WireType, void*) override {
    ask(fmt::format("gather {}", count));
  }
  void broadcast(void*, size_t count, WireType, int64_t from, void*) override {
    ask(fmt::format("broadcast {} from {}", count, from));
  }
  void finish() override { asked_->note("finish"); }
  void abort() noexcept override {
    asked_->fails = true;
    asked_->note("abort");
  }

 private:
  void ask(const std::string& call) {
    asked_->note(call);
    if (asked_->fails) throw std::runtime_error(problem());
  }
  std::shared_ptr<Asked> asked_;
};

at::Tensor there(const at::Tensor& here) {
  use_accelerator(&cuda::emulated_accelerator());
  const at::Tensor out = here.to(compute_device());
  use_accelerator(nullptr);
  return out;
}

class DeviceExchangesTest : public testing::Test {
 protected:
  DeviceExchangesTest() {
    MemoryStore store(contents_);
    store.set("s/beat/0", Heartbeat::first_beat());
    store.set("s/verdict", "");
    JoinSettings settings;
    settings.heartbeat_seconds = 0.5;
    settings.grace_seconds = 60;
    heartbeat_ = Heartbeat::start({.connection = std::make_unique<MemoryStore>(contents_),
                                   .where = "memory",
                                   .is_own = false,
                                   .is_rank_0 = true},
                                  {.session = "s", .members = {{"here", 1, ""}}}, 0, settings);
    make(60);
  }
  ~DeviceExchangesTest() override {
    exchanges_.reset();
    heartbeat_->end();
  }
  void make(double limit_seconds) {
    exchanges_.reset();
    exchanges_ = std::make_unique<DeviceExchanges>(
        std::make_unique<NotedLane>(asked_), std::make_unique<NotedWire>(asked_), heartbeat_,
        WaitedExchange{"/devices", {0}, 0, ""}, limit_seconds);
    (void)asked_->taken();
  }
  std::unique_ptr<Exchange> begin() { return exchanges_->all_reduce(x_, Reduction::kSum, "a sum"); }
  bool comes(const std::string& call) {
    for (int i = 0; i < 1000 && !asked_->has(call); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return asked_->has(call);
  }

  std::shared_ptr<MemoryStore::Contents> contents_ = std::make_shared<MemoryStore::Contents>();
  std::shared_ptr<Asked> asked_ = std::make_shared<Asked>();
  std::shared_ptr<Heartbeat> heartbeat_;
  std::unique_ptr<DeviceExchanges> exchanges_;
  const at::Tensor x_ = there(at::ones({8})), part_ = there(at::ones({4}));
};

// The mark lies behind the exchange only once the lane has it.
TEST_F(DeviceExchangesTest, FollowKernelsAndAreMarkedWhenTheLaneHasThem) {
  asked_->under_way = 3;
  const auto exchange = begin();
  EXPECT_THAT(asked_->taken(), ElementsAre("follow", "reduce 8 0 0", "ready", "mark"));
  exchange->wait();
  exchange->wait();
  EXPECT_THAT(asked_->taken(), ElementsAre("hold")) << "kernels wait, the host does not";
  asked_->done = 1;
}

TEST_F(DeviceExchangesTest, AreThoseThatWereAskedFor) {
  exchanges_->all_reduce(there(at::ones({3}, at::kLong)), Reduction::kMin, "a least")->wait();
  exchanges_->reduce_scatter(x_, part_, "a part")->wait();
  exchanges_->all_gather(part_, x_, "a whole")->wait();
  exchanges_->broadcast(x_, 5, "weights")->wait();
  EXPECT_THAT(asked_->taken(),
              ElementsAre("follow", "reduce 3 3 2", "mark", "hold", "follow", "scatter 4", "mark",
                          "hold", "follow", "gather 4", "mark", "hold", "follow",
                          "broadcast 8 from 5", "mark", "hold"));
  EXPECT_THROW(exchanges_->broadcast(there(at::ones({3}, at::kByte)), 0, "bytes"),
               std::logic_error);
  EXPECT_THROW(exchanges_->all_gather(part_, at::ones({8}), "a whole"), std::logic_error)
      << "of the processor";
  asked_->done = 4;
}

// Its memory goes to others only behind it.
TEST_F(DeviceExchangesTest, OneThatNobodyWaitsForHoldsBackKernelsAllTheSame) {
  begin().reset();
  EXPECT_THAT(asked_->taken(), ElementsAre("follow", "reduce 8 0 0", "mark", "hold"));
  asked_->done = 1;
}

TEST_F(DeviceExchangesTest, TheEndIsToldToTheOthersWhenAllIsDone) {
  begin()->wait();
  asked_->done = 1;
  (void)asked_->taken();
  exchanges_.reset();
  EXPECT_THAT(asked_->taken(), ElementsAre("finish", "end"));
}

TEST_F(DeviceExchangesTest, AtTheEndWhatDoesNotComeIsBrokenOff) {
  begin()->wait();
  (void)asked_->taken();
  exchanges_.reset();
  EXPECT_THAT(asked_->taken(), ElementsAre("end")) << "no finish: others may never come to it";
}

// What the loop copies from the device may be anything then.
TEST_F(DeviceExchangesTest, AWireThatFailsUnderWayIsBrokenOffAndNoCopyIsTaken) {
  const auto exchange = begin();
  EXPECT_NO_THROW(check_copy());
  asked_->fails = true;
  EXPECT_TRUE(comes("abort"));
  const auto words = ThrowsMessage<RankLost>(
      HasSubstr("exchanging what the devices share broke while every rank is alive (a cable was "
                "cut)"));
  EXPECT_THAT([] { check_copy(); }, words);
  EXPECT_THAT([&] { exchange->wait(); }, words);
  EXPECT_THAT([&] { begin(); }, words);
}

TEST_F(DeviceExchangesTest, ADeviceThatFailsIsToldOf) {
  const auto exchange = begin();
  asked_->gone = true;
  EXPECT_TRUE(comes("abort"));
  EXPECT_THAT([&] { exchange->wait(); }, ThrowsMessage<RankLost>(HasSubstr("the device is gone")));
}

TEST_F(DeviceExchangesTest, ACallThatIsRefusedBreaksOff) {
  asked_->fails = true;
  EXPECT_THAT([&] { begin(); }, ThrowsMessage<RankLost>(HasSubstr("a cable was cut")));
  EXPECT_TRUE(asked_->has("abort"));
}

TEST_F(DeviceExchangesTest, ARankThatIsLostBreaksOffWhatIsUnderWay) {
  const auto exchange = begin();
  MemoryStore(contents_).set("s/verdict", "rank 1 is lost");
  EXPECT_TRUE(comes("abort"));
  EXPECT_THAT([&] { exchange->wait(); }, ThrowsMessage<RankLost>("rank 1 is lost"));
}

TEST_F(DeviceExchangesTest, ARankThatIsLostEndsTheWaitingForTheLane) {
  asked_->under_way = 1 << 30;  // the others never come to connect
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    MemoryStore(contents_).set("s/verdict", "rank 1 is lost");
  });
  EXPECT_THAT([&] { begin(); }, ThrowsMessage<RankLost>("rank 1 is lost"));
  later.join();
  EXPECT_TRUE(asked_->has("abort"));
}

TEST_F(DeviceExchangesTest, OneThatTakesTooLongEndsTheGroup) {
  make(1);
  const auto exchange = begin();
  EXPECT_TRUE(comes("abort"));
  EXPECT_THAT([&] { exchange->wait(); },
              ThrowsMessage<RankLost>(HasSubstr("exchanging a sum took more than 1")));
}

TEST_F(DeviceExchangesTest, OneThatNeverGetsToTheLaneEndsTheGroup) {
  make(0.5);
  asked_->under_way = 1 << 30;
  EXPECT_THAT([&] { begin(); }, ThrowsMessage<RankLost>(HasSubstr("exchanging a sum took more")));
}

}  // namespace
}  // namespace slipway
