#include "dist/process_sign.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace slipway {
namespace {

TEST(ProcessSign, AProcessIsThereUntilItHasEnded) {
  EXPECT_EQ(process_space(), process_space());
  EXPECT_NE(process_space(), "");
  EXPECT_FALSE(is_process_gone(::getpid()));
  pid_t pid = 0;
  const char* arguments[] = {"/bin/sleep", "60", nullptr};
  ASSERT_EQ(::posix_spawn(&pid, arguments[0], nullptr, nullptr, const_cast<char* const*>(arguments),
                          nullptr),
            0);
  EXPECT_FALSE(is_process_gone(pid));
  ::kill(pid, SIGSTOP);
  EXPECT_FALSE(is_process_gone(pid));
  ::kill(pid, SIGKILL);
  siginfo_t ended{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOWAIT), 0);
  EXPECT_TRUE(is_process_gone(pid));  // nobody has asked for its code
  ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
  EXPECT_TRUE(is_process_gone(pid));
}

}  // namespace
}  // namespace slipway
