// One rank of a test: `rank_program SCENARIO [arguments]`, with its place in the environment. Ends
// with 0 where all is as it should be, 1 with what is not on standard error, 75 where a rank is
// lost.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include "dist/c10d_group.h"
#include "dist/rank_lost.h"
#include "tests/unit/dist/scenarios.h"

using namespace slipway;

int main(int argc, char** argv) {
  at::set_num_threads(1);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    auto all = scenarios();
    all.insert(device_scenarios().begin(), device_scenarios().end());
    const auto found = all.find(arguments.at(0));
    if (found == all.end()) throw Error("no scenario " + arguments.at(0));
    found->second(arguments);
    std::printf("all is well\n");
    return kExitOk;
  } catch (const RankLost& lost) {
    std::fprintf(stderr, "LOST: %s\n", lost.what());
    return kExitRankLost;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "ERROR: %s\n", problem.what());
    return kExitFailure;
  }
}
