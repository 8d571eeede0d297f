#include "dist/assembly.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/unit/dist/memory_store.h"

namespace slipway {
namespace {

using testing::HasSubstr;

Place place_of(int64_t rank, int64_t world) {
  Place place;
  place.rank = rank;
  place.world = world;
  return place;
}

// What one rank gets, or why it did not.
struct Outcome {
  Assembly assembly;
  std::string problem;
};

std::future<Outcome> come(const std::shared_ptr<MemoryStore::Contents>& contents, int64_t rank,
                          int64_t world, double seconds = 20, double silence = 20) {
  return std::async(std::launch::async, [=] {
    MemoryStore store(contents);
    try {
      return Outcome{assemble(store, place_of(rank, world), "beat", {seconds, silence, {}}), ""};
    } catch (const Error& error) {
      return Outcome{{}, error.what()};
    }
  });
}

using SharedContents = std::shared_ptr<MemoryStore::Contents>;

void expect_met(const SharedContents& contents, int64_t world) {
  std::vector<std::future<Outcome>> ranks;
  for (int64_t rank = world; rank-- > 0;) ranks.push_back(come(contents, rank, world));
  std::string session;
  for (auto& rank : ranks) {
    const Outcome outcome = rank.get();
    EXPECT_EQ(outcome.problem, "");
    EXPECT_EQ(outcome.assembly.members.size(), static_cast<size_t>(world));
    if (session.empty()) session = outcome.assembly.session;
    EXPECT_EQ(outcome.assembly.session, session);
  }
  for (int64_t rank = 0; rank < world; ++rank)
    EXPECT_EQ(contents->values[fmt::format("{}/beat/{}", session, rank)], "beat");
  EXPECT_EQ(contents->values[session + "/verdict"], "");
}

TEST(Assembly, AllMeet) { expect_met(std::make_shared<MemoryStore::Contents>(), 4); }

TEST(Assembly, AnEarlierStartInTheSameStoreIsNotMet) {
  const auto contents = std::make_shared<MemoryStore::Contents>();
  expect_met(contents, 3);
  const auto earlier = contents->values;
  expect_met(contents, 3);
  // Fewer and more processes than before, as after an elastic change.
  expect_met(contents, 2);
  expect_met(contents, 4);
  // An invitation and hellos of before, and rank 2 comes late.
  contents->values = earlier;
  auto first = come(contents, 0, 3), second = come(contents, 1, 3);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  auto late = come(contents, 2, 3);
  const std::string session = first.get().assembly.session;
  EXPECT_NE(session, "");
  EXPECT_EQ(second.get().assembly.session, session);
  EXPECT_EQ(late.get().assembly.session, session);
}

TEST(Assembly, NamesWhoDidNotCome) {
  const auto contents = std::make_shared<MemoryStore::Contents>();
  auto first = come(contents, 0, 4, 0.3), second = come(contents, 2, 4, 0.3);
  for (auto* rank : {&first, &second})
    EXPECT_THAT(rank->get().problem,
                HasSubstr("of the run's 4 processes, ranks 1, 3 did not come within 0.3 s"));
}

TEST(Assembly, OneOfAnotherWorldDidNotCome) {
  const auto contents = std::make_shared<MemoryStore::Contents>();
  auto first = come(contents, 0, 2, 0.3), other = come(contents, 1, 3, 0.3);
  EXPECT_THAT(first.get().problem, HasSubstr("2 processes, rank 1 did not come"));
  EXPECT_THAT(other.get().problem, HasSubstr("3 processes, ranks 0, 2 did not come"));
}

// What a rank on another machine writes while it is there.
void show_life(const SharedContents& contents, int64_t rank, int count) {
  MemoryStore store(contents);
  const std::string number = std::to_string(rank);
  store.set("hello/" + number,
            R"({"name":"n","world":3,"host":"far","pid":812,"space":"elsewhere"})");
  store.set("alive/" + number, "n " + std::to_string(count));
}

TEST(Assembly, OneThatCameAndFallsSilentIsNamed) {
  for (const int64_t silent : {0, 1}) {
    const auto contents = std::make_shared<MemoryStore::Contents>();
    auto waiting = come(contents, silent == 0 ? 1 : 0, 3, 20, 0.4);
    for (int count = 1; count < 30; ++count) {
      show_life(contents, silent, count);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    ASSERT_EQ(waiting.wait_for(std::chrono::milliseconds(0)), std::future_status::timeout);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_THAT(waiting.get().problem,
                HasSubstr(fmt::format("rank {} (host far, pid 812) is lost: nothing was heard of "
                                      "it for 0.4 s, while the ranks met",
                                      silent)));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  }
}

TEST(Assembly, WhatAnEarlierStartLeftIsNoLostRank) {
  const auto contents = std::make_shared<MemoryStore::Contents>();
  show_life(contents, 1, 17);
  auto first = come(contents, 0, 3, 1, 0.2), last = come(contents, 2, 3, 1, 0.2);
  EXPECT_THAT(first.get().problem, HasSubstr("rank 1 did not come within 1 s"));
  (void)last.get();
}

TEST(Assembly, TwoOfOneRankAreNamed) {
  const auto contents = std::make_shared<MemoryStore::Contents>();
  auto first = come(contents, 1, 3), second = come(contents, 1, 3);
  const std::string problem = first.wait_for(std::chrono::seconds(10)) == std::future_status::ready
                                  ? first.get().problem
                                  : second.get().problem;
  EXPECT_THAT(problem, HasSubstr("two processes say that they are rank 1"));
  auto rest = come(contents, 0, 3), last = come(contents, 2, 3);
  (void)rest.get(), (void)last.get();
}

}  // namespace
}  // namespace slipway
