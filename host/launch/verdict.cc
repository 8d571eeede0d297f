// Judging.
#include "launch/verdict.h"

#include <algorithm>

#include "base/error.h"

namespace slipway {
namespace {

// By one of the signals that ask to end, or with the code that a shell gives for it.
bool is_answer(const ProcessEnd& end) {
  return std::ranges::any_of(kAskingToEnd, [&](int number) { return end.code == 128 + number; });
}

bool is_by_itself(const RankEnd& each) {
  const int code = each.end.code;
  if (code == kExitOk || code == kExitRankLost || code == kExitInterrupted || each.killed)
    return false;
  return !each.asked || !is_answer(each.end);
}

}  // namespace

std::optional<RankEnd> Verdict::cause() const {
  const auto found = std::ranges::find_if(ends_, is_by_itself);
  return found == ends_.end() ? std::nullopt : std::optional(*found);
}

bool Verdict::failed() const {
  return std::ranges::any_of(ends_, [](const RankEnd& each) { return each.end.code != kExitOk; });
}

int Verdict::code() const {
  if (const auto found = cause()) return found->end.code;
  int out = kExitOk;
  for (const RankEnd& each : ends_) {
    const int code = each.end.code;
    if (code == kExitRankLost) return code;
    // the first that was ended by a signal, else that all were stopped
    if (code != kExitOk && (out == kExitOk || out == kExitInterrupted)) out = code;
  }
  return out;
}

}  // namespace slipway
