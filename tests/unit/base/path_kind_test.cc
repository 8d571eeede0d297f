// What lies at a path.
#include "base/path_kind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace slipway {
namespace {

TEST(PathKind, TellsWhatIsThere) {
  const fs::path folder = fs::path(SLIPWAY_SCRATCH) / "path_kind";
  fs::remove_all(folder);
  fs::create_directories(folder);
  write_file_durably(folder / "file", "x");
  fs::create_symlink("file", folder / "link");
  fs::create_symlink("nowhere", folder / "dangling");
  fs::create_symlink("loop", folder / "loop");
  EXPECT_EQ(kind_of_path(folder), PathKind::kFolder);
  EXPECT_EQ(kind_of_path(folder / "file"), PathKind::kFile);
  EXPECT_EQ(kind_of_path(folder / "link"), PathKind::kFile);
  EXPECT_EQ(kind_of_path(folder / "dangling"), PathKind::kNothing);
  EXPECT_EQ(kind_of_path(folder / "file/under"), PathKind::kNothing);
  EXPECT_EQ(kind_of_path("/dev/null"), PathKind::kOther);
  EXPECT_THAT([&] { kind_of_path(folder / "loop"); },
              testing::ThrowsMessage<Error>(testing::AllOf(testing::HasSubstr("loop: "),
                                                           testing::HasSubstr("symbolic links"))));
  EXPECT_THROW(kind_of_path(folder / std::string(5000, 'x')), Error);
}

}  // namespace
}  // namespace slipway
