// Who of the group is alive: each rank tells the store what it does, and reads what the others do.
#include "dist/heartbeat.h"

#include <unistd.h>

#include <algorithm>

#include "base/log.h"
#include "dist/process_sign.h"

namespace slipway {
namespace {

using std::chrono::duration;

std::chrono::milliseconds milliseconds_of(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

// How long others may take to read what this process, which keeps the store, is about to take away.
constexpr double kHearingSeconds = 1;
// A loop that waits for an exchange has heard of a verdict by then, and says it itself.
constexpr double kUnheardSeconds = 0.3;

}  // namespace

std::shared_ptr<Heartbeat> Heartbeat::start(Store store, const Assembly& assembly, int64_t rank,
                                            const JoinSettings& settings) {
  auto heartbeat = std::make_shared<Heartbeat>(std::move(store), assembly, rank, settings);
  // A thread that the store holds up outlives whoever waits for it.
  heartbeat->speaker_ = std::thread([heartbeat] { heartbeat->speak(); });
  heartbeat->looker_ = std::thread([heartbeat] { heartbeat->look(); });
  return heartbeat;
}

std::string Heartbeat::first_beat() { return beat_text({}); }

Heartbeat::Heartbeat(Store store, const Assembly& assembly, int64_t rank,
                     const JoinSettings& settings)
    : session_(assembly.session),
      members_(assembly.members),
      rank_(rank),
      settings_(settings),
      interval_(std::clamp(settings.heartbeat_seconds / 10, 0.05, 0.5)),
      space_(process_space()),
      store_(std::move(store)),
      judge_(assembly.members, rank, settings.heartbeat_seconds),
      round_at_(Clock::now()) {}

void Heartbeat::doing(const char* what, int64_t step) {
  const std::lock_guard lock(mutex_);
  doing_ = what;
  own_.step = step;
}

void Heartbeat::begun(const std::string& group, int64_t number) {
  const std::lock_guard lock(mutex_);
  own_.begun[group] = number;
}

void Heartbeat::waits(Waiting& of, WaitedExchange exchange) {
  const std::lock_guard lock(mutex_);
  of = {std::move(exchange), Clock::now(), settings_.slow_seconds};
}

void Heartbeat::waits(WaitedExchange exchange) { waits(loop_, std::move(exchange)); }
void Heartbeat::device_waits(WaitedExchange exchange) { waits(device_, std::move(exchange)); }

void Heartbeat::goes_on() {
  const std::lock_guard lock(mutex_);
  loop_.exchange.number = 0;
}

void Heartbeat::device_goes_on() {
  const std::lock_guard lock(mutex_);
  device_.exchange.number = 0;
}

const Heartbeat::Waiting* Heartbeat::waiting() const {
  if (loop_.exchange.number > 0) return &loop_;
  return device_.exchange.number > 0 ? &device_ : nullptr;
}

// The first thread.

void Heartbeat::speak() {
  std::unique_lock lock(mutex_);
  for (bool is_last = false; !is_last;) {
    is_last = stop_;
    if (hurry_ > 0) --hurry_;
    lock.unlock();
    std::string problem;
    try {
      round();
    } catch (const StoreOutOfReach& lost) {
      problem = lost.what();
    } catch (const std::exception& wrong) {
      problem = wrong.what();
    }
    lock.lock();
    if (!problem.empty()) {
      adopt(silence_of_store(problem));
      break;
    }
    ++rounds_;
    round_at_ = Clock::now();
    silence_ = 0;
    changed_.notify_all();
    if (!is_last)
      changed_.wait_for(lock, milliseconds_of(interval_), [&] { return stop_ || hurry_ > 0; });
  }
  speech_ended_ = true;
  changed_.notify_all();
}

void Heartbeat::round() {
  std::vector<std::string> keys;
  for (size_t rank = 0; rank < members_.size(); ++rank)
    keys.push_back(fmt::format("{}/beat/{}", session_, rank));
  keys.push_back(session_ + "/verdict");
  KeyStore& store = *store_.connection;
  store.set(keys[static_cast<size_t>(rank_)], beat_text(own_beat()));
  read(store.get(keys));
  std::unique_lock lock(mutex_);
  std::string judged = own_verdict_;
  if (judged.empty() && !lost_ && own_.state == Beat::State::kAtWork)
    judged = judge_.verdict(waiting() == nullptr ? nullptr : &waiting()->exchange);
  if (judged.empty() || (lost_ && own_verdict_.empty())) return;
  lock.unlock();
  const std::string first = store.set_if(keys.back(), "", judged);
  lock.lock();
  own_verdict_.clear();
  adopt(first);
}

Beat Heartbeat::own_beat() {
  const std::lock_guard lock(mutex_);
  ++own_.count;
  const Waiting* const waits = waiting();
  own_.is_waiting = waits != nullptr;
  own_.doing = waits != nullptr ? "exchanging " + waits->exchange.what : doing_;
  if (lost_ && own_.state == Beat::State::kAtWork) own_.state = Beat::State::kHeard;
  return own_;
}

void Heartbeat::read(const std::vector<std::string>& values) {
  std::vector<Beat> beats;
  std::vector<bool> gone;
  for (size_t rank = 0; rank < members_.size(); ++rank) {
    beats.push_back(read_beat(values[rank]).value_or(Beat{}));
    gone.push_back(!space_.empty() && members_[rank].space == space_ &&
                   is_process_gone(members_[rank].pid));
  }
  const std::lock_guard lock(mutex_);
  // A process that was stopped for a while has not listened meanwhile.
  const double seconds = duration<double>(Clock::now() - round_at_).count();
  judge_.heard(beats, gone, std::min(seconds, settings_.heartbeat_seconds / 4));
  if (!values.back().empty()) adopt(values.back());
  warn_of_slow_ranks();
}

void Heartbeat::warn_of_slow_ranks() {
  if (lost_) return;
  for (Waiting* of : {&loop_, &device_}) {
    if (of->exchange.number == 0) continue;
    const double seconds = duration<double>(Clock::now() - of->since).count();
    if (seconds < of->next_warning) continue;
    of->next_warning = 2 * seconds;
    const std::string missing = judge_.missing(of->exchange);
    if (missing.empty() || !judge_.speaks_for(of->exchange)) continue;
    log_warn("rank {} has waited {:.0f} s to exchange {} with {}", rank_, seconds,
             of->exchange.what, missing);
  }
}

void Heartbeat::adopt(const std::string& verdict) {
  if (lost_ || own_.state != Beat::State::kAtWork) return;
  verdict_ = verdict;
  lost_at_ = Clock::now();
  lost_ = true;
  hurry();
}

// The round under way may have told and read what was before.
void Heartbeat::hurry() {
  hurry_ = 2;
  changed_.notify_all();
}

std::string Heartbeat::silence_of_store(const std::string& why) const {
  if (!store_.is_rank_0) return fmt::format("{}: the launcher keeps it", why);
  return fmt::format("{} is lost: {}; {}", judge_.name_of(0), why, judge_.work_of(0));
}

// The second thread.

void Heartbeat::look() {
  constexpr double kTick = 0.05;
  std::unique_lock lock(mutex_);
  for (auto before = Clock::now(); !stop_;) {
    changed_.wait_for(lock, milliseconds_of(kTick), [&] { return stop_; });
    const auto now = Clock::now();
    silence_ += std::min(duration<double>(now - before).count(), 4 * kTick);
    before = now;
    if (!lost_ && !speech_ended_ && silence_ > settings_.heartbeat_seconds) {
      store_is_silent_ = true;
      adopt(silence_of_store(fmt::format("the store at {} has not answered for {:.3g} s",
                                         store_.where, settings_.heartbeat_seconds)));
    }
    if (!lost_) continue;
    const double seconds = duration<double>(now - lost_at_).count();
    if (!heard_by_loop_ && seconds > kUnheardSeconds) say_once();
    if (seconds < settings_.grace_seconds * (heard_by_loop_ ? 10 : 1)) continue;
    lock.unlock();
    end_process();
  }
}

void Heartbeat::say_once() {
  if (!is_said_) log_message(LogLevel::kError, verdict_);
  is_said_ = true;
}

void Heartbeat::end_process() {
  {
    std::unique_lock lock(mutex_);
    say_once();
    let_others_hear(lock);
  }
  try {
    if (settings_.before_exit) settings_.before_exit(verdict_);
  } catch (const std::exception& problem) {
    log_message(LogLevel::kError, problem.what());
  }
  ::_exit(kExitRankLost);
}

// The loop's thread.

void Heartbeat::let_others_hear(std::unique_lock<std::mutex>& lock) {
  if (!store_.is_own) return;
  hurry();
  changed_.wait_for(lock, milliseconds_of(kHearingSeconds),
                    [&] { return speech_ended_ || judge_.others_have_ended(); });
}

void Heartbeat::check() {
  if (!lost_) return;
  std::unique_lock lock(mutex_);
  const bool is_first = !heard_by_loop_;
  heard_by_loop_ = true;
  if (is_first) let_others_hear(lock);
  throw RankLost(verdict_);
}

void Heartbeat::propose(const std::string& verdict) {
  std::unique_lock lock(mutex_);
  own_verdict_ = verdict;
  hurry();
  changed_.wait_for(lock, milliseconds_of(kHearingSeconds),
                    [&] { return lost_.load() || speech_ended_; });
  adopt(verdict);
}

void Heartbeat::conclude(const std::string& verdict) {
  propose(verdict);
  check();
  throw RankLost(verdict);
}

std::string Heartbeat::delay_text(const Waiting& of, double seconds) const {
  const std::string missing = judge_.missing(of.exchange);
  if (missing.empty())
    return fmt::format(
        "exchanging {} took more than {:.3g} s though every rank has come to it: the network is "
        "too slow or cut",
        of.exchange.what, seconds);
  return fmt::format(
      "rank {} has waited {:.3g} s to exchange {}, and these are alive and did not come: {}", rank_,
      seconds, of.exchange.what, missing);
}

void Heartbeat::give_up(double seconds) {
  std::unique_lock lock(mutex_);
  const std::string verdict = delay_text(loop_, seconds);
  lock.unlock();
  conclude(verdict);
}

void Heartbeat::give_up_on_device(double seconds) {
  std::unique_lock lock(mutex_);
  const std::string verdict = delay_text(device_, seconds);
  lock.unlock();
  propose(verdict);
}

void Heartbeat::broke(const std::string& what, const std::string& problem) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, milliseconds_of(settings_.heartbeat_seconds + 2 * interval_),
                      [&] { return lost_.load(); });
  }
  check();
  conclude(
      fmt::format("exchanging {} broke while every rank is alive ({}): the network between "
                  "them is cut, or something took the connection",
                  what, problem));
}

void Heartbeat::end(const std::string& failure) {
  std::unique_lock lock(mutex_);
  const bool was_lost = lost_;
  if (!was_lost) {
    own_.state = failure.empty() ? Beat::State::kDone : Beat::State::kFailed;
    own_.reason = failure;
  }
  hurry();
  const auto limit = milliseconds_of(store_is_silent_ ? 0 : kHearingSeconds);
  changed_.wait_for(lock, limit,
                    [&, before = rounds_] { return speech_ended_ || rounds_ > before + 1; });
  if (was_lost || !failure.empty()) let_others_hear(lock);
  else if (store_.is_own)
    changed_.wait(lock, [&] { return speech_ended_ || judge_.others_have_ended(); });
  stop_ = true;
  changed_.notify_all();
  // The store may hold the first thread up for ever.
  const bool ended = changed_.wait_for(lock, limit, [&] { return speech_ended_; });
  lock.unlock();
  if (ended) speaker_.join();
  else speaker_.detach();
  looker_.join();
}

}  // namespace slipway
