// A graph that libtorch executes and trains.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "arch/weights.h"
#include "data/loader.h"
#include "learn/fused.h"
#include "learn/fusion.h"
#include "learn/torch.h"

namespace vpunas {

// What is left out at random in a training step (Statistics::train).
struct Noise {
  double dropout = 0;    // of the inputs of linear layers
  double drop_path = 0;  // of residual branches, by image; the n-th of N by n / N of it
                         // (stochastic depth, arXiv:1603.09382, section 3)
};

// How batch norm takes its statistics.
enum class Statistics {
  train,   // of the batch, and the running ones are moved towards them
  batch,   // of the batch, the running ones untouched
  running  // the running ones
};

// Who computes a training step: our fused kernels where they serve (docs/engine.md), or libtorch
// alone, for comparisons. Both give the same up to rounding.
enum class Engine { fused, libtorch };

struct Computing {
  Engine engine = Engine::fused;
  // Activations of training are stored and multiplied in bfloat16; weights, statistics, sums and
  // classifiers stay float32.
  bool bfloat16 = false;
  Computing(Engine e = Engine::fused, bool b = false) : engine(e), bfloat16(b) {}
};
// As a recipe names it.
Computing parse_computing(const std::string& engine, bool bfloat16);

// Tensors that networks of different widths have in common, by name: each network uses the first
// channels of them (slimmable networks, arXiv:1812.08928, section 3.1).
class SharedTensors {
 public:
  // Makes room for the tensors of `graph`; call for all graphs before the first network is made.
  void reserve(const Graph& graph);
  // By name, as the networks that were made came to need them.
  const std::map<std::string, torch::Tensor>& values() const { return values_; }

 private:
  friend class Network;
  std::map<std::string, std::vector<int64_t>> dims_;
  std::map<std::string, torch::Tensor> values_;
};

// Sees what each node computes, in order; of fused steps, in training, the last node's alone.
using Observer = std::function<void(const Node& node, const torch::Tensor& value)>;

class Network {
 public:
  // Kaiming initialisation (fan out, arXiv:1502.01852) from a stream of `seed` and the node's name,
  // so that a node has the same first weights in every network that contains it; residual branches
  // start at 0 (arXiv:1706.02677, section 5.1). With `shared` its tensors are there.
  Network(Graph graph, uint64_t seed, Computing computing = {}, SharedTensors* shared = nullptr);

  // Images or activations [n, c, h, w] float, best in channels_last; images hold 0..255. Returns
  // the graph's output as [n, c, h, w].
  torch::Tensor forward(const torch::Tensor& input, Statistics statistics, const Noise& noise = {},
                        const Observer& observe = {}) const;

  // A trained tensor.
  struct Parameter {
    std::string name;
    torch::Tensor value;  // of shared ones the whole, whatever share of it this network uses
    bool decay = false;   // weights of convolutions and linear layers; not biases and batch norm
    double rate = 1;      // times the learning rate
  };
  std::vector<Parameter> parameters() const;
  void set_requires_grad(bool on);
  // Stops training of the stem and the blocks before features.`block`: their weights and running
  // statistics stay, and no gradient passes into them. Throws Error where there are not so many.
  void freeze(int block);

  // Trained tensors and running statistics by name, of shared ones this network's part; load throws
  // Error as check_weights does.
  Weights weights() const;
  void load(const Weights& weights);
  // The tensors behind weights(), to be changed in place.
  std::vector<std::pair<std::string, torch::Tensor>> tensors() const;

  const Graph& graph() const { return graph_; }

 private:
  // A tensor of `dims`: the first elements of `stored` along each of them.
  struct Value {
    torch::Tensor stored;
    std::vector<int64_t> dims;
    torch::Tensor own() const;
  };
  torch::Tensor tensor(size_t node, const std::string& parameter) const;  // undefined: it has none
  void zero_residual_branches();
  void find_branches(const std::vector<int>& readers);
  torch::Tensor run(size_t node, const std::vector<torch::Tensor>& values, Statistics statistics,
                    const Noise& noise) const;
  torch::Tensor run_fused(const Step& step, const std::vector<torch::Tensor>& values,
                          Statistics statistics, const Noise& noise) const;
  torch::Tensor drop_path(const torch::Tensor& branch, int add, Statistics statistics,
                          const Noise& noise) const;
  NormTensors norm_tensors(int norm, int act, Statistics statistics) const;

  Graph graph_;
  std::vector<std::map<std::string, Value>> tensors_;  // by node and parameter
  bool bfloat16_;
  std::vector<Step> steps_;
  std::vector<bool> may_overwrite_;  // an activation's input
  struct Branch {
    int input = 0;   // of the addition
    int number = 0;  // among the residual branches, from 1
  };
  std::map<int, Branch> branches_;  // by addition
  int frozen_ = 0;                  // nodes up to here do not train
};

// On the device that networks compute on: U8 pixels as a float tensor in channels_last, and labels.
torch::Tensor to_tensor(const Batch& batch, const ImageShape& shape);
torch::Tensor labels_tensor(const Batch& batch);
// Images or activations at the height and width of `shape`: themselves where they have them, else
// by bilinear interpolation that does not alias.
torch::Tensor resized(const torch::Tensor& images, const Shape& shape);

Tensor to_tensor(const torch::Tensor& tensor);
void copy_to(const Tensor& from, torch::Tensor& to);

}  // namespace vpunas
