// Where a test puts what it makes.
#pragma once
#include <gtest/gtest.h>

#include "base/files.h"

namespace slipway {

// An empty folder of the running test's own.
inline fs::path scratch() {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  const fs::path folder = fs::path(SLIPWAY_SCRATCH) / info->test_suite_name() / info->name();
  fs::remove_all(folder);
  fs::create_directories(folder);
  return fs::canonical(folder);
}

}  // namespace slipway
