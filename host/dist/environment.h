// Where this process stands among those that train together, as the program that started it says.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/files.h"

namespace slipway {

enum class Launcher { kNone, kVariables, kLaunch, kTorchrun, kOpenMpi, kSlurm, kSageMaker };

// A process that nobody started as one of several has the place of rank 0 of 1.
struct Place {
  Launcher launcher = Launcher::kNone;
  int64_t rank = 0, world = 1;
  int64_t local_rank = 0, local_world = 1;  // among the processes of this machine
  int64_t node_rank = 0;
  std::string store_host = "127.0.0.1";  // where rank 0, or the launcher's agent, keeps the store
  int64_t store_port = 29500;
  bool agent_hosts_store = false;  // the launcher does: rank 0 is a client like the others
  int64_t restart_count = 0, max_restarts = 0;
  std::string run_id;   // the launcher's name of the run; may be empty
  std::string token;    // what the run's processes know and strangers do not; may be empty
  fs::path error_file;  // where the launcher reads why a process ended; empty: nowhere
  std::string network_interface;  // by name, several separated by commas; empty: found

  bool is_alone() const { return world == 1; }
  // All processes run on this machine: nothing listens to the network.
  bool is_local() const { return local_world == world; }
};

// An environment: the value of a variable, or nothing where it is not set.
using Lookup = std::function<std::optional<std::string>(const char* name)>;
std::optional<std::string> process_variable(const char* name);

// Reads the place from what these set, and asks in this order:
//   RANK, WORLD_SIZE        torchrun, `slipway launch`, Kubernetes' PyTorchJob
//   OMPI_COMM_WORLD_RANK    Open MPI's mpirun
//   SLURM_STEP_ID           srun; a shell of salloc or an sbatch script alone is not a group
//   SM_HOSTS, or the file   SageMaker: one process a host
// docs/distributed.md lists the variables of each. Throws Error that names the variable and the fix
// where they are half set, contradict each other or are no numbers.
Place find_place(const Lookup& lookup = process_variable,
                 const fs::path& sagemaker_file = "/opt/ml/input/config/resourceconfig.json");

// "torchrun", "srun", ...: for messages.
const char* launcher_name(Launcher launcher);

}  // namespace slipway
