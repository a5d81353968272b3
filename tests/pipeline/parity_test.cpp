// One table of graphs: what OpenVINO computes from our ONNX must be what libtorch computes from the
// graph.
#include <gtest/gtest.h>

#include <cmath>

#include "base/files.h"
#include "base/random.h"
#include "device/client.h"
#include "onnx/onnx.h"
#include "tests/cases.h"
#include "training/module.h"

namespace vpunas {
namespace {

constexpr int image_count = 3;

std::string random_pixels(const Shape& shape) {
  Random random({11});
  std::string pixels(static_cast<size_t>(image_count * shape.elements()), '\0');
  for (char& pixel : pixels) pixel = static_cast<char>(random.below(256));
  return pixels;
}

ImageSet image_set(const std::string& pixels, const Shape& shape) {
  const int64_t bytes = shape.elements();
  return {.shape = {.channels = shape.c, .height = shape.h, .width = shape.w},
          .labels = std::vector<int>(image_count, 0),
          .load = [&pixels, bytes](int64_t index, uint8_t* out) {
            std::copy_n(pixels.data() + index * bytes, bytes, reinterpret_cast<char*>(out));
          }};
}

// Largest difference as a share of the largest value.
double relative_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return INFINITY;
  double difference = 0, scale = 1e-6;
  for (size_t i = 0; i < a.size(); ++i) {
    difference = std::max(difference, std::abs(double{a[i]} - double{b[i]}));
    scale = std::max(scale, std::abs(double{a[i]}));
  }
  return difference / scale;
}

class Parity : public testing::Test {
 protected:
  std::vector<float> by_openvino(const FoldedNetwork& network, OnnxDialect dialect,
                                 const std::string& pixels) {
    write_onnx(folder_.path() / "model.onnx", network.graph, network.weights, dialect);
    write_file(folder_.path() / "pixels", pixels);
    return device_.infer(folder_.path() / "model.onnx", "CPU", "f32", folder_.path() / "pixels",
                         image_count);
  }

  TemporaryFolder folder_;
  DeviceClient device_{default_runner()};
};

TEST_F(Parity, OpenVinoComputesWhatLibtorchComputes) {
  for (const auto& [name, graph] : cases::graph_cases()) {
    const Weights weights = random_weights(graph, 5);
    const std::string pixels = random_pixels(graph.input_shape());
    const auto expected = training_module().logits(
        graph, weights, image_set(pixels, graph.input_shape()), usual_batch);
    EXPECT_LT(
        relative_difference(expected, by_openvino({graph, weights}, OnnxDialect::standard, pixels)),
        1e-3)
        << name << ", unfolded";
    const FoldedNetwork folded = fold(graph, weights);
    EXPECT_LT(relative_difference(expected, by_openvino(folded, OnnxDialect::standard, pixels)),
              1e-3)
        << name << ", folded";
    EXPECT_LT(relative_difference(expected, by_openvino(folded, OnnxDialect::myriadx, pixels)),
              1e-3)
        << name << ", MyriadX's spellings";
  }
}

}  // namespace
}  // namespace vpunas
