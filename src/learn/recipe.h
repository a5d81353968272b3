// The recipe of stochastic gradient descent that searching and training share.
#pragma once

#include <string>

#include "base/config.h"

namespace vpunas {

struct Recipe {
  int batch_size = 128;
  double lr = 0.1;
  double momentum = 0.9;
  double weight_decay = 4e-5;
  double warmup = 0.05;
  double label_smoothing = 0.1;
  std::string engine = "fused";
  bool amp = false;
};
template <class Fields>
void fields(Fields& f, Recipe& c) {
  f("batch_size", c.batch_size, "images a step", between(1, 65536));
  f("lr", c.lr, "peak learning rate of SGD", between(0, 100));
  f("momentum", c.momentum, "Nesterov momentum", between(0, 0.9999));
  f("weight_decay", c.weight_decay,
    "of convolution and linear weights; not of batch norm and biases", between(0, 1));
  f("warmup", c.warmup, "share of the steps with a rising learning rate, before the cosine",
    between(0, 0.9));
  f("label_smoothing", c.label_smoothing, "share of the target spread over all classes",
    between(0, 0.9));
  f("engine", c.engine, "fused (our kernels) or libtorch (its own alone, for comparisons)",
    one_of({"fused", "libtorch"}));
  f("amp", c.amp, "activations in bfloat16 (mixed precision): faster, on processors with AVX-512");
}

}  // namespace vpunas
