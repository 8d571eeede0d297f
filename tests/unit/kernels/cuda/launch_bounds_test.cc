// The kernels' sources: each says how many threads its blocks have, or the compiler gives threads
// so many registers that a launch of 512 fails.
#include <gtest/gtest.h>

#include "base/files.h"

namespace slipway::cuda {
namespace {

TEST(CudaKernels, SayTheirNumberOfThreads) {
  const fs::path sources = "host/kernels/cuda";
  if (!fs::is_directory(sources)) GTEST_SKIP() << "skipped: the sources are not here";
  int kernels = 0;
  for (const fs::directory_entry& file : fs::directory_iterator(sources)) {
    const std::string text = read_file(file.path());
    for (size_t at = text.find("__global__"); at != std::string::npos;
         at = text.find("__global__", at + 1), ++kernels)
      EXPECT_EQ(text.substr(at, 29), "__global__ __launch_bounds__(")
          << file.path() << ": " << text.substr(at, 80);
  }
  EXPECT_GT(kernels, 20);
}

}  // namespace
}  // namespace slipway::cuda
