// The doors from a search to training: what it asks of shared weights and of trainings alone. They
// are implemented by learn/ with libtorch, and by tests with known answers.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "arch/weights.h"
#include "base/compute_cost.h"
#include "search/per_candidate.h"

namespace vpunas {

// Of a network on held-out images: mean cross-entropy, and the share of right answers.
struct Score {
  double loss = 0, accuracy = 0;
};

// Some of the held-out images: so many from `skip` on, in the order of a shuffle by `seed`.
struct HeldOutPart {
  int count = 0;
  int64_t skip = 0;
  uint64_t seed = 0;
  bool operator==(const HeldOutPart&) const = default;
};

// The two candidates of a slot that run in a step on architecture parameters. The output of the
// slot is gate[0] * active(x) + gate[1] * other(x) with gates of 1 and 0.
struct PathPair {
  int active = 0;
  int other = 0;  // equal to `active` where only one candidate has any probability
};

// The loss of the active paths, and its gradient with respect to the two gates of every slot; 0 for
// both where the pair is of one candidate.
struct GateGradients {
  double loss = 0;
  std::vector<std::array<double, 2>> gates;
};

// A supernet whose shared weights are trained and no longer change.
class TrainedSupernet {
 public:
  virtual ~TrainedSupernet() = default;

  // Identifies the weights: space, images, settings, seed.
  virtual const std::string& key() const = 0;
  virtual ComputeCost cost() const = 0;  // of their training

  virtual int64_t held_out_images() const = 0;  // there are
  // Whole passes of images that are shown where about `count` are asked for.
  virtual int images_shown(int count) const = 0;

  // Scores of networks by the shared weights, all on the same images. Choices whose beginnings are
  // alike stand side by side, so that these may be computed once. Throws Error where a loss is not
  // finite.
  virtual std::vector<Score> score(std::span<const Choice> choices, const HeldOutPart& part) = 0;

  // On the `step`-th batch of `batch_size` held-out images in the order of a shuffle by `seed`.
  // Throws Error where the loss is not finite.
  virtual GateGradients gate_gradients(const std::vector<PathPair>& paths, int batch_size,
                                       uint64_t seed, int64_t step) = 0;

  // The shared weights that a network uses, named as lower(architecture) names them.
  virtual Weights weights(const Choice& choice) const = 0;
};

// What a network is worth that was trained from random weights, without others.
struct TrainedAlone {
  Score score;  // of its own weights on the held-out images, at worst that of guessing
  ComputeCost cost;
};

class Trainer {
 public:
  virtual ~Trainer() = default;

  // Trains the shared weights, or continues where it was stopped. Throws Interrupted.
  virtual std::unique_ptr<TrainedSupernet> train_supernet() = 0;

  // Trains one network for `epochs`. What an interrupted training leaves is in the file
  // `checkpoint`, from which the next call continues. Throws Interrupted.
  virtual TrainedAlone train_alone(const Choice& choice, const std::string& name, double epochs,
                                   const std::filesystem::path& checkpoint) = 0;

  // Identifies such trainings: space, images, recipe, seed.
  virtual std::string alone_key(double epochs) const = 0;
};

}  // namespace vpunas
