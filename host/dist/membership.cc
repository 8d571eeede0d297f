// Meeting in the store.
#include "dist/membership.h"

#include <signal.h>

#include <ctime>

#include "dist/assembly.h"
#include "dist/c10d.h"
#include "dist/error_file.h"
#include "dist/network.h"
#include "dist/rank_lost.h"
#include "dist/sealed_store.h"
#include "dist/within_limit.h"

namespace slipway {
namespace {

std::unique_ptr<KeyStore> open_store(const Place& place, const JoinSettings& settings) {
  const StoreLimits limits = {settings.join_seconds, settings.heartbeat_seconds};
  if (place.agent_hosts_store) {
    const Address at = resolve_host(place.store_host, "MASTER_ADDR", limits.seconds);
    return connect_store(at.text, place.store_port, limits);
  }
  std::string address = "127.0.0.1";
  if (!place.is_local())
    address = resolve_host(place.store_host, "MASTER_ADDR", limits.seconds).text;
  if (place.rank != 0) return connect_store(address, place.store_port, limits);
  // A cluster's name of rank 0's machine may be that of a relay.
  if (!place.is_local() && (!is_own_address(address) || address.starts_with("127.")))
    address.clear();
  int64_t port = place.store_port;
  const int listening = listen_at(address, port);
  return host_store(listening, address.empty() ? "127.0.0.1" : address, port, limits);
}

// The threads of a store that stops answering are left behind: what they use is theirs.
Assembly assembled(const std::shared_ptr<KeyStore>& store, const Place& place,
                   const JoinSettings& settings) {
  std::string problem;
  try {
    const auto assembly =
        while_it_gets_on(settings.heartbeat_seconds, [=](const Progress& progress) {
          return assemble(*store, place, Heartbeat::first_beat(),
                          {.seconds = settings.join_seconds,
                           .silence_seconds = settings.heartbeat_seconds,
                           .on_answer = [progress] { ++*progress; }});
        });
    if (assembly) return *assembly;
    problem = fmt::format("the store at {}:{} has not answered for {:.3g} s", place.store_host,
                          place.store_port, settings.heartbeat_seconds);
  } catch (const StoreOutOfReach& out_of_reach) {
    problem = out_of_reach.what();
  }
  if (place.agent_hosts_store)
    throw RankLost(
        fmt::format("{}, while the ranks met: the launcher keeps it; see its output", problem));
  throw RankLost(fmt::format(
      "rank 0, which keeps the store, is lost: {}, while the ranks met; see its output", problem));
}

// Gloo and TCPStore write to peers that may be gone; the program ignores this signal anyhow.
void ignore_broken_pipes() {
  struct sigaction action{};
  if (::sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL)
    ::signal(SIGPIPE, SIG_IGN);
}

}  // namespace

Membership::~Membership() {
  if (!heartbeat || has_ended) return;
  const bool fails = std::uncaught_exceptions() > unwinding;
  heartbeat->end(fails ? "its own output says which" : "");
}

std::shared_ptr<Membership> meet(const Place& place, const JoinSettings& settings) {
  ignore_broken_pipes();
  auto member = std::make_shared<Membership>();
  member->place = place;
  member->settings = settings;
  member->settings.before_exit = [settings, file = place.error_file](const std::string& reason) {
    write_error_file(file, reason, std::time(nullptr));
    if (settings.before_exit) settings.before_exit(reason);
  };
  if (place.network_interface.empty()) member->address = own_address(place);
  member->store = seal(open_store(place, settings), place.token, place.run_id);
  // before the others know this rank: a store that is lost meanwhile does not hold it up
  std::unique_ptr<KeyStore> beats = member->store->connect_again();
  const Assembly assembly = assembled(member->store, place, settings);
  member->session = assembly.session;
  Heartbeat::Store store = {.connection = std::move(beats),
                            .where = fmt::format("{}:{}", place.store_host, place.store_port),
                            .is_own = place.rank == 0 && !place.agent_hosts_store,
                            .is_rank_0 = !place.agent_hosts_store};
  member->heartbeat = Heartbeat::start(std::move(store), assembly, place.rank, member->settings);
  return member;
}

}  // namespace slipway
