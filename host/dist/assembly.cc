// How the processes of a run meet in a store.
#include "dist/assembly.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <random>
#include <thread>

#include "base/json.h"
#include "base/json_text.h"
#include "base/visible_text.h"
#include "dist/network.h"
#include "dist/process_sign.h"
#include "dist/rank_lost.h"

namespace slipway {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::string random_name() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

struct Hello {
  std::string name;  // of this start of the process
  int64_t world = 0;
  Member member;
};

std::string hello_text(const Hello& hello) {
  return json_text(Json{{"name", hello.name},
                        {"world", hello.world},
                        {"host", hello.member.host},
                        {"pid", hello.member.pid},
                        {"space", hello.member.space}});
}

// The store's values are sealed: what does not read is another version's.
Hello hello_of(const std::string& text) {
  try {
    const Json json = parse_json(text, "hello");
    return {.name = json.at("name").get<std::string>(),
            .world = json.at("world").get<int64_t>(),
            .member = {.host = json.at("host").get<std::string>(),
                       .pid = json.at("pid").get<int64_t>(),
                       .space = json.at("space").get<std::string>()}};
  } catch (const std::exception&) {
    return {};
  }
}

std::string hello_key(int64_t rank) { return fmt::format("hello/{}", rank); }

// Which of the ranks that came are still there. What one shows changes as long as it lives; what an
// earlier start left in the store does not, and says nothing.
class SignsOfLife {
 public:
  SignsOfLife(KeyStore& store, const Place& place, const Hello& own, double silence_seconds)
      : store_(store),
        place_(place),
        own_(own),
        limit_(silence_seconds),
        seen_(static_cast<size_t>(place.world)) {}

  // Shows this rank's and looks at those of the others, where it is time to.
  void look() {
    const double elapsed = seconds_since(looked_at_);
    if (elapsed < std::clamp(limit_ / 10, 0.05, 0.5)) return;
    looked_at_ = Clock::now();
    store_.set(key_of(place_.rank), fmt::format("{} {}", own_.name, ++count_));
    // while this process was stopped it has not looked
    for (int64_t rank = 0; rank < place_.world; ++rank)
      if (rank != place_.rank) look_at(rank, std::min(elapsed, limit_ / 4));
  }
  // Why one of them is lost; empty where none is.
  const std::string& lost() const { return lost_; }

 private:
  struct Seen {
    std::string sign;
    bool lives = false;  // the sign has changed
    double silence = 0;
    int gone = 0;  // so often its process was not there
  };

  static std::string key_of(int64_t rank) { return fmt::format("alive/{}", rank); }

  void look_at(int64_t rank, double elapsed) {
    if (!store_.has({key_of(rank)})) return;
    Seen& seen = seen_[static_cast<size_t>(rank)];
    std::string sign = store_.get({key_of(rank)}).front();
    seen.silence = sign == seen.sign ? seen.silence + elapsed : 0;
    seen.lives = seen.lives || (sign != seen.sign && !seen.sign.empty());
    seen.sign = std::move(sign);
    if (!seen.lives) return;
    const Member member = hello_of(store_.get({hello_key(rank)}).front()).member;
    const std::string& space = own_.member.space;
    seen.gone =
        !space.empty() && member.space == space && is_process_gone(member.pid) ? seen.gone + 1 : 0;
    if (seen.gone > 1)
      lost_ = fmt::format("{} is lost: its process has ended without a word, while the ranks met",
                          member_text(rank, member));
    else if (seen.silence > limit_)
      lost_ = fmt::format("{} is lost: nothing was heard of it for {:.3g} s, while the ranks met",
                          member_text(rank, member), limit_);
  }

  KeyStore& store_;
  const Place& place_;
  const Hello& own_;
  double limit_;
  std::vector<Seen> seen_;
  Clock::time_point looked_at_{};
  int64_t count_ = 0;
  std::string lost_;
};

class Meeting {
 public:
  Meeting(KeyStore& store, const Place& place, const std::string& first_beat,
          const MeetingLimits& limits)
      : store_(store),
        place_(place),
        first_beat_(first_beat),
        limits_(limits),
        own_{random_name(), place.world, {own_host_name(), ::getpid(), process_space()}},
        signs_(store, place_, own_, limits.silence_seconds) {}

  Assembly hold() {
    store_.set(hello_key(place_.rank), hello_text(own_));
    return place_.rank == 0 ? invite() : be_invited();
  }

 private:
  // What is there of all ranks' hellos.
  std::vector<std::optional<Hello>> hellos() {
    std::vector<std::optional<Hello>> all;
    for (int64_t rank = 0; rank < place_.world; ++rank) {
      all.emplace_back();
      if (store_.has({hello_key(rank)}))
        all.back() = hello_of(store_.get({hello_key(rank)}).front());
    }
    return all;
  }

  void check_own() {
    const Hello own = hello_of(store_.get({hello_key(place_.rank)}).front());
    if (own.name != own_.name)
      fail(
          "two processes say that they are rank {}: pid {} on {} and pid {} on {}. Give each its "
          "own RANK, and each run its own MASTER_PORT",
          place_.rank, own_.member.pid, own_.member.host, own.member.pid,
          visible_line(own.member.host));
  }

  [[noreturn]] void refuse(const std::vector<bool>& came) {
    std::string missing;
    for (int64_t rank = 0; rank < place_.world; ++rank)
      if (!came[static_cast<size_t>(rank)])
        missing += fmt::format("{}{}", missing.empty() ? "" : ", ", rank);
    if (missing.empty()) missing = "0";
    const char* plural = missing.find(',') == std::string::npos ? "" : "s";
    fail(
        "of the run's {} processes, rank{} {} did not come within {:.3g} s: see its output. If it "
        "runs, it has another WORLD_SIZE, SLIPWAY_RUN_TOKEN, MASTER_ADDR or MASTER_PORT",
        place_.world, plural, missing, limits_.seconds);
  }

  void pause() {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    signs_.look();
    if (limits_.on_answer) limits_.on_answer();
  }
  // One that is gone although all have met is for the heartbeat.
  void require_all_alive() const {
    if (!signs_.lost().empty()) throw RankLost(signs_.lost());
  }
  bool is_late() const { return seconds_since(begin_) > limits_.seconds; }

  void confirm(const std::string& session) {
    store_.set(fmt::format("{}/beat/{}", session, place_.rank), first_beat_);
    store_.set(fmt::format("{}/here/{}", session, place_.rank), "");
  }

  // A hello may be an earlier start's: what counts is who confirms the answer to it.
  Assembly invite() {
    std::string answered, session;
    for (;; pause()) {
      check_own();
      const auto all = hellos();
      std::vector<bool> came;
      Json invited = Json::array();
      Assembly assembly;
      for (const auto& hello : all) {
        came.push_back(hello && hello->world == place_.world);
        if (!came.back()) continue;
        invited.push_back(Json::parse(hello_text(*hello)));
        assembly.members.push_back(hello->member);
      }
      if (assembly.members.size() == all.size()) {
        if (json_text(invited) != answered) {
          answered = json_text(invited);
          session = random_name();
          store_.set(session + "/verdict", "");
          confirm(session);
          store_.set("welcome", json_text(Json{{"session", session}, {"members", invited}}));
        }
        bool all_here = true;
        for (int64_t rank = 0; rank < place_.world; ++rank) {
          came[static_cast<size_t>(rank)] = store_.has({fmt::format("{}/here/{}", session, rank)});
          all_here = all_here && came[static_cast<size_t>(rank)];
        }
        if (all_here) {
          store_.set(session + "/go", "");
          assembly.session = session;
          return assembly;
        }
      }
      require_all_alive();
      if (is_late()) refuse(came);
    }
  }

  Assembly be_invited() {
    std::string confirmed;
    Assembly assembly;
    for (;; pause()) {
      if (store_.has({"welcome"})) {
        const Json welcome = parse_json(store_.get({"welcome"}).front(), "welcome");
        const Json& members = welcome.at("members");
        const std::string session = welcome.at("session").get<std::string>();
        if (session != confirmed && members.size() == static_cast<size_t>(place_.world) &&
            hello_of(json_text(members[static_cast<size_t>(place_.rank)])).name == own_.name) {
          confirmed = session;
          assembly = {.session = session, .members = {}};
          for (const Json& member : members)
            assembly.members.push_back(hello_of(json_text(member)).member);
          confirm(session);
        }
      }
      if (!confirmed.empty() && store_.has({confirmed + "/go"})) return assembly;
      check_own();
      require_all_alive();
      if (!is_late()) continue;
      std::vector<bool> came;
      for (const auto& hello : hellos()) came.push_back(hello && hello->world == place_.world);
      refuse(came);
    }
  }

  KeyStore& store_;
  const Place& place_;
  const std::string& first_beat_;
  const MeetingLimits& limits_;
  const Clock::time_point begin_ = Clock::now();
  const Hello own_;
  SignsOfLife signs_;
};

}  // namespace

std::string member_text(int64_t rank, const Member& member) {
  return fmt::format("rank {} (host {}, pid {})", rank, visible_line(member.host), member.pid);
}

Assembly assemble(KeyStore& store, const Place& place, const std::string& first_beat,
                  const MeetingLimits& limits) {
  return Meeting(store, place, first_beat, limits).hold();
}

}  // namespace slipway
