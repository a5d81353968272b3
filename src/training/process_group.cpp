#include "training/process_group.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace vpunas {
namespace {

using Environment = std::function<const char*(const char*)>;

// What stands in a variable, up to one of the characters `until`.
std::optional<int> number(const Environment& environment, const char* name,
                          std::string_view until = "") {
  const char* text = environment(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  int value = 0;
  const std::string_view whole = text;
  const char* end = text + std::min(whole.find_first_of(until), whole.size());
  const auto parsed = std::from_chars(text, end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end || value < 0)
    fail(name, "=", text, ": should be a number of a process; unset it to train alone");
  return value;
}

struct Launcher {
  const char *rank, *size, *local_rank, *local_size;
};
constexpr Launcher launchers[] = {
    // torchrun, Open MPI, MPICH, srun
    {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"},
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
     "OMPI_COMM_WORLD_LOCAL_SIZE"},
    {"PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"},
    {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_TASKS_PER_NODE"},
};

}  // namespace

Place place_in(const Environment& environment) {
  for (const Launcher& launcher : launchers) {
    const auto rank = number(environment, launcher.rank), size = number(environment, launcher.size);
    if (!rank || !size) continue;
    if (*size < 1 || *rank >= *size)
      fail(launcher.rank, "=", *rank, " is not of ", launcher.size, "=", *size);
    Place place{.rank = *rank, .size = *size};
    // Slurm counts tasks by node, as 2(x3): those of the first ones.
    place.local_size = std::max(1, number(environment, launcher.local_size, "(,").value_or(*size));
    place.local_rank =
        number(environment, launcher.local_rank).value_or(place.rank % place.local_size);
    if (const char* address = environment("MASTER_ADDR"))
      place.address = address;
    else if (place.local_size < place.size)
      fail("MASTER_ADDR is not set: processes on several machines need the address of the first");
    place.port = number(environment, "MASTER_PORT").value_or(place.port);
    return place;
  }
  return {};
}

int ProcessGroup::part_of(int images) const {
  if (images % size() != 0)
    fail("a batch of ", images, " images cannot be shared evenly by ", size(),
         " processes; change batch_size");
  return images / size();
}

}  // namespace vpunas
