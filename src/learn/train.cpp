#include "learn/train.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "learn/checkpoint.h"
#include "learn/evaluate.h"
#include "learn/gradients.h"
#include "learn/mixing.h"
#include "learn/network.h"
#include "learn/optimizer.h"
#include "learn/recorded_step.h"
#include "learn/runtime.h"

namespace vpunas {
namespace {

namespace F = torch::nn::functional;

// Apart from other uses of the seed.
constexpr uint64_t kMixStream = 0x6d6978, kNoiseStream = 0x6e6f697365;
// Validation images of the curve's points: watching should not cost more than learning.
constexpr int64_t kWatched = 1000;

std::string work_key(const TrainJob& job, const Dataset& data) {
  TrainConfig config = job.config;
  config.checkpoint_seconds = 0;  // not what is computed, as the weights to deliver
  config.deliver = "last";
  Augmentation augmentation = job.augmentation;
  ConfigWriter writer;
  writer.write("train", config);
  writer.write("augment", augmentation);
  return content_hash(cat(settings_of(writer), job.graph.name, count_parameters(job.graph),
                          count_macs(job.graph), data.name, data.train.size(), job.seed));
}

Json to_json(const std::vector<CurvePoint>& curve) {
  Json json = Json::array();
  for (const auto& point : curve)
    json.push_back({point.epoch, point.train_loss, point.validation_accuracy, point.lr});
  return json;
}

std::vector<CurvePoint> curve_from(const Json& json) {
  std::vector<CurvePoint> curve = {};
  for (const auto& point : json)
    curve.push_back({point.at(0), point.at(1), point.at(2), point.at(3)});
  return curve;
}

// Tensors "PREFIX/NAME" as NAME.
Weights with_prefix(const Tensors& tensors, const std::string& prefix) {
  Weights weights;
  for (auto at = tensors.lower_bound(prefix); at != tensors.end() && at->first.starts_with(prefix);
       ++at)
    weights.emplace(at->first.substr(prefix.size()), at->second);
  return weights;
}

bool is_finite(const Weights& weights) {
  return std::ranges::all_of(weights, [](const auto& named) {
    return std::ranges::all_of(named.second.data, [](float x) { return std::isfinite(x); });
  });
}

void add_with_prefix(const Weights& weights, const std::string& prefix, Tensors& into) {
  for (const auto& [name, value] : weights) into.emplace(prefix + name, value);
}

Network first_network(const TrainJob& job) {
  const TrainConfig& config = job.config;
  Network network(job.graph, job.seed, parse_computing(config.recipe.engine, config.recipe.amp));
  if (job.initial) {
    Weights weights = network.weights();
    for (const auto& [name, value] : *job.initial) weights[name] = value;
    network.load(weights);
  }
  if (config.frozen > 0) network.freeze(config.frozen);
  return network;
}

// The number of "features.N...", one more than the greatest for what is not of a block.
int block_of(const std::string& name, int blocks) {
  constexpr std::string_view prefix = "features.";
  return name.starts_with(prefix) ? std::stoi(name.substr(prefix.size())) : blocks;
}

// With the rates of their depth.
std::vector<Network::Parameter> parameters_of(const Network& network, double layer_decay) {
  std::vector<Network::Parameter> parameters = network.parameters();
  int blocks = 0;
  for (const auto& parameter : parameters)
    blocks = std::max(blocks, block_of(parameter.name, 0) + 1);
  for (auto& parameter : parameters)
    parameter.rate = std::pow(layer_decay, blocks - block_of(parameter.name, blocks));
  return parameters;
}

std::vector<torch::Tensor> trained_values(const std::vector<Network::Parameter>& parameters) {
  std::vector<torch::Tensor> values;
  for (const auto& parameter : parameters)
    if (parameter.value.requires_grad()) values.push_back(parameter.value);
  return values;
}

// What a training has come to, and its checkpoints.
struct Progress {
  Network network;
  Optimizer optimizer;
  Average average;
  int64_t step = 0;
  double loss_sum = 0;  // since the last point of the curve
  int64_t loss_steps = 0;
  std::vector<CurvePoint> curve = {};
  Weights best = {};
  double best_accuracy = -1, best_epoch = 0;
  double earlier_seconds = 0;

  void save(const fs::path& path, const std::string& key, double seconds) const {
    Checkpoint checkpoint{.key = key, .state = {}, .tensors = {}};
    add_with_prefix(network.weights(), "network/", checkpoint.tensors);
    add_with_prefix(average.weights(), "average/", checkpoint.tensors);
    add_with_prefix(best, "best/", checkpoint.tensors);
    optimizer.save(network.tensors(), checkpoint.tensors);
    checkpoint.state = {{"step", step},
                        {"loss_sum", loss_sum},
                        {"loss_steps", loss_steps},
                        {"curve", to_json(curve)},
                        {"best_accuracy", best_accuracy},
                        {"best_epoch", best_epoch},
                        {"seconds", seconds}};
    write_checkpoint(path, checkpoint);
  }

  void load(const Checkpoint& checkpoint) {
    network.load(with_prefix(checkpoint.tensors, "network/"));
    const Weights averaged = with_prefix(checkpoint.tensors, "average/");
    check_weights(network.graph(), averaged);
    average.load(averaged);
    best = with_prefix(checkpoint.tensors, "best/");
    optimizer.load(network.tensors(), checkpoint.tensors);
    step = checkpoint.state.at("step");
    loss_sum = checkpoint.state.at("loss_sum");
    loss_steps = checkpoint.state.at("loss_steps");
    curve = curve_from(checkpoint.state.at("curve"));
    best_accuracy = checkpoint.state.at("best_accuracy");
    best_epoch = checkpoint.state.at("best_epoch");
    earlier_seconds = checkpoint.state.at("seconds");
  }
};

// The loss of a batch, of which gradients are taken.
class Objective {
 public:
  Objective(const TrainJob& job, const ImageShape& shape, const ProcessGroup& group)
      : job_(job), shape_(shape), group_(group) {
    if (!job.teacher) return;
    FoldedNetwork folded = fold(job.teacher->graph, job.teacher->weights);
    teacher_.emplace(std::move(folded.graph), 0);
    teacher_->load(folded.weights);
    teacher_->set_requires_grad(false);
  }

  // What a batch shows the network, on its device. `number` of the batch in the training: all that
  // is random follows from it, in the network's pass over it, too.
  MixedBatch show(const Batch& batch, int64_t number) const {
    const TrainConfig& config = job_.config;
    const auto draw = static_cast<uint64_t>(number);
    const auto part = static_cast<uint64_t>(number * group_.size() + group_.rank());
    if (config.dropout > 0 || config.drop_path > 0)
      torch::manual_seed(Random{job_.seed, kNoiseStream, part}.next());
    return mix(resized(to_tensor(batch, shape_), job_.graph.input_shape()), labels_tensor(batch),
               {config.mixup, config.cutmix}, Random{job_.seed, kMixStream, draw});
  }

  torch::Tensor loss(const Network& network, const MixedBatch& batch) const {
    const torch::Tensor output = logits(network, batch.images);
    return with_teacher(cross_entropy(output, batch, job_.config.recipe.label_smoothing),
                        batch.images, output);
  }
  // Of targets [n, classes]: the same up to rounding.
  torch::Tensor loss(const Network& network, const torch::Tensor& images,
                     const torch::Tensor& targets) const {
    const torch::Tensor output = logits(network, images);
    const auto smoothing =
        F::CrossEntropyFuncOptions().label_smoothing(job_.config.recipe.label_smoothing);
    return with_teacher(F::cross_entropy(output, targets, smoothing), images, output);
  }

 private:
  torch::Tensor logits(const Network& network, const torch::Tensor& images) const {
    const Noise noise{job_.config.dropout, job_.config.drop_path};
    return network.forward(images, Statistics::train, noise).flatten(1).to(torch::kFloat32);
  }

  torch::Tensor with_teacher(const torch::Tensor& loss, const torch::Tensor& images,
                             const torch::Tensor& output) const {
    const double taught = job_.config.distillation;
    if (!teacher_) return loss;
    return (1 - taught) * loss + taught * distance(images, output);
  }

  torch::Tensor distance(const torch::Tensor& images, const torch::Tensor& logits) const {
    const double t = job_.config.temperature;
    torch::NoGradGuard no_grad;
    const auto taught =
        torch::log_softmax(teacher_->forward(images, Statistics::running).flatten(1) / t, 1);
    torch::AutoGradMode with_grad(true);
    return t * t *
           F::kl_div(torch::log_softmax(logits / t, 1), taught,
                     F::KLDivFuncOptions().reduction(torch::kBatchMean).log_target(true));
  }

  const TrainJob& job_;
  ImageShape shape_;
  const ProcessGroup& group_;
  std::optional<Network> teacher_;
};

// The network as it begins, or what the checkpoint of the same work has of it.
Progress begun(const TrainJob& job, const fs::path& checkpoint, const std::string& key,
               const ProcessGroup& group) {
  Network fresh = first_network(job);
  Average start(fresh, job.config.ema_decay);
  Progress progress{std::move(fresh), Optimizer(job.config.recipe), std::move(start)};
  if (const auto saved = read_checkpoint(checkpoint, key, group)) progress.load(*saved);
  return progress;
}

class Training {
 public:
  Training(const TrainJob& job, const Dataset& data, const fs::path& checkpoint, const Work& work,
           const ProcessGroup& group)
      : job_(job),
        config_(job.config),
        data_(data),
        checkpoint_(checkpoint),
        work_(work),
        group_(group),
        key_(work_key(job, data)),
        now_(begun(job, checkpoint, key_, group)),
        parameters_(parameters_of(now_.network, config_.layer_decay)),
        objective_(job, data.train.shape, group),
        gradients_(trained_values(parameters_), group, /*some_unused=*/false),
        watched_(sample_images(data.validation, kWatched)),
        step_images_(int64_t{1} * config_.recipe.batch_size * config_.accumulate),
        total_(std::max<int64_t>(
            1, std::llround(config_.epochs * images() / static_cast<double>(step_images_)))),
        points_(std::clamp<int64_t>(static_cast<int64_t>(std::ceil(config_.epochs)), 8, 200)) {
    if (job.cuda_graphs) record();
  }

  TrainResult run() {
    Loader loader(data_.train, job_.augmentation, group_.part_of(config_.recipe.batch_size),
                  job_.seed, now_.step * config_.accumulate, std::max(1, job_.workers),
                  group_.rank(), group_.size());
    CheckpointClock clock(config_.checkpoint_seconds);
    Stopwatch watch(now_.earlier_seconds);
    const Effort effort;
    const int64_t first_step = now_.step;
    const std::string& name = job_.graph.name;
    work_.report(
        {.kind = Event::Kind::begin, .stage = "train", .what = "train " + name, .total = total_});
    while (now_.step < total_) {
      if (work_.stop.stop_requested()) {
        read_loss();
        if (group_.leads()) now_.save(checkpoint_, key_, watch.seconds());
        throw Interrupted(
            cat("training of ", name, " stopped at step ", now_.step, " of ", total_));
      }
      const double lr = step(loader);
      const bool at_point = now_.step * points_ / total_ != (now_.step - 1) * points_ / total_;
      const bool save = clock.due();
      if (at_point || save || now_.step == total_) read_loss();
      if (!group_.leads()) continue;
      if (at_point) add_point(lr);
      if (save) now_.save(checkpoint_, key_, watch.seconds());
    }
    work_.report({.kind = Event::Kind::end, .stage = "train", .what = "train " + name});
    effort.report(work_, "train", name, (now_.step - first_step) * step_images_,
                  loader.waited_seconds());
    return {averaged(), std::move(now_.best),     now_.best_epoch,
            now_.curve, now_.step * step_images_, watch.seconds()};
  }

 private:
  double images() const { return static_cast<double>(data_.train.size()); }
  double epoch() const { return static_cast<double>(now_.step * step_images_) / images(); }
  Weights averaged() const {
    return config_.ema_decay > 0 ? now_.average.weights() : now_.network.weights();
  }

  void record() {
    if (group_.size() > 1 || config_.accumulate > 1) {
      work_.warn("train",
                 "run.cuda_graphs: not with several processes or train.accumulate; left off");
      return;
    }
    recorded_.emplace(cuda_graph(), trained_values(parameters_),
                      [this](const torch::Tensor& images, const torch::Tensor& targets) {
                        const auto loss = objective_.loss(now_.network, images, targets);
                        loss.backward();
                        return loss.detach();
                      });
  }

  // Gradients of a batch (of several parts, where they are accumulated); its loss, which is on its
  // way.
  torch::Tensor backward(Loader& loader) {
    torch::Tensor sum;
    for (int part = 0; part < config_.accumulate; ++part) {
      const int64_t number = loader.position();
      const MixedBatch batch = objective_.show(loader.next(), number);
      if (recorded_)
        return (*recorded_)(batch.images, soft_targets(batch, job_.graph.output_shape().c));
      const auto loss = objective_.loss(now_.network, batch) / config_.accumulate;
      gradients_.backward(loss, part + 1 == config_.accumulate);
      sum = sum.defined() ? sum + loss.detach() : loss.detach();
    }
    return sum;
  }

  // Returns its learning rate.
  double step(Loader& loader) {
    torch::Tensor loss = backward(loader);
    read_loss();
    if (config_.clip_norm > 0) clip_gradients(parameters_, config_.clip_norm);
    const double lr = learning_rate(
        config_.recipe, static_cast<double>(now_.step + 1) / static_cast<double>(total_),
        config_.epochs);
    now_.optimizer.step(parameters_, lr);
    if (config_.ema_decay > 0 && group_.leads()) now_.average.update(now_.network, now_.step);
    ++now_.step;
    unread_ = std::move(loss);
    return lr;
  }

  void read_loss() {
    if (!unread_.defined()) return;
    const auto loss = unread_.item<double>();
    unread_.reset();
    if (!std::isfinite(loss)) fail_diverged("the loss is");
    if (!group_.leads()) return;
    now_.loss_sum += loss;
    ++now_.loss_steps;
    work_.report({.kind = Event::Kind::step,
                  .stage = "train",
                  .done = now_.step,
                  .total = total_,
                  .metrics = {{"loss", loss}}});
  }

  // Of the curve.
  void add_point(double lr) {
    const double loss = now_.loss_sum / static_cast<double>(now_.loss_steps);
    Weights weights = averaged();
    if (!is_finite(weights)) fail_diverged("weights are");
    const double accuracy = evaluate(job_.graph, weights, watched_).accuracy;
    now_.curve.push_back({epoch(), loss, accuracy, lr});
    now_.loss_sum = 0;
    now_.loss_steps = 0;
    if (accuracy > now_.best_accuracy) {
      now_.best_accuracy = accuracy;
      now_.best_epoch = epoch();
      now_.best = std::move(weights);
    }
    work_.report({.kind = Event::Kind::metrics,
                  .stage = "train",
                  .what = job_.graph.name,
                  .metrics = {{"step", static_cast<double>(now_.step)},
                              {"epoch", epoch()},
                              {"train_loss", loss},
                              {"validation_accuracy", accuracy},
                              {"lr", lr}}});
  }

  [[noreturn]] void fail_diverged(const char* what) const {
    throw Diverged(cat("training of ", job_.graph.name, ": ", what, " not finite at step ",
                       now_.step, "; lower the learning rate (--lr, now ", config_.recipe.lr, ")"));
  }

  const TrainJob& job_;
  const TrainConfig& config_;
  const Dataset& data_;
  const fs::path& checkpoint_;
  const Work& work_;
  const ProcessGroup& group_;
  std::string key_;
  Progress now_;
  std::vector<Network::Parameter> parameters_;
  Objective objective_;
  GradientAverage gradients_;
  std::optional<RecordedStep> recorded_;
  ImageSet watched_;
  int64_t step_images_, total_, points_;  // images of a step; steps; points of the curve
  // The loss of the last step. It is read when the next one's work is on its way: a GPU would stand
  // still while its result is waited for.
  torch::Tensor unread_;
};

}  // namespace

void check_cuda_graphs() { cuda_graph(); }

TrainResult train(const TrainJob& job, const Dataset& data, const fs::path& checkpoint,
                  const Work& work, const ProcessGroup& group) {
  return Training(job, data, checkpoint, work, group).run();
}

}  // namespace vpunas
