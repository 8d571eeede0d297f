// What a rank tells the others of itself.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace slipway {

struct Beat {
  // kDone: it takes no part any more, and all is well. kFailed: it ends by an error. kHeard: it
  // knows of the group's verdict and ends.
  enum class State : int { kAtWork, kDone, kFailed, kHeard };

  int64_t count = 0;  // moves while the process lives
  State state = State::kAtWork;
  int64_t step = 0;
  std::string doing;   // "scoring samples", "exchanging the gradients"
  std::string reason;  // of kFailed
  // By the name of each group that it is in: how many exchanges it began.
  std::map<std::string, int64_t> begun;
  bool is_waiting = false;  // for an exchange
};

std::string beat_text(const Beat& beat);
// Nothing where the text is not one of beat_text().
std::optional<Beat> read_beat(std::string_view text);

}  // namespace slipway
