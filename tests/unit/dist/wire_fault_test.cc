// What a user reads where a firewall stands between two machines.
#include "dist/wire_fault.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slipway {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

TEST(WireFault, NamesTheAddressAndPortThatCannotBeReached) {
  // as LibTorch 2.15 says it on two hosts, one of which drops what comes to Gloo's port
  EXPECT_THAT(
      wire_fault("Gloo connectFullMesh failed with [/__w/gloo/transport/tcp/pair.cc:152] timed out "
                 "connecting: SO_ERROR: Connection timed out, remote=[10.88.0.1]:55210$1"),
      AllOf(StartsWith("port 55210 of 10.88.0.1, at which another rank waits for this one, cannot "
                       "be reached (Connection timed out), though the store can: "),
            HasSubstr("does a firewall stand between?"), HasSubstr("MASTER_PORT"),
            HasSubstr("net.ipv4.ip_local_port_range"), HasSubstr("GLOO_SOCKET_IFNAME")));
  EXPECT_THAT(wire_fault("SO_ERROR: Connection refused, remote=[fd00::7]:40001"),
              StartsWith("port 40001 of fd00::7, at which"));
  EXPECT_THAT(wire_fault("connect: remote=[10.0.0.2]:41233"), HasSubstr("(no answer)"));
}

TEST(WireFault, WhatElseGlooSaysIsTold) {
  for (const char* told : {"", "wait timeout after 300000ms", "remote=[", "remote=[10.0.0.2]:"})
    EXPECT_EQ(wire_fault(told), std::string("the processes cannot connect to each other: ") + told);
}

}  // namespace
}  // namespace slipway
