// What a training of one network is asked, and what it gives.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "arch/weights.h"
#include "data/loader.h"
#include "training/recipe.h"

namespace vpunas {

struct TrainConfig {
  double epochs = 2;
  Recipe recipe;
  int accumulate = 1;
  double clip_norm = 0;
  double ema_decay = 0.99;
  double mixup = 0;
  double cutmix = 0;
  double dropout = 0;
  double drop_path = 0;
  std::string teacher;
  std::string teacher_weights;
  double distillation = 0.5;
  double temperature = 1;
  std::string init_from;
  bool new_head = false;
  int frozen = 0;
  double layer_decay = 1;
  std::string deliver = "last";
  double checkpoint_seconds = 10;
};
template <class Fields>
void fields(Fields& f, TrainConfig& c) {
  f("epochs", c.epochs, "passes over the training images; fractions count", between(0.001, 100000));
  fields(f, c.recipe);
  f("accumulate", c.accumulate, "batches whose gradients make one step", between(1, 65536));
  f("clip_norm", c.clip_norm, "greatest norm of a step's gradients (0: any)", between(0, 1e9));
  f("ema_decay", c.ema_decay, "decay a step of the averaged weights that are delivered; 0: none",
    between(0, 0.99999));
  f("mixup", c.mixup, "alpha of mixing two images (0: off)", between(0, 100));
  f("cutmix", c.cutmix, "alpha of pasting one image into another (0: off)", between(0, 100));
  f("dropout", c.dropout, "before linear layers", between(0, 0.99));
  f("drop_path", c.drop_path,
    "share of images that skip the last residual branch, of the n-th of N n/N of it",
    between(0, 0.99));
  f("teacher", c.teacher, "a network of the zoo, or a file, to learn from (empty: none)");
  f("teacher_weights", c.teacher_weights, "its weights, a .safetensors");
  f("distillation", c.distillation, "the teacher's share of the loss", between(0, 1));
  f("temperature", c.temperature, "of teacher and student in it", between(0.01, 1000));
  f("init_from", c.init_from, "weights to start from, a .safetensors (empty: random)");
  f("new_head", c.new_head, "of those weights all but the classifier, as for other classes");
  f("frozen", c.frozen, "the stem and the blocks before features.N keep their weights (0: none do)",
    between(0, 10000));
  f("layer_decay", c.layer_decay, "learning rate of a block by that of the next", between(0.01, 1));
  f("deliver", c.deliver, "weights: the last, or the best on the validation images of the curve",
    one_of({"last", "best"}));
  f("checkpoint_seconds", c.checkpoint_seconds, "between checkpoints", between(0, 1e6));
}

// A trained network whose outputs are learned, too.
struct Teacher {
  Graph graph;  // of the student's input and classes
  Weights weights;
};

struct TrainJob {
  Graph graph;
  Augmentation augmentation = {};
  TrainConfig config = {};
  uint64_t seed = 1;
  int workers = 1;           // threads that load images
  bool cuda_graphs = false;  // sends a step to the GPU as a whole (learn/recorded_step.h)
  std::optional<Weights> initial = {};  // may lack tensors, which start at random
  std::optional<Teacher> teacher = {};
};

struct CurvePoint {
  double epoch = 0, train_loss = 0, validation_accuracy = 0, lr = 0;
};

struct TrainResult {
  Weights weights;  // averaged; float32, batch norm unfolded
  Weights best;     // those of the curve's point of the best validation accuracy
  double best_epoch = 0;
  std::vector<CurvePoint> curve;
  int64_t images_seen = 0;
  double seconds = 0;  // over all processes that worked at it
};

// The loss or the weights of a training are not finite.
class Diverged : public Error {
  using Error::Error;
};

}  // namespace vpunas
