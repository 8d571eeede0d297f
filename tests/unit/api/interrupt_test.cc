// Requests to stop: the signals that make them, and the run that they belong to.
#include "api/interrupt.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "loop/stops_at.h"
#include "plugin/trampoline.h"
#include "tests/unit/plugin/fixture_files.h"
#include "tests/unit/plugins/terminal.h"

namespace slipway {
namespace {

using testing::ExitedWithCode;
using testing::KilledBySignal;

class InterruptDeath : public testing::Test {
 protected:
  InterruptDeath() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(InterruptDeath, TheFirstIsAnsweredTheSecondEndsWithAWord) {
  for (const auto& [signal, name] : {std::pair(SIGINT, "SIGINT"), std::pair(SIGTERM, "SIGTERM")})
    EXPECT_EXIT(
        {
          const StopScope scope(true);
          std::raise(signal);
          std::fprintf(stderr, stop_requested() ? "asked\n" : "not asked\n");
          std::raise(signal);
        },
        KilledBySignal(signal),
        fmt::format("^slipway: {0}: stopping after this step; signal again to end "
                    "now\nasked\nslipway: ended by a second {0}; what was saved before stays\n$",
                    name));
  EXPECT_FALSE(stop_requested());
}

TEST_F(InterruptDeath, WarningsOfSchedulersAndTerminalsAskAndNeverEnd) {
  EXPECT_EXIT(
      {
        const StopScope scope(true);
        // the first SIGTERM is no second one
        for (const int signal : {SIGUSR1, SIGHUP, SIGHUP, SIGUSR2, SIGUSR1, SIGTERM})
          std::raise(signal);
        ::_exit(stop_requested() ? 9 : 1);
      },
      ExitedWithCode(9),
      "^slipway: SIGUSR1: stopping after this step\nslipway: SIGTERM: stopping already; signal "
      "again to end now\n$");
}

TEST_F(InterruptDeath, InARankEveryRequestAsksAndNoneEnds) {
  EXPECT_EXIT(
      {
        ::setenv("LOCAL_RANK", "0", 1);
        const StopScope scope(true);
        for (const int signal : {SIGTERM, SIGTERM, SIGINT, SIGINT}) std::raise(signal);
        ::_exit(stop_requested() ? 9 : 1);
      },
      ExitedWithCode(9), "^slipway: SIGTERM: stopping after this step\n$");
}

TEST_F(InterruptDeath, SaysWhereTheRunStops) {
  EXPECT_EXIT(
      {
        const StopScope scope(true);
        const StopsAt evaluating("after this evaluation");
        {
          const StopsAt saving("when this is written");
        }
        std::raise(SIGTERM);
        ::_exit(9);
      },
      ExitedWithCode(9),
      "^slipway: SIGTERM: stopping after this evaluation; signal again to end now\n$");
}

TEST_F(InterruptDeath, InATerminalItNamesTheKey) {
  Terminal terminal(80);
  {
    const StopScope scope(true);
    std::raise(SIGINT);
    EXPECT_EQ(terminal.read(),
              "\nslipway: SIGINT: stopping after this step; press Ctrl-C again to end now\n");
  }
  const StopScope scope(true);
  std::raise(SIGTERM);
  EXPECT_EQ(terminal.read(),
            "\nslipway: SIGTERM: stopping after this step; signal again to end now\n");
}

TEST_F(InterruptDeath, NamesWhatIsWaitedFor) {
  EXPECT_EXIT(
      {
        const StopScope scope(true);
        set_waiting_for([] { return "plugin org.x, score()"; });
        std::raise(SIGINT);
        ::_exit(9);
      },
      ExitedWithCode(9),
      "^slipway: SIGINT: stopping after this step, waiting for plugin org.x, score\\(\\); signal "
      "again to end now\n$");
}

TEST_F(InterruptDeath, WhicheverThreadGetsItTheScopesThreadAnswers) {
  EXPECT_EXIT(
      {
        const StopScope scope(true);
        call_plugin("org.x", "score", [](slw_error*) {
          std::thread([] { ::pthread_kill(::pthread_self(), SIGTERM); }).join();
          std::thread([] { ::pthread_kill(::pthread_self(), SIGTERM); }).join();
          return SLW_OK;
        });
      },
      KilledBySignal(SIGTERM),
      "^slipway: SIGTERM: stopping after this step, waiting for plugin org.x, score\\(\\); signal "
      "again to end now\n"
      "slipway: ended by a second SIGTERM, waiting for plugin org.x, score\\(\\); what was saved "
      "before stays\n$");
}

TEST_F(InterruptDeath, WhatWasIgnoredStaysSo) {
  EXPECT_EXIT(
      {
        std::signal(SIGHUP, SIG_IGN);  // nohup
        std::signal(SIGTERM, SIG_IGN);
        const StopScope scope(true);
        std::raise(SIGHUP);
        const bool hung_up = stop_requested();
        std::raise(SIGTERM);
        ::_exit(!hung_up && stop_requested() ? 9 : 1);
      },
      ExitedWithCode(9), "SIGTERM");
}

TEST(StopScopes, ARequestEndsWithItsRunAndNotWithOneInside) {
  {
    const StopScope search(false);
    {
      const StopScope trial(false);
      request_stop();
    }
    EXPECT_TRUE(stop_requested());
  }
  EXPECT_FALSE(stop_requested());
  request_stop();  // asked before it began, a run stops too
  {
    const StopScope run(false);
    EXPECT_TRUE(stop_requested());
  }
  EXPECT_FALSE(stop_requested());
}

TEST(StopScopes, DispositionsAreThoseOfTheProgramAgain) {
  const auto before = std::signal(SIGTERM, SIG_IGN);
  {
    const StopScope outer(true);
    const StopScope inner(true);
  }
  EXPECT_EQ(std::signal(SIGTERM, before), SIG_IGN);
}

// A request that comes before the child's run listens is not lost, one that comes after its end is
// no reason to die.
TEST(StopScopes, AChildHearsARequestThatCameEarlyAndIsNotEndedByOneThatComesLate) {
  const auto child_that = [](auto&& does) {
    const pid_t child = start_child();
    if (child == 0) ::_exit(does());
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  };
  EXPECT_EQ(child_that([] {
              ::kill(::getpid(), SIGUSR1);
              const bool early = stop_requested();
              const StopScope scope(true, /*silent=*/true);
              return !early && stop_requested() ? 9 : 1;
            }),
            9);
  EXPECT_EQ(child_that([] {
              {
                const StopScope scope(true, /*silent=*/true);
              }
              ::kill(::getpid(), SIGUSR1);
              std::thread([] { ::pthread_kill(::pthread_self(), SIGUSR1); }).join();
              return stop_requested() ? 1 : 9;
            }),
            9);
}

TEST(StopScopes, AChildIsAskedOnceAndWhenItAlreadyWasToo) {
  testing::internal::CaptureStderr();
  const StopScope scope(true, /*silent=*/true);
  // A child that has set itself up says so, then tells by its exit code that SIGUSR1 came, and
  // SIGTERM did not.
  const auto start = [](int& ready) {
    int pipe[2];
    EXPECT_EQ(::pipe(pipe), 0);
    const pid_t child = start_child();
    if (child == 0) {
      sigset_t set;
      sigemptyset(&set);
      for (const int signal : {SIGUSR1, SIGTERM}) sigaddset(&set, signal);
      sigprocmask(SIG_BLOCK, &set, nullptr);
      ::close(pipe[0]);
      ::close(pipe[1]);
      int got = 0;
      sigwait(&set, &got);
      ::_exit(got == SIGUSR1 ? 9 : 1);
    }
    ::close(pipe[1]);
    ready = pipe[0];
    return child;
  };
  const auto code = [](pid_t child, int ready) {
    int status = 0;
    ::waitpid(child, &status, 0);
    ::close(ready);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  };
  const auto wait_until = [](int ready) {
    char byte;
    EXPECT_EQ(::read(ready, &byte, 1), 0);
  };
  int ready = 0;
  pid_t child = start(ready);
  wait_until(ready);
  {
    const Forwarding forwarding(child);
    std::raise(SIGTERM);
    EXPECT_EQ(code(child, ready), 9);
  }
  child = start(ready);
  wait_until(ready);
  const Forwarding forwarding(child);  // the request is older than the child
  EXPECT_EQ(code(child, ready), 9);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace slipway
