// How weights are fitted: what searching and training share.
#pragma once

#include <string>

#include "base/config.h"

namespace vpunas {

struct Recipe {
  int batch_size = 128;
  double lr = 0.1;
  std::string optimizer = "sgd";
  double momentum = 0.9;
  double square_decay = 0;
  double epsilon = 0;
  double weight_decay = 4e-5;
  std::string schedule = "cosine";
  double warmup = 0.05;
  double step_epochs = 2.4;
  double step_factor = 0.97;
  double label_smoothing = 0.1;
  std::string engine = "fused";
  bool amp = false;
};
template <class Fields>
void fields(Fields& f, Recipe& c) {
  f("batch_size", c.batch_size, "images a step", between(1, 65536));
  f("lr", c.lr, "peak learning rate", between(0, 100));
  f("optimizer", c.optimizer, "sgd (Nesterov), rmsprop (TensorFlow's) or adamw",
    one_of({"sgd", "rmsprop", "adamw"}));
  f("momentum", c.momentum, "of the optimizer; the first beta of adamw", between(0, 0.9999));
  f("square_decay", c.square_decay,
    "decay of the mean of squared gradients; the second beta of adamw (0: 0.9, adamw 0.999)",
    between(0, 0.999999));
  f("epsilon", c.epsilon, "added to that mean, under the root for rmsprop (0: 1e-3, adamw 1e-8)",
    between(0, 1));
  f("weight_decay", c.weight_decay,
    "of convolution and linear weights; not of batch norm and biases", between(0, 1));
  f("schedule", c.schedule, "of the learning rate after warm-up: cosine (to 0) or step",
    one_of({"cosine", "step"}));
  f("warmup", c.warmup, "share of the steps with a rising learning rate, before the schedule",
    between(0, 0.9));
  f("step_epochs", c.step_epochs, "the step schedule multiplies the rate every so many epochs",
    between(0.001, 100000));
  f("step_factor", c.step_factor, "by so much", between(0, 1));
  f("label_smoothing", c.label_smoothing, "share of the target spread over all classes",
    between(0, 0.9));
  f("engine", c.engine, "fused (our kernels) or libtorch (its own alone, for comparisons)",
    one_of({"fused", "libtorch"}));
  f("amp", c.amp, "activations in bfloat16 (mixed precision): faster, most so with AVX-512");
}

}  // namespace vpunas
