#include "learn/evaluate.h"

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

}  // namespace vpunas
