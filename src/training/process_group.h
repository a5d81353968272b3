// Processes, on one machine or on several, that train a network together.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

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

// What connects processes: one implementation, of the module of libtorch.
class Connection {
 public:
  virtual ~Connection() = default;
  // Rank 0's bytes, in all. Throws Error where a process is gone.
  virtual std::string broadcast(const std::string& bytes) const = 0;
};

// The processes of this process's place. Of a process alone, nothing is sent. Where one of several
// ends, the others' next call throws Error saying so.
class ProcessGroup {
 public:
  ProcessGroup() = default;  // alone
  ProcessGroup(Place place, std::unique_ptr<Connection> connection)
      : place_(std::move(place)), connection_(std::move(connection)) {}

  int rank() const { return place_.rank; }
  int size() const { return place_.size; }
  int local_rank() const { return place_.local_rank; }  // on this machine
  int local_size() const { return place_.local_size; }
  bool leads() const { return rank() == 0; }

  // Rank 0's bytes, in all.
  std::string broadcast(const std::string& bytes) const {
    return size() == 1 ? bytes : connection_->broadcast(bytes);
  }

  // A process's part of a batch of `images`. Throws Error where they do not divide.
  int part_of(int images) const;

  const Connection* connection() const { return connection_.get(); }  // null: alone

 private:
  Place place_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace vpunas
