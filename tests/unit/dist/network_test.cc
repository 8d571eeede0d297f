#include "dist/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"

namespace slipway {
namespace {

using testing::HasSubstr;

template <class Call>
std::string network_refusal(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "it was taken";
}

TEST(Network, ResolvesNumbersAndNames) {
  EXPECT_EQ(resolve_host("127.0.0.1", "MASTER_ADDR", 0).text, "127.0.0.1");
  EXPECT_TRUE(resolve_host("localhost", "MASTER_ADDR", 0).is_loopback);
  EXPECT_TRUE(resolve_host("::1", "MASTER_ADDR", 0).is_loopback);
  EXPECT_FALSE(resolve_host("10.1.2.3", "MASTER_ADDR", 0).is_loopback);
  EXPECT_THAT(network_refusal([] { resolve_host("no-such-host.invalid", "MASTER_ADDR", 0.2); }),
              HasSubstr("MASTER_ADDR=no-such-host.invalid is not known here"));
}

TEST(Network, WhereAllAreHereNothingLeavesTheMachine) {
  Place place;
  place.world = place.local_world = 4;
  place.store_host = "gpu7";
  EXPECT_EQ(own_address(place), "127.0.0.1");
}

TEST(Network, LoopbackIsNoWayToAnotherMachine) {
  Place place;
  place.world = 2;
  place.rank = place.node_rank = 1;
  place.store_host = "localhost";
  EXPECT_THAT(network_refusal([&] { own_address(place); }),
              HasSubstr("MASTER_ADDR=localhost is this machine itself"));
}

TEST(Network, AListeningPortIsTakenOnce) {
  int64_t port = 0;
  const int listening = listen_at("127.0.0.1", port);
  EXPECT_GT(port, 0);
  EXPECT_TRUE(wait_for_port("127.0.0.1", port, 1));
  EXPECT_THAT(network_refusal([&] { listen_at("127.0.0.1", port); }),
              HasSubstr(fmt::format("port {} of 127.0.0.1 cannot be had (Address already", port)));
  ::close(listening);
  EXPECT_FALSE(wait_for_port("127.0.0.1", port, 0.2));
  EXPECT_THAT(network_refusal([&] { listen_at("192.0.2.1", port); }), HasSubstr("MASTER_PORT"));
}

TEST(Network, KnowsItsOwnAddresses) {
  EXPECT_TRUE(is_own_address("127.0.0.1"));
  EXPECT_FALSE(is_own_address("192.0.2.1"));
  check_interface("lo");
  EXPECT_THAT(network_refusal([] { check_interface("eth99"); }),
              HasSubstr("GLOO_SOCKET_IFNAME names eth99, and this machine's network interfaces"));
  EXPECT_NE(own_host_name(), "");
}

}  // namespace
}  // namespace slipway
