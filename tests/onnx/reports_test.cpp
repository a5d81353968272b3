// The files of public reports (shared data/cases/reports): what is read, and what refusals say.
#include <gtest/gtest.h>

#include "arch/merge_branches.h"
#include "arch/zoo.h"
#include "onnx/onnx.h"
#include "tests/shared.h"

namespace vpunas {
namespace {

// Empty: it is read.
struct Report {
  const char *file, *says;
};

TEST(Reports, EveryFileHasItsOutcome) {
  VPUNAS_SHARED_PATH_OR_SKIP(folder, "data/cases/reports");
  for (const Report& report :
       std::initializer_list<Report>{{"A1_resize_scale_half_of_33.onnx", ""},
                                     {"A2_output_nhwc.onnx", ""},
                                     {"A2_output_nhwc_flattened.onnx", ""},
                                     {"A3_archive_embedding.onnx", ""},
                                     {"A3_archive_grey.onnx", ""},
                                     {"A3_archive_image_out.onnx", ""},
                                     {"A3_archive_segmentation.onnx", ""},
                                     {"A3_archive_sigmoid.onnx", ""},
                                     {"A3_archive_two_inputs.onnx", ""},
                                     {"A4_dilated.onnx", ""},
                                     {"B_imagescaler.onnx", ""},
                                     {"B_two_outputs.onnx", "of a detector export the backbone"},
                                     {"C_customvision_zipmap.onnx", "makes labels of its scores"},
                                     {"C_light_resnet50.onnx", "without the network's weights"},
                                     {"C_checkpoint.pt", "is of PyTorch"},
                                     {"C_model.tflite", "is of TensorFlow Lite"},
                                     {"C_openvino_ir.xml", "is OpenVINO IR"}}) {
    std::string error;
    try {
      read_onnx(folder / report.file);
    } catch (const Error& refusal) {
      error = refusal.what();
    }
    if (*report.says == 0)
      EXPECT_EQ(error, "") << report.file;
    else
      EXPECT_NE(error.find(report.says), std::string::npos) << report.file << ": " << error;
  }
}

TEST(Reports, ScalesAndLayoutsAreTheFiles) {
  VPUNAS_SHARED_PATH_OR_SKIP(folder, "data/cases/reports");
  const FoldedNetwork resized = read_onnx(folder / "A1_resize_scale_half_of_33.onnx");
  bool by_scale = false;
  for (const Node& node : resized.graph.nodes)
    if (const auto* resize = std::get_if<Resize>(&node.layer)) by_scale |= resize->scale_h == 0.5;
  EXPECT_TRUE(by_scale);
  EXPECT_EQ(read_onnx(folder / "A2_output_nhwc.onnx").output_dims,
            (std::vector<int64_t>{1, 32, 24, 5}));
}

}  // namespace
}  // namespace vpunas
