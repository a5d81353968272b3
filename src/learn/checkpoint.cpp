#include "learn/checkpoint.h"

#include "base/error.h"

namespace vpunas {

void write_checkpoint(const fs::path& path, const Checkpoint& checkpoint) {
  write_safetensors(path, checkpoint.tensors,
                    {{"key", checkpoint.key}, {"state", checkpoint.state.dump()}});
}

namespace {

Checkpoint read(const fs::path& path) {
  Metadata metadata;
  Checkpoint checkpoint{.key = {}, .state = {}, .tensors = read_safetensors(path, &metadata)};
  checkpoint.key = metadata["key"];
  checkpoint.state = Json::parse(metadata["state"], nullptr, /*allow_exceptions=*/false);
  if (checkpoint.state.is_discarded())
    fail(path.string(), ": damaged checkpoint; delete it to start anew");
  return checkpoint;
}

}  // namespace

std::optional<Checkpoint> read_checkpoint(const fs::path& path, const std::string& key) {
  if (!fs::exists(path)) return std::nullopt;
  Checkpoint checkpoint = read(path);
  if (checkpoint.key != key) {
    fail(
        path.string(),
        ": a checkpoint of other work (data, network or settings differ); delete it to start anew");
  }
  return checkpoint;
}

std::optional<Checkpoint> read_checkpoint(const fs::path& path, const std::string& key,
                                          const ProcessGroup& group) {
  if (group.size() == 1) return read_checkpoint(path, key);
  const std::string bytes =
      group.broadcast(group.leads() && fs::exists(path) ? read_file(path) : "");
  if (group.leads()) return read_checkpoint(path, key);
  if (bytes.empty()) return std::nullopt;
  const TemporaryFolder folder;
  const fs::path copy = folder.path() / "checkpoint.safetensors";
  write_file(copy, bytes);
  return read(copy);  // the leader has checked the key; another machine's paths make another
}

}  // namespace vpunas
