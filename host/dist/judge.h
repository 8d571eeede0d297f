// Who is lost and whom the others wait for, from what all ranks tell. No clock and no thread: it is
// told how much time went by.
#pragma once
#include <string>
#include <vector>

#include "dist/assembly.h"
#include "dist/beat.h"

namespace slipway {

// The exchange that this rank waits for.
struct WaitedExchange {
  std::string group;           // its name in Beat::begun
  std::vector<int64_t> ranks;  // of the group, ascending
  int64_t number = 0;
  std::string what;
};

class Judge {
 public:
  // `limit_seconds`: of silence.
  Judge(std::vector<Member> members, int64_t own_rank, double limit_seconds);

  // One reading of all ranks' beats, `seconds` after the one before. `is_gone`: the rank's process
  // is not there any more, by its machine's word; it counts once it was so twice, since its last
  // beat may have been written between.
  void heard(const std::vector<Beat>& beats, const std::vector<bool>& is_gone, double seconds);

  // Why the group cannot go on, or an empty text: a rank ended by an error, is gone, was not heard
  // of, or is done while this one waits for it (`waited`, or nullptr).
  std::string verdict(const WaitedExchange* waited) const;

  // "rank 3 (host b, pid 812); at step 17 it was exchanging the gradients", where `ranks` of the
  // exchange have not begun it; empty where all have. Whom this rank waits for.
  std::string missing(const WaitedExchange& waited) const;
  // Whether this rank is the first of those that wait for the missing: one warns for all.
  bool speaks_for(const WaitedExchange& waited) const;

  // "rank 3 (host b, pid 812)" and "at step 17 it was exchanging the gradients".
  std::string name_of(int64_t rank) const;
  std::string work_of(int64_t rank) const;

  // Whether no other rank is at work any more: each is done, failed, knows the verdict, or is lost.
  bool others_have_ended() const;

 private:
  struct Watched {
    Beat beat;
    double silence = 0;  // seconds
    int gone = 0;        // readings
  };
  bool is_lost(const Watched& rank) const;
  bool has_begun(int64_t rank, const WaitedExchange& waited) const;

  std::vector<Member> members_;
  size_t own_;
  double limit_seconds_;
  std::vector<Watched> ranks_;
};

}  // namespace slipway
