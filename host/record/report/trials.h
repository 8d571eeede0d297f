// What trials.jsonl says of a search, read leniently.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "record/report/data.h"

namespace slipway::report {

struct SearchedValue {
  std::string text;
  double number = kMissing;  // where it is one
};

struct Trial {
  int64_t number = 0;
  std::string state;  // of its last row: "complete", "failed", "running"
  double objective = kMissing;
  std::vector<std::pair<std::string, SearchedValue>>
      values;  // by searched key, in the search's order
};

struct Search {
  std::string name;           // of the folder
  std::string metric;         // "objective" where the rows do not name it
  int direction = 0;          // 1: more is better, -1: less is, 0: the rows do not say
  std::vector<Trial> trials;  // the best first, those without a value last; by number without a
                              // direction
  size_t unreadable = 0;      // lines, a torn last one not counted

  std::vector<std::string> keys() const;  // of every trial, in their order
};

// Throws Error when there is no trials.jsonl.
Search read_search(const fs::path& search_dir);

}  // namespace slipway::report
