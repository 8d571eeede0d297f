// Traces: what is recorded, by whom, how much of it, and that the file is JSON whatever the names
// are.
#include "base/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

class TraceTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        fs::path(SLIPWAY_SCRATCH) / testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
  }
  void TearDown() override { trace_stop(); }

  fs::path path() const { return folder_ / "trace.json"; }
  // What tracing `body` writes.
  template <class Body>
  Json traced(Body body, size_t limit = kMostTraceEvents) {
    trace_start(path(), limit);
    body();
    trace_stop();
    return parse_json(read_file(path()), "trace.json");
  }
  static std::vector<Json> of_kind(const Json& trace, const std::string& kind) {
    std::vector<Json> out;
    for (const Json& event : trace["traceEvents"])
      if (event["ph"] == kind) out.push_back(event);
    return out;
  }
  static std::vector<std::string> names(const std::vector<Json>& events) {
    std::vector<std::string> out;
    for (const Json& event : events) out.push_back(event["name"]);
    return out;
  }

  fs::path folder_;
};

TEST_F(TraceTest, OffNothingIsRecordedAndNothingWritten) {
  EXPECT_FALSE(tracing());
  {
    const TraceScope scope("a", "never");
  }
  trace_counter("never", 1);
  trace_stop();
  EXPECT_FALSE(fs::exists(path()));
  const Json trace = traced([] {});
  EXPECT_THAT(of_kind(trace, "X"), testing::IsEmpty());
  EXPECT_EQ(trace["otherData"]["events"], 0);
}

TEST_F(TraceTest, ScopesNestAndCarryWhatTheyWereGiven) {
  const Json trace = traced([] {
    EXPECT_TRUE(tracing());
    const TraceScope outer("phase", "train");
    {
      const TraceScope inner("loop", "step", "step", 7);
      const TraceScope innermost(TraceOwner{"org.example.length"}, "plugin", "score");
    }
    const TraceScope second("loop", "step", "step", 8);
  });
  const std::vector<Json> events = of_kind(trace, "X");
  ASSERT_THAT(names(events), ElementsAre("train", "step", "org.example.length score()", "step"));
  EXPECT_EQ(events[2]["cat"], "plugin");
  EXPECT_EQ(events[1]["args"]["step"], 7);
  EXPECT_EQ(events[3]["args"]["step"], 8);
  const auto begin = [&](size_t i) { return events[i]["ts"].get<double>(); };
  const auto end = [&](size_t i) { return begin(i) + events[i]["dur"].get<double>(); };
  EXPECT_LE(begin(0), begin(1));
  EXPECT_LE(begin(1), begin(2));
  EXPECT_LE(end(2), end(1) + 0.002);
  EXPECT_LE(end(1), begin(3) + 0.002);
  EXPECT_LE(end(3), end(0) + 0.002);
  for (const Json& event : events) EXPECT_EQ(event["tid"], events[0]["tid"]);
}

TEST_F(TraceTest, AScopeThatIsOpenAtEitherEndIsLeftOut) {
  static std::unique_ptr<const TraceScope> open;
  const Json trace = traced([] { open = std::make_unique<const TraceScope>("a", "open"); });
  EXPECT_THAT(of_kind(trace, "X"), testing::IsEmpty());
  trace_start(path());
  {
    const TraceScope whole("a", "whole");
  }
  trace_stop();
  EXPECT_THAT(names(of_kind(parse_json(read_file(path()), ""), "X")), ElementsAre("whole"));
  open.reset();
}

TEST_F(TraceTest, EveryThreadHasItsRowAndItsName) {
  constexpr int kThreads = 8, kScopes = 5000;
  const Json trace = traced([] {
    trace_thread_name("the test");
    const TraceScope here("a", "here");
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t)
      threads.emplace_back([] {
        trace_thread_name("worker");
        for (int i = 0; i < kScopes; ++i) const TraceScope scope("a", "work", "i", i);
      });
    for (std::thread& thread : threads) thread.join();
  });
  std::map<int64_t, std::string> rows;
  for (const Json& event : of_kind(trace, "M"))
    if (event["name"] == "thread_name") rows[event["tid"]] = event["args"]["name"];
  EXPECT_EQ(rows.size(), kThreads + 1u);
  std::map<int64_t, int64_t> next;
  for (const Json& event : of_kind(trace, "X")) {
    if (event["name"] == "here") {
      EXPECT_EQ(rows[event["tid"]], "the test");
      continue;
    }
    EXPECT_EQ(rows[event["tid"]], "worker");
    EXPECT_EQ(event["args"]["i"], next[event["tid"]]++);
  }
  EXPECT_EQ(next.size(), static_cast<size_t>(kThreads));
  for (const auto& [thread, count] : next) EXPECT_EQ(count, kScopes);
}

TEST_F(TraceTest, ThreadsMayGoOnWhileTheTraceEnds) {
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      while (!done) const TraceScope scope("a", "work");
    });
  for (int i = 0; i < 5; ++i) {
    const Json trace = traced([] { std::this_thread::yield(); });
    for (const Json& event : of_kind(trace, "X")) EXPECT_GE(event["ts"].get<double>(), 0);
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
}

TEST_F(TraceTest, AnyNameGivesValidJson) {
  std::string id = "quo\"te\\back\nline\x01 \xff \u20ac";
  const Json trace = traced([&] {
    {
      const TraceScope scope(TraceOwner{id.c_str()}, "plugin", "score");
    }
    id.assign(id.size(), 'x');  // the scope has its own copy
    const TraceScope named("a", trace_name("\"\""));
  });
  EXPECT_THAT(names(of_kind(trace, "X")),
              ElementsAre("quo\"te\\back\nline\x01 \uFFFD \u20ac score()", "\"\""));
  EXPECT_EQ(trace_name("abc"), trace_name(std::string("abc")));
}

TEST_F(TraceTest, CountersAreNumbers) {
  const Json trace = traced([] {
    trace_counter("loss", 1.25);
    trace_counter("loss", std::nan(""));
    trace_counter("loss", std::numeric_limits<double>::infinity());
    trace_counter("loss", 1e-9);
  });
  const std::vector<Json> events = of_kind(trace, "C");
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0]["args"]["value"], 1.25);
  EXPECT_EQ(events[1]["args"]["value"], 1e-9);
}

TEST_F(TraceTest, AFullTraceKeepsTheFirstAndSaysSo) {
  testing::internal::CaptureStderr();
  const Json trace = traced(
      [] {
        for (int i = 0; i < 3000; ++i) const TraceScope scope("a", "b", "i", i);
      },
      1500);
  const std::vector<Json> events = of_kind(trace, "X");
  ASSERT_EQ(events.size(), 1500u);
  EXPECT_EQ(events.back()["args"]["i"], 1499);
  EXPECT_EQ(trace["otherData"]["events"], 1500);
  EXPECT_EQ(trace["otherData"]["dropped"], 1500);
  EXPECT_THAT(read_file(path()), HasSubstr("\"1500 later events dropped\""));
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("1500 later events were dropped"));
}

TEST_F(TraceTest, WhatCannotBeWrittenIsKnownAtTheStart) {
  fs::create_directories(path());
  EXPECT_THAT([&] { trace_start(path()); }, ThrowsMessage<Error>(HasSubstr("is a folder")));
  EXPECT_FALSE(tracing());
  trace_start(folder_ / "deep" / "a.json");
  EXPECT_THAT([&] { trace_start(folder_ / "b.json"); }, ThrowsMessage<Error>(HasSubstr("a.json")));
  EXPECT_FALSE(fs::exists(folder_ / "deep" / "a.json"));
  trace_stop();
  EXPECT_TRUE(fs::exists(folder_ / "deep" / "a.json"));
}

// Off, a scope is a load and a branch; a clock read alone would cost ten times as much. On, it is
// two clock reads and a copy.
TEST_F(TraceTest, CostsNextToNothing) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "a sanitizer's checks cost more than a scope";
#endif
  constexpr int kScopes = 200000;
  const auto nanoseconds = [](auto body) {
    double best = 1e9;
    for (int tries = 0; tries < 5; ++tries) {
      const auto begin = std::chrono::steady_clock::now();
      for (int i = 0; i < kScopes; ++i) body(i);
      best = std::min(
          best, std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin)
                        .count() /
                    kScopes);
    }
    return best;
  };
  const double off = nanoseconds([](int i) { const TraceScope scope("a", "b", "i", i); });
  const double off_owned = nanoseconds(
      [](int) { const TraceScope scope(TraceOwner{"org.example.length"}, "plugin", "score"); });
  trace_start(path());
  const double on = nanoseconds([](int i) { const TraceScope scope("a", "b", "i", i); });
  const double on_owned = nanoseconds(
      [](int) { const TraceScope scope(TraceOwner{"org.example.length"}, "plugin", "score"); });
  testing::internal::CaptureStderr();
  trace_stop();
  testing::internal::GetCapturedStderr();
  std::printf("a scope off: %.2f ns, of a plugin %.2f ns; on: %.0f ns, of a plugin %.0f ns\n", off,
              off_owned, on, on_owned);
  EXPECT_LT(off, 20);
  EXPECT_LT(off_owned, 20);
  EXPECT_LT(on, 2000);
  EXPECT_LT(on_owned, 2000);
}

}  // namespace
}  // namespace slipway
