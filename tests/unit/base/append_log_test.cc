// Files that grow by lines: what a crash or a power cut leaves, and what must be on the disk when.
#include "base/append_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <thread>

#include "base/error.h"
#include "tests/unit/base/recorded_calls.h"
#include "tests/unit/scratch.h"

namespace slipway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(AppendLog, LinesFollowEachOtherAndTheFileIsMadeByTheFirst) {
  const fs::path path = scratch() / "deep" / "log";
  AppendLog log(path);
  EXPECT_EQ(log.size(), 0);
  EXPECT_FALSE(fs::exists(path.parent_path()));
  log.append("one");
  log.append("");
  AppendLog(path).append("three");
  EXPECT_EQ(read_file(path), "one\n\nthree\n");
  EXPECT_EQ(log.size(), 11);
}

TEST(AppendLog, WhatWasNotFinishedIsCutOffBeforeTheNextLine) {
  const fs::path path = scratch() / "log";
  const std::string nul(5000, '\0'), longer(9000, 'x');
  const auto after = [&](const std::string& left, AppendLog::Whole whole = {}) {
    write_file_durably(path, left);
    AppendLog log(path, std::move(whole));
    log.append("next");
    return read_file(path);
  };
  EXPECT_EQ(after("one\nhalf"), "one\nnext\n");
  EXPECT_EQ(after("half"), "next\n");
  EXPECT_EQ(after("one\n" + nul), "one\nnext\n");
  EXPECT_EQ(after("one\nha" + nul + "\n"), "one\nnext\n");
  EXPECT_EQ(after(nul + "\n"), "next\n");
  EXPECT_EQ(after(longer + "\n" + longer), longer + "\nnext\n");
  EXPECT_EQ(after("\n\n"), "\n\nnext\n");
  EXPECT_EQ(after("good\nbad\n", [](std::string_view line) { return line == "good"; }),
            "good\nnext\n");
  EXPECT_EQ(after("bad\ngood\n", [](std::string_view line) { return line == "good"; }),
            "bad\ngood\nnext\n");
}

TEST(AppendLog, ThreadsAndObjectsNeverMixTheirLines) {
  const fs::path path = scratch() / "log";
  constexpr int kThreads = 4, kLines = 200;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < kLines; ++i)
        AppendLog(path, [](std::string_view line) {
          return line.size() == 300;
        }).append(std::string(300, static_cast<char>('a' + t)));
    });
  for (std::thread& each : threads) each.join();
  const std::string text = read_file(path);
  ASSERT_EQ(text.size(), kThreads * kLines * 301u);
  for (size_t at = 0; at < text.size(); at += 301)
    ASSERT_EQ(text.substr(at, 301), std::string(300, text[at]) + "\n") << at;
}

TEST(AppendLog, FlushPutsTheLinesAndTheNameOnTheDisk) {
  const fs::path folder = scratch();
  AppendLog log(folder / "log");
  const RecordedCalls disk(folder);
  log.append("one");
  log.flush();
  log.append("two");
  log.flush();
  EXPECT_THAT(disk.calls(),
              ElementsAre("write log", "fsync log", "fsync .", "write log", "fsync log"));
}

TEST(AppendLog, FlushCoversWhatAnEarlierProcessWrote) {
  const fs::path folder = scratch();
  {
    AppendLog(folder / "log").append("one");
  }
  AppendLog later(folder / "log");
  const RecordedCalls disk(folder);
  later.flush();
  EXPECT_THAT(disk.calls(), ElementsAre("fsync log", "fsync ."));
}

TEST(AppendLog, ALineThatCannotBeWrittenLeavesNothing) {
  const fs::path folder = scratch();
  AppendLog log(folder / "log");
  log.append("one");
  {
    RecordedCalls disk(folder);
    disk.fail("write log", ENOSPC);
    EXPECT_THAT([&] { log.append("two"); },
                ThrowsMessage<Error>(HasSubstr("/log: cannot write: No space left on device")));
    disk.fail("fsync log", EIO);
    EXPECT_THAT([&] { log.flush(); },
                ThrowsMessage<Error>(HasSubstr("/log: cannot flush to disk: Input/output error")));
  }
  log.append("three");
  EXPECT_EQ(read_file(log.path()), "one\nthree\n");
}

TEST(AppendLog, CutsBackToALineAndRefusesAFileThatIsNotTheOne) {
  const fs::path folder = scratch(), path = folder / "log";
  AppendLog log(path);
  EXPECT_TRUE(log.truncate(0));
  EXPECT_FALSE(log.truncate(4));
  write_file_durably(path, "one\ntwo\nthree\n");
  EXPECT_FALSE(log.truncate(5)) << "no line ends there";
  EXPECT_FALSE(log.truncate(15)) << "it is shorter";
  EXPECT_FALSE(log.truncate(-1));
  EXPECT_EQ(read_file(path), "one\ntwo\nthree\n");
  EXPECT_TRUE(log.truncate(14));
  const RecordedCalls disk(folder);
  EXPECT_TRUE(log.truncate(8));
  EXPECT_THAT(disk.calls(), ElementsAre("ftruncate log", "fsync log"));
  EXPECT_EQ(read_file(path), "one\ntwo\n");
  log.append("four");
  EXPECT_EQ(read_file(path), "one\ntwo\nfour\n");
}

TEST(AppendLog, AFileThatVanishesIsBegunAgain) {
  const fs::path path = scratch() / "log";
  AppendLog log(path);
  log.append("one");
  fs::remove(path);
  log.append("two");
  EXPECT_EQ(read_file(path), "two\n");
}

}  // namespace
}  // namespace slipway
