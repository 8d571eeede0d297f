// A parsed run file against the schema.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "config/value.h"

namespace slipway {

struct CheckedKeys {
  Value tree;  // every key with its value: the default where it is not given, or stands wrong
  std::vector<std::string> faults;  // each "file:line: ..."
  // "run.algorithm", "reward": what the tree does not have as the file means it. What is wrong with
  // these has been said.
  std::set<std::string> unusable;
};

// Checks a parsed run file and fills in defaults: unknown sections and keys (with the nearest
// name), other names (config/other_names.h: accepted with a line in `notices`), types, ranges,
// choices. Throws nothing; check_run_file() (config/schema.h) is the same for who needs a run file
// without faults.
CheckedKeys check_keys(const Value& root, std::vector<std::string>* notices);

}  // namespace slipway
