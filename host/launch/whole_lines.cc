// Cutting.
#include "launch/whole_lines.h"

#include <algorithm>

namespace slipway {

void WholeLines::add(std::string_view bytes) {
  while (!bytes.empty()) {
    if (bytes.front() == '\n') {
      take_(begun_);
      begun_.clear();
      bytes.remove_prefix(1);
      continue;
    }
    if (begun_.size() == kLongest) end();
    const size_t taken = std::min({bytes.find('\n'), bytes.size(), kLongest - begun_.size()});
    begun_.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
  }
}

void WholeLines::end() {
  if (!begun_.empty()) take_(begun_);
  begun_.clear();
}

}  // namespace slipway
