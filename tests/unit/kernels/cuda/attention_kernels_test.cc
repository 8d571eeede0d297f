// The attention kernels on the emulator, against the host's attention: packed batches with shared
// prefixes, forward and backward; every width and tile of the kernels, and which of them a card
// gets.
#include <gmock/gmock.h>

#include <stdexcept>

#include "kernels/cuda/attention_choice.h"
#include "tests/unit/kernels/cuda/attention_batch.h"

namespace slipway::cuda {
namespace {

TEST(CudaAttention, EqualsTheHosts) {
  const std::pair<const char*, AttentionBatch> batches[] = {
      {"one token", {{1, 1, 8}, {{{{0, 1}}}}, 1}},
      // A prompt longer than a tile with three answers, one of them empty and one longer than a
      // tile; then a plain sequence.
      {"shared prompt, narrow heads",
       {{4, 2, 10}, {{{{0, 70}, {70, 66}, {136, 0}, {136, 5}}}, {{{141, 64}}}}, 205}},
      {"several sequences, heads of 64", {{3, 1, 64}, {{{{0, 3}}}, {{{3, 65}}}, {{{68, 1}}}}, 69}},
      // Segments that lie in another order than they are named.
      {"heads of 128", {{2, 2, 128}, {{{{40, 30}, {0, 40}, {70, 9}}}}, 79}},
      {"heads of 96", {{2, 1, 96}, {{{{0, 33}, {33, 20}}}}, 53}},
  };
  for (const auto& [name, batch] : batches) {
    SCOPED_TRACE(name);
    expect_near(in_both_orders([&](DeviceKernels& k) { return batch.on(k); }), batch.on_host());
  }
}

TEST(CudaAttention, WindowsAndSoftcapsEqualTheHosts) {
  const std::vector<PrefixTree> trees = {{{{0, 70}, {70, 66}, {136, 0}, {136, 5}}}, {{{141, 164}}}};
  for (const int64_t window : {0, 1, 5, 64, 66, 100, 1000})
    for (const float softcap : {0.0f, 1.5f}) {
      SCOPED_TRACE(testing::Message() << "window " << window << ", softcap " << softcap);
      AttentionBatch batch{{4, 2, 10}, trees, 305};
      batch.scores.window = window, batch.scores.softcap = softcap;
      expect_near(in_both_orders([&](DeviceKernels& k) { return batch.on(k); }), batch.on_host());
    }
}

// A card whose blocks have as much shared memory as a tile needs, and no more.
Card card_for(int64_t width, int tile) { return {backward_shared(kernel_width(width), tile), 1}; }

TEST(CudaAttention, EveryWidthTileAndGroupEqualsTheHosts) {
  for (const int64_t width : {64, 80, 96, 128, 256})
    for (const int64_t group : {1, 4, 8}) {
      // A prompt with two answers, together longer than the largest tile, and one sequence more.
      const AttentionBatch batch{
          {group, 1, width}, {{{{0, 37}, {37, 31}, {68, 3}}}, {{{71, 20}}}}, 91};
      const Attended expected = batch.on_host();
      for (const int tile : kTiles) {
        SCOPED_TRACE(testing::Message()
                     << "heads of " << width << ", groups of " << group << ", tile " << tile);
        std::printf("heads of %d, groups of %d, tile %d\n", static_cast<int>(width),
                    static_cast<int>(group), tile);
        const Card card = card_for(width, tile);
        const auto kernels = emulated_kernels(
            group == 4 ? ThreadOrder::kDescending : ThreadOrder::kAscending, nullptr, card);
        ASSERT_EQ(kernels->attention_tile(width), tile);
        expect_near(batch.on(*kernels), expected);
      }
    }
}

TEST(CudaAttention, ThreadsOfWideHeadsDoNotRace) {
  for (const int tile : {32, 16}) {
    const AttentionBatch batch{{2, 1, 144}, {{{{0, 20}, {20, 17}, {37, 3}}}}, 40};
    const Card card = card_for(144, tile);
    const Attended ascending = batch.on(*emulated_kernels(ThreadOrder::kAscending, nullptr, card));
    EXPECT_TRUE(ascending == batch.on(*emulated_kernels(ThreadOrder::kDescending, nullptr, card)));
    expect_near(ascending, batch.on_host());
  }
}

// Compute capability 8.6, 8.9 and 12.0 have 99 KiB a block: launches that ask for more are refused.
TEST(CudaAttention, FitsIntoTheCardsSharedMemory) {
  const auto server = emulated_kernels(),
             consumer = emulated_kernels(ThreadOrder::kAscending, nullptr, kConsumerCard);
  for (const auto& [width, of_server, of_consumer] :
       {std::array{64, 64, 64}, {96, 64, 32}, {128, 64, 32}, {256, 32, 16}}) {
    EXPECT_EQ(server->attention_tile(width), of_server) << width;
    EXPECT_EQ(consumer->attention_tile(width), of_consumer) << width;
    const AttentionBatch batch{{2, 1, width}, {{{{0, 37}, {37, 31}}}}, 68};
    expect_near(batch.on(*consumer), batch.on_host());
  }
}

TEST(CudaAttention, RefusesWhatNoTileFitsWithTheFigures) {
  const Card small{48 << 10, 1};
  const auto kernels = emulated_kernels(ThreadOrder::kAscending, nullptr, small);
  EXPECT_EQ(kernels->attention_tile(128), 16);
  EXPECT_THAT(
      [&] { kernels->attention_tile(200); },
      testing::ThrowsMessage<std::length_error>("heads of 200 need 67968 bytes of shared memory "
                                                "for a block of threads, and the card has 49152"));
  EXPECT_THAT([&] { kernels->attention_tile(257); },
              testing::ThrowsMessage<std::length_error>(
                  "heads of 257 are wider than the kernels can (256)"));
  const AttentionRows rows{nullptr, nullptr, nullptr, 0, 0, 0, 16, 1, 256, 1};
  EXPECT_THAT(
      [&] {
        kernels->attention_decode(rows, {nullptr, nullptr, nullptr, nullptr, 1}, {}, nullptr,
                                  nullptr);
      },
      testing::ThrowsMessage<std::length_error>(
          "16 heads of 256 over one of keys, in decoding, need 102848 bytes of shared "
          "memory for a block of threads, and the card has 49152"));
}

}  // namespace
}  // namespace slipway::cuda
