// Training of one network.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "arch/weights.h"
#include "data/loader.h"
#include "learn/recipe.h"

namespace vpunas {

struct TrainConfig {
  double epochs = 2;
  Recipe recipe;
  double ema_decay = 0.99;
};
template <class Fields>
void fields(Fields& f, TrainConfig& c) {
  f("epochs", c.epochs, "passes over the training images; fractions count", between(0.001, 100000));
  fields(f, c.recipe);
  f("ema_decay", c.ema_decay, "decay a step of the averaged weights that are delivered; 0: none",
    between(0, 0.99999));
}

struct CurvePoint {
  double epoch = 0, train_loss = 0, validation_accuracy = 0, lr = 0;
};

struct TrainResult {
  Weights weights;  // averaged; float32, batch norm unfolded
  std::vector<CurvePoint> curve;
  int64_t images_seen = 0;
  double seconds = 0;  // over all sittings
};

// SGD with cosine rate, warm-up, label smoothing and weight averaging, from random weights of
// `seed`. Saves a checkpoint every ten seconds and when stopped, and continues from one that is
// there: a resumed training gives the weights of an unbroken one bit for bit (same machine and
// threads). Throws Interrupted when `work.stop` is requested, Error where the loss is not finite.
TrainResult train(const Graph& graph, const Dataset& data, const Augmentation& augmentation,
                  const TrainConfig& config, uint64_t seed, int workers,
                  const std::filesystem::path& checkpoint, const Work& work);

}  // namespace vpunas
