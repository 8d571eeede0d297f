// Two files of torch.save side by side.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "weights/torch_file.h"

namespace slipway {

inline fs::path scratch_folder() {
  const fs::path folder =
      fs::path(SLIPWAY_SCRATCH) / testing::UnitTest::GetInstance()->current_test_info()->name();
  fs::create_directories(folder);
  return folder;
}

// Where two values differ: other keys or another order of them, other types of tensors, other
// numbers. Whole and real numbers may stand for each other, as in Python.
inline void compare(const TorchValue& a, const TorchValue& b, const std::string& where,
                    std::vector<std::string>& out) {
  using Kind = TorchValue::Kind;
  if (a.kind == Kind::kTensor && b.kind == Kind::kTensor) {
    if (a.tensor.encoding != b.tensor.encoding || a.tensor.shape != b.tensor.shape)
      out.push_back(where + ": another type or shape");
    else if (!std::ranges::equal(a.tensor.bytes, b.tensor.bytes))
      out.push_back(where + ": other values");
  } else if (a.kind == Kind::kWords && b.kind == Kind::kWords) {
    if (a.words != b.words) out.push_back(where + ": other words");
  } else if (a.kind == b.kind &&
             (a.kind == Kind::kDict || a.kind == Kind::kList || a.kind == Kind::kTuple)) {
    if (!std::ranges::equal(a.keys, b.keys, same_value)) out.push_back(where + ": other keys");
    else if (a.items.size() != b.items.size()) out.push_back(where + ": other length");
    else
      for (size_t i = 0; i < a.items.size(); ++i)
        compare(
            a.items[i], b.items[i],
            where + "." +
                (a.kind != Kind::kDict || a.keys[i].kind == Kind::kInteger
                     ? std::to_string(a.keys.empty() ? static_cast<int64_t>(i) : a.keys[i].integer)
                     : a.keys[i].text),
            out);
  } else if (!same_value(a, b)) {
    out.push_back(where + ": " + text_of(a) + " and " + text_of(b));
  }
}

inline std::vector<std::string> differences(const fs::path& first, const fs::path& second) {
  const TorchFile a(first), b(second);
  std::vector<std::string> out;
  compare(a.value(), b.value(), "", out);
  return out;
}

}  // namespace slipway
