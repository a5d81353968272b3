#include "training/process_group.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"

namespace vpunas {
namespace {

using Variables = std::map<std::string, std::string>;

Place place_of(const Variables& variables) {
  return place_in([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(PlaceIn, KnowsTheUsualLaunchers) {
  EXPECT_EQ(place_of({}), Place{});
  EXPECT_EQ(place_of({{"RANK", "3"},
                      {"WORLD_SIZE", "8"},
                      {"LOCAL_WORLD_SIZE", "4"},
                      {"MASTER_ADDR", "10.0.0.1"},
                      {"MASTER_PORT", "4000"}}),
            (Place{3, 8, 3, 4, "10.0.0.1", 4000}));
  EXPECT_EQ(place_of({{"OMPI_COMM_WORLD_RANK", "1"},
                      {"OMPI_COMM_WORLD_SIZE", "2"},
                      {"OMPI_COMM_WORLD_LOCAL_RANK", "0"},
                      {"OMPI_COMM_WORLD_LOCAL_SIZE", "1"},
                      {"MASTER_ADDR", "10.0.0.1"}}),
            (Place{.rank = 1, .size = 2, .address = "10.0.0.1"}));
  EXPECT_EQ(place_of({{"PMI_RANK", "0"}, {"PMI_SIZE", "2"}}),
            (Place{.rank = 0, .size = 2, .local_size = 2}));
  EXPECT_EQ(place_of({{"SLURM_PROCID", "1"}, {"SLURM_STEP_NUM_TASKS", "2"}}),
            (Place{.rank = 1, .size = 2, .local_rank = 1, .local_size = 2}));
  // Two tasks on each of three machines.
  EXPECT_EQ(place_of({{"SLURM_PROCID", "3"},
                      {"SLURM_STEP_NUM_TASKS", "6"},
                      {"SLURM_LOCALID", "1"},
                      {"SLURM_STEP_TASKS_PER_NODE", "2(x3)"},
                      {"MASTER_ADDR", "node1"}}),
            (Place{.rank = 3, .size = 6, .local_rank = 1, .local_size = 2, .address = "node1"}));
  // An allocation without srun starts one process.
  EXPECT_EQ(place_of({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}}), Place{});
}

TEST(PlaceIn, RefusesWhatIsNoPlace) {
  EXPECT_THROW(place_of({{"RANK", "2"}, {"WORLD_SIZE", "2"}}), Error);
  EXPECT_THROW(place_of({{"RANK", "one"}, {"WORLD_SIZE", "2"}}), Error);
  EXPECT_THROW(place_of({{"RANK", "1(x2)"}, {"WORLD_SIZE", "2"}}), Error);
  EXPECT_THROW(place_of({{"RANK", "0"}, {"WORLD_SIZE", "0"}}), Error);
  EXPECT_THROW(place_of({{"PMI_RANK", "0"}, {"PMI_SIZE", "4"}, {"MPI_LOCALNRANKS", "2"}}), Error);
}

TEST(ProcessGroup, AloneItBroadcastsToItself) {
  const ProcessGroup alone;
  EXPECT_TRUE(alone.leads());
  EXPECT_EQ(alone.broadcast("text"), "text");
}

}  // namespace
}  // namespace vpunas
