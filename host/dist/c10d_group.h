// The group of processes over LibTorch's TCPStore and Gloo.
#pragma once
#include <memory>
#include <string_view>

#include "dist/environment.h"
#include "dist/join_settings.h"
#include "dist/rank_group.h"

namespace slipway {

// Meets the other processes of the run; nullptr where the place is that of one process alone, and
// then nothing is started: RankGroup::alone() is its group. Rank 0 keeps the store, on loopback
// where all ranks are on this machine, unless the launcher does. One call a process. Throws Error
// that names who is missing and the fix, or RankLost.
//
// While the group lives, a thread tells the others that this process is alive and what it does, and
// another looks at theirs (dist/heartbeat.h). A process whose loop does not notice that a rank is
// lost is ended by that thread: _exit(kExitRankLost). SIGPIPE is ignored from here on, unless the
// program handles it.
//
// The end of the group tells the others that this rank is done; rank 0's waits until all are, or
// are lost. It waits for no exchange: after RankLost, or where one was not waited for, connections
// are left to the end of the process.
std::unique_ptr<RankGroup> join(const Place& place, const JoinSettings& settings = {});

// A group of the ranks that give the same color, by their rank in `group`; nullptr where there is
// one only. All ranks of `group` call it together. `group` outlives it. Throws as join() does.
std::unique_ptr<RankGroup> split(RankGroup& group, int64_t color);

// Tells the others that this process ends by an error and why, so that they name this reason and
// not a silence. Call it before the group ends; for a group of one, and after RankLost, nothing.
// Waits until the others have had the time to read it: two heartbeats.
void end_with_error(RankGroup& group, std::string_view reason) noexcept;

// Tells the others that this process is done, as the end of the group does, although an exception
// is on its way. Nothing is exchanged afterwards.
void leave(RankGroup& group);

}  // namespace slipway
