// Memory that is mapped and unmapped, over a pretended driver: when it goes, and how much there is.
#include <gmock/gmock.h>

#include <algorithm>
#include <new>

#include "kernels/accelerator.h"
#include "kernels/cuda/driver.h"
#include "tests/unit/kernels/cuda_module/pretended_cuda.h"

extern "C" slipway::OpenAccelerator slipway_open_accelerator_9;

namespace slipway::cuda {
namespace {

constexpr size_t kPage = PretendedCuda::kPage;

class MappedMemory : public testing::Test {
 protected:
  MappedMemory() : memory_(gpu().reserve(kPages * kPage)) {}
  ~MappedMemory() override {
    pretended_cuda().most_pieces = 100;
    memory_.reset();
    EXPECT_TRUE(pretended_cuda().mapped.empty());
  }
  static constexpr size_t kPages = 20;
  static Accelerator& gpu() {
    char fault[100] = "";
    return *slipway_open_accelerator_9(1, fault, sizeof fault);
  }
  char* at(size_t page) const { return static_cast<char*>(memory_->begin()) + page * kPage; }
  bool is_mapped(size_t page) const {
    return pretended_cuda().mapped.contains(reinterpret_cast<CUdeviceptr>(at(page)));
  }
  size_t pieces_of(size_t bytes) const {
    return static_cast<size_t>(std::ranges::count_if(
        pretended_cuda().pieces, [&](const auto& piece) { return piece.second == bytes; }));
  }

  std::unique_ptr<PagedMemory> memory_;
};

TEST_F(MappedMemory, IsThereWhereItWasGiven) {
  EXPECT_EQ(gpu().page_bytes(), kPage);
  memory_->give(2 * kPage, 3 * kPage);
  gpu().zero(at(2), 3 * kPage);
  gpu().copy_in(at(4), "x", 1);
  char out[2] = "";
  gpu().copy_out(out, at(4), 2);
  EXPECT_EQ(out[0], 'x');
  EXPECT_EQ(out[1], '\0');
  EXPECT_TRUE(is_mapped(2));
  EXPECT_THROW(memory_->take(3 * kPage), std::logic_error) << "pieces go whole";
}

// The pretended work touches its memory when somebody waits for it: a piece that were unmapped
// before would end the test.
TEST_F(MappedMemory, WhatIsTakenStaysUntilTheWorkBeforeIsDone) {
  memory_->give(0, kPage);
  gpu().zero(at(0), kPage);
  const size_t done = pretended_cuda().done;
  memory_->take(0);
  EXPECT_EQ(pretended_cuda().done, done) << "nobody waits for the first";
  EXPECT_TRUE(is_mapped(0));
  memory_->give(kPage, kPage);
  gpu().zero(at(1), kPage);
  memory_->take(kPage);
  EXPECT_GT(pretended_cuda().done, done);
  EXPECT_FALSE(is_mapped(0));
  EXPECT_TRUE(is_mapped(1));
}

TEST_F(MappedMemory, WhatIsGivenAgainOnItsWayOutStaysWhereItIs) {
  memory_->give(0, kPage);
  gpu().zero(at(0), kPage);
  const size_t done = pretended_cuda().done, made = pretended_cuda().pieces_made;
  memory_->take(0);
  memory_->give(0, kPage);
  gpu().zero(at(0), kPage);
  EXPECT_EQ(pretended_cuda().done, done);
  EXPECT_EQ(pretended_cuda().pieces_made, made);
  char out = 'x';
  gpu().copy_out(&out, at(0), 1);
  EXPECT_EQ(out, '\0');
}

// As a model's segments go by: one computes, the next one's weights come, the last one's leave.
TEST_F(MappedMemory, TheHostDoesNotRunAheadUntilAllIsThere) {
  constexpr size_t kPiece = 2 * kPage;
  memory_->give(0, kPiece);
  for (size_t segment = 0; segment + 1 < kPages / 2; ++segment) {
    memory_->give((segment + 1) * kPiece, kPiece);
    gpu().zero(at(2 * segment), kPiece);
    memory_->take(segment * kPiece);
    EXPECT_LE(pretended_cuda().mapped.size(), 3u) << segment;
  }
  EXPECT_LE(pieces_of(kPiece), 3u);
}

TEST_F(MappedMemory, WhatIsKeptForLaterGoesToWhoeverNeedsIt) {
  memory_->give(0, kPage);
  memory_->give(kPage, kPage);
  memory_->take(0);
  memory_->take(kPage);
  memory_->give(2 * kPage, kPage);  // by the one that has left
  const size_t there = pretended_cuda().pieces.size();
  pretended_cuda().most_pieces = there;
  memory_->give(4 * kPage, 3 * kPage);  // what leaves and what is kept make room
  EXPECT_TRUE(is_mapped(4));
  pretended_cuda().most_pieces = 0;
  EXPECT_THROW(memory_->give(8 * kPage, 5 * kPage), std::bad_alloc);
  pretended_cuda().most_pieces = 100;
  memory_->take(4 * kPage);
  memory_->take(2 * kPage);
  const size_t kept = gpu().free_memory();
  EXPECT_GT(kept, size_t{5} << 20) << "beside what the runtime says is free";
}

TEST_F(MappedMemory, AGpuThatMapsNothingHasNoPages) {
  EXPECT_EQ(mapped_bytes(), kPage);
  pretended_cuda().maps = false;
  EXPECT_EQ(mapped_bytes(), 0u);
  pretended_cuda().maps = true;
}

TEST_F(MappedMemory, FaultsOfTheDriverAreTold) {
  memory_->give(0, kPage);
  EXPECT_THAT([&] { memory_->give(0, kPage); },
              testing::ThrowsMessage<std::runtime_error>("CUDA, mapping memory: a driver's fault"));
}

}  // namespace
}  // namespace slipway::cuda
