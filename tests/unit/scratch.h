// Where a test puts what it makes.
#pragma once
#include <gtest/gtest.h>

#include "tests/unit/built.h"

namespace slipway {

// An empty folder of the running test's own: scratch/cuda/SUITE/NAME for the program unit_cuda.
inline fs::path scratch() {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  const std::string program = fs::read_symlink("/proc/self/exe").filename().string();
  const fs::path folder = built("scratch") / program.substr(program.find('_') + 1) /
                          info->test_suite_name() / info->name();
  fs::remove_all(folder);
  fs::create_directories(folder);
  return fs::canonical(folder);
}

}  // namespace slipway
