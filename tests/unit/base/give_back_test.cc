// Pages given back: zeros, and not resident until they are written.
#include "base/give_back.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace slipway {
namespace {

size_t resident_pages(const char* begin, size_t bytes) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  auto* aligned =
      reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(begin) + page - 1) / page * page);
  std::vector<unsigned char> there((bytes - page) / page);
  EXPECT_EQ(mincore(aligned, there.size() * page, there.data()), 0);
  return static_cast<size_t>(
      std::ranges::count_if(there, [](unsigned char c) { return (c & 1) != 0; }));
}

TEST(GiveBack, ZerosAllAndKeepsNoWholePage) {
  constexpr size_t kBytes = 64 << 20;
  const std::unique_ptr<char[]> memory(new char[kBytes + 200]);
  std::fill_n(memory.get(), kBytes + 200, 'x');
  char* const data = memory.get() + 100;  // not where a page begins
  EXPECT_GT(resident_pages(data, kBytes), 16000u);
  zero_and_give_back(data, kBytes);
  EXPECT_EQ(resident_pages(data, kBytes), 0u);
  EXPECT_EQ(memory[99], 'x');
  EXPECT_EQ(data[kBytes], 'x');
  EXPECT_TRUE(std::all_of(data, data + kBytes, [](char c) { return c == 0; }));
  data[5] = 'y';
  EXPECT_EQ(data[5], 'y');
}

TEST(GiveBack, SmallPiecesAreZerosToo) {
  char data[40];
  std::fill_n(data, 40, 'x');
  zero_and_give_back(data + 3, 30);
  EXPECT_EQ(data[2], 'x');
  EXPECT_EQ(data[33], 'x');
  EXPECT_TRUE(std::all_of(data + 3, data + 33, [](char c) { return c == 0; }));
}

}  // namespace
}  // namespace slipway
