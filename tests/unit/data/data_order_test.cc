// Micro-batches of whole epochs beside those that the Hugging Face Trainer made
// (tests/parity/record_data_order.py).
#include "data/data_order.h"

#include <gtest/gtest.h>

#include <map>

#include "base/files.h"
#include "base/json.h"

namespace slipway {
namespace {

using Epoch = std::vector<std::vector<int64_t>>;

Epoch micro_batches_of(const EpochOrder& order) {
  Epoch out;
  for (size_t m = 0; m < order.ends.size(); ++m)
    out.emplace_back(order.micro_batch(m).begin(), order.micro_batch(m).end());
  return out;
}

TEST(DataOrder, IsTheTrainers) {
  const Json record = parse_json(read_file("tests/parity/data/data_order.json"), "data_order.json");
  const auto lengths = record.at("lengths").get<std::vector<int64_t>>();
  std::map<std::string, int> epochs, different;
  for (const Json& run : record.at("cases")) {
    OrderSettings settings{run.at("strategy"),   run.at("seed"),         {},
                           run.at("batch_size"), run.at("accumulation"), run.at("drop_last")};
    if (!run.at("data_seed").is_null()) settings.data_seed = run.at("data_seed").get<uint64_t>();
    DataOrder order({lengths.begin(), lengths.begin() + run.at("rows").get<int64_t>()}, settings);
    int64_t number = 0;
    for (const Json& recorded : run.at("epochs")) {
      const Epoch expected = recorded.get<Epoch>(), got = micro_batches_of(order.epoch(number++));
      ++epochs[settings.strategy];
      different[settings.strategy] += got != expected ? 1 : 0;
      EXPECT_EQ(got, expected) << run.dump().substr(0, 140) << " epoch " << number - 1;
      EXPECT_EQ(order.shape().micro_batches, static_cast<int64_t>(expected.size()));
    }
  }
  EXPECT_EQ(epochs.size(), 4u);
  for (const auto& [strategy, count] : epochs)
    std::printf("%s: %d of %d recorded epochs differ\n", strategy.c_str(), different[strategy],
                count);
}

TEST(DataOrder, AnEpochDependsOnItsNumberAlone) {
  std::vector<int64_t> lengths;
  for (int64_t i = 0; i < 57; ++i) lengths.push_back(i * i % 23);
  for (const char* strategy : {"random", "sequential", "group_by_length", "batch_rebalance"}) {
    DataOrder ascending(lengths, {strategy, 3, 5, 4, 2}), any(lengths, {strategy, 3, 5, 4, 2});
    std::vector<Epoch> epochs;
    for (int64_t e = 0; e < 5; ++e) epochs.push_back(micro_batches_of(ascending.epoch(e)));
    for (const int64_t e : {3, 4, 1, 1, 0, 2})
      EXPECT_EQ(micro_batches_of(any.epoch(e)), epochs[static_cast<size_t>(e)])
          << strategy << " " << e;
  }
}

using Pair = std::pair<int64_t, int64_t>;  // micro-batches, steps

TEST(DataOrder, ShapesOfEpochs) {
  const auto shape = [](int64_t examples, const OrderSettings& settings) {
    const EpochShape s = epoch_shape(examples, settings);
    return Pair(s.micro_batches, s.steps);
  };
  OrderSettings s;
  s.batch_size = 4;
  s.gradient_accumulation_steps = 2;
  EXPECT_EQ(shape(17, s), Pair(5, 3));
  s.drop_last = true;
  EXPECT_EQ(shape(17, s), Pair(4, 2));
  EXPECT_EQ(shape(3, s), Pair(0, 1));
  s.strategy = "batch_rebalance";
  EXPECT_EQ(shape(17, s), Pair(4, 2));
  s.drop_last = false;
  EXPECT_EQ(shape(17, s), Pair(6, 3));
}

}  // namespace
}  // namespace slipway
