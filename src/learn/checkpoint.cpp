#include "learn/checkpoint.h"

#include "base/error.h"

namespace vpunas {

void write_checkpoint(const fs::path& path, const Checkpoint& checkpoint) {
  write_safetensors(path, checkpoint.tensors,
                    {{"key", checkpoint.key}, {"state", checkpoint.state.dump()}});
}

std::optional<Checkpoint> read_checkpoint(const fs::path& path, const std::string& key) {
  if (!fs::exists(path)) return std::nullopt;
  Metadata metadata;
  Checkpoint checkpoint{.key = key, .state = {}, .tensors = read_safetensors(path, &metadata)};
  if (metadata["key"] != key) {
    fail(
        path.string(),
        ": a checkpoint of other work (data, network or settings differ); delete it to start anew");
  }
  checkpoint.state = Json::parse(metadata["state"], nullptr, /*allow_exceptions=*/false);
  if (checkpoint.state.is_discarded())
    fail(path.string(), ": damaged checkpoint; delete it to start anew");
  return checkpoint;
}

}  // namespace vpunas
