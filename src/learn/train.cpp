#include "learn/train.h"

#include <cmath>

#include "base/text.h"
#include "learn/checkpoint.h"
#include "learn/evaluate.h"
#include "learn/network.h"
#include "learn/optimizer.h"
#include "learn/runtime.h"

namespace vpunas {
namespace {

namespace F = torch::nn::functional;

std::string work_key(const Graph& graph, const Dataset& data, const Augmentation& augmentation,
                     const TrainConfig& config, uint64_t seed) {
  TrainConfig copy = config;
  Augmentation augment = augmentation;
  ConfigWriter writer;
  writer.write("train", copy);
  writer.write("augment", augment);
  return content_hash(cat(writer.text(), graph.name, count_parameters(graph), count_macs(graph),
                          data.name, data.train.size(), seed));
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

struct Training {
  Network network;
  Sgd sgd;
  Average average;
  int64_t step = 0;
  double loss_sum = 0;  // since the last point of the curve
  int64_t loss_steps = 0;
  std::vector<CurvePoint> curve = {};
  double earlier_seconds = 0;

  void save(const fs::path& path, const std::string& key, double seconds) const {
    Checkpoint checkpoint{.key = key, .state = {}, .tensors = network.weights()};
    sgd.save(network.tensors(), checkpoint.tensors);
    for (auto& [name, value] : average.weights())
      checkpoint.tensors.emplace("average/" + name, value);
    checkpoint.state = {{"step", step},
                        {"loss_sum", loss_sum},
                        {"loss_steps", loss_steps},
                        {"curve", to_json(curve)},
                        {"seconds", seconds}};
    write_checkpoint(path, checkpoint);
  }

  void load(const Checkpoint& checkpoint) {
    Weights weights, averaged;
    for (const auto& [name, value] : checkpoint.tensors) {
      if (name.starts_with("average/"))
        averaged.emplace(name.substr(8), value);
      else if (!name.starts_with("momentum/"))
        weights.emplace(name, value);
    }
    network.load(weights);
    check_weights(network.graph(), averaged);
    average.load(averaged);
    sgd.load(network.tensors(), checkpoint.tensors);
    step = checkpoint.state.at("step");
    loss_sum = checkpoint.state.at("loss_sum");
    loss_steps = checkpoint.state.at("loss_steps");
    curve = curve_from(checkpoint.state.at("curve"));
    earlier_seconds = checkpoint.state.at("seconds");
  }
};

}  // namespace

TrainResult train(const Graph& graph, const Dataset& data, const Augmentation& augmentation,
                  const TrainConfig& config, uint64_t seed, int workers, const fs::path& checkpoint,
                  const Work& work) {
  const std::string key = work_key(graph, data, augmentation, config, seed);
  Network fresh(graph, seed, parse_computing(config.recipe.engine, config.recipe.amp));
  Average start(fresh, config.ema_decay);
  Training training{std::move(fresh), Sgd(config.recipe.momentum, config.recipe.weight_decay),
                    std::move(start)};
  if (const auto saved = read_checkpoint(checkpoint, key)) training.load(*saved);

  const auto images = static_cast<double>(data.train.size());
  const auto total =
      std::max<int64_t>(1, std::llround(config.epochs * images / config.recipe.batch_size));
  const int64_t points =
      std::clamp<int64_t>(static_cast<int64_t>(std::ceil(config.epochs)), 8, 200);
  const auto epoch = [&](int64_t step) {
    return static_cast<double>(step) * config.recipe.batch_size / images;
  };
  // Curves are drawn from a part of the validation images, so that watching does not cost more than
  // learning.
  const ImageSet watched = subset(data.validation, [&] {
    std::vector<int64_t> indices(
        static_cast<size_t>(std::min<int64_t>(1000, data.validation.size())));
    for (size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<int64_t>(i);
    return indices;
  }());
  const auto averaged = [&] {
    return config.ema_decay > 0 ? training.average.weights() : training.network.weights();
  };

  Loader loader(data.train, augmentation, config.recipe.batch_size, seed, training.step,
                std::max(1, workers));
  CheckpointClock clock;
  Stopwatch watch(training.earlier_seconds);
  const Effort effort;
  const int64_t first_step = training.step;
  work.report({.kind = Event::Kind::begin,
               .stage = "train",
               .what = "train " + graph.name,
               .total = total});
  while (training.step < total) {
    if (work.stop.stop_requested()) {
      training.save(checkpoint, key, watch.seconds());
      throw Interrupted(
          cat("training of ", graph.name, " stopped at step ", training.step, " of ", total));
    }
    const Batch batch = loader.next();
    const double lr =
        cosine_rate(config.recipe.lr, config.recipe.warmup,
                    static_cast<double>(training.step + 1) / static_cast<double>(total));
    const auto outputs =
        training.network.forward(to_tensor(batch, data.train.shape), Statistics::train)
            .flatten(1)
            .to(torch::kFloat32);
    const auto loss = F::cross_entropy(
        outputs, labels_tensor(batch),
        F::CrossEntropyFuncOptions().label_smoothing(config.recipe.label_smoothing));
    loss.backward();
    training.sgd.step(training.network.parameters(), lr);
    if (config.ema_decay > 0) training.average.update(training.network, training.step);
    const double loss_value = loss.item<double>();
    if (!std::isfinite(loss_value)) {
      fail("training of ", graph.name, ": the loss is not finite at step ", training.step,
           "; lower the learning rate (--lr, now ", config.recipe.lr, ")");
    }
    ++training.step;
    training.loss_sum += loss_value;
    ++training.loss_steps;
    if (training.step * points / total != (training.step - 1) * points / total) {
      const double accuracy = evaluate(graph, averaged(), watched).accuracy;
      training.curve.push_back({epoch(training.step),
                                training.loss_sum / static_cast<double>(training.loss_steps),
                                accuracy, lr});
      training.loss_sum = 0;
      training.loss_steps = 0;
      const CurvePoint& point = training.curve.back();
      work.report({.kind = Event::Kind::metrics,
                   .stage = "train",
                   .what = graph.name,
                   .metrics = {{"epoch", point.epoch},
                               {"train_loss", point.train_loss},
                               {"validation_accuracy", accuracy},
                               {"lr", lr}}});
    }
    if (clock.due()) training.save(checkpoint, key, watch.seconds());
    work.report({.kind = Event::Kind::step,
                 .stage = "train",
                 .done = training.step,
                 .total = total,
                 .metrics = {{"loss", loss_value}}});
  }
  work.report({.kind = Event::Kind::end, .stage = "train", .what = "train " + graph.name});
  effort.report(work, "train", graph.name, (training.step - first_step) * config.recipe.batch_size,
                loader.waited_seconds());
  return {averaged(), training.curve, training.step * config.recipe.batch_size, watch.seconds()};
}

}  // namespace vpunas
