// What Intel's compiler (OpenVINO 2021.3, two streams) made of our ONNX of the networks in
// compiled_cases.h, stage by stage; needs neither the compiler nor the study's data.
#include "tests/myriadx/compiled_cases.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "myriadx/mapping.h"

namespace vpunas::myriadx {
namespace {

// Engine, input, output (width x height x channels and place), then of the NCE's convolutions mode,
// descriptors and cycles a pixel, of SHAVE stages the operation and the SHAVEs. The compiler
// permutes in five dimensions, we in three, so a Permute has no shapes here.
const std::vector<std::string> kCompiled = {
    // shuffle unit
    R"(SHAVE 28x28x16 DDR -> 28x28x16 DDR Convert 7
NCE 28x28x16 DDR -> 28x28x16 CMX 8_32 descriptors 1 cost 37
NCE 28x28x8 CMX -> 28x28x8 CMX 1_256 descriptors 1 cost 8
DMA in shadow 28x28x8 CMX -> 28x28x8 CMX
NCE 28x28x4 CMX -> 28x28x4 CMX 4_64 descriptors 1 cost 20
NCE 28x28x4 CMX -> 28x28x4 CMX 4_64 descriptors 1 cost 20
DMA 28x28x16 CMX -> 28x28x16 DDR
SHAVE DDR -> DDR Permute 7
DMA 28x28x16 DDR -> 28x28x16 CMX
NCE 28x28x16 CMX -> 28x28x8 CMX 8_32 descriptors 1 cost 37
DMA 28x28x8 CMX -> 28x28x8 DDR
)",
    // pooling behind a concatenation
    R"(SHAVE 14x14x16 DDR -> 14x14x16 DDR Convert 7
NCE 14x14x16 DDR -> 14x14x24 CMX 8_32 descriptors 1 cost 37
NCE 14x14x24 CMX -> 7x7x24 CMX
NCE 14x14x16 DDR -> 14x14x16 CMX 2_128 descriptors 1 cost 13
NCE 14x14x16 CMX -> 7x7x16 CMX
NCE 7x7x40 CMX -> 7x7x8 CMX 4_64 descriptors 1 cost 21
DMA 7x7x8 CMX -> 7x7x8 DDR
)",
    // groups, ReLU and pooling
    R"(SHAVE 16x16x16 DDR -> 16x16x16 CMX Convert 7
NCE 16x16x8 CMX -> 8x8x16 CMX 8_32 descriptors 1 cost 28
NCE 16x16x8 CMX -> 8x8x16 CMX 8_32 descriptors 1 cost 28
NCE 8x8x32 CMX -> 8x8x8 CMX 16_16 descriptors 1 cost 49
DMA 8x8x8 CMX -> 8x8x8 DDR
)",
    // concatenation as the output
    R"(SHAVE 9x9x8 DDR -> 9x9x8 DDR Convert 7
NCE 9x9x8 DDR -> 9x9x16 CMX 8_32 descriptors 1 cost 28
NCE 9x9x8 DDR -> 9x9x8 CMX 1_256 descriptors 1 cost 8
DMA in shadow 9x9x16 CMX -> 9x9x16 DDR
DMA 9x9x8 CMX -> 9x9x8 DDR
)",
    // padding of a pooling that rounds up
    R"(SHAVE 24x24x3 DDR -> 24x24x3 DDR Convert 7
SHAVE 24x24x3 DDR -> 25x25x3 CMX Pad 2
NCE 25x25x3 CMX -> 11x11x3 CMX
NCE 11x11x3 CMX -> 11x11x8 CMX 1_256 descriptors 1 cost 3
DMA 11x11x8 CMX -> 11x11x8 DDR
)",
    // software convolution, LRN, wide mean
    R"(SHAVE 14x13x3 DDR -> 14x13x3 DDR Convert 7
SHAVE 14x13x3 DDR -> 14x13x8 DDR Conv 7
SHAVE 14x13x8 DDR -> 14x13x8 DDR Bias 2
SHAVE 14x13x8 DDR -> 14x13x8 DDR LRN 7
NCE 14x13x8 DDR -> 14x13x16 CMX 8_32 descriptors 1 cost 28
SHAVE 14x13x16 CMX -> 1x1x16 DDR ReduceMean 2
DMA 4x4x1 DDR -> 4x4x1 CMX
NCE 4x4x1 CMX -> 1x1x10 CMX 1_256 descriptors 1 cost 16
SHAVE 1x1x10 CMX -> 1x1x10 DDR Sigmoid 2
SHAVE 1x1x10 DDR -> 1x1x10 DDR SoftMax 7
)",
};

std::string text(const Stage& stage) {
  constexpr const char* kModes[] = {"1_256", "2_128", "4_64", "8_32", "16_16"};
  const bool permutes = stage.kind == "permute";
  const auto tensor = [&](const Shape& s, Place place) {
    return cat(permutes ? "" : cat(s.w, "x", s.h, "x", s.c, " "),
               place == Place::cmx ? "CMX" : "DDR");
  };
  const char* engine = stage.engine == Engine::nce   ? "NCE"
                       : stage.engine == Engine::dma ? "DMA"
                                                     : "SHAVE";
  std::string line =
      cat(engine, stage.in_shadow ? " in shadow " : " ", tensor(stage.input, stage.input_place),
          " -> ", tensor(stage.output, stage.output_place));
  if (stage.engine == Engine::nce && stage.weight_bytes > 0)
    line += cat(" ", kModes[stage.mode], " descriptors ", stage.descriptors, " cost ",
                stage.cycles_per_pixel);
  if (stage.engine == Engine::shave) line += cat(" ", compiler_type(stage), " ", stage.shaves);
  return line + "\n";
}

TEST(CompiledCases, EveryStageIsTheCompilers) {
  const std::vector<Graph> graphs = compiled_cases();
  ASSERT_EQ(graphs.size(), kCompiled.size());
  for (size_t i = 0; i < graphs.size(); ++i) {
    std::string lines;
    for (const Stage& stage : map(graphs[i], resources(2)).stages) lines += text(stage);
    EXPECT_EQ(lines, kCompiled[i]) << graphs[i].name;
  }
}

}  // namespace
}  // namespace vpunas::myriadx
