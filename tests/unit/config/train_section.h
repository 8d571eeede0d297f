// [train] of a run file, checked: for tests of what its words become.
#pragma once
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "config/check_keys.h"
#include "config/toml.h"

namespace slipway {

struct TrainSection {
  Value train;
  std::vector<std::string> faults, notices;

  // The first of `lines` is line 7 of run.toml.
  explicit TrainSection(const std::string& lines) {
    CheckedKeys checked = check_keys(
        parse_toml(
            "[run]\nalgorithm = \"sft\"\noutput_dir = \"x\"\n[data]\ntrain = [\"t\"]\n[train]\n" +
                lines,
            "run.toml"),
        &notices);
    faults = std::move(checked.faults);
    train = *checked.tree.find("train");
  }
  std::string operator[](const char* key) const { return train.find(key)->toml(); }
};

// `deepspeed` is JSON.
inline TrainSection with_deepspeed(const std::string& json, const std::string& lines = "") {
  return TrainSection("deepspeed = '''" + json + "'''\n" + lines);
}

}  // namespace slipway
