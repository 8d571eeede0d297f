// Who the ranks are, a table of times, warnings at the end.
#include "app/ranks_text.h"

#include <fmt/format.h>

#include <utility>

namespace slipway {
namespace {

constexpr std::pair<const char*, const char*> kTransfers[] = {{"sum_to_all", "sum to all"},
                                                              {"sum_scattered", "sum, scattered"},
                                                              {"gathered", "gathered"},
                                                              {"from_one", "from one to all"}};

std::string milliseconds(const Json& seconds) {
  const double ms = 1000 * seconds.get<double>();
  return fmt::format("{:.{}f} ms", ms, ms < 10 ? 2 : ms < 100 ? 1 : 0);
}

// The time of a number, a table of larger ones, and what follows for gradients.
std::string exchanges_text(const Json& of, size_t ranks) {
  std::string out = fmt::format("\na sum of one number: {}\n\n{:<15}",
                                milliseconds(of["latency_seconds"]), "float32");
  for (const Json& each : of["transfers"])
    out += fmt::format(" {:>10}", fmt::format("{} MiB", each["mib"].get<int64_t>()));
  for (const auto& [key, name] : kTransfers) {
    out += fmt::format("\n{:<15}", name);
    for (const Json& each : of["transfers"]) out += fmt::format(" {:>10}", milliseconds(each[key]));
  }
  const double world = static_cast<double>(ranks), rate = of["bus_gb_per_s"].get<double>();
  return out + fmt::format(
                   "\n\nEach rank sends and receives {:.2f} GB/s in a sum. The gradients of 100 "
                   "million weights take {:.2f} s\na step; that is hidden as far as the backward "
                   "pass takes as long.\n",
                   rate, 2 * (world - 1) / world * 0.4 / rate);
}

// Nothing where no rank has a GPU.
std::string devices_text(const Json& r) {
  std::string out;
  for (const Json& rank : r["ranks"])
    if (!rank["device"].is_null())
      out += fmt::format("rank {} computes on {}\n", rank["rank"].get<int64_t>(),
                         rank["device"].get<std::string>());
  if (out.empty()) return out;
  if (r["devices"].is_null())
    return fmt::format("\n{}nothing is exchanged between GPUs: {}\n", out,
                       r["devices_fault"].get<std::string>());
  return fmt::format("\nbetween GPUs, by NCCL {}\n{}{}", r["devices"]["nccl"].get<std::string>(),
                     out, exchanges_text(r["devices"], r["ranks"].size()));
}

}  // namespace

std::string ranks_text(const Json& r) {
  std::string out = fmt::format("{} ranks, started by {}, which meet at {}\n\n", r["ranks"].size(),
                                r["launcher"].get<std::string>(), r["store"].get<std::string>());
  out += fmt::format("{:>4}  {:<24} {:>7} {:>7}\n", "rank", "host", "threads", "cores");
  for (const Json& rank : r["ranks"])
    out += fmt::format("{:>4}  {:<24} {:>7} {:>7}\n", rank["rank"].get<int64_t>(),
                       rank["host"].get<std::string>(), rank["threads"].get<int64_t>(),
                       rank["cores"].get<int64_t>());
  out += exchanges_text(r, r["ranks"].size()) + devices_text(r);
  for (const Json& warning : r["warnings"]) out += "warning: " + warning.get<std::string>() + "\n";
  return out;
}

}  // namespace slipway
