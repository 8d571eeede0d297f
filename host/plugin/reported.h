// Numbers that a plugin reports between two logged rows, folded as they come: memory does not grow
// with how often it does.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/json.h"
#include "slipway/host.h"

namespace slipway {

class Reported {
 public:
  // SLW_REDUCE_MEAN, SUM, MIN and MAX fold the values that came since take(), NONE keeps the last;
  // what the latest call says of a name holds. A NaN is nothing to report: it counts where there is
  // nothing else. False: there are kMostNames names already, and this would be another.
  bool add(std::string_view name, double value, slw_reduce how);
  // Each name with its value, in the order of their first; forgets them.
  std::vector<std::pair<std::string, double>> take();

  // What was added, for a checkpoint, and back: added to what is here. Throws Json::exception.
  Json state() const;
  void restore(const Json& state);
  // Folds in what another process was told: state() of its own. What NONE keeps of a name is what
  // was here, where there was anything. Throws Json::exception.
  void merge(const Json& state);

  static constexpr size_t kMostNames = 4096;

 private:
  struct Entry {
    std::string name;
    slw_reduce how = SLW_REDUCE_NONE;
    int64_t count = 0;
    double sum = 0, least = 0, most = 0, last = 0;
    double value() const;
  };
  std::vector<Entry> entries_;
  std::unordered_map<std::string, size_t> places_;  // name -> entry
};

}  // namespace slipway
