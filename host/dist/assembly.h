// How the processes of a run meet in a store.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "dist/environment.h"
#include "dist/key_store.h"

namespace slipway {

struct Member {
  std::string host;
  int64_t pid = 0;
  std::string space;  // of its process number (dist/process_sign.h)
};

// "rank 3 (host b, pid 812)"
std::string member_text(int64_t rank, const Member& member);

struct Assembly {
  std::string session;          // the prefix of this meeting's keys: no other meeting has it
  std::vector<Member> members;  // by rank
};

struct MeetingLimits {
  double seconds = 0;                 // until all are there
  double silence_seconds = 0;         // of one that has come
  std::function<void()> on_answer{};  // called as the store answers; may be empty
};

// Returns once all ranks are there. The store may hold what processes of an earlier start left, as
// a launcher's does: each rank says hello with a number of its own, rank 0 answers with all
// numbers, and who finds its own among them has met the others. Before a rank confirms, it writes
// SESSION/beat/RANK = `first_beat`, and rank 0 SESSION/verdict = "", so that all are there at the
// end. Until then each shows that it lives. Throws Error that names the ranks that did not come in
// time, or two that say they are one, and RankLost that names one that came and is gone.
Assembly assemble(KeyStore& store, const Place& place, const std::string& first_beat,
                  const MeetingLimits& limits);

}  // namespace slipway
