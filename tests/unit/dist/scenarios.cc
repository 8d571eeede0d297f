// What a rank of a test does.
#include "tests/unit/dist/scenarios.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "base/error.h"
#include "dist/c10d.h"
#include "dist/c10d_group.h"
#include "dist/network.h"
#include "dist/rank_lost.h"
#include "tests/unit/dist/rank_checks.h"

namespace slipway {
namespace {

const std::vector<at::ScalarType> kTypes = {at::kFloat, at::kDouble, at::kBFloat16, at::kLong};

void check_bytes(RankGroup& group, size_t unit) {
  const auto said_by = [&](int64_t rank) {
    return std::string(static_cast<size_t>(rank) * unit, static_cast<char>('a' + rank));
  };
  const auto all = group.all_gather_bytes(said_by(group.rank()), "texts of a test");
  expect(all.size() == static_cast<size_t>(group.world()), "a text of each rank");
  for (int64_t rank = 0; rank < group.world(); ++rank)
    expect(all[static_cast<size_t>(rank)] == said_by(rank), "the {} bytes of rank {}",
           said_by(rank).size(), rank);
}

// Several at once, waited for in their order while others go on.
void check_overlap(RankGroup& group) {
  constexpr int64_t kCount = 40, kSize = 100'003;
  std::vector<at::Tensor> sums, wholes, owns;
  std::vector<std::unique_ptr<Exchange>> exchanges;
  for (int64_t i = 0; i < kCount; ++i) {
    sums.push_back(brought_by(group.rank() + i, kSize, at::kFloat));
    exchanges.push_back(group.begin_all_reduce(sums.back(), Reduction::kSum, "sums of a test"));
    wholes.push_back(brought_by(group.rank() + i, group.world() * 1001, at::kFloat));
    owns.push_back(at::empty({1001}, at::kFloat));
    exchanges.push_back(group.begin_reduce_scatter(wholes.back(), owns.back(), "parts of a test"));
  }
  for (const auto& exchange : exchanges) exchange->wait();
  for (int64_t i = 0; i < kCount; ++i) {
    at::Tensor expected = brought_by(i, kSize, at::kFloat);
    at::Tensor part = brought_by(i, group.world() * 1001, at::kFloat);
    for (int64_t rank = 1; rank < group.world(); ++rank) {
      expected = expected + brought_by(rank + i, kSize, at::kFloat);
      part = part + brought_by(rank + i, group.world() * 1001, at::kFloat);
    }
    expect(sums[static_cast<size_t>(i)].equal(expected), "sum {} of many at once", i);
    expect(owns[static_cast<size_t>(i)].equal(part.narrow(0, group.rank() * 1001, 1001)),
           "part {} of many at once", i);
  }
  // One that nobody waits for is no harm to the next.
  (void)group.begin_all_reduce(at::ones({kSize}), Reduction::kSum, "what nobody waits for");
  group.barrier("a test");
}

void check_split(RankGroup& group) {
  const int64_t color = group.rank() % 2;
  const auto half = split(group, color);
  expect((half == nullptr) == (group.world() < 3), "a group where there are two of a color");
  if (!half) return;
  expect(half->world() == group.world() / 2 && half->rank() == group.rank() / 2, "a half's place");
  check_sum_of_half(*half, group, 50'000);
  check_scatter_and_gather(*half, 33, at::kFloat);
}

// What computes its expectation in a moment.
void check_many(RankGroup& group, int64_t n) {
  const at::Tensor x = at::full({n}, static_cast<float>(group.rank() + 1));
  group.all_reduce(x, Reduction::kSum, "many numbers of a test");
  const auto sum = static_cast<float>(group.world() * (group.world() + 1) / 2);
  expect(x.eq(sum).all().item<bool>(), "the sum of {} numbers", n);
}

void collectives(const std::vector<std::string>&) {
  const auto group = join(find_place());
  group->doing("testing", 1);
  for (const at::ScalarType type : kTypes)
    for (const int64_t n : {0, 1, 7, 8, 4097, 40'001}) {
      check_all_reduce(*group, n, type);
      check_scatter_and_gather(*group, n, type);
      check_broadcast(*group, n, type);
    }
  check_many(*group, 10'000'001);
  for (const size_t unit : {0, 1, 1000, 700'001}) check_bytes(*group, unit);
  check_overlap(*group);
  check_split(*group);
  const at::Tensor not_a_number = at::zeros({100'000});
  if (group->rank() == 1) not_a_number.fill_(std::numeric_limits<float>::quiet_NaN());
  for (const Reduction reduction : {Reduction::kMax, Reduction::kMin, Reduction::kSum}) {
    const at::Tensor x = not_a_number.clone();
    group->all_reduce(x, reduction, "what is no number");
    expect(x.isnan().all().item<bool>(), "no number on one rank is none on all");
  }
}

// Steps of a training for ever: `at_step` is called in each before the exchange.
void train(RankGroup& group, const std::function<void(int64_t step)>& at_step) {
  const at::Tensor gradients = at::ones({200'000});
  for (int64_t step = 1;; ++step) {
    group.doing("computing gradients", step);
    at_step(step);
    compute(0.01);
    group.all_reduce(gradients.fill_(1), Reduction::kSum, "the gradients");
    if (step == 5) say("trains");
  }
}

void trains_for_ever(const std::vector<std::string>&) {
  const auto group = join(find_place(), impatient());
  train(*group, [](int64_t) {});
}

// `trains_for SECONDS`, by rank 0's clock.
void trains_for(const std::vector<std::string>& arguments) {
  const auto group = join(find_place(), impatient());
  const auto end =
      std::chrono::steady_clock::now() +
      std::chrono::milliseconds(static_cast<int64_t>(1000 * std::stod(arguments.at(1))));
  const at::Tensor gradients = at::empty({20'000}), is_over = at::zeros({1}, at::kLong);
  for (int64_t step = 1; is_over.item<int64_t>() == 0; ++step) {
    group->doing("computing gradients", step);
    group->all_reduce(gradients.fill_(1), Reduction::kSum, "the gradients");
    expect(gradients.eq(static_cast<float>(group->world())).all().item<bool>(), "the sum");
    if (step == 5) say("trains");
    if (std::chrono::steady_clock::now() > end) is_over.fill_(1);
    group->broadcast(is_over, 0, "whether this is the end");
    compute(0.01);
  }
}

// `meets SECONDS`: whether it meets the others in that time.
void meets(const std::vector<std::string>& arguments) {
  JoinSettings settings = impatient();
  settings.join_seconds = std::stod(arguments.at(1));
  join(find_place(), settings)->barrier("the start");
}

// `stays_away RANK`: the others wait for it.
void stays_away(const std::vector<std::string>& arguments) {
  const Place place = find_place();
  say("comes");
  if (std::to_string(place.rank) == arguments.at(1)) compute(60);
  join(place, impatient())->barrier("the start");
}

// A launcher's agent, which keeps the store for the ranks.
void keeps_store(const std::vector<std::string>&) {
  int64_t port = std::stoll(std::getenv("MASTER_PORT"));
  const int listening = listen_at("127.0.0.1", port);
  const auto store = host_store(listening, "127.0.0.1", port, {10, 10});
  say("keeps");
  for (;;) compute(1);
}

// `measures BYTES TIMES`: what an exchange of so many bytes takes, on rank 0's standard output.
void measures(const std::vector<std::string>& arguments) {
  const auto group = join(find_place(), impatient());
  const int64_t n = std::stoll(arguments.at(1)) / 4, times = std::stoll(arguments.at(2));
  const int64_t part = n / group->world();
  const at::Tensor whole = at::ones({part * group->world()}), own = at::ones({part});
  const auto measure = [&](const char* name, const std::function<void()>& exchange) {
    exchange();
    group->barrier("the start of a measurement");
    const auto start = std::chrono::steady_clock::now();
    for (int64_t i = 0; i < times; ++i) exchange();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    const double ms = took.count() / static_cast<double>(times);
    if (group->leads())
      say(fmt::format("{} of {} bytes: {:.3f} ms, {:.0f} MB/s", name, 4 * n, ms,
                      4e-3 * static_cast<double>(n) / ms));
  };
  measure("all-reduce", [&] { group->all_reduce(whole, Reduction::kMax, "a measurement"); });
  measure("reduce-scatter",
          [&] { group->begin_reduce_scatter(whole, own, "a measurement")->wait(); });
  measure("all-gather", [&] { group->begin_all_gather(own, whole, "a measurement")->wait(); });
  measure("broadcast", [&] { group->broadcast(whole, 0, "a measurement"); });
  measure("barrier", [&] { group->barrier("a measurement"); });
}

// `fails RANK told|untold`
void fails(const std::vector<std::string>& arguments) {
  const auto group = join(find_place(), impatient());
  try {
    train(*group, [&](int64_t step) {
      if (step == 7 && std::to_string(group->rank()) == arguments.at(1))
        throw Error("no space left on the test's device");
    });
  } catch (const RankLost&) {
    throw;
  } catch (const std::exception& problem) {
    if (arguments.at(2) == "told") end_with_error(*group, problem.what());
    throw;
  }
}

// `sits_in_a_plugin RANK`: the rank computes for ever; the others, too, exchange nothing.
void sits_in_a_plugin(const std::vector<std::string>& arguments) {
  const auto group = join(find_place(), impatient());
  group->barrier("the start");
  say("trains");
  const bool sits = std::to_string(group->rank()) == arguments.at(1);
  group->doing(sits ? "scoring samples" : "waiting for nobody", 3);
  for (;;) {
    if (!sits) group->barrier("the end");
    compute(0.05);
  }
}

// `comes_late SECONDS SLOW LIMIT`: rank 1 does.
void comes_late(const std::vector<std::string>& arguments) {
  JoinSettings settings = impatient();
  settings.slow_seconds = std::stod(arguments.at(2));
  settings.exchange_seconds = std::stod(arguments.at(3));
  const auto group = join(find_place(), settings);
  group->doing("scoring samples", 4);
  if (group->rank() == 1) compute(std::stod(arguments.at(1)));
  group->barrier("the rewards");
}

void leaves_early(const std::vector<std::string>&) {
  const auto group = join(find_place(), impatient());
  group->barrier("the start");
  if (group->rank() != 1) group->barrier("what rank 1 does not come to");
}

// Rank 0, which keeps the store, is the first to be done.
void ends_apart(const std::vector<std::string>&) {
  const auto group = join(find_place(), impatient());
  group->barrier("the start");
  compute(0.3 * static_cast<double>(group->rank()));
}

void forgets_exchanges(const std::vector<std::string>&) {
  const auto group = join(find_place(), impatient());
  const at::Tensor x = at::ones({1'000'000});
  for (int i = 0; i < 5; ++i) (void)group->begin_all_reduce(x.clone(), Reduction::kSum, "a test");
}

}  // namespace

const std::map<std::string, Scenario>& scenarios() {
  static const std::map<std::string, Scenario> all = {
      {"collectives", collectives},
      {"trains", trains_for_ever},
      {"trains_for", trains_for},
      {"meets", meets},
      {"stays_away", stays_away},
      {"keeps_store", keeps_store},
      {"measures", measures},
      {"fails", fails},
      {"sits_in_a_plugin", sits_in_a_plugin},
      {"comes_late", comes_late},
      {"leaves_early", leaves_early},
      {"ends_apart", ends_apart},
      {"forgets_exchanges", forgets_exchanges},
  };
  return all;
}

}  // namespace slipway
