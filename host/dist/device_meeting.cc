// What connects devices goes through the sealed store.
#include "dist/device_meeting.h"

#include <cstdlib>
#include <map>

#include "base/json.h"
#include "base/json_text.h"
#include "dist/settled.h"

namespace slipway {
namespace {

constexpr const char* kTells =
    "NCCL_DEBUG=INFO makes NCCL say what it does, NCCL_SOCKET_IFNAME names its network interface";

std::string as_digits(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

std::string from_digits(const std::string& text) {
  std::string bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2)
    bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  return bytes;
}

// Rank 0's, which the others wait for.
std::string agreed_meeting(const Membership& member, const std::string& group, int64_t rank,
                           DeviceWires& wires) {
  const std::string key = member.session + "/devices" + group;
  if (rank == 0) {
    const std::string meeting = wires.new_meeting();
    member.store->set(key, as_digits(meeting));
    return meeting;
  }
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::duration<double>(member.settings.join_seconds);
  while (!member.store->has({key})) {
    member.heartbeat->check();
    if (std::chrono::steady_clock::now() > end)
      fail("rank 0 of the group did not begin to connect GPUs within {:g} s: see its output",
           member.settings.join_seconds);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return from_digits(member.store->get({key})[0]);
}

std::string processor_or(const Json& offer) {
  return offer.is_null() ? "the processor" : offer["device"].get<std::string>();
}

}  // namespace

void name_interface_to_nccl(const Place& place) {
  // "=": by the whole name
  const std::string name = !place.network_interface.empty() ? "=" + place.network_interface
                           : place.is_local()               ? "=lo"
                                                            : "";
  if (!name.empty()) ::setenv("NCCL_SOCKET_IFNAME", name.c_str(), /*overwrite=*/0);
}

std::string device_offer(const Accelerator* own, const DeviceWires* wires) {
  if (own == nullptr) return "null";
  return json_text(
      Json{{"device", own->name()}, {"identity", own->identity()}, {"nccl", wires->version()}});
}

bool devices_agree(const std::vector<std::string>& offers) {
  std::map<std::string, size_t> owners;
  const Json first = parse_json(offers[0], "the device of rank 0");
  for (size_t rank = 0; rank < offers.size(); ++rank) {
    const Json offer = parse_json(offers[rank], "the device of another rank");
    if (offer.is_null() != first.is_null())
      fail(
          "rank 0 computes on {}, rank {} on {}: ranks exchange among GPUs, or among processors. "
          "Give each rank a GPU, or use device = \"cpu\"",
          processor_or(first), rank, processor_or(offer));
    if (offer.is_null()) continue;
    const auto [owner, is_first] = owners.emplace(offer["identity"].get<std::string>(), rank);
    if (!is_first)
      fail(
          "ranks {} and {} compute on one GPU ({}, {}), which NCCL does not connect with itself: "
          "start one process a GPU, and let CUDA_VISIBLE_DEVICES show each its own, or all of them",
          owner->second, rank, offer["device"].get<std::string>(), owner->first);
    if (offer["nccl"] != first["nccl"])
      fail("rank 0 has NCCL {}, rank {} has {}: install the same on all machines",
           first["nccl"].get<std::string>(), rank, offer["nccl"].get<std::string>());
  }
  return !first.is_null();
}

std::unique_ptr<DeviceExchanges> connect_devices(const Membership& member, const std::string& group,
                                                 int64_t rank, const std::vector<int64_t>& ranks,
                                                 Accelerator& device, DeviceWires& wires) {
  std::unique_ptr<WorkLane> lane = device.make_lane();  // this thread's calls are for its device
  const std::string meeting = agreed_meeting(member, group, rank, wires);
  const double limit = member.settings.join_seconds;
  std::unique_ptr<DeviceWire> wire;
  try {
    wire = wires.connect(meeting, rank, static_cast<int64_t>(ranks.size()));
  } catch (const std::exception& problem) {
    fail("the GPUs of {} ranks cannot be connected: {}. {}", ranks.size(), problem.what(), kTells);
  }
  const bool came = settled(*wire, limit, [&] { return member.heartbeat->check(), true; });
  if (!came && wire->state() == DeviceWire::State::kUnderWay)
    fail("the GPUs of {} ranks were not connected within {:g} s. {}", ranks.size(), limit, kTells);
  if (!came)
    fail("the GPUs of {} ranks cannot be connected: {}. {}", ranks.size(), wire->problem(), kTells);
  return std::make_unique<DeviceExchanges>(std::move(lane), std::move(wire), member.heartbeat,
                                           WaitedExchange{group + "/devices", ranks, 0, ""},
                                           member.settings.exchange_seconds);
}

}  // namespace slipway
