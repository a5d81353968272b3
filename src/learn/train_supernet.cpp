#include "learn/train_supernet.h"

#include <cmath>
#include <numeric>

#include "base/random.h"
#include "base/text.h"
#include "learn/checkpoint.h"
#include "learn/gradients.h"
#include "learn/optimizer.h"
#include "learn/runtime.h"

namespace vpunas {
namespace {

namespace F = torch::nn::functional;

constexpr const char* stage = "search";
constexpr const char* phase = "shared weights";
constexpr uint64_t kNoiseStream = 0x6e6f697365;  // apart from other uses of the seed

std::string work_key(const SearchSpace& space, const Preprocess& preprocess, const ImageSet& images,
                     const std::string& name, const Augmentation& augmentation,
                     const SupernetConfig& config, uint64_t seed) {
  SupernetConfig copy = config;
  Augmentation augment = augmentation;
  ConfigWriter writer;
  writer.write(stage, copy);
  writer.write("augment", augment);
  // Raised when checkpoints of before cannot be read any more.
  constexpr int version = 2;
  return content_hash(cat(version, settings_of(writer), space_hash(space),
                          Json(preprocess.mean).dump(), name, images.size(), seed));
}

struct Training {
  Supernet supernet;
  Optimizer optimizer;
  int64_t step = 0;
  CostMeter meter = CostMeter();

  void save(const fs::path& path, const std::string& key, bool done) const {
    Checkpoint checkpoint{.key = key, .state = {}, .tensors = {}};
    for (const auto& [name, value] : supernet.tensors())
      checkpoint.tensors.emplace(name, to_tensor(value));
    if (!done) optimizer.save(supernet.tensors(), checkpoint.tensors);
    checkpoint.state = {{"step", step}, {"cost", to_json(meter.cost(0))}};
    write_checkpoint(path, checkpoint);
  }

  void load(const Checkpoint& saved) {
    for (auto& [name, value] : supernet.tensors()) copy_to(saved.tensors.at(name), value);
    optimizer.load(supernet.tensors(), saved.tensors);
    step = saved.state.at("step");
    meter = CostMeter(compute_cost_from_json(saved.state.at("cost")));
  }
};

double train_step(Training& training, GradientAverage& gradients, const Batch& batch,
                  const ImageShape& shape, const SupernetConfig& config, double lr, uint64_t seed) {
  const Choice choice = fair_choice(training.supernet.space(), seed, training.step);
  const auto outputs =
      training.supernet.forward(to_tensor(batch, shape), choice, Statistics::train);
  const auto loss =
      F::cross_entropy(outputs, labels_tensor(batch),
                       F::CrossEntropyFuncOptions().label_smoothing(config.recipe.label_smoothing));
  gradients.backward(loss);
  const auto parameters = training.supernet.parameters(choice);
  // Where the activations of a useless path are the same for all images, its gradients are rounding
  // errors, divided by the root of batch norm's epsilon at every layer: thousands of times those of
  // other paths. One such step can undo the weights that all paths share.
  if (config.clip_norm > 0) clip_gradients(parameters, config.clip_norm);
  training.optimizer.step(parameters, lr);
  ++training.step;
  const double value = loss.item<double>();
  if (!std::isfinite(value))
    fail("search: the loss of the shared weights is not finite; lower search.lr");
  return value;
}

}  // namespace

Choice fair_choice(const SearchSpace& space, uint64_t seed, int64_t step) {
  Choice choice;
  for (size_t slot = 0; slot < space.slots.size(); ++slot) {
    const auto n = static_cast<int64_t>(space.slots[slot].size());
    std::vector<int> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    Random random({seed, slot, static_cast<uint64_t>(step / n)});
    random.shuffle(order);
    choice.push_back(order[static_cast<size_t>(step % n)]);
  }
  return canonical(space, choice);
}

SharedWeights train_supernet(const SearchSpace& space, const Preprocess& preprocess,
                             const ImageSet& images, const std::string& name,
                             const Augmentation& augmentation, const SupernetConfig& config,
                             uint64_t seed, int workers, const fs::path& checkpoint,
                             const Work& work, const ProcessGroup& group) {
  const std::string key = work_key(space, preprocess, images, name, augmentation, config, seed);
  Training training{
      Supernet(space, preprocess, seed, parse_computing(config.recipe.engine, config.recipe.amp),
               {.projections = config.projections,
                .residual_scale = static_cast<float>(config.residual_scale)}),
      Optimizer(config.recipe)};
  if (const auto saved = read_checkpoint(checkpoint, key, group)) training.load(*saved);

  const double epoch_steps = static_cast<double>(images.size()) / config.recipe.batch_size;
  const int64_t total = std::max<int64_t>(1, std::llround(config.epochs * epoch_steps));
  if (training.step < total) {
    Loader loader(images, augmentation, group.part_of(config.recipe.batch_size), seed,
                  training.step, std::max(1, workers), group.rank(), group.size());
    GradientAverage gradients(training.supernet.trained_values(), group, /*some_unused=*/true);
    CheckpointClock clock;
    const Effort effort;
    const int64_t first_step = training.step;
    work.report({.kind = Event::Kind::begin, .stage = stage, .what = phase, .total = total});
    double loss_sum = 0;
    int losses = 0;
    while (training.step < total) {
      // Its noise follows from the step, too, so that a resumed training equals an unbroken one.
      if (space.head.dropout > 0) {
        const auto part = static_cast<uint64_t>(training.step * group.size() + group.rank());
        torch::manual_seed(Random{seed, kNoiseStream, part}.next());
      }
      const bool stopped = work.stop.stop_requested();
      if (group.leads() && (stopped || clock.due())) training.save(checkpoint, key, false);
      if (stopped)
        throw Interrupted(
            cat("search stopped at step ", training.step, " of ", total, " of its shared weights"));
      const double progress = static_cast<double>(training.step + 1) / static_cast<double>(total);
      const double lr = learning_rate(config.recipe, progress, config.epochs);
      const double loss =
          train_step(training, gradients, loader.next(), images.shape, config, lr, seed);
      if (!group.leads()) continue;
      loss_sum += loss;
      ++losses;
      if (training.step % 20 == 0) {
        work.report({.kind = Event::Kind::metrics,
                     .stage = stage,
                     .what = phase,
                     .metrics = {{"step", static_cast<double>(training.step)},
                                 {"train_loss", loss_sum / losses}}});
        loss_sum = 0;
        losses = 0;
      }
      work.report({.kind = Event::Kind::step,
                   .stage = stage,
                   .done = training.step,
                   .total = total,
                   .metrics = {{"loss", loss}}});
    }
    if (group.leads()) training.save(checkpoint, key, true);
    work.report({.kind = Event::Kind::end, .stage = stage, .what = phase});
    effort.report(work, stage, phase, (training.step - first_step) * config.recipe.batch_size,
                  loader.waited_seconds());
  }
  training.supernet.set_requires_grad(false);
  const ComputeCost cost = training.meter.cost(training.step * config.recipe.batch_size);
  return {std::move(training.supernet), cost, key};
}

}  // namespace vpunas
