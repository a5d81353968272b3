// Files of other programs are named for what they are, whatever they are called.
#include "arch/file_kind.h"

#include <gtest/gtest.h>

#include "arch/zoo.h"
#include "base/files.h"
#include "tests/arch/expect_error.h"

namespace vpunas {
namespace {

using namespace std::string_literals;

struct Foreign {
  std::string bytes, says, remedy;
};

TEST(FileKind, OtherProgramsFilesSayWhatTheyAreAndWhatToDo) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "model.bin";
  const std::string tail(64, 'x');
  for (const Foreign& foreign : std::vector<Foreign>{
           {"PK\3\4" + tail + "model/data.pkl" + tail, "is of PyTorch", "torch.onnx.export"},
           {"\x80\2}q"s + tail, "Python pickle", "torch.onnx.export"},
           {"\x18\0\0\0TFL3"s + tail, "TensorFlow Lite", "--tflite"},
           {"\x89HDF\r\n\x1a\n"s + tail, "Keras", "tf2onnx"},
           {"PK\3\4" + tail + "config.json" + tail, "of Keras", "tf2onnx"},
           {"<?xml version=\"1.0\"?>\n<net name=\"n\"><layers><layer id=\"0\"", "OpenVINO IR",
            "ONNX"},
           {"version https://git-lfs.github.com/spec/v1", "Git LFS", "git lfs pull"},
           {"<!DOCTYPE html><html>", "web page", "download"},
           {"", "is empty", "again"},
           {"\x1f\x8b\x08"s + tail, "compressed", "unpack"}}) {
    write_file(path, foreign.bytes);
    const std::string error = error_of([&] { find_graph(path.string(), data_folder()); });
    EXPECT_MENTIONS(error, path.string());
    EXPECT_MENTIONS(error, foreign.says);
    EXPECT_MENTIONS(error, foreign.remedy);
  }
}

TEST(FileKind, FoldersOfTensorFlowSayWhatToDo) {
  const TemporaryFolder folder;
  write_file(folder.path() / "saved_model.pb", "x");
  EXPECT_MENTIONS(error_of([&] { find_graph(folder.path().string(), data_folder()); }),
                  "--saved-model");
}

TEST(FileKind, OnnxIsKnownByContentAndByItsEndingInAnyCapitals) {
  const TemporaryFolder folder;
  write_file(folder.path() / "model.dat", "\x08\x08\x12\x06vpunas");
  write_file(folder.path() / "model.json", "{\"schema\": 1}");
  EXPECT_TRUE(is_onnx_file(folder.path() / "model.dat"));
  EXPECT_TRUE(is_onnx_file("MODEL.ONNX"));
  EXPECT_FALSE(is_onnx_file(folder.path() / "model.json"));
  EXPECT_FALSE(is_onnx_file("mobilenet_v2"));
}

}  // namespace
}  // namespace vpunas
