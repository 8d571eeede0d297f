// The host's services as a plugin reaches them.
#include "plugin/services.h"

#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>

#include "tests/unit/plugin/fixture_files.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

template <class Table>
const Table* service(const HostServices& services, const char* id) {
  return static_cast<const Table*>(services.host()->get_service(services.host(), id));
}

struct ErrorBuffer : slw_error {
  ErrorBuffer() : slw_error{sizeof(slw_error), 0, "", ""} {}
};

RunFacts facts_in(const fs::path& folder) {
  RunFacts facts;
  facts.rank = 1, facts.world_size = 4, facts.local_rank = 1;
  facts.run_id = "run-7", facts.output_dir = folder.string();
  return facts;
}

TEST(HostServices, RunFactsAndTheInstancesFolder) {
  const fs::path folder = scratch();
  const HostServices services("org.test.x", facts_in(folder));
  const auto* run = service<slw_host_run>(services, SLW_HOST_RUN);
  ASSERT_NE(run, nullptr);
  EXPECT_EQ(run->rank, 1);
  EXPECT_EQ(run->world_size, 4);
  EXPECT_STREQ(run->run_id, "run-7");
  EXPECT_EQ(run->work_dir, (folder / "plugins" / "org.test.x").string());
  EXPECT_TRUE(fs::is_directory(run->work_dir));
}

TEST(HostServices, AbsentOnesAreNull) {
  const HostServices services("org.test.x", {});
  for (const char* id : {"", "slipway.host.run/2", "slipway.host.run/1x", SLW_HOST_RUN,
                         SLW_HOST_STORE, SLW_HOST_TEXT})
    EXPECT_EQ(service<void>(services, id), nullptr) << id;
  EXPECT_EQ(service<void>(services, nullptr), nullptr);
  for (const char* id :
       {SLW_HOST_RANDOM, SLW_HOST_METRICS, SLW_HOST_WORKERS, SLW_HOST_THREAD_CHECK})
    EXPECT_NE(service<void>(services, id), nullptr) << id;
}

TEST(HostServices, RandomDependsOnSeedPurposeAndPlaceOnly) {
  RunFacts one, two;
  two.seed = 1;
  const HostServices a("org.test.x", one), b("org.test.y", one), c("org.test.x", two);
  const auto* random = service<slw_host_random>(a, SLW_HOST_RANDOM);
  const uint64_t seed = random->seed(a.host(), "mask", 3);
  EXPECT_EQ(seed, random->seed(b.host(), "mask", 3));
  EXPECT_NE(seed, random->seed(c.host(), "mask", 3));
  EXPECT_NE(seed, random->seed(a.host(), "mask", 4));
  for (const char* other : {"noise", "sk", "msak", "mask ", ""})
    EXPECT_NE(seed, random->seed(a.host(), other, 3)) << other;
  std::vector<float> all(1000), tail(10);
  random->uniform(a.host(), seed, 0, all.data(), all.size());
  random->uniform(a.host(), seed, 990, tail.data(), tail.size());
  EXPECT_EQ(std::vector<float>(all.end() - 10, all.end()), tail);
  double mean = 0;
  for (const float x : all) mean += static_cast<double>(x) / 1000;
  EXPECT_NEAR(mean, 0.5, 0.05);
}

TEST(HostServices, ScalarsAreFoldedAsTheirReductionSays) {
  HostServices services("org.test.x", {});
  const auto* metrics = service<slw_host_metrics>(services, SLW_HOST_METRICS);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) metrics->scalar(services.host(), "n", 1, SLW_REDUCE_SUM);
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(services.take_scalars(), ElementsAre(Pair("n", 4000)));
  const auto report = [&](const char* name, slw_reduce how) {
    for (const double value : {3.0, 1.0, 8.0}) metrics->scalar(services.host(), name, value, how);
  };
  report("mean", SLW_REDUCE_MEAN), report("sum", SLW_REDUCE_SUM), report("least", SLW_REDUCE_MIN),
      report("most", SLW_REDUCE_MAX), report("last", SLW_REDUCE_NONE);
  metrics->scalar(services.host(), "mean", NAN, SLW_REDUCE_MEAN);  // nothing to report
  metrics->scalar(services.host(), nullptr, 1, SLW_REDUCE_NONE);
  metrics->scalar(services.host(), "odd\n\xff", 1, SLW_REDUCE_NONE);
  EXPECT_THAT(services.take_scalars(),
              ElementsAre(Pair("mean", 4), Pair("sum", 12), Pair("least", 1), Pair("most", 8),
                          Pair("last", 8), Pair("odd__", 1)));
  EXPECT_THAT(services.take_scalars(), IsEmpty());
}

TEST(HostServices, WhatWaitsForARowSurvivesACheckpoint) {
  HostServices before("org.test.x", {}), after("org.test.x", {});
  before.keep_scalar("mean", 1, SLW_REDUCE_MEAN);
  before.keep_scalar("mean", 2, SLW_REDUCE_MEAN);
  before.keep_scalar("most", 7, SLW_REDUCE_MAX);
  after.keep_scalar("mean", 100, SLW_REDUCE_MEAN);
  after.restore_scalars(parse_json(before.waiting_scalars().dump(), "state"));
  after.keep_scalar("mean", 6, SLW_REDUCE_MEAN);
  after.keep_scalar("most", 3, SLW_REDUCE_MAX);
  EXPECT_THAT(after.take_scalars(), ElementsAre(Pair("mean", 3), Pair("most", 7)));
}

TEST(HostServices, NamesOfScalarsHaveALimit) {
  HostServices services("org.test.x", {});
  for (size_t i = 0; i < Reported::kMostNames + 10; ++i)
    services.keep_scalar(std::to_string(i), 1, SLW_REDUCE_SUM);
  services.keep_scalar("0", 1, SLW_REDUCE_SUM);
  const auto kept = services.take_scalars();
  EXPECT_EQ(kept.size(), Reported::kMostNames);
  EXPECT_THAT(kept.front(), Pair("0", 2));
}

TEST(HostServices, ColumnsAreOfTheRowsThatAreBeingScored) {
  HostServices services("org.test.x", {});
  const auto* metrics = service<slw_host_metrics>(services, SLW_HOST_METRICS);
  slw_value cells[2] = {};
  cells[0].type = SLW_STRING, cells[0].v.s = {"kind", 4};
  cells[1].type = SLW_FLOAT, cells[1].v.f = 0.5;
  // nothing is being scored: a warning, and it is gone
  metrics->column(services.host(), "early", cells, 2);
  services.begin_rows(2);
  metrics->column(services.host(), "why", cells + 1, 1);
  metrics->column(services.host(), "why", cells, 2);  // in place of the one before
  metrics->column(services.host(), "none", nullptr, 2);
  const auto columns = services.end_rows();
  ASSERT_EQ(columns.size(), 1u);
  EXPECT_EQ(columns[0].name, "why");
  EXPECT_THAT(columns[0].values,
              ElementsAre(testing::Field(&Value::s, "kind"), testing::Field(&Value::f, 0.5)));
  services.begin_rows(2);
  EXPECT_THAT(services.end_rows(), IsEmpty());
  services.begin_rows(3);
  metrics->column(services.host(), "why", cells, 2);
  EXPECT_EQ(error_of([&] { services.end_rows(); }),
            "plugin org.test.x, score(): its column \"why\" has 2 values, there are 3 rows");
}

TEST(HostServices, TasksThatThrowAndNestedOnesAreStatuses) {
  const HostServices services("org.test.x", {});
  const auto* workers = service<slw_host_workers>(services, SLW_HOST_WORKERS);
  ErrorBuffer error;
  std::atomic<uint64_t> ran{0};
  const auto count = [](void* ctx, uint64_t) { ++*static_cast<std::atomic<uint64_t>*>(ctx); };
  EXPECT_EQ(workers->parallel_for(services.host(), 500, &ran, count, &error), SLW_OK);
  EXPECT_EQ(ran, 500u);
  ran = 0;
  const auto thrower = [](void* ctx, uint64_t) {
    if (++*static_cast<std::atomic<uint64_t>*>(ctx) == 3) throw std::runtime_error("third task");
    std::this_thread::sleep_for(std::chrono::microseconds(10));
  };
  EXPECT_EQ(workers->parallel_for(services.host(), 1'000'000, &ran, thrower, &error), SLW_INTERNAL);
  EXPECT_STREQ(error.message, "third task");
  EXPECT_LT(ran, 1'000'000u);
  EXPECT_EQ(workers->parallel_for(services.host(), 1, nullptr, nullptr, nullptr),
            SLW_INVALID_ARGUMENT);

  struct Nested {
    const HostServices* services;
    const slw_host_workers* workers;
    std::atomic<int> refused{0};
  } nested{&services, workers, {}};
  const auto nest = [](void* ctx, uint64_t) {
    auto& n = *static_cast<Nested*>(ctx);
    ErrorBuffer inner;
    n.refused +=
        n.workers->parallel_for(
            n.services->host(), 2, ctx, [](void*, uint64_t) {}, &inner) ==
            SLW_FAILED_PRECONDITION &&
        std::strcmp(inner.message, "parallel_for() was called from inside one of its tasks") == 0;
  };
  EXPECT_EQ(workers->parallel_for(services.host(), 4, &nested, nest, &error), SLW_OK);
  EXPECT_EQ(nested.refused, 4);
}

TEST(HostServices, StoreRefusesAndStopsWithWords) {
  const fs::path folder = scratch();
  RunFacts facts = facts_in(folder);
  facts.rank = 0;
  const HostServices services("org.test.x", facts);
  const auto* store = service<slw_host_store>(services, SLW_HOST_STORE);
  ErrorBuffer error;
  EXPECT_EQ(store->append(services.host(), "trials", {"one", 3}, &error), SLW_OK);
  EXPECT_EQ(store->append(services.host(), "trials", {"two", 3}, &error), SLW_OK);
  EXPECT_TRUE(fs::exists(folder / "plugins" / "org.test.x" / "trials.jsonl"));
  EXPECT_EQ(store->append(services.host(), "../x", {"one", 3}, &error), SLW_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message,
               "\"../x\" cannot name a journal: 1 to 64 letters, digits, '_' and '-' can");
  EXPECT_EQ(store->append(services.host(), "trials", {nullptr, 3}, &error), SLW_INVALID_ARGUMENT);
  std::string seen;
  const auto stop_at_two = [](void* ctx, slw_str record) -> slw_status {
    static_cast<std::string*>(ctx)->append(record.data, record.size);
    return record.size == 3 && record.data[0] == 't' ? SLW_ABORTED : SLW_OK;
  };
  EXPECT_EQ(store->replay(services.host(), "trials", &seen, stop_at_two, &error), SLW_ABORTED);
  EXPECT_STREQ(error.message, "replay of \"trials\" was stopped at record 1");
  EXPECT_EQ(seen, "onetwo");
  write_file_durably(folder / "plugins" / "org.test.x" / "trials.jsonl", "damage\n{}\n");
  EXPECT_EQ(store->replay(services.host(), "trials", &seen, stop_at_two, &error), SLW_DATA_LOSS);
}

TEST(HostServices, ShortErrorBuffersAreRespected) {
  const HostServices services("org.test.x", {});
  const auto* workers = service<slw_host_workers>(services, SLW_HOST_WORKERS);
  ErrorBuffer error;
  for (const uint32_t size : {0u, 8u, 128u, 129u, 140u}) {
    std::memset(error.where, 'w', sizeof error.where);
    std::memset(error.message, 'm', sizeof error.message);
    error.struct_size = size;
    workers->parallel_for(services.host(), 1, nullptr, nullptr, &error);
    for (uint32_t at = std::max(size, 128u); at < sizeof error; ++at)
      ASSERT_EQ(error.message[at - 128], 'm') << size << " " << at;
    if (size == 140) {
      EXPECT_STREQ(error.message, "parallel_fo");
    }
  }
}

TEST(HostServices, ThreadsAreTold) {
  const HostServices services("org.test.x", {});
  const auto* check = service<slw_host_thread_check>(services, SLW_HOST_THREAD_CHECK);
  EXPECT_EQ(check->is_main(services.host()), 1);
  EXPECT_EQ(check->is_loop(services.host()), 1);  // nobody said otherwise
  std::thread([&] {
    EXPECT_EQ(check->is_main(services.host()), 0);
    EXPECT_EQ(check->is_loop(services.host()), 0);
    mark_loop_thread();
    EXPECT_EQ(check->is_loop(services.host()), 1);
  }).join();
  EXPECT_EQ(check->is_loop(services.host()), 0);
  mark_loop_thread();
}

TEST(HostServices, PluginsUseThem) {
  const auto using_it = [](const char* what) {
    return option_table("use", Value::of(std::string(what)));
  };
  EXPECT_THAT(reward("services", using_it("workers")).score(rows({"a", "b"}), 1, false),
              ElementsAre(499500, 499500));

  RunFacts facts;
  facts.output_dir = scratch().string();
  EXPECT_THAT(reward("services", using_it("store"), facts).score(rows({"a", "b"}), 1, false),
              ElementsAre(1, 2));
  EXPECT_THAT(reward("services", using_it("store"), facts).score(rows({"c"}), 1, false),
              ElementsAre(3));

  const RewardPlugin metrics = reward("services", using_it("metrics"));
  metrics.score(rows({"abc"}), 1, false);
  EXPECT_THAT(metrics.services().take_scalars(), ElementsAre(Pair("seen", 1), Pair("length", 3)));

  facts.encode = [](std::string_view text) {
    if (text == "bad") throw Error("not in the vocabulary");
    return std::vector<int32_t>(text.size() * 2);
  };
  facts.decode = [](std::span<const int32_t>) { return std::string(); };
  const RewardPlugin text = reward("services", using_it("text"), facts);
  EXPECT_THAT(text.score(rows({"abc"}), 1, false), ElementsAre(6));
  EXPECT_EQ(error_of([&] { text.score(rows({"bad"}), 1, false); }),
            "plugin org.test.services, score(): not in the vocabulary (INTERNAL)");
  EXPECT_EQ(error_of([&] { reward("services", using_it("text")).score(rows({"abc"}), 1, false); }),
            "plugin org.test.services, score(): this host has no tokenizer (FAILED_PRECONDITION)");
}

}  // namespace
}  // namespace slipway
