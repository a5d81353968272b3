// State of long work in one safetensors file: tensors, and the rest as JSON in its metadata.
#pragma once

#include <filesystem>
#include <optional>

#include "base/clock.h"
#include "base/files.h"
#include "base/safetensors.h"
#include "training/process_group.h"

namespace vpunas {

struct Checkpoint {
  std::string key;  // identifies the work; a checkpoint of other work is an error
  Json state;
  Tensors tensors;
};

void write_checkpoint(const fs::path& path, const Checkpoint& checkpoint);

// nullopt where there is none. Throws Error for a damaged one or one of another key.
std::optional<Checkpoint> read_checkpoint(const fs::path& path, const std::string& key);

// The first process's, in all of them.
std::optional<Checkpoint> read_checkpoint(const fs::path& path, const std::string& key,
                                          const ProcessGroup& group);

}  // namespace vpunas
