// What a folder holds, and what was said, for tests of run folders.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/files.h"

namespace slipway {

inline std::vector<std::string> names(const fs::path& where) {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(where))
    out.push_back(entry.path().filename().string());
  return out;
}

// To standard error, meanwhile.
inline std::string said(const std::function<void()>& body) {
  testing::internal::CaptureStderr();
  body();
  return testing::internal::GetCapturedStderr();
}

}  // namespace slipway
