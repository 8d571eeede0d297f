// Locks of folders: one holder, whatever becomes of its process.
#include "base/folder_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "base/error.h"

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class FolderLocks : public testing::Test {
 protected:
  FolderLocks() {
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  ~FolderLocks() override { fs::remove_all(folder); }

  std::string refusal() const {
    try {
      const FolderLock lock(folder, "run");
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
  // A process that runs `body`, tells that it has by closing a pipe, and waits to be killed.
  pid_t process(const std::function<void()>& body) {
    int told[2];
    EXPECT_EQ(::pipe(told), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(told[0]);
      body();
      ::close(told[1]);
      for (;;) ::pause();
    }
    ::close(told[1]);
    char byte;
    EXPECT_EQ(::read(told[0], &byte, 1), 0);
    ::close(told[0]);
    return child;
  }
  static void end(pid_t child) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  fs::path folder = fs::path(SLIPWAY_SCRATCH) / ("folder-lock-" + std::to_string(::getpid()));
};

TEST_F(FolderLocks, TheHolderIsNamedAndALockThatIsGivenBackLeavesNothing) {
  {
    const FolderLock lock(folder, "run");
    EXPECT_TRUE(lock);
    EXPECT_THAT(refusal(), HasSubstr(fmt::format("{}: a run of process {} is writing there",
                                                 folder.string(), ::getpid())));
  }
  EXPECT_TRUE(fs::is_empty(folder));
  EXPECT_EQ(refusal(), "");
}

TEST_F(FolderLocks, EndsWithItsProcess) {
  const pid_t child = process([&] { new FolderLock(folder, "search"); });
  EXPECT_THAT(refusal(), HasSubstr(fmt::format("a search of process {} is writing there", child)));
  end(child);
  EXPECT_TRUE(fs::exists(folder / FolderLock::kFile));  // it had no time to remove it
  EXPECT_EQ(refusal(), "");
}

TEST_F(FolderLocks, AChildThatOutlivesTheHolderIsNotTakenForIt) {
  int pid[2];
  ASSERT_EQ(::pipe(pid), 0);
  const pid_t holder = process([&] {
    new FolderLock(folder, "run");
    if (const pid_t left = ::fork(); left == 0) {
      for (int fd = 3; fd < 64; ++fd)
        if (struct stat info{}; ::fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode)) ::close(fd);
      for (;;) ::pause();
    } else {
      (void)!::write(pid[1], &left, sizeof left);
    }
  });
  pid_t left = 0;
  ASSERT_EQ(::read(pid[0], &left, sizeof left), static_cast<ssize_t>(sizeof left));
  end(holder);
  EXPECT_THAT(refusal(), AllOf(HasSubstr(fmt::format("a run of process {} has ended", holder)),
                               HasSubstr("a process that it started")));
  ::kill(left, SIGKILL);
  ::close(pid[0]);
  ::close(pid[1]);
}

TEST_F(FolderLocks, AFolderThatWasMovedAsideIsNotLockedUnderItsOldName) {
  const fs::path aside = folder.string() + ".1";
  fs::remove_all(aside);
  FolderLock old(folder, "run");
  fs::rename(folder, aside);
  old.follow(aside);
  fs::create_directories(folder);
  {
    const FolderLock fresh(folder, "run");
    EXPECT_NE(refusal(), "");
    old.release();
    EXPECT_TRUE(fs::exists(folder / FolderLock::kFile));
  }
  EXPECT_TRUE(fs::is_empty(folder));
  EXPECT_TRUE(fs::is_empty(aside));
  fs::remove_all(aside);
}

TEST_F(FolderLocks, WhatCannotBeWrittenToIsRefused) {
  EXPECT_THAT((folder.append("nowhere"), refusal()),
              AllOf(HasSubstr("nowhere: cannot be written to"), HasSubstr("No such file")));
}

}  // namespace
}  // namespace slipway
