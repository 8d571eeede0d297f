// Placing and removing: what is there after a crash, what is flushed before what, what must never
// be replaced.
#include "base/place.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "base/error.h"
#include "tests/unit/base/recorded_calls.h"
#include "tests/unit/scratch.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

std::vector<std::string> names(const fs::path& folder) {
  std::vector<std::string> out;
  for (const fs::path& path : list_folder(folder)) out.push_back(path.filename().string());
  return out;
}

TEST(Place, AFileIsFlushedBeforeItsNameAndTheNameAfterIt) {
  const fs::path folder = scratch();
  const RecordedCalls disk(folder);
  write_file_durably(folder / "a", "new");
  EXPECT_THAT(disk.calls(),
              ElementsAre("ftruncate .a.slipway-part", "write .a.slipway-part",
                          "fsync .a.slipway-part", "rename .a.slipway-part -> a", "fsync ."));
}

TEST(Place, FoldersThatAreMadeAreFlushedIntoTheirParents) {
  const fs::path folder = scratch();
  const RecordedCalls disk(folder);
  create_folder(folder / "a" / "b" / "");
  create_folder(folder / "a" / "b");
  EXPECT_THAT(disk.calls(), ElementsAre("mkdir a", "fsync .", "mkdir a/b", "fsync a"));
  write_file_durably(folder / "file", "");
  EXPECT_THAT([&] { create_folder(folder / "file"); },
              ThrowsMessage<Error>(HasSubstr("/file: cannot create the folder: Not a directory")));
  EXPECT_THAT([&] { create_folder(folder / "file" / "x"); },
              ThrowsMessage<Error>(HasSubstr("/file: cannot create the folder: Not a directory")));
}

TEST(Place, AFaultLeavesTheOldFileAlone) {
  const fs::path folder = scratch(), path = folder / "a";
  write_file_durably(path, "old");
  for (const char* call : {"write", "fsync .a.slipway-part", "rename"}) {
    RecordedCalls disk(folder);
    disk.fail(call, EIO);
    EXPECT_THAT([&] { write_file_durably(path, "new"); },
                ThrowsMessage<Error>(HasSubstr("Input/output error")))
        << call;
    EXPECT_EQ(read_file(path), "old") << call;
    EXPECT_THAT(names(folder), ElementsAre("a")) << call;
  }
}

TEST(Place, WhatAKilledWriterLeftIsUsedAgainAndWhatALiveOneWritesIsNot) {
  const fs::path folder = scratch();
  write_file_durably(folder / "left", "longer than what comes");
  fs::rename(folder / "left", folder / ".a.slipway-part");
  write_file_durably(folder / "a", "short");
  EXPECT_EQ(read_file(folder / "a"), "short");
  EXPECT_THAT(names(folder), ElementsAre("a"));
  DurableFile one(folder / "a"), other(folder / "a");
  one.write("one");
  other.write("other");
  one.commit();
  EXPECT_EQ(read_file(folder / "a"), "one");
  other.commit();
  EXPECT_EQ(read_file(folder / "a"), "other");
  EXPECT_THAT(names(folder), ElementsAre("a"));
}

TEST(Place, LinksStayAndTheirTargetsAreWritten) {
  const fs::path folder = scratch();
  fs::create_directory(folder / "there");
  write_file_durably(folder / "there" / "target", "old");
  fs::create_symlink("there/target", folder / "link");
  fs::create_symlink("link", folder / "second");
  fs::create_symlink("there/none", folder / "dangling");
  write_file_durably(folder / "second", "new");
  write_file_durably(folder / "dangling", "made");
  EXPECT_EQ(read_file(folder / "there" / "target"), "new");
  EXPECT_EQ(read_file(folder / "there" / "none"), "made");
  EXPECT_EQ(fs::read_symlink(folder / "link"), "there/target");
  EXPECT_EQ(fs::read_symlink(folder / "second"), "link");
  fs::create_symlink("round", folder / "round");
  EXPECT_THAT([&] { write_file_durably(folder / "round", "x"); },
              ThrowsMessage<Error>(HasSubstr("/round: is a link that leads round in a circle")));
}

TEST(Place, PipesAndDescriptorsAreWrittenDirectly) {
  const fs::path folder = scratch(), pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  fs::create_symlink("pipe", folder / "link");
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  write_file_durably(pipe, "through ");
  write_file_durably(folder / "link", "the pipe");
  char got[64];
  const ssize_t n = ::read(reader, got, sizeof got);
  ::close(reader);
  EXPECT_EQ(std::string(got, n > 0 ? static_cast<size_t>(n) : 0), "through the pipe");
  EXPECT_TRUE(fs::is_fifo(pipe));
  const int out = ::open((folder / "out").c_str(), O_RDWR | O_CREAT, 0600);
  ASSERT_EQ(::write(out, "before, ", 8), 8);
  write_file_durably(fmt::format("/proc/self/fd/{}", out), "inside");
  ASSERT_EQ(::write(out, ", after", 7), 7);
  ::close(out);
  EXPECT_EQ(read_file(folder / "out"), "before, inside, after");
  EXPECT_THAT(names(folder), ElementsAre("link", "out", "pipe"));
  EXPECT_TRUE(is_written_directly("/dev/null"));
  EXPECT_FALSE(is_written_directly(folder / "out"));
  EXPECT_FALSE(is_written_directly(folder / "new"));
  PartFile null = begin_part("/dev/null");
  EXPECT_THAT([&] { write_part_at(null, "x", 0); },
              ThrowsMessage<Error>(HasSubstr("/dev/null: is not a regular file")));
  abandon_part(null);
}

TEST(Place, PermissionsAreHandedOn) {
  const fs::path path = scratch() / "a";
  write_file_durably(path, "x");
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  write_file_durably(path, "y");
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST(Place, AFolderIsPlacedWhole) {
  const fs::path folder = scratch();
  const auto make = [&](const std::string& text) {
    const fs::path part = begin_part_folder(folder / "f");
    write_file_durably(part / "file", text);
    return part;
  };
  {
    const RecordedCalls disk(folder);
    place_folder(make("one"), folder / "f");
    EXPECT_THAT(disk.calls(),
                ElementsAre("mkdir .f.slipway-part", "fsync .", "ftruncate .f.slipway-part/file",
                            "write .f.slipway-part/file", "fsync .f.slipway-part/file",
                            "fsync .f.slipway-part", "rename .f.slipway-part -> f", "fsync ."));
  }
  const fs::path part = make("two");
  {
    const RecordedCalls disk(folder);
    place_folder(part, folder / "f");
    const auto calls = disk.calls();
    ASSERT_GE(calls.size(), 3u);
    EXPECT_EQ(calls[0], "fsync .f.slipway-part");
    EXPECT_EQ(calls[1], "exchange .f.slipway-part <-> f");
    EXPECT_EQ(calls[2], "fsync .");
  }
  EXPECT_EQ(read_file(folder / "f" / "file"), "two");
  EXPECT_THAT(names(folder), ElementsAre("f"));
  {
    RecordedCalls disk(folder);
    disk.fail("exchange .f.slipway-part <-> f", EINVAL);  // a file system that cannot
    place_folder(make("three"), folder / "f/");
  }
  EXPECT_EQ(read_file(folder / "f" / "file"), "three");
  EXPECT_THAT(names(folder), ElementsAre("f"));
}

TEST(Place, RemovalTakesAHiddenNameFirst) {
  const fs::path folder = scratch();
  write_file_durably(folder / "f" / "file", "x");
  const RecordedCalls disk(folder);
  EXPECT_TRUE(remove_path(folder / "f"));
  const auto calls = disk.calls();  // the folder's own removal is the C library's, and not seen
  ASSERT_GE(calls.size(), 3u);
  EXPECT_EQ(calls[0], "rename f -> .f.slipway-gone");
  EXPECT_EQ(calls[1], "fsync .");
  EXPECT_EQ(calls[2], "unlink .f.slipway-gone/file");
  EXPECT_TRUE(remove_path(folder / "f")) << "nothing there";
  EXPECT_THAT(names(folder), IsEmpty());
}

TEST(Place, ARemovalThatFailsIsAWarning) {
  const fs::path folder = scratch();
  for (const char* name : {"f", "g"}) write_file_durably(folder / name / "file", "x");
  {
    RecordedCalls disk(folder);
    disk.fail("unlink", EIO);
    EXPECT_FALSE(remove_path(folder / "f"));
    EXPECT_FALSE(fs::exists(folder / "f"));
    disk.fail("rename", EBUSY);
    EXPECT_FALSE(remove_path(folder / "g"));
    EXPECT_TRUE(fs::exists(folder / "g" / "file"));
  }
  write_file_durably(folder / "f" / "file", "again");
  EXPECT_TRUE(remove_path(folder / "f"));
  tidy(folder);
  EXPECT_THAT(names(folder), ElementsAre("g"));
}

TEST(Place, TidyPutsBackWhatSteppedAsideAndRemovesTheRest) {
  const fs::path folder = scratch();
  write_file_durably(folder / ".f.slipway-old" / "file", "the only one");
  write_file_durably(folder / "g" / "file", "new");
  write_file_durably(folder / ".g.slipway-old" / "file", "old");
  write_file_durably(folder / ".h.slipway-gone-2" / "file", "x");
  fs::create_directory(folder / ".i.slipway-part");
  std::ofstream(folder / ".j.slipway-part") << "x";
  for (const char* mine :
       {".k.slipway-parts", "k.slipway-part", ".slipway-part", ".l.tmp-12", ".hidden"})
    write_file_durably(folder / mine, "the user's");
  DurableFile live(folder / "live");
  live.write("whole");
  tidy(folder);
  live.commit();
  EXPECT_THAT(names(folder), ElementsAre(".hidden", ".k.slipway-parts", ".l.tmp-12",
                                         ".slipway-part", "f", "g", "k.slipway-part", "live"));
  EXPECT_EQ(read_file(folder / "f" / "file"), "the only one");
  EXPECT_EQ(read_file(folder / "g" / "file"), "new");
  EXPECT_EQ(read_file(folder / "live"), "whole");
}

TEST(Place, NothingIsEverMovedOverSomething) {
  const fs::path folder = scratch();
  write_file_durably(folder / "a", "a");
  write_file_durably(folder / "b", "b");
  EXPECT_THAT([&] { move_path(folder / "a", folder / "b"); },
              ThrowsMessage<Error>(HasSubstr("cannot be renamed to")));
  {
    RecordedCalls disk(folder);
    disk.fail("rename a -> b", EINVAL);  // a file system without RENAME_NOREPLACE
    EXPECT_THAT([&] { move_path(folder / "a", folder / "b"); },
                ThrowsMessage<Error>(HasSubstr("File exists")));
  }
  EXPECT_EQ(read_file(folder / "b"), "b");
}

TEST(Place, UnreadableIsNotEmpty) {
  const fs::path folder = scratch();
  EXPECT_THAT([&] { list_folder(folder / "none"); },
              ThrowsMessage<Error>(HasSubstr("/none: cannot be read: No such file or directory")));
  EXPECT_FALSE(path_exists(folder / "none"));
  fs::create_symlink("none", folder / "dangling");
  EXPECT_TRUE(path_exists(folder / "dangling"));
  EXPECT_THAT([&] { path_exists(folder / std::string(300, 'x')); },
              ThrowsMessage<Error>(HasSubstr("cannot be read: File name too long")));
}

}  // namespace
}  // namespace slipway
