// What `slipway launch` is to start.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/files.h"

namespace slipway {

struct LaunchPlan {
  std::vector<std::string> command;  // a program, looked for in PATH where it has no slash
  int64_t ranks = 1;                 // on this machine
  int64_t nodes = 1, node = 0;
  std::string master_addr = "127.0.0.1";
  int64_t port = 0;  // 0: a free one, another one for each life
  int64_t restarts = 0;
  double grace = 30;  // seconds from being asked to end to SIGKILL
  fs::path log_dir;   // "" = none
  // The first rank of a machine ends when all have done their work: one that does not end then,
  // hangs.
  bool ends_together = false;
  std::string token;  // what ranks prove by that they belong together; "": drawn for each life
  std::string run_id;

  int64_t world() const { return ranks * nodes; }
  int64_t rank_of(int64_t local) const { return node * ranks + local; }
};

// One start of all ranks, and what is drawn for it.
struct Life {
  int64_t number = 0;  // 1, 2, ... are restarts
  int64_t port = 0;
  std::string token;
};
// Throws Error where the system gives no port or no random bytes.
Life new_life(const LaunchPlan& plan, int64_t number);

// `bytes` random bytes of the system as lower-case hexadecimal digits. Throws Error.
std::string random_hex(size_t bytes);

// A port that nobody listens at on the loopback interface now. Until a rank listens there another
// process may take it, which that rank then says. Throws Error.
int64_t free_port();

// The CUDA devices that a process sees, without asking CUDA: files named nvidia0, nvidia1, ... in
// `dev`, and of them those that `visible` lists (CUDA_VISIBLE_DEVICES; nullptr: all). As CUDA does,
// a list ends before the first entry that is no device.
int64_t cuda_devices(const fs::path& dev, const char* visible);

}  // namespace slipway
