#include "dist/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/dist/places.h"

namespace slipway {
namespace {

using testing::HasSubstr;

Environment torchrun() {
  return {{"RANK", "5"},
          {"LOCAL_RANK", "1"},
          {"WORLD_SIZE", "8"},
          {"LOCAL_WORLD_SIZE", "4"},
          {"GROUP_RANK", "1"},
          {"MASTER_ADDR", "gpu7"},
          {"MASTER_PORT", "29411"},
          {"TORCHELASTIC_USE_AGENT_STORE", "True"},
          {"TORCHELASTIC_RESTART_COUNT", "2"},
          {"TORCHELASTIC_MAX_RESTARTS", "3"},
          {"TORCHELASTIC_RUN_ID", "night"},
          {"TORCHELASTIC_ERROR_FILE", "/tmp/error.json"}};
}

Environment changed(Environment environment, const char* name, const char* value) {
  if (value == nullptr) environment.erase(name);
  else environment[name] = value;
  return environment;
}

TEST(FindPlace, NothingSetIsAlone) {
  const Place place = place_in({});
  EXPECT_EQ(place.launcher, Launcher::kNone);
  EXPECT_TRUE(place.is_alone());
  EXPECT_EQ(place.rank, 0);
  // What shells and clusters leave behind starts no group.
  EXPECT_TRUE(place_in({{"MASTER_ADDR", "gpu1"}, {"MASTER_PORT", "29500"}}).is_alone());
  EXPECT_TRUE(place_in({{"LOCAL_RANK", "-1"}}).is_alone());
  EXPECT_TRUE(place_in({{"LOCAL_RANK", "0"}, {"WORLD_SIZE", "1"}, {"RANK", " "}}).is_alone());
}

TEST(FindPlace, ReadsTorchrun) {
  const Place place = place_in(torchrun());
  EXPECT_EQ(place.launcher, Launcher::kTorchrun);
  EXPECT_EQ(place.rank, 5);
  EXPECT_EQ(place.world, 8);
  EXPECT_EQ(place.local_rank, 1);
  EXPECT_EQ(place.local_world, 4);
  EXPECT_EQ(place.node_rank, 1);
  EXPECT_EQ(place.store_host, "gpu7");
  EXPECT_EQ(place.store_port, 29411);
  EXPECT_TRUE(place.agent_hosts_store);
  EXPECT_EQ(place.restart_count, 2);
  EXPECT_EQ(place.max_restarts, 3);
  EXPECT_EQ(place.run_id, "night");
  EXPECT_EQ(place.token, "night");
  EXPECT_EQ(place.error_file, "/tmp/error.json");
  EXPECT_FALSE(place.is_local());
  EXPECT_FALSE(
      place_in(changed(torchrun(), "TORCHELASTIC_USE_AGENT_STORE", "False")).agent_hosts_store);
}

TEST(FindPlace, ReadsVariablesOfOneMachine) {
  const Place place = place_in({{"RANK", "1"},
                                {"LOCAL_RANK", "1"},
                                {"WORLD_SIZE", "2"},
                                {"SLIPWAY_RUN_TOKEN", "secret"},
                                {"GLOO_SOCKET_IFNAME", "eth1"}});
  EXPECT_EQ(place.launcher, Launcher::kVariables);
  EXPECT_TRUE(place.is_local());
  EXPECT_EQ(place.store_host, "127.0.0.1");
  EXPECT_EQ(place.store_port, 29500);
  EXPECT_EQ(place.token, "secret");
  EXPECT_EQ(place.network_interface, "eth1");
  EXPECT_FALSE(place.agent_hosts_store);
}

TEST(FindPlace, APodOfKubernetesIsTheOnlyProcessOfItsMachine) {
  const Place place = place_in({{"RANK", "2"},
                                {"WORLD_SIZE", "3"},
                                {"MASTER_ADDR", "job-master-0"},
                                {"MASTER_PORT", "23456"}});
  EXPECT_EQ(place.rank, 2);
  EXPECT_EQ(place.local_rank, 0);
  EXPECT_EQ(place.local_world, 1);
  EXPECT_EQ(place.node_rank, 2);
  EXPECT_EQ(place.store_host, "job-master-0");
  EXPECT_EQ(place.store_port, 23456);
  EXPECT_THAT(refusal_of({{"RANK", "2"}, {"WORLD_SIZE", "3"}}), HasSubstr("MASTER_ADDR"));
}

TEST(FindPlace, RefusesHalfOfAnEnvironment) {
  EXPECT_THAT(refusal_of(changed(torchrun(), "WORLD_SIZE", nullptr)),
              HasSubstr("RANK is set, and WORLD_SIZE is not: start the processes with"));
  EXPECT_THAT(refusal_of(changed(torchrun(), "RANK", nullptr)),
              HasSubstr("WORLD_SIZE is set, and RANK is not"));
  EXPECT_THAT(refusal_of({{"LOCAL_RANK", "1"}}), HasSubstr("LOCAL_RANK=1 is set, and RANK"));
  EXPECT_THAT(refusal_of(changed(torchrun(), "MASTER_ADDR", nullptr)),
              HasSubstr("MASTER_ADDR is not set"));
  EXPECT_THAT(refusal_of({{"OMPI_COMM_WORLD_RANK", "0"}}), HasSubstr("OMPI_COMM_WORLD_SIZE"));
  EXPECT_THAT(refusal_of({{"OMPI_COMM_WORLD_SIZE", "2"}}), HasSubstr("OMPI_COMM_WORLD_RANK"));
}

TEST(FindPlace, RefusesWhatContradictsItselfOrIsNoNumber) {
  EXPECT_THAT(refusal_of(changed(torchrun(), "RANK", "8")),
              HasSubstr("RANK=8 and WORLD_SIZE=8 contradict each other: ranks are 0 to 7"));
  EXPECT_THAT(refusal_of(changed(torchrun(), "LOCAL_RANK", "4")),
              HasSubstr("LOCAL_RANK=4 and LOCAL_WORLD_SIZE=4"));
  EXPECT_THAT(refusal_of(changed(torchrun(), "LOCAL_WORLD_SIZE", "9")),
              HasSubstr("LOCAL_WORLD_SIZE=9 and WORLD_SIZE=8"));
  for (const char* word : {"two", "1.5", "-1", "1 2", "99999999999999999999"})
    EXPECT_THAT(refusal_of(changed(torchrun(), "RANK", word)),
                HasSubstr(fmt::format("RANK={} is not a whole number", word)));
  EXPECT_THAT(refusal_of(changed(torchrun(), "WORLD_SIZE", "0")), HasSubstr("at least 1"));
  EXPECT_THAT(refusal_of(changed(torchrun(), "MASTER_PORT", "65536")), HasSubstr("not a port"));
  EXPECT_THAT(refusal_of(changed(torchrun(), "MASTER_PORT", "http")), HasSubstr("MASTER_PORT"));
  EXPECT_THAT(refusal_of(changed(torchrun(), "RANK", "\x1b[2J")), HasSubstr("RANK=\\x1b[2J"));
}

TEST(FindPlace, ReadsOpenMpi) {
  Environment mpi = {{"OMPI_COMM_WORLD_RANK", "3"},
                     {"OMPI_COMM_WORLD_SIZE", "4"},
                     {"OMPI_COMM_WORLD_LOCAL_RANK", "3"},
                     {"OMPI_COMM_WORLD_LOCAL_SIZE", "4"},
                     {"OMPI_MCA_ess_base_jobid", "2718"},
                     {"SLURM_STEP_ID", "4294967291"},
                     {"SLURM_PROCID", "0"},
                     {"SLURM_NTASKS", "4"}};
  const Place place = place_in(mpi);
  EXPECT_EQ(place.launcher, Launcher::kOpenMpi);
  EXPECT_EQ(place.rank, 3);
  EXPECT_TRUE(place.is_local());
  EXPECT_EQ(place.store_host, "127.0.0.1");
  EXPECT_EQ(place.token, "2718");
  EXPECT_GE(place.store_port, 20000);
  EXPECT_LT(place.store_port, 30000);
  const Place other = place_in(changed(mpi, "OMPI_MCA_ess_base_jobid", "2719"));
  EXPECT_NE(other.store_port, place.store_port);
  mpi["OMPI_COMM_WORLD_LOCAL_RANK"] = "1";
  mpi["OMPI_COMM_WORLD_LOCAL_SIZE"] = "2";
  EXPECT_THAT(refusal_of(mpi), HasSubstr("MASTER_ADDR is not set"));
  mpi["MASTER_ADDR"] = "node0";
  EXPECT_EQ(place_in(mpi).store_host, "node0");
  EXPECT_EQ(place_in(mpi).node_rank, 1);
  EXPECT_THAT(refusal_of(changed(mpi, "OMPI_COMM_WORLD_SIZE", "3")), HasSubstr("contradict"));
}

TEST(FindPlace, SageMakersHostsAreOneProcessEach) {
  const Environment variables = {{"SM_HOSTS", R"(["algo-2","algo-1","algo-3"])"},
                                 {"SM_CURRENT_HOST", "algo-2"},
                                 {"SM_NUM_GPUS", "4"},
                                 {"SM_NETWORK_INTERFACE_NAME", "eth0"}};
  const Place place = place_in(variables);
  EXPECT_EQ(place.launcher, Launcher::kSageMaker);
  EXPECT_EQ(place.rank, 1);
  EXPECT_EQ(place.world, 3);
  EXPECT_EQ(place.local_world, 1);
  EXPECT_EQ(place.store_host, "algo-1");
  EXPECT_EQ(place.network_interface, "eth0");
  EXPECT_TRUE(place_in(changed(variables, "SM_HOSTS", R"(["algo-2"])")).is_alone());
  EXPECT_THAT(refusal_of(changed(variables, "SM_CURRENT_HOST", "algo-9")), HasSubstr("algo-9"));
  EXPECT_THAT(refusal_of(changed(variables, "SM_HOSTS", "algo-1")), HasSubstr("SM_HOSTS"));
  EXPECT_THAT(refusal_of(changed(variables, "SM_HOSTS", "[1]")), HasSubstr("SM_HOSTS"));
  Environment started = torchrun();
  started.insert(variables.begin(), variables.end());
  EXPECT_EQ(place_in(started).launcher, Launcher::kTorchrun);
  started["SLIPWAY_BEGUN_FILE"] = "/tmp/begun";  // slipway launch sets torchrun's variables, too
  EXPECT_EQ(place_in(started).launcher, Launcher::kLaunch);
}

TEST(FindPlace, ReadsSageMakersFile) {
  const fs::path file = fs::path(SLIPWAY_SCRATCH) / "resourceconfig.json";
  write_file_durably(file, R"({"current_host": "algo-2", "current_instance_type": "ml.g5",
                              "hosts": ["algo-1", "algo-2"], "network_interface_name": "eth0"})");
  const Place place = place_in({}, file);
  EXPECT_EQ(place.rank, 1);
  EXPECT_EQ(place.world, 2);
  EXPECT_EQ(place.network_interface, "eth0");
  EXPECT_EQ(place_in({{"SM_RESOURCE_CONFIG", read_file(file)}}).rank, 1);
  write_file_durably(file, R"({"current_host": "algo-2"})");
  EXPECT_THAT(refusal_of({}, file), HasSubstr("has no \"hosts\""));
  write_file_durably(file, "{");
  EXPECT_THAT(refusal_of({}, file), HasSubstr("resourceconfig.json"));
}

}  // namespace
}  // namespace slipway
