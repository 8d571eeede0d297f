// Files: durable replacement, hashes, maps and the errors of what is missing.
#include "base/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "tests/unit/scratch.h"

namespace slipway {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Files, WriteReplacesWholeAndLeavesNothingBehind) {
  const fs::path folder = scratch(), path = folder / "deep" / "state.json";
  write_file_durably(path, "first");
  write_file_durably(path, std::string("se\0cond", 7));
  EXPECT_EQ(read_file(path), std::string("se\0cond", 7));
  EXPECT_EQ(std::distance(fs::directory_iterator(path.parent_path()), fs::directory_iterator{}), 1);
}

TEST(Files, PiecesAppearTogetherOrNotAtAll) {
  const fs::path folder = scratch(), path = folder / "deep" / "long.json";
  {
    DurableFile file(path);
    file.write("first");
  }
  EXPECT_TRUE(fs::is_empty(path.parent_path()));
  DurableFile file(path);
  file.write("first");
  file.write("second");
  EXPECT_FALSE(fs::exists(path));
  file.commit();
  EXPECT_EQ(read_file(path), "firstsecond");
  EXPECT_EQ(std::distance(fs::directory_iterator(path.parent_path()), fs::directory_iterator{}), 1);
}

TEST(Files, FailedWriteKeepsTheOldFile) {
  const fs::path folder = scratch(), path = folder / "target";
  fs::create_directories(path / "occupied");  // rename over a non-empty folder fails
  EXPECT_THROW(write_file_durably(path, "x"), Error);
  EXPECT_TRUE(fs::is_directory(path / "occupied"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator{}), 1);
}

TEST(Files, MissingFileIsNamed) {
  EXPECT_THAT([] { read_file("/no/such/file"); },
              ThrowsMessage<Error>(HasSubstr("/no/such/file: No such file")));
  EXPECT_THAT([] { MappedFile("/no/such/file"); },
              ThrowsMessage<Error>(HasSubstr("/no/such/file")));
  EXPECT_THAT([] { read_file("/tmp"); }, ThrowsMessage<Error>(HasSubstr("is a folder")));
}

TEST(Files, Sha256MatchesTheStandardVectors) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Files, MapSeesTheBytesAndMovesOnce) {
  const fs::path path = scratch() / "file";
  std::ofstream(path) << "hello";
  MappedFile a(path);
  MappedFile b = std::move(a);
  EXPECT_EQ(b.text(), "hello");
  EXPECT_TRUE(a.bytes().empty());
  std::ofstream(path, std::ios::trunc).close();
  EXPECT_TRUE(MappedFile(path).bytes().empty());
}

}  // namespace
}  // namespace slipway
