// What strangers do to the store's port, and what a run makes of it.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <random>
#include <vector>

#include "base/error.h"
#include "dist/c10d.h"
#include "dist/network.h"
#include "dist/sealed_store.h"
#include "tests/unit/dist/processes.h"

namespace slipway {
namespace {

// A client that a test drives by hand.
class Stranger {
 public:
  explicit Stranger(int64_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<uint16_t>(port));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
  }
  Stranger(Stranger&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), is_connected_(other.is_connected_) {}
  ~Stranger() {
    if (fd_ >= 0) ::close(fd_);
  }
  bool is_connected() const { return is_connected_; }
  void send(const std::string& bytes) {
    (void)!::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

 private:
  int fd_;
  bool is_connected_ = false;
};

std::string random_bytes(std::mt19937& random, size_t most) {
  std::string bytes(random() % most + 1, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

std::string little_endian(uint64_t number, size_t size) {
  std::string bytes(size, '\0');
  std::memcpy(bytes.data(), &number, size);
  return bytes;
}

// TCPStore's greeting, and a call of it with a length that is not true.
std::string greeted_nonsense(std::mt19937& random) {
  const uint64_t lengths[] = {0, 1, 1u << 31, uint64_t{1} << 40, uint64_t{1} << 62, ~uint64_t{0}};
  std::string bytes = std::string(1, '\0') + little_endian(0x3C85F7CE, 4);
  bytes += static_cast<char>(random() % 24);
  bytes += little_endian(lengths[random() % std::size(lengths)], 8);
  return bytes + random_bytes(random, 64);
}

// A thousand that say nothing, where the system's limit of files lets the store have so many.
size_t count_of_silent() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 8192);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return std::min<size_t>(1000, limit.rlim_cur / 2);
}

TEST(StoreAttack, ARunGoesOnWhateverComesToItsPort) {
  const size_t silent = count_of_silent();
  Processes ranks({"trains_for", "2"}, 2, {{"SLIPWAY_RUN_TOKEN", "secret"}});
  ASSERT_TRUE(ranks.wait_for_output(0, "trains", 30));
  std::mt19937 random(7);
  std::vector<Stranger> held;
  for (size_t i = 0; i < silent; ++i) held.emplace_back(ranks.port());
  for (const Stranger& stranger : held) EXPECT_TRUE(stranger.is_connected());
  for (int i = 0; i < 300; ++i) Stranger(ranks.port()).send(random_bytes(random, 4000));
  for (int i = 0; i < 300; ++i) Stranger(ranks.port()).send(greeted_nonsense(random));
  EXPECT_FALSE(ranks.has_ended(0));
  for (const Ended& rank : ranks.wait(20)) EXPECT_EQ(rank.code, 0) << rank.errors;
}

// One that speaks TCPStore's language and knows every key, as its list tells.
TEST(StoreAttack, AStrangerWithoutTheTokenIsNoRank) {
  int64_t port = 0;
  const int listening = listen_at("127.0.0.1", port);
  const std::shared_ptr<KeyStore> store = host_store(listening, "127.0.0.1", port, {10, 10});
  const auto own = seal(store->connect_again(), "secret", "run");
  const auto stranger = seal(connect_store("127.0.0.1", port, {10, 10}), "guessed", "run");
  own->set("hello/0", "mine");
  stranger->set("hello/1", "theirs");
  EXPECT_FALSE(own->has({"hello/1"}));
  EXPECT_EQ(own->get({"hello/0"}).front(), "mine");
  own->set("verdict", "");
  EXPECT_EQ(own->set_if("verdict", "", "lost"), "lost");
  EXPECT_EQ(own->set_if("verdict", "", "other"), "lost");
}

TEST(StoreAttack, APortThatIsNoStoreIsNamed) {
  int64_t port = 0;
  const int listening = listen_at("127.0.0.1", port);
  const auto refusal = [&]() -> std::string {
    try {
      connect_store("127.0.0.1", port, {0.5, 0.5});
    } catch (const Error& error) {
      return error.what();
    }
    return "it was taken";
  };
  EXPECT_THAT(refusal(), testing::HasSubstr("takes connections and does not answer as a store"));
  ::close(listening);
  EXPECT_THAT(refusal(), testing::HasSubstr("nothing takes connections at 127.0.0.1"));
}

}  // namespace
}  // namespace slipway
