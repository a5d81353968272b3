// Processes, on one machine or on several, that train a network together.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace vpunas {

// A process's place among those that were started together.
struct Place {
  int rank = 0, size = 1;
  int local_rank = 0, local_size = 1;  // among them on this machine
  std::string address = "127.0.0.1";   // of rank 0
  int port = 29500;
  bool operator==(const Place&) const = default;
};

// As torchrun (RANK, WORLD_SIZE), Open MPI's and MPICH's mpirun (OMPI_COMM_WORLD_RANK, PMI_RANK)
// and srun (SLURM_PROCID) set the environment, with MASTER_ADDR and MASTER_PORT; alone where none
// did. Throws Error for what is no place, and where processes on several machines have no
// MASTER_ADDR.
Place place_in(const std::function<const char*(const char*)>& environment);

// The processes of this process's place, connected over TCP (c10d with Gloo). Where one ends, the
// others' next call throws Error saying so. Of a process alone, nothing is sent.
class ProcessGroup {
 public:
  ProcessGroup();  // alone
  // Waits for all, five minutes at most. Throws Error where they do not come, or this build cannot
  // connect, and Interrupted when asked to stop.
  explicit ProcessGroup(const Place& place, const std::stop_token& stop = {});
  ~ProcessGroup();
  ProcessGroup(ProcessGroup&&) noexcept;
  ProcessGroup& operator=(ProcessGroup&&) noexcept;

  int rank() const;
  int size() const;
  int local_rank() const;  // on this machine
  int local_size() const;
  bool leads() const { return rank() == 0; }

  // Rank 0's bytes, in all.
  std::string broadcast(const std::string& bytes) const;

  // A process's part of a batch of `images`. Throws Error where they do not divide.
  int part_of(int images) const;

  struct State;  // of c10d
  State* state() const { return state_.get(); }

 private:
  std::unique_ptr<State> state_;
};

}  // namespace vpunas
