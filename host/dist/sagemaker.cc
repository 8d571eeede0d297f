// SageMaker's hosts: one process on each, unless a launcher started several there.
#include "dist/sagemaker.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace slipway {
namespace {

struct Hosts {
  std::vector<std::string> all;
  std::string own, network_interface;
  std::string origin;  // what says so, for messages
};

std::vector<std::string> host_names(const Json& value, const std::string& origin) {
  if (!value.is_array() || value.empty())
    fail("{} is not a JSON list of hosts, as [\"algo-1\", \"algo-2\"]", origin);
  std::vector<std::string> names;
  for (const Json& name : value) {
    if (!name.is_string()) fail("{} has an entry that is not a text: a host's name", origin);
    names.push_back(name.get<std::string>());
  }
  return names;
}

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

Hosts hosts_of_configuration(const std::string& text, const std::string& origin) {
  const Json configuration = parse_json(text, origin);
  if (!configuration.is_object() || !configuration.contains("hosts"))
    fail("{} is not SageMaker's resource configuration: it has no \"hosts\"", origin);
  return {.all = host_names(configuration["hosts"], origin + "'s \"hosts\""),
          .own = text_of(configuration, "current_host"),
          .network_interface = text_of(configuration, "network_interface_name"),
          .origin = origin};
}

std::optional<Hosts> find_hosts(const Variables& variables, const fs::path& file) {
  if (const auto listed = variables.text("SM_HOSTS")) {
    return Hosts{.all = host_names(parse_json(*listed, "SM_HOSTS"), "SM_HOSTS"),
                 .own = variables.text_or("SM_CURRENT_HOST", ""),
                 .network_interface = variables.text_or("SM_NETWORK_INTERFACE_NAME", ""),
                 .origin = "SM_HOSTS"};
  }
  if (const auto text = variables.text("SM_RESOURCE_CONFIG"))
    return hosts_of_configuration(*text, "SM_RESOURCE_CONFIG");
  std::error_code ignored;
  if (fs::is_regular_file(file, ignored))
    return hosts_of_configuration(read_file(file), file.string());
  return std::nullopt;
}

}  // namespace

std::optional<Place> sagemaker_place(const Variables& variables, const fs::path& file) {
  std::optional<Hosts> hosts = find_hosts(variables, file);
  if (!hosts || hosts->all.size() == 1) return std::nullopt;
  // Every host sorts alike, so that all agree on who is rank 0.
  std::sort(hosts->all.begin(), hosts->all.end());
  const auto own = std::find(hosts->all.begin(), hosts->all.end(), hosts->own);
  if (own == hosts->all.end())
    fail(
        "{} does not name this host ({}): set SM_CURRENT_HOST to its name in that list, or start "
        "the processes with torchrun",
        hosts->origin, hosts->own.empty() ? "SM_CURRENT_HOST is not set" : hosts->own);
  Place place;
  place.launcher = Launcher::kSageMaker;
  place.world = static_cast<int64_t>(hosts->all.size());
  place.rank = own - hosts->all.begin();
  place.node_rank = place.rank;
  place.store_host = variables.text_or("MASTER_ADDR", hosts->all.front());
  const std::optional<int64_t> port = variables.port("MASTER_PORT");
  place.store_port = port ? *port : 7777;
  place.network_interface = hosts->network_interface;
  place.run_id = variables.text_or("TRAINING_JOB_NAME", "");
  return place;
}

}  // namespace slipway
