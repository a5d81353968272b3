#include "arch/file_kind.h"

#include <algorithm>
#include <fstream>
#include <string>

#include "base/error.h"

namespace vpunas {
namespace {

namespace fs = std::filesystem;
using namespace std::string_view_literals;

std::string first_bytes(const fs::path& path) {
  constexpr size_t most = 4096;
  std::string bytes(most, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), most);
  bytes.resize(static_cast<size_t>(std::max<std::streamsize>(0, file.gcount())));
  return bytes;
}

constexpr const char* to_onnx_from_torch =
    "export it: torch.onnx.export(model.eval(), torch.zeros(1, 3, 224, 224), \"model.onnx\")";
constexpr const char* to_onnx_from_keras =
    "convert it: python -m tf2onnx.convert --keras model.h5 --output model.onnx (or save the Keras "
    "model as a SavedModel and convert that)";

// What the bytes are, and what to do; empty where they are not known.
std::string foreign(const std::string& bytes) {
  const auto starts = [&](std::string_view with) { return bytes.starts_with(with); };
  const auto has = [&](std::string_view part) { return bytes.find(part) != std::string::npos; };
  if (bytes.empty()) return "is empty; copy or download it again";
  if (starts("version https://git-lfs"))
    return "is a pointer of Git LFS, not the file; fetch that: git lfs pull";
  if (starts("<!DOCTYPE html") || starts("<!doctype html") || starts("<html"))
    return "is a web page, not the file; download it again";
  if (starts("PK\3\4")) {
    if (has("data.pkl") || has("constants.pkl")) return cat("is of PyTorch; ", to_onnx_from_torch);
    if (has("model.weights.h5") || has("config.json"))
      return cat("is of Keras; ", to_onnx_from_keras);
    return "is a ZIP archive; unpack it, and give the ONNX model";
  }
  if (starts("\x80\x02"sv) || starts("\x80\x03"sv) || starts("\x80\x04"sv))
    return cat("is a Python pickle, as PyTorch saves it; ", to_onnx_from_torch);
  if (bytes.size() >= 8 && bytes.substr(4, 4) == "TFL3")
    return "is of TensorFlow Lite; convert it: python -m tf2onnx.convert --tflite model.tflite "
           "--output model.onnx (a quantised one must be exported in floats first)";
  if (starts("\x89HDF\r\n\x1a\n")) return cat("is HDF5, as Keras saves it; ", to_onnx_from_keras);
  if (has("<net ") && has("<layer"))
    return "is OpenVINO IR; give the ONNX model that it was made of (benchmark measures an .xml)";
  if (starts("\x1f\x8b") || starts("\xfd\x37zXZ") || starts("BZh"))
    return "is compressed; unpack it, and give the ONNX model";
  if (bytes.size() > 9 && bytes[8] == '{' && has("\"dtype\""))
    return "is safetensors: weights alone; name the network, and give them as --init-from FILE";
  if (starts("\x7f"
             "ELF"))
    return "is a program or a compiled .blob; give the ONNX model that it was made of";
  return "";
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

}  // namespace

bool is_onnx_file(const fs::path& path) {
  if (lower(path.extension().string()) == ".onnx") return true;
  std::error_code none;
  if (!fs::is_regular_file(path, none)) return false;
  // The version of the format, then the producer's name or the opset.
  const std::string bytes = first_bytes(path);
  return bytes.size() > 4 && bytes[0] == 8 && bytes[1] > 2 && bytes[1] < 32 &&
         (bytes[2] == 0x12 || bytes[2] == 0x42 || bytes[2] == 0x3a);
}

void refuse_foreign_file(const fs::path& path) {
  std::error_code none;
  if (fs::is_directory(path, none)) {
    if (fs::exists(path / "saved_model.pb", none))
      fail(path.string(), ": is a SavedModel of TensorFlow; convert it: python -m tf2onnx.convert ",
           "--saved-model ", path.string(), " --output model.onnx");
    return;
  }
  if (!fs::is_regular_file(path, none)) return;
  if (const std::string what = foreign(first_bytes(path)); !what.empty())
    fail(path.string(), ": ", what);
}

}  // namespace vpunas
