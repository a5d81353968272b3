// What a network's file is by what it holds; endings lie.
#pragma once

#include <filesystem>

namespace vpunas {

// Whether a file holds an ONNX model, or is called .onnx in any capitals.
bool is_onnx_file(const std::filesystem::path& path);

// Throws Error saying what the file or folder is and what to do, where it is of another program:
// PyTorch's, TensorFlow's, OpenVINO's, ... Returns where it is not known to be.
void refuse_foreign_file(const std::filesystem::path& path);

}  // namespace vpunas
