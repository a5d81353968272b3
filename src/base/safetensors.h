// Named float32 tensors and their file format (https://github.com/huggingface/safetensors, format
// section of its README).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace vpunas {

// Row-major values; data.size() is the product of dims (1 where dims is empty).
struct Tensor {
  std::vector<int64_t> dims;
  std::vector<float> data;
  bool operator==(const Tensor&) const = default;
};

using Tensors = std::map<std::string, Tensor>;
using Metadata = std::map<std::string, std::string>;

// Reads F32, F16, BF16, F64 and integer tensors as float32. Throws Error on a truncated,
// overlapping or foreign file; a hostile header cannot make it read outside the file or allocate
// more than the file's size accounts for.
Tensors read_safetensors(const std::filesystem::path& path, Metadata* metadata = nullptr);

// Writes F32.
void write_safetensors(const std::filesystem::path& path, const Tensors& tensors,
                       const Metadata& metadata = {});

}  // namespace vpunas
