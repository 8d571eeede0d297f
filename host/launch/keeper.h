// Who cleans up after a launch that was killed.
#pragma once
#include <sys/types.h>

#include <memory>

#include "base/descriptor.h"
#include "launch/private_folder.h"

namespace slipway {

// A process that waits for the end of this one. If that comes while ranks are there, it kills their
// process groups and removes the private folder: SIGKILL leaves nothing behind either. Made while
// this process has one thread.
class Keeper {
 public:
  explicit Keeper(PrivateFolder& folder);  // throws Error
  // The keeper ends, and kills nobody.
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  pid_t process() const { return process_; }
  // Where a rank writes its number (a pid_t) as soon as it has a process group of its own.
  int told_at() const { return told_->fd; }
  // The group is gone.
  void forget(pid_t group);

 private:
  std::unique_ptr<Descriptor> told_;
  pid_t process_ = -1;
};

}  // namespace slipway
