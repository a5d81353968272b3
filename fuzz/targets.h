// Readers of files under test: any bytes must be read, or refused with an Error.
#pragma once

#include <string_view>

namespace vpunas::fuzz {

// An ONNX file, and how the MyriadX would run it.
void onnx(std::string_view bytes);
void safetensors(std::string_view bytes);
// An image file, whole and a window of it.
void jpeg(std::string_view bytes);
void png(std::string_view bytes);
// The training images of a data set whose other files are whole.
void idx(std::string_view bytes);

}  // namespace vpunas::fuzz
