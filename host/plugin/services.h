// What the host offers to one plugin instance: the slw_host table and its services.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "slipway/host.h"

namespace slipway {

// Facts of the run that plugins may ask for; outlives every instance.
struct RunFacts {
  int32_t rank = 0, world_size = 1, local_rank = 0;
  std::string run_id, output_dir;
};

class HostServices {
 public:
  // `plugin_id` prefixes what the instance logs. [main]
  HostServices(std::string plugin_id, const RunFacts& facts);
  HostServices(const HostServices&) = delete;
  HostServices& operator=(const HostServices&) = delete;

  const slw_host* host() const { return &host_; }

 private:
  std::string plugin_id_;
  std::string run_id_, output_dir_, work_dir_;
  slw_host_run run_{};
  slw_host host_{};
};

// Polled by plugins through slw_host.stop_requested and by every long loop of the host.
bool stop_requested();
void request_stop();

}  // namespace slipway
