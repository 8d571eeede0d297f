// Where this process stands among those that train together, as the program that started it says.
#include "dist/environment.h"

#include <cstdlib>

#include "base/error.h"
#include "dist/sagemaker.h"
#include "dist/slurm.h"
#include "dist/variables.h"

namespace slipway {
namespace {

constexpr const char* kStartBy =
    "start the processes with `slipway launch`, torchrun, srun or mpirun, or unset it to train "
    "alone";

void refuse_beyond(const char* rank_name, int64_t rank, const char* world_name, int64_t world) {
  if (rank >= world)
    fail("{}={} and {}={} contradict each other: ranks are 0 to {}. {}", rank_name, rank,
         world_name, world, world - 1, kStartBy);
}

void need_store_address(const Variables& variables, Place& place, const char* because) {
  const auto host = variables.text("MASTER_ADDR");
  if (!host && !place.is_local())
    fail(
        "{} says that there are {} processes on several machines, and MASTER_ADDR is not set: set "
        "it to the address of the machine of rank 0, and MASTER_PORT to a free port there",
        because, place.world);
  if (host) place.store_host = *host;
  if (const auto port = variables.port("MASTER_PORT")) place.store_port = *port;
}

// Below the ports that systems give away themselves.
int64_t port_of_run(const std::string& run_id) {
  uint64_t sum = 0;
  for (const char letter : run_id) sum = sum * 31 + static_cast<unsigned char>(letter);
  return run_id.empty() ? Place().store_port : 20000 + static_cast<int64_t>(sum % 10000);
}

// RANK, WORLD_SIZE and what belongs to them. Without LOCAL_RANK there is one process a machine, as
// in a pod of Kubernetes' PyTorchJob.
Place place_of_variables(const Variables& variables) {
  Place place;
  place.launcher =
      variables.has("SLIPWAY_BEGUN_FILE")    ? Launcher::kLaunch
      : variables.has("TORCHELASTIC_RUN_ID") ? Launcher::kTorchrun
                                             : Launcher::kVariables;
  place.rank = variables.needed("RANK", "WORLD_SIZE", kStartBy);
  place.world = variables.needed("WORLD_SIZE", "RANK", kStartBy, 1);
  refuse_beyond("RANK", place.rank, "WORLD_SIZE", place.world);
  const auto local_rank = variables.number("LOCAL_RANK");
  place.local_rank = local_rank.value_or(0);
  // Whoever counts local ranks and not the machines' processes has one machine.
  place.local_world = variables.number_or("LOCAL_WORLD_SIZE", local_rank ? place.world : 1, 1);
  refuse_beyond("LOCAL_RANK", place.local_rank, "LOCAL_WORLD_SIZE", place.local_world);
  if (place.local_world > place.world)
    fail(
        "LOCAL_WORLD_SIZE={} and WORLD_SIZE={} contradict each other: a machine has no more "
        "processes than the group. {}",
        place.local_world, place.world, kStartBy);
  place.node_rank =
      variables.number_or("GROUP_RANK", local_rank ? place.rank / place.local_world : place.rank);
  if (place.world > 1) need_store_address(variables, place, "WORLD_SIZE");
  place.agent_hosts_store = variables.text_or("TORCHELASTIC_USE_AGENT_STORE", "") == "True";
  place.restart_count = variables.number_or("TORCHELASTIC_RESTART_COUNT", 0);
  place.max_restarts = variables.number_or("TORCHELASTIC_MAX_RESTARTS", 0);
  place.run_id = variables.text_or("TORCHELASTIC_RUN_ID", "");
  return place;
}

Place place_of_open_mpi(const Variables& variables) {
  Place place;
  place.launcher = Launcher::kOpenMpi;
  place.rank = variables.needed("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", kStartBy);
  place.world = variables.needed("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", kStartBy, 1);
  refuse_beyond("OMPI_COMM_WORLD_RANK", place.rank, "OMPI_COMM_WORLD_SIZE", place.world);
  place.local_rank = variables.number_or("OMPI_COMM_WORLD_LOCAL_RANK", 0);
  place.local_world = variables.number_or("OMPI_COMM_WORLD_LOCAL_SIZE", place.world, 1);
  refuse_beyond("OMPI_COMM_WORLD_LOCAL_RANK", place.local_rank, "OMPI_COMM_WORLD_LOCAL_SIZE",
                place.local_world);
  place.node_rank = place.rank / place.local_world;
  place.run_id =
      variables.text_or("OMPI_MCA_ess_base_jobid", variables.text_or("PMIX_NAMESPACE", ""));
  // Two runs on one machine take two ports.
  place.store_port = port_of_run(place.run_id);
  if (place.world > 1) need_store_address(variables, place, "OMPI_COMM_WORLD_SIZE");
  return place;
}

Place place_by_launcher(const Variables& variables, const fs::path& sagemaker_file) {
  const bool slurm = is_slurm_task(variables);
  const bool mpi = variables.has("OMPI_COMM_WORLD_RANK") || variables.has("OMPI_COMM_WORLD_SIZE");
  if (variables.has("RANK")) return place_of_variables(variables);
  const auto world = variables.number("WORLD_SIZE", 1);
  if (mpi || slurm) {
    // Scripts of sbatch export WORLD_SIZE for programs that want it; it must be true.
    const Place place = mpi ? place_of_open_mpi(variables) : slurm_place(variables);
    if (world && *world != place.world)
      fail("WORLD_SIZE={} is set, and {} started {} processes: unset WORLD_SIZE", *world,
           launcher_name(place.launcher), place.world);
    return place;
  }
  if (world.value_or(1) > 1) return place_of_variables(variables);  // says what is missing
  // HF's scripts have LOCAL_RANK=-1 for a process that is alone.
  if (const auto local_rank = variables.number("LOCAL_RANK", -1); local_rank.value_or(-1) > 0)
    fail("LOCAL_RANK={} is set, and RANK and WORLD_SIZE are not: {}", *local_rank, kStartBy);
  if (const auto place = sagemaker_place(variables, sagemaker_file)) return *place;
  return {};
}

}  // namespace

std::optional<std::string> process_variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  return value;
}

Place find_place(const Lookup& lookup, const fs::path& sagemaker_file) {
  const Variables variables(lookup);
  Place place = place_by_launcher(variables, sagemaker_file);
  place.error_file = variables.text_or("TORCHELASTIC_ERROR_FILE", "");
  place.network_interface = variables.text_or("GLOO_SOCKET_IFNAME", place.network_interface);
  // A launcher's name of its run is no secret, yet another run's processes have another.
  place.token = variables.text_or("SLIPWAY_RUN_TOKEN", place.run_id);
  return place;
}

const char* launcher_name(Launcher launcher) {
  switch (launcher) {
    case Launcher::kNone:
      return "no launcher";
    case Launcher::kVariables:
      return "RANK and WORLD_SIZE";
    case Launcher::kLaunch:
      return "slipway launch";
    case Launcher::kTorchrun:
      return "torchrun";
    case Launcher::kOpenMpi:
      return "mpirun";
    case Launcher::kSlurm:
      return "srun";
    case Launcher::kSageMaker:
      return "SageMaker";
  }
  return "";
}

}  // namespace slipway
