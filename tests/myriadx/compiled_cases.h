// Small networks that showed a rule of Intel's compiler, found by compiling random ones.
#pragma once

#include "tests/myriadx/networks.h"

namespace vpunas::myriadx {

inline std::vector<Graph> compiled_cases() {
  std::vector<Graph> cases;
  const auto start = [&](const std::string& name, const Shape& image) -> Graph& {
    return cases.emplace_back(from_input(image, name));
  };
  {
    Graph& g = start("shuffle unit", {16, 28, 28});
    g.add("stem", convolution(16, 3), {0});
    g.add("keep", Slice{0, 8}, {1});
    g.add("work", Slice{8, 16}, {1});
    g.add("conv", convolution(8, 1), {3});
    g.add("depthwise", convolution(8, 3, 1, 8), {4});
    g.add("concat", Concat{}, {2, 5});
    g.add("shuffle", Permute{2}, {6});
    g.add("last", convolution(8, 3), {7});
  }
  {
    Graph& g = start("pooling behind a concatenation", {16, 14, 14});
    g.add("left", convolution(16, 1), {0});
    g.add("right", convolution(24, 3), {0});
    g.add("concat", Concat{}, {1, 2});
    g.add("relu", Activation{}, {3});
    g.add("pool", Pool{}, {4});
    g.add("last", convolution(8, 1), {5});
  }
  {
    Graph& g = start("groups, ReLU and pooling", {16, 16, 16});
    g.add("conv", convolution(32, 3, 1, 2), {0});
    g.add("relu", Activation{}, {1});
    g.add("pool", Pool{}, {2});
    g.add("last", convolution(8, 3), {3});
  }
  {
    Graph& g = start("concatenation as the output", {8, 9, 9});
    g.add("left", convolution(8, 1), {0});
    g.add("right", convolution(16, 3), {0});
    g.add("concat", Concat{}, {1, 2});
  }
  {
    Graph& g = start("padding of a pooling that rounds up", {3, 24, 24});
    g.add("pool", Pool{.kh = 5, .kw = 5, .rounding = Rounding::ceil}, {0});
    g.add("last", convolution(8, 1), {1});
  }
  {
    Graph& g = start("software convolution, LRN, wide mean", {3, 13, 14});
    Conv dilated = convolution(8, 3);
    dilated.dilation = 2;
    dilated.padding = Padding::all(2);
    g.add("dilated", dilated, {0});
    g.add("lrn", Lrn{}, {1});
    g.add("conv", convolution(16, 3), {2});
    g.add("mean", GlobalPool{}, {3});
    g.add("linear", Linear{10}, {4});
    g.add("sigmoid", Activation{Act::sigmoid}, {5});
    g.add("softmax", Softmax{}, {6});
  }
  return cases;
}

}  // namespace vpunas::myriadx
