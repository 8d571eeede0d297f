// rng_state.pth: the states that Python, numpy and torch have after seeding
// (tests/parity/record_torch_files.py).
#include "record/rng_state.h"

#include <gtest/gtest.h>

#include "tests/unit/optim/same_files.h"

namespace slipway {
namespace {

TEST(RngState, IsThatOfSeededGenerators) {
  // torch seeded with 42, Python and numpy with 1
  const TorchFile theirs("tests/parity/data/torch_rng_state.pt");
  const fs::path one = scratch_folder() / "one.pth", other = scratch_folder() / "other.pth";
  write_rng_state(one, 1);
  write_rng_state(other, 42);
  const TorchFile ours(one), torch(other);
  std::vector<std::string> different;
  for (const char* part : {"python", "numpy"})
    compare(*theirs.value().find(part), *ours.value().find(part), part, different);
  compare(*theirs.value().find("cpu"), *torch.value().find("cpu"), "cpu", different);
  EXPECT_EQ(different, std::vector<std::string>{});
  EXPECT_EQ(ours.value().keys.size(), theirs.value().keys.size());
}

TEST(RngState, LargeSeedsKeepTheirUpperHalf) {
  write_rng_state(scratch_folder() / "a.pth", 7);
  write_rng_state(scratch_folder() / "b.pth", 7 + (uint64_t{1} << 40));
  const TorchFile a(scratch_folder() / "a.pth"), b(scratch_folder() / "b.pth");
  std::vector<std::string> different;
  compare(*a.value().find("python"), *b.value().find("python"), "python", different);
  EXPECT_FALSE(different.empty());
}

}  // namespace
}  // namespace slipway
