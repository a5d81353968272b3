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
  SequentialLoader loader(images, batch_size, 1);
  while (const auto batch = loader.next()) {
    use(network.forward(to_tensor(*batch, images.shape), Statistics::running)
            .flatten(1)
            .contiguous(),
        labels_tensor(*batch));
  }
}

}  // namespace

Evaluation evaluate(const Graph& graph, const Weights& weights, const ImageSet& images,
                    int batch_size) {
  Evaluation result;
  double correct = 0;
  run_folded(graph, weights, images, batch_size,
             [&](const torch::Tensor& outputs, const torch::Tensor& labels) {
               correct += static_cast<double>((outputs.argmax(1) == labels).sum().item<int64_t>());
               result.loss +=
                   torch::nn::functional::cross_entropy(
                       outputs, labels,
                       torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum))
                       .item<double>();
               result.images += labels.size(0);
             });
  if (result.images > 0) {
    result.accuracy = correct / static_cast<double>(result.images);
    result.loss /= static_cast<double>(result.images);
  }
  return result;
}

std::vector<float> logits(const Graph& graph, const Weights& weights, const ImageSet& images,
                          int batch_size) {
  std::vector<float> result;
  run_folded(graph, weights, images, batch_size,
             [&](const torch::Tensor& outputs, const torch::Tensor&) {
               const float* data = outputs.data_ptr<float>();
               result.insert(result.end(), data, data + outputs.numel());
             });
  return result;
}

}  // namespace vpunas
