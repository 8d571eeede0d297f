// What a process has once, however many groups it is in: the store, the heartbeats, and what all
// ranks agreed upon when they met.
#pragma once
#include <exception>
#include <memory>
#include <string>

#include "dist/environment.h"
#include "dist/heartbeat.h"
#include "dist/join_settings.h"
#include "dist/key_store.h"

namespace slipway {

struct Membership {
  Place place;
  JoinSettings settings;
  std::shared_ptr<KeyStore> store;  // for the loop's thread; rank 0's keeps it
  std::shared_ptr<Heartbeat> heartbeat;
  std::string session;  // keys of the store that begin so are this meeting's
  std::string address;  // by which the others reach this process; empty where interfaces are named
  int unwinding = std::uncaught_exceptions();
  bool has_ended = false;  // the others were told that this process ends

  // Tells the others that this process is done; that it failed, where an exception ends it.
  ~Membership();
};

// Meets the other processes; from here on heartbeats go. Throws Error that names who is missing and
// the fix, or RankLost.
std::shared_ptr<Membership> meet(const Place& place, const JoinSettings& settings);

}  // namespace slipway
