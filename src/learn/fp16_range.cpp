#include "learn/fp16_range.h"

#include <limits>

#include "learn/network.h"

namespace vpunas {

LargestActivation largest_activation(const Graph& graph, const Weights& weights,
                                     const ImageSet& images) {
  constexpr int batch_size = 16;  // large inputs, and every layer's output is looked at
  FoldedNetwork folded = fold(graph, weights);
  Network network(std::move(folded.graph), 0);
  network.load(folded.weights);
  torch::NoGradGuard no_grad;
  LargestActivation largest;
  const auto observe = [&](const Node& node, const torch::Tensor& value) {
    double here = value.abs().max().item<double>();
    if (std::isnan(here)) here = std::numeric_limits<double>::infinity();
    if (here > largest.value) largest = {node.name, here};
  };
  SequentialLoader loader(images, batch_size, 1);
  while (const auto batch = loader.next())
    network.forward(to_tensor(*batch, images.shape), Statistics::running, {}, observe);
  return largest;
}

}  // namespace vpunas
