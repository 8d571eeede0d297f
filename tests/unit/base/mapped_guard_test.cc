// A mapped file that is cut while it is read: the process ends and names it; other bus errors are
// what they were.
#include <gtest/gtest.h>

#include <csignal>

#include "base/files.h"

namespace slipway {
namespace {

TEST(MappedGuardDeathTest, ACutFileIsNamed) {
  const fs::path folder = fs::path(SLIPWAY_SCRATCH) / "MappedGuard";
  const fs::path path = folder / "model.safetensors", other = folder / "other";
  write_file_durably(path, std::string(3 * 4096, 'x'));
  write_file_durably(other, "whole");
  const auto read_while_cut = [&] {
    const MappedFile before(other), file(path);
    fs::resize_file(path, 100);
    EXPECT_EQ(file.text()[0], 'x');
    std::exit(file.text()[2 * 4096] == 'x' ? 3 : 4);  // neither is reached
  };
  EXPECT_EXIT(
      read_while_cut(), testing::ExitedWithCode(1),
      "error: .*/model.safetensors: cannot be read: it was cut short while it was being read");
}

TEST(MappedGuardDeathTest, AMapThatIsGoneIsNotGuarded) {
  const fs::path path = fs::path(SLIPWAY_SCRATCH) / "MappedGuard" / "gone";
  write_file_durably(path, "x");
  {
    const MappedFile file(path);
  }
#ifdef __SANITIZE_ADDRESS__  // which answers the signal that it finds unanswered by a report
  EXPECT_EXIT(std::raise(SIGBUS), testing::ExitedWithCode(1), "AddressSanitizer: BUS");
#else
  EXPECT_EXIT(std::raise(SIGBUS), testing::KilledBySignal(SIGBUS), "");
#endif
}

}  // namespace
}  // namespace slipway
