// How the devices of a group's ranks are connected.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "dist/device_exchanges.h"
#include "dist/environment.h"
#include "dist/membership.h"

namespace slipway {

// NCCL's own connections take the interface that Gloo's do, loopback where all ranks are on this
// machine, unless NCCL_SOCKET_IFNAME says otherwise. Before there are threads: it sets a variable.
void name_interface_to_nccl(const Place& place);

// What a rank tells the others of its device; both nullptr: that it computes on the processor.
std::string device_offer(const Accelerator* own, const DeviceWires* wires);
// From the offers of all ranks, by rank: whether they have devices. Throws Error where only some
// have, two have the same, or their libraries differ.
bool devices_agree(const std::vector<std::string>& offers);

// Connects the device of each of `ranks` (of the run, ascending), of which this is number `rank`;
// `group` is the group's name. Blocks until all have come. Throws Error, or RankLost. [loop]
std::unique_ptr<DeviceExchanges> connect_devices(const Membership& member, const std::string& group,
                                                 int64_t rank, const std::vector<int64_t>& ranks,
                                                 Accelerator& device, DeviceWires& wires);

}  // namespace slipway
