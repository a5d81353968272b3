// Scalars over steps as TensorBoard reads them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace vpunas {

// An event file of one process, "events.out.tfevents.SECONDS.vpunas" in `folder`, made with the
// first scalars: TFRecords (length, CRC-32C, bytes, CRC-32C) of tensorflow.Event messages
// (tensorflow/core/util/event.proto). Its first event tells TensorBoard to forget what an
// earlier, killed process wrote of this step and later ones. Throws Error where writing fails.
class TensorBoard {
 public:
  explicit TensorBoard(std::filesystem::path folder) : folder_(std::move(folder)) {}
  void add(int64_t step, const std::map<std::string, double>& scalars);

 private:
  std::filesystem::path folder_, file_;
};

// Of Castagnoli's polynomial (RFC 3720, appendix B.4).
uint32_t crc32c(std::string_view bytes);

}  // namespace vpunas
