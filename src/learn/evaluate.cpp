#include "learn/evaluate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "learn/network.h"

namespace vpunas {
namespace {

template <class Use>  // Use(logits, labels)
void run_folded(const Graph& graph, const Weights& weights, const ImageSet& images, int batch_size,
                Use&& use) {
  FoldedNetwork folded = fold(graph, weights);
  Network network(std::move(folded.graph), 0);
  network.load(folded.weights);
  torch::NoGradGuard no_grad;
  SequentialLoader loader(images, batch_size, at::get_num_threads());
  while (const auto batch = loader.next()) {
    const auto input = resized(to_tensor(*batch, images.shape), network.graph().input_shape());
    use(network.forward(input, Statistics::running).flatten(1).contiguous(), labels_tensor(*batch));
  }
}

}  // namespace

Graph without_softmax(Graph graph) {
  if (std::holds_alternative<Softmax>(graph.nodes.back().layer)) graph.nodes.pop_back();
  return graph;
}

Evaluation evaluate(const Graph& graph, const Weights& weights, const ImageSet& images,
                    int batch_size) {
  Evaluation result;
  run_folded(
      without_softmax(graph), weights, images, batch_size,
      [&](const torch::Tensor& outputs, const torch::Tensor& labels) {
        const auto guesses = std::get<1>(outputs.topk(std::min<int64_t>(5, outputs.size(1))));
        const auto hits = guesses == labels.unsqueeze(1);
        result.right += hits.select(1, 0).sum().item<int64_t>();
        result.right_of_five += hits.sum().item<int64_t>();
        result.loss += torch::nn::functional::cross_entropy(
                           outputs, labels,
                           torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum))
                           .item<double>();
        result.images += labels.size(0);
      });
  if (result.images > 0) {
    result.accuracy = static_cast<double>(result.right) / static_cast<double>(result.images);
    result.loss /= static_cast<double>(result.images);
  }
  return result;
}

std::vector<float> logits(const Graph& graph, const Weights& weights, const ImageSet& images,
                          int batch_size) {
  std::vector<float> result;
  run_folded(graph, weights, images, batch_size,
             [&](const torch::Tensor& outputs, const torch::Tensor&) {
               const auto here = outputs.cpu();
               const float* data = here.data_ptr<float>();
               result.insert(result.end(), data, data + here.numel());
             });
  return result;
}

std::vector<Guess> likeliest(std::span<const float> logits, size_t count) {
  std::vector<size_t> order(logits.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const size_t kept = std::min(count, order.size());
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(),
      [&](size_t a, size_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  const auto odds = [&](size_t i) { return std::exp(double{logits[i]} - logits[order.front()]); };
  double sum = 0;
  for (size_t i = 0; i < logits.size(); ++i) sum += odds(i);
  std::vector<Guess> guesses;
  for (size_t k = 0; k < kept; ++k) guesses.push_back({order[k], odds(order[k]) / sum});
  return guesses;
}

}  // namespace vpunas
