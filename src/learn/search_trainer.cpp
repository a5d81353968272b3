#include "learn/search_trainer.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "learn/evaluate.h"
#include "learn/train.h"
#include "learn/train_supernet.h"

namespace vpunas {
namespace {

namespace F = torch::nn::functional;

constexpr const char* stage = "search";

// As many as give steady statistics, and activations that fit into memory.
int images_a_pass(const ImageSet& images, int count) {
  const ImageShape& shape = images.shape;
  const int most = std::clamp((512 * 32 * 32) / (shape.height * shape.width), 32, 512);
  return static_cast<int>(std::min<int64_t>({count, most, images.size()}));
}

int64_t passes_for(int64_t images, int64_t pass) { return (images + pass - 1) / pass; }

// Of all images where they are fewer: to see one twice tells nothing.
int64_t passes_a_network(const ImageSet& images, int count) {
  return passes_for(std::min<int64_t>(count, images.size()), images_a_pass(images, count));
}

size_t common_beginning(const Choice& a, const Choice& b) {
  return static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin()).first - a.begin());
}

// Batch norm takes the statistics of the images that pass together (its running averages mix those
// of all networks that a block was trained in).
class TorchSupernet : public TrainedSupernet {
 public:
  TorchSupernet(SharedWeights shared, const ImageSet& held_out, int workers)
      : shared_(std::move(shared)), held_out_(held_out), workers_(workers) {}

  const std::string& key() const override { return shared_.key; }
  ComputeCost cost() const override { return shared_.cost; }
  int64_t held_out_images() const override { return held_out_.size(); }
  int images_shown(int count) const override {
    return static_cast<int>(passes_a_network(held_out_, count) * images_a_pass(held_out_, count));
  }
  Weights weights(const Choice& choice) const override { return shared_.supernet.weights(choice); }

  std::vector<Score> score(std::span<const Choice> choices, const HeldOutPart& part) override {
    torch::NoGradGuard no_grad;
    std::vector<Score> scores(choices.size());
    for (const Pass& pass : passes(part)) run(pass, choices, scores);
    const auto n = static_cast<double>(images_shown(part.count));
    for (Score& score : scores) {
      if (!std::isfinite(score.loss))
        fail("search: the held-out loss of a network is not finite; lower search.lr");
      score = {score.loss / n, score.accuracy / n};
    }
    return scores;
  }

  GateGradients gate_gradients(const std::vector<PathPair>& pairs, int batch_size, uint64_t seed,
                               int64_t step) override {
    const std::vector<TwoPaths> paths = gated(pairs);
    const Batch batch = next_batch(batch_size, seed, step);
    const auto outputs = shared_.supernet.forward(to_tensor(batch, held_out_.shape), paths);
    const auto loss = F::cross_entropy(outputs, labels_tensor(batch));
    GateGradients gradients{.loss = loss.item<double>(), .gates = {}};
    if (!std::isfinite(gradients.loss))
      fail("search: the loss of the architecture parameters is not finite; lower search.lr");
    if (loss.requires_grad()) loss.backward();
    for (const TwoPaths& two : paths) {
      auto& gates = gradients.gates.emplace_back();
      if (!two.gates.defined() || !two.gates.grad().defined()) continue;
      gates = {two.gates.grad()[0].item<double>(), two.gates.grad()[1].item<double>()};
    }
    return gradients;
  }

 private:
  struct Pass {
    torch::Tensor images, labels;
  };

  // Those of one part are kept at a time.
  const std::vector<Pass>& passes(const HeldOutPart& part) {
    if (loaded_ == part) return passes_;
    passes_.clear();
    const int size = images_a_pass(held_out_, part.count);
    Loader loader(held_out_, {}, size, part.seed, passes_for(part.skip, size), workers_);
    for (int64_t i = 0; i < passes_a_network(held_out_, part.count); ++i) {
      const Batch next = loader.next();
      passes_.push_back({to_tensor(next, held_out_.shape), labels_tensor(next)});
    }
    loaded_ = part;
    return passes_;
  }

  // Adds up losses and right answers of sorted choices; what they have in common at their beginning
  // is computed once.
  void run(const Pass& pass, std::span<const Choice> choices, std::span<Score> sums) const {
    constexpr auto statistics = Statistics::batch;
    const Supernet& supernet = shared_.supernet;
    std::vector<torch::Tensor> behind(choices.front().size() + 1);  // slots
    behind[0] = supernet.stem(pass.images, statistics);
    for (size_t i = 0; i < choices.size(); ++i) {
      const Choice& choice = choices[i];
      for (size_t slot = i == 0 ? 0 : common_beginning(choices[i - 1], choice);
           slot < choice.size(); ++slot)
        behind[slot + 1] = supernet.slot(slot, choice[slot], behind[slot], statistics);
      const auto outputs = supernet.head(behind.back(), statistics);
      const auto sum = F::CrossEntropyFuncOptions().reduction(torch::kSum);
      sums[i].loss += F::cross_entropy(outputs, pass.labels, sum).item<double>();
      sums[i].accuracy += (outputs.argmax(1) == pass.labels).sum().item<double>();
    }
  }

  // Steps mostly follow each other, so the loader goes on where it can.
  Batch next_batch(int batch_size, uint64_t seed, int64_t step) {
    const Steps wanted{batch_size, seed, step};
    if (!loader_ || !(next_ == wanted))
      loader_.emplace(held_out_, Augmentation{}, batch_size, seed, step, std::max(1, workers_));
    next_ = {batch_size, seed, step + 1};
    return loader_->next();
  }

  struct Steps {
    int batch_size = 0;
    uint64_t seed = 0;
    int64_t step = 0;
    bool operator==(const Steps&) const = default;
  };

  SharedWeights shared_;
  const ImageSet& held_out_;
  int workers_;
  std::optional<HeldOutPart> loaded_;  // that passes_ are of
  std::vector<Pass> passes_;
  std::optional<Loader> loader_;
  Steps next_;  // of loader_
};

// The recipe of the final training for so many epochs, from random weights and without a teacher.
TrainConfig shortened(TrainConfig config, double epochs) {
  const TrainConfig none;
  config.epochs = epochs;
  config.teacher = none.teacher;
  config.teacher_weights = none.teacher_weights;
  config.init_from = none.init_from;
  config.new_head = none.new_head;
  config.frozen = none.frozen;
  config.layer_decay = none.layer_decay;
  config.deliver = none.deliver;
  config.checkpoint_seconds = none.checkpoint_seconds;
  return config;
}

// What the training of a network alone tells is of the search.
Work as_search(const Work& work) {
  return {.report =
              [&work](Event event) {
                if (event.kind == Event::Kind::metrics || event.kind == Event::Kind::note) return;
                event.stage = stage;
                work.report(event);
              },
          .stop = work.stop};
}

SharedWeights train_shared(const SearchTraining& t, const Work& work, const ProcessGroup& group) {
  return train_supernet(t.space, t.preprocess, t.data.train, t.data.name, t.augmentation,
                        t.supernet, t.seed, t.workers, t.supernet_file, work, group);
}

class TorchTrainer : public Trainer {
 public:
  TorchTrainer(const SearchTraining& training, Work work, const ProcessGroup& group)
      : t_(training), work_(std::move(work)), group_(group) {}

  std::unique_ptr<TrainedSupernet> train_supernet() override {
    return std::make_unique<TorchSupernet>(train_shared(t_, work_, group_), t_.data.validation,
                                           t_.workers);
  }

  TrainedAlone train_alone(const Choice& choice, const std::string& name, double epochs,
                           const fs::path& checkpoint) override {
    const TrainJob job{.graph = lower(choose(t_.space, choice, name), t_.preprocess),
                       .augmentation = t_.augmentation,
                       .config = shortened(t_.alone, epochs),
                       .seed = t_.seed,
                       .workers = t_.workers};
    const double classes = t_.space.classes;
    const Score guessing{.loss = std::log(classes), .accuracy = 1 / classes};
    const CostMeter meter;
    try {
      const TrainResult trained = train(job, t_.data, checkpoint, as_search(work_));
      const Evaluation judged = evaluate(job.graph, trained.weights, t_.data.validation);
      ComputeCost cost = meter.cost(trained.images_seen + judged.images);
      // Earlier processes worked alike.
      const double processes = std::max(1.0, trained.seconds / std::max(cost.seconds, 1e-9));
      cost.seconds *= processes;
      cost.core_seconds *= processes;
      const Score score{.loss = judged.loss, .accuracy = judged.accuracy};
      return {.score = judged.loss < guessing.loss ? score : guessing, .cost = cost};
    } catch (const Diverged& diverged) {
      work_.warn(stage, cat(diverged.what(), "; it counts as guessing"));
      return {.score = guessing, .cost = meter.cost(0)};
    }
  }

  // Images count by their labels, wherever they lie.
  std::string alone_key(double epochs) const override {
    TrainConfig config = shortened(t_.alone, epochs);
    Augmentation augmentation = t_.augmentation;
    ConfigWriter writer;
    writer.write("train", config);
    writer.write("augment", augmentation);
    return content_hash(cat(settings_of(writer), space_hash(t_.space),
                            Json(t_.preprocess.mean).dump(), Json(t_.data.train.labels).dump(),
                            Json(t_.data.validation.labels).dump(), t_.seed));
  }

 private:
  SearchTraining t_;
  Work work_;
  const ProcessGroup& group_;
};

}  // namespace

std::unique_ptr<Trainer> make_search_trainer(const SearchTraining& training, const Work& work,
                                             const ProcessGroup& group) {
  return std::make_unique<TorchTrainer>(training, work, group);
}

void follow_search(const SearchTraining& training, const Work& work, const ProcessGroup& group) {
  train_shared(training, work, group);
}

}  // namespace vpunas
