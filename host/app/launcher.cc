// The program's door: does at once what needs no LibTorch (loading it costs a quarter of a second,
// and a launch would hold its memory for as long as the ranks run), and becomes slipway-run, which
// lies beside it, for everything else.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

#include "app/command_line.h"
#include "app/commands.h"
#include "app/standard_output.h"
#include "base/error.h"
#include "base/visible_text.h"

namespace {

// Address space in which LibTorch's libraries always find their place.
constexpr rlim_t kPlenty = rlim_t{4} << 30;
// By how much two starts of one program differ: where the kernel lays libraries is drawn anew each
// time, and with it what the gaps between them take (1.3 MiB were seen).
constexpr rlim_t kSpread = rlim_t{16} << 20;

// Whether `program` starts at all under a limit of the address space (ulimit -v). Where one is too
// small, a library dies in its constructor, before the program could say a word: a child tries it
// out, with a little less, so that what has started once starts again.
bool starts_within_limit(const char* program) {
  rlimit space{};
  if (getrlimit(RLIMIT_AS, &space) != 0 || space.rlim_cur >= kPlenty) return true;
  const pid_t child = fork();
  if (child < 0) return true;
  if (child == 0) {
    space.rlim_cur -= space.rlim_cur < kSpread ? space.rlim_cur : kSpread;
    setrlimit(RLIMIT_AS, &space);
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    execl(program, program, "--version", static_cast<char*>(nullptr));
    _exit(errno == ENOMEM ? 1 : 0);  // a program that is not there is told of below
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  std::fprintf(stderr,
               "slipway: not enough memory to start: the address space is limited to %llu MiB, and "
               "the libraries need more; raise the limit (ulimit -v unlimited)\n",
               static_cast<unsigned long long>(space.rlim_cur >> 20));
  return false;
}

// slipway launch; what went wrong becomes a message and the exit code, as in main.cc.
int launch(const slipway::Arguments& arguments) {
  const auto told = [](const std::exception& e, int code) {
    std::fprintf(stderr, "slipway: %s\n", slipway::visible_text(e.what()).c_str());
    return code;
  };
  try {
    const int code = slipway::launch_command(arguments);
    slipway::flush_standard_output();
    return code;
  } catch (const slipway::ReaderLeft&) {
    return slipway::kExitOk;
  } catch (const slipway::UsageError& e) {
    return told(e, slipway::kExitUsage);
  } catch (const std::exception& e) {
    return told(e, slipway::kExitFailure);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "launch") == 0) return launch({argv + 2, argv + argc});
  if (argc == 2 && (std::strcmp(argv[1], "--version") == 0 || std::strcmp(argv[1], "-V") == 0)) {
    std::puts("slipway " SLIPWAY_VERSION);
    if (std::fflush(stdout) == 0) return 0;
    std::fprintf(stderr, "slipway: cannot write to standard output: %s\n", std::strerror(errno));
    return 1;
  }
  // LibTorch's parts look for each other from the working folder, and end the process without a
  // word of use where there is none.
  char here[PATH_MAX];
  if (getcwd(here, sizeof here) == nullptr && errno != ERANGE) {
    std::fprintf(stderr,
                 "slipway: the working folder cannot be read (%s): was it removed? change to "
                 "another one (cd) and try again\n",
                 std::strerror(errno));
    return 2;
  }
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  std::string program(path, length > 0 ? static_cast<size_t>(length) : 0);
  program = program.substr(0, program.rfind('/') + 1) + "slipway-run";
  // libgomp's threads spin for milliseconds at every join before they sleep. Where something else
  // wants the processor too, the spinning keeps it from the thread that is waited for, and decoding
  // becomes ten times slower.
  if (getenv("OMP_WAIT_POLICY") == nullptr) setenv("GOMP_SPINCOUNT", "5000", 0);
  // The allocator keeps what a training step gives back: asking the kernel for it again would cost
  // a page fault and a cleared page for every 4 KiB of every step. It takes large pages where the
  // system has them: weights are read through from end to end.
  setenv("GLIBC_TUNABLES",
         "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad="
         "67108864:glibc.malloc.hugetlb=1",
         0);
  if (!starts_within_limit(program.c_str())) return 1;
  execv(program.c_str(), argv);
  std::fprintf(stderr, "slipway: cannot start %s: %s\n", program.c_str(), std::strerror(errno));
  return 1;
}
