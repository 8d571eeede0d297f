// The group of processes over LibTorch's TCPStore and Gloo.
#include "dist/c10d_group.h"

#include <signal.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <exception>
#include <numeric>
#include <stdexcept>

#include "dist/assembly.h"
#include "dist/c10d.h"
#include "dist/error_file.h"
#include "dist/exchange_queue.h"
#include "dist/heartbeat.h"
#include "dist/network.h"
#include "dist/rank_lost.h"
#include "dist/rank_order.h"
#include "dist/sealed_store.h"
#include "dist/within_limit.h"

namespace slipway {
namespace {

// Below this a reduction sends everything to everyone: one way in place of two.
constexpr int64_t kSmallBytes = 32 * 1024;
// Texts that take no more in all when each is as long as the longest are sent so.
constexpr int64_t kSmallPadding = 1024 * 1024;

// What a process has once, however many groups it is in.
struct Membership {
  Place place;
  JoinSettings settings;
  std::shared_ptr<KeyStore> store;  // for the loop's thread; rank 0's keeps it
  std::shared_ptr<Heartbeat> heartbeat;
  std::string session, address;
  int unwinding = std::uncaught_exceptions();
  bool has_ended = false;

  ~Membership() {
    if (!heartbeat || has_ended) return;
    const bool fails = std::uncaught_exceptions() > unwinding;
    heartbeat->end(fails ? "its own output says which" : "");
  }
};

struct Wires {
  std::unique_ptr<Wire> out;   // what the loop's thread begins
  std::unique_ptr<Wire> back;  // what the queue's thread sends on
};

Wires connect_wires(const Membership& member, const std::string& name, int64_t rank,
                    int64_t world) {
  const WireEnd end = {.rank = rank,
                       .world = world,
                       .address = member.address,
                       .interfaces = member.place.network_interface,
                       .join_seconds = member.settings.join_seconds,
                       .exchange_seconds = member.settings.exchange_seconds,
                       .check = [heartbeat = member.heartbeat] { heartbeat->check(); }};
  const std::string prefix = member.session + "/wire" + name;
  return {connect_wire(member.store, prefix + "/out", end),
          connect_wire(member.store, prefix + "/back", end)};
}

class C10dGroup : public RankGroup {
 public:
  // `ranks`: those of the group in the run, ascending; `rank`: this one's place among them.
  C10dGroup(std::shared_ptr<Membership> member, std::string name, int64_t rank,
            const std::vector<int64_t>& ranks)
      : RankGroup(rank, static_cast<int64_t>(ranks.size())),
        member_(std::move(member)),
        name_(std::move(name)),
        ranks_(ranks),
        wires_(connect_wires(*member_, name_, rank, world())),
        queue_(member_->heartbeat, name_, ranks, member_->settings.exchange_seconds) {}

  ~C10dGroup() override {
    if (queue_.stop() && !member_->heartbeat->is_lost() && !member_->has_ended) return;
    // Gloo's threads wait for a rank that will not answer, and its destructor for them.
    (void)wires_.out.release();
    (void)wires_.back.release();
  }

  std::unique_ptr<Exchange> begin_all_reduce(const at::Tensor& x, Reduction reduction,
                                             const char* what) override;
  std::unique_ptr<Exchange> begin_reduce_scatter(const at::Tensor& whole, const at::Tensor& own,
                                                 const char* what) override;
  std::unique_ptr<Exchange> begin_all_gather(const at::Tensor& own, const at::Tensor& whole,
                                             const char* what) override;
  std::unique_ptr<Exchange> begin_broadcast(const at::Tensor& x, int64_t from,
                                            const char* what) override;
  std::vector<std::string> all_gather_bytes(std::string_view bytes, const char* what) override;
  void barrier(const char* what) override;
  void doing(const char* what, int64_t step) override { member_->heartbeat->doing(what, step); }

  std::unique_ptr<RankGroup> split(int64_t color);
  // `failure`: empty where this rank is done.
  void end(const std::string& failure) {
    if (member_->has_ended) return;
    member_->has_ended = true;
    member_->heartbeat->end(failure);
  }

 private:
  class Waited : public Exchange {
   public:
    Waited(ExchangeQueue& queue, std::shared_ptr<Job> job) : queue_(queue), job_(std::move(job)) {}
    void wait() override { queue_.wait(job_); }

   private:
    ExchangeQueue& queue_;
    std::shared_ptr<Job> job_;
  };
  class Nothing : public Exchange {
   public:
    void wait() override {}
  };

  std::unique_ptr<Exchange> waited(std::shared_ptr<Job> job) {
    return std::make_unique<Waited>(queue_, std::move(job));
  }
  // `done`, and then the tensors are let go.
  static Wire::Done keeping(Wire::Done done, std::vector<at::Tensor> tensors) {
    return [done = std::move(done), tensors = std::move(tensors)](const std::string& problem) {
      done(problem);
    };
  }
  std::unique_ptr<Exchange> gathered_all_reduce(const at::Tensor& x, Reduction reduction,
                                                const char* what);
  std::unique_ptr<Exchange> scattered_all_reduce(const at::Tensor& x, Reduction reduction,
                                                 const char* what);

  std::vector<std::string> gather_padded(std::string_view bytes, const int64_t* size_of,
                                         int64_t longest, const char* what);
  std::vector<std::string> gather_exact(std::string_view bytes, const int64_t* size_of,
                                        const char* what);

  std::shared_ptr<Membership> member_;
  std::string name_;
  std::vector<int64_t> ranks_;
  int64_t splits_ = 0;
  Wires wires_;
  ExchangeQueue queue_;
};

// Whoever passes another is in error: its memory would be exchanged in another order.
void need_contiguous(const at::Tensor& x, const char* what) {
  if (!x.is_contiguous()) throw std::logic_error(fmt::format("{} are not contiguous", what));
}

std::unique_ptr<Exchange> C10dGroup::begin_all_reduce(const at::Tensor& x, Reduction reduction,
                                                      const char* what) {
  need_contiguous(x, what);
  if (x.numel() == 0) return std::make_unique<Nothing>();
  return static_cast<int64_t>(x.nbytes()) <= kSmallBytes ? gathered_all_reduce(x, reduction, what)
                                                         : scattered_all_reduce(x, reduction, what);
}

std::unique_ptr<Exchange> C10dGroup::gathered_all_reduce(const at::Tensor& x, Reduction reduction,
                                                         const char* what) {
  const at::Tensor rows = at::empty({world(), x.numel()}, x.options());
  const auto job =
      queue_.add(what, [this, rows, x, reduction](const std::shared_ptr<Job>& arrived) {
        reduce_in_rank_order(rows, reduction, x);
        queue_.finish(arrived);
      });
  wires_.out->all_gather(x, rows, keeping(queue_.arrival(job, false), {x, rows}));
  return waited(job);
}

// Each rank reduces its part of x and sends it to all.
std::unique_ptr<Exchange> C10dGroup::scattered_all_reduce(const at::Tensor& x, Reduction reduction,
                                                          const char* what) {
  const int64_t part = (x.numel() + world() - 1) / world(), padded = part * world();
  at::Tensor whole = x.view({-1});
  if (padded != x.numel()) {
    whole = at::zeros({padded}, x.options());
    whole.narrow(0, 0, x.numel()).copy_(x.view({-1}));
  }
  const at::Tensor rows = at::empty({world(), part}, x.options());
  const auto job = queue_.add(
      what, [this, whole, rows, x, reduction, part](const std::shared_ptr<Job>& arrived) {
        const at::Tensor own = whole.narrow(0, rank() * part, part);
        reduce_in_rank_order(rows, reduction, own);
        const Wire::Done done = queue_.arrival(arrived, true);
        wires_.back->all_gather(own, whole, [done, whole, own, x](const std::string& problem) {
          if (problem.empty() && whole.data_ptr() != x.data_ptr())
            std::memcpy(x.data_ptr(), whole.data_ptr(), x.nbytes());
          done(problem);
        });
      });
  wires_.out->all_to_all(whole, rows, keeping(queue_.arrival(job, false), {whole, rows}));
  return waited(job);
}

std::unique_ptr<Exchange> C10dGroup::begin_reduce_scatter(const at::Tensor& whole,
                                                          const at::Tensor& own, const char* what) {
  need_contiguous(whole, what);
  need_contiguous(own, what);
  if (own.numel() == 0) return std::make_unique<Nothing>();
  const at::Tensor rows = at::empty({world(), own.numel()}, own.options());
  const auto job = queue_.add(what, [this, rows, own](const std::shared_ptr<Job>& arrived) {
    reduce_in_rank_order(rows, Reduction::kSum, own);
    queue_.finish(arrived);
  });
  wires_.out->all_to_all(whole, rows, keeping(queue_.arrival(job, false), {whole, rows}));
  return waited(job);
}

std::unique_ptr<Exchange> C10dGroup::begin_all_gather(const at::Tensor& own,
                                                      const at::Tensor& whole, const char* what) {
  need_contiguous(own, what);
  need_contiguous(whole, what);
  if (own.numel() == 0) return std::make_unique<Nothing>();
  const auto job = queue_.add(what);
  wires_.out->all_gather(own, whole, keeping(queue_.arrival(job, true), {own, whole}));
  return waited(job);
}

std::unique_ptr<Exchange> C10dGroup::begin_broadcast(const at::Tensor& x, int64_t from,
                                                     const char* what) {
  need_contiguous(x, what);
  if (x.numel() == 0) return std::make_unique<Nothing>();
  const auto job = queue_.add(what);
  wires_.out->broadcast(x, from, keeping(queue_.arrival(job, true), {x}));
  return waited(job);
}

std::vector<std::string> C10dGroup::all_gather_bytes(std::string_view bytes, const char* what) {
  const at::Tensor sizes = at::empty({world()}, at::kLong);
  begin_all_gather(at::full({1}, static_cast<int64_t>(bytes.size()), at::kLong), sizes, what)
      ->wait();
  const int64_t* size_of = sizes.const_data_ptr<int64_t>();
  const int64_t longest = *std::max_element(size_of, size_of + world());
  return longest * world() <= kSmallPadding ? gather_padded(bytes, size_of, longest, what)
                                            : gather_exact(bytes, size_of, what);
}

std::vector<std::string> C10dGroup::gather_padded(std::string_view bytes, const int64_t* size_of,
                                                  int64_t longest, const char* what) {
  const at::Tensor own = at::zeros({longest}, at::kByte);
  const at::Tensor whole = at::empty({world(), longest}, at::kByte);
  if (!bytes.empty()) std::memcpy(own.data_ptr(), bytes.data(), bytes.size());
  begin_all_gather(own, whole, what)->wait();
  const auto* data = static_cast<const char*>(whole.const_data_ptr());
  std::vector<std::string> all;
  for (int64_t from = 0; from < world(); ++from)
    all.emplace_back(data + from * longest, static_cast<size_t>(size_of[from]));
  return all;
}

std::vector<std::string> C10dGroup::gather_exact(std::string_view bytes, const int64_t* size_of,
                                                 const char* what) {
  std::vector<std::string> all;
  std::vector<at::Tensor> parts;
  std::vector<std::unique_ptr<Exchange>> exchanges;
  for (int64_t from = 0; from < world(); ++from) {
    parts.push_back(at::empty({size_of[from]}, at::kByte));
    if (from == rank() && !bytes.empty())
      std::memcpy(parts.back().data_ptr(), bytes.data(), bytes.size());
    exchanges.push_back(begin_broadcast(parts.back(), from, what));
  }
  for (int64_t from = 0; from < world(); ++from) {
    const auto at = static_cast<size_t>(from);
    exchanges[at]->wait();
    const auto* data = static_cast<const char*>(parts[at].const_data_ptr());
    all.emplace_back(data, static_cast<size_t>(size_of[from]));
  }
  return all;
}

void C10dGroup::barrier(const char* what) {
  begin_all_gather(at::zeros({1}, at::kByte), at::empty({world()}, at::kByte), what)->wait();
}

std::unique_ptr<RankGroup> C10dGroup::split(int64_t color) {
  const at::Tensor colors = at::empty({world()}, at::kLong);
  begin_all_gather(at::full({1}, color, at::kLong), colors, "the colors of groups")->wait();
  const int64_t* color_of = colors.const_data_ptr<int64_t>();
  const std::string name = fmt::format("{}.{}:{}", name_, ++splits_, color);
  int64_t own = 0;
  std::vector<int64_t> ranks;
  for (int64_t other = 0; other < world(); ++other) {
    if (color_of[other] != color) continue;
    if (other == rank()) own = static_cast<int64_t>(ranks.size());
    ranks.push_back(ranks_[static_cast<size_t>(other)]);
  }
  if (ranks.size() == 1) return nullptr;
  return std::make_unique<C10dGroup>(member_, name, own, ranks);
}

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

std::unique_ptr<RankGroup> join(const Place& place, const JoinSettings& settings) {
  if (place.is_alone()) return nullptr;
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
  std::vector<int64_t> all(static_cast<size_t>(place.world));
  std::iota(all.begin(), all.end(), 0);
  return std::make_unique<C10dGroup>(member, "", place.rank, all);
}

std::unique_ptr<RankGroup> split(RankGroup& group, int64_t color) {
  auto* joined = dynamic_cast<C10dGroup*>(&group);
  return joined == nullptr ? nullptr : joined->split(color);
}

void end_with_error(RankGroup& group, std::string_view reason) noexcept {
  constexpr size_t kMost = 2000;  // every rank reads it at every heartbeat
  auto* joined = dynamic_cast<C10dGroup*>(&group);
  if (joined == nullptr) return;
  joined->end(reason.empty() ? "no reason" : std::string(reason.substr(0, kMost)));
}

void leave(RankGroup& group) {
  if (auto* joined = dynamic_cast<C10dGroup*>(&group); joined != nullptr) joined->end("");
}

}  // namespace slipway
