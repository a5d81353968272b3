#include "learn/search.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "latency/census.h"
#include "learn/checkpoint.h"
#include "learn/network.h"
#include "learn/optimizer.h"
#include "learn/paths.h"
#include "learn/runtime.h"
#include "learn/supernet.h"

namespace vpunas {
namespace {

namespace F = torch::nn::functional;

constexpr const char* stage_name = "search";

PerCandidate zeros_like(const SearchSpace& space) {
  PerCandidate values;
  for (const Slot& slot : space.slots) values.emplace_back(slot.candidates.size(), 0.0);
  return values;
}

// Mean over slots of the entropy of p as a share of the uniform one's.
double mean_entropy(const PerCandidate& probability) {
  double sum = 0;
  int slots = 0;
  for (const auto& p : probability) {
    if (p.size() < 2) continue;
    double entropy = 0;
    for (const double x : p) entropy -= x > 0 ? x * std::log(x) : 0;
    sum += entropy / std::log(static_cast<double>(p.size()));
    ++slots;
  }
  return slots > 0 ? sum / slots : 0;
}

// Adam without a first moment's memory (beta1 = 0), as ProxylessNAS updates its architecture
// parameters.
class Adam {
 public:
  Adam(double rate, PerCandidate second) : rate_(rate), second_(std::move(second)) {}
  void step(PerCandidate& values, const PerCandidate& gradient, int64_t step) {
    constexpr double beta = 0.999, epsilon = 1e-8;
    const double correction = 1 - std::pow(beta, static_cast<double>(step + 1));
    for (size_t i = 0; i < values.size(); ++i) {
      for (size_t j = 0; j < values[i].size(); ++j) {
        second_[i][j] = beta * second_[i][j] + (1 - beta) * gradient[i][j] * gradient[i][j];
        values[i][j] -= rate_ * gradient[i][j] / (std::sqrt(second_[i][j] / correction) + epsilon);
      }
    }
  }
  const PerCandidate& second() const { return second_; }

 private:
  double rate_;
  PerCandidate second_;
};

Json to_json(const std::vector<SearchStep>& history) {
  Json json = Json::array();
  for (const auto& s : history)
    json.push_back({s.step, s.entropy, s.expected_ms, s.mu, s.loss, s.probability});
  return json;
}

std::vector<SearchStep> history_from(const Json& json) {
  std::vector<SearchStep> history;
  for (const auto& s : json)
    history.push_back({s.at(0), s.at(1), s.at(2), s.at(3), s.at(4), s.at(5)});
  return history;
}

// The search's state and its phases.
class Search {
 public:
  Search(const SearchProblem& problem, const Dataset& data, const Augmentation& augmentation,
         const SearchConfig& config, uint64_t seed, int workers, fs::path checkpoint,
         const Work& work)
      : problem_(problem),
        data_(data),
        augmentation_(augmentation),
        config_(config),
        seed_(seed),
        workers_(workers),
        checkpoint_(std::move(checkpoint)),
        work_(work),
        supernet_(problem.train_space, problem.preprocess, seed,
                  parse_computing(config.recipe.engine, config.recipe.amp)),
        sgd_(config.recipe.momentum, config.recipe.weight_decay),
        preference_(zeros_like(problem.train_space)),
        adam_(config.arch_lr, zeros_like(problem.train_space)),
        key_(work_key()) {
    if (const auto saved = read_checkpoint(checkpoint_, key_)) load(*saved);
  }

  SearchResult run() {
    train_weights();
    learn_preferences();
    return choose_network();
  }

 private:
  std::string work_key() const {
    SearchConfig copy = config_;
    ConfigWriter writer;
    writer.write(stage_name, copy);
    return content_hash(cat(writer.text(), space_hash(problem_.train_space),
                            space_hash(problem_.deploy_space), problem_.budget_ms,
                            problem_.table.provenance.device, data_.name, data_.train.size(),
                            augmentation_.crop_padding, augmentation_.flip, seed_));
  }

  void save() {
    Checkpoint checkpoint{.key = key_, .state = {}, .tensors = {}};
    for (const auto& [name, value] : supernet_.tensors())
      checkpoint.tensors.emplace(name, to_tensor(value));
    if (arch_step_ == 0) sgd_.save(supernet_.tensors(), checkpoint.tensors);
    checkpoint.state = {{"weight_step", weight_step_},   {"arch_step", arch_step_},
                        {"preference", preference_},     {"adam", adam_.second()},
                        {"history", to_json(history_)},  {"seconds", watch_.seconds()},
                        {"core_seconds", core_seconds()}};
    write_checkpoint(checkpoint_, checkpoint);
  }

  void load(const Checkpoint& saved) {
    for (auto& [name, value] : supernet_.tensors()) copy_to(saved.tensors.at(name), value);
    sgd_.load(supernet_.tensors(), saved.tensors);
    weight_step_ = saved.state.at("weight_step");
    arch_step_ = saved.state.at("arch_step");
    preference_ = saved.state.at("preference").get<PerCandidate>();
    adam_ = Adam(config_.arch_lr, saved.state.at("adam").get<PerCandidate>());
    history_ = history_from(saved.state.at("history"));
    watch_ = Stopwatch(saved.state.at("seconds"));
    earlier_core_seconds_ = saved.state.at("core_seconds");
  }

  double core_seconds() const {
    return earlier_core_seconds_ + processor_seconds() - start_core_seconds_;
  }

  void save_when_due_or_stopped(const char* phase) {
    const bool stopped = work_.stop.stop_requested();
    if (stopped || clock_.due()) save();
    if (stopped) throw Interrupted(cat("search stopped in its ", phase));
  }

  int64_t weight_steps() const {
    const double images = config_.epochs * static_cast<double>(data_.train.size());
    return std::max<int64_t>(1, std::llround(images / config_.recipe.batch_size));
  }

  void train_weights() {
    const int64_t total = weight_steps();
    if (weight_step_ >= total) return;
    Loader loader(data_.train, augmentation_, config_.recipe.batch_size, seed_, weight_step_,
                  std::max(1, workers_));
    work_.report({.kind = Event::Kind::begin,
                  .stage = stage_name,
                  .what = "shared weights",
                  .total = total});
    double loss_sum = 0;
    while (weight_step_ < total) {
      save_when_due_or_stopped("shared weights");
      const Batch batch = loader.next();
      const Choice choice = fair_choice(problem_.train_space, seed_, weight_step_);
      const auto outputs =
          supernet_.forward(to_tensor(batch, data_.train.shape), choice, Statistics::train);
      const auto loss = F::cross_entropy(
          outputs, labels_tensor(batch),
          F::CrossEntropyFuncOptions().label_smoothing(config_.recipe.label_smoothing));
      loss.backward();
      const double progress = static_cast<double>(weight_step_ + 1) / static_cast<double>(total);
      sgd_.step(supernet_.parameters(choice),
                cosine_rate(config_.recipe.lr, config_.recipe.warmup, progress));
      ++weight_step_;
      const double value = checked(loss.item<double>(), "shared weights");
      loss_sum += value;
      if (weight_step_ % 20 == 0) {
        work_.report({.kind = Event::Kind::metrics,
                      .stage = stage_name,
                      .what = "shared weights",
                      .metrics = {{"step", static_cast<double>(weight_step_)},
                                  {"train_loss", loss_sum / 20}}});
        loss_sum = 0;
      }
      work_.report({.kind = Event::Kind::step,
                    .stage = stage_name,
                    .done = weight_step_,
                    .total = total,
                    .metrics = {{"loss", value}}});
    }
    work_.report({.kind = Event::Kind::end, .stage = stage_name, .what = "shared weights"});
  }

  PathSample sample(const PerCandidate& probability) const {
    Random random({seed_, 0xA4C4, static_cast<uint64_t>(arch_step_)});
    if (config_.algorithm == "gates") return sample_gates(probability, random);
    // From 5 down to 0.5, as FBNet anneals.
    const double progress = static_cast<double>(arch_step_) / config_.arch_steps;
    return sample_gumbel(probability, 5 * std::pow(0.1, progress), random);
  }

  void learn_preferences() {
    const int64_t total = config_.arch_steps;
    if (arch_step_ >= total) return;
    supernet_.set_requires_grad(false);
    Loader loader(data_.validation, {}, config_.arch_batch_size, seed_ + 1, arch_step_,
                  std::max(1, workers_));
    work_.report(
        {.kind = Event::Kind::begin, .stage = stage_name, .what = "preferences", .total = total});
    while (arch_step_ < total) {
      save_when_due_or_stopped("preferences");
      const PricedChoice priced = price();
      const Batch batch = loader.next();
      PathSample paths = sample(priced.probability);
      const auto outputs = supernet_.forward(to_tensor(batch, data_.train.shape), paths.paths);
      const auto loss = F::cross_entropy(outputs, labels_tensor(batch));
      const double value = checked(loss.item<double>(), "preferences");
      if (loss.requires_grad()) loss.backward();
      PerCandidate gradient = zeros_like(problem_.train_space);
      for (size_t slot = 0; slot < gradient.size(); ++slot) {
        const auto& grad = paths.logits[slot].grad();
        if (!grad.defined()) continue;
        for (size_t j = 0; j < gradient[slot].size(); ++j)
          gradient[slot][j] = grad[static_cast<int64_t>(j)].item<double>();
      }
      adam_.step(preference_, gradient, arch_step_);
      ++arch_step_;
      record(priced, value, total);
    }
    work_.report({.kind = Event::Kind::end, .stage = stage_name, .what = "preferences"});
    save();
  }

  void record(const PricedChoice& priced, double loss, int64_t total) {
    const double entropy = mean_entropy(priced.probability);
    history_.push_back(
        {arch_step_, entropy, priced.expected_ms[0], priced.mu[0], loss, priced.probability});
    work_.report({.kind = Event::Kind::metrics,
                  .stage = stage_name,
                  .what = "preferences",
                  .metrics = {{"step", static_cast<double>(arch_step_)},
                              {"entropy", entropy},
                              {"expected_ms", priced.expected_ms[0]},
                              {"mu", priced.mu[0]},
                              {"loss", loss}}});
    work_.report({.kind = Event::Kind::step,
                  .stage = stage_name,
                  .done = arch_step_,
                  .total = total,
                  .metrics = {{"entropy", entropy}, {"expected ms", priced.expected_ms[0]}}});
  }

  PricedChoice price() const {
    return price_choice(problem_.deploy_space, {{problem_.table, problem_.budget_ms}}, preference_);
  }

  static double checked(double loss, const char* phase) {
    if (!std::isfinite(loss))
      fail("search: the loss of the ", phase, " is not finite; lower search.lr");
    return loss;
  }

  // The k best by the table as whole networks; where none of them fits, the table is too low by
  // what the nearest one misses the budget by, and the budget given to the table is lowered so.
  SearchResult choose_network() {
    SearchResult result;
    double table_budget = problem_.budget_ms;
    for (int round = 0; round < 8 && result.choice.empty(); ++round) {
      auto scored = best_choices(problem_.deploy_space, {{problem_.table, table_budget}},
                                 preference_, config_.budget_floor, config_.candidates);
      double nearest = std::numeric_limits<double>::infinity();
      result.candidates.clear();
      for (ScoredChoice& s : scored) {
        s.choice = canonical(problem_.deploy_space, s.choice);
        const bool seen =
            std::any_of(result.candidates.begin(), result.candidates.end(),
                        [&](const CandidateNetwork& c) { return c.scored.choice == s.choice; });
        if (seen) continue;
        CandidateNetwork candidate{
            .scored = s,
            .latency = problem_.price(choose(problem_.deploy_space, s.choice, "found"))};
        if (candidate.latency) nearest = std::min(nearest, candidate.latency->ms);
        if (candidate.latency && candidate.latency->ms <= problem_.budget_ms &&
            result.choice.empty()) {
          result.choice = s.choice;
          result.predicted = *candidate.latency;
          result.table_ms = s.ms.front();
        }
        result.candidates.push_back(std::move(candidate));
      }
      if (!std::isfinite(nearest)) break;
      table_budget *= std::min(0.99, problem_.budget_ms / nearest);
    }
    if (result.choice.empty()) {
      throw Error(
          cat("search: no network of space ", problem_.deploy_space.name, " fits ",
              fixed(problem_.budget_ms, 3),
              " ms as a whole, though the table says so; raise the budget or make the table again"),
          ExitCode::budget);
    }
    evaluate_candidates(result.candidates);
    summarise(result);
    return result;
  }

  // Inherited weights on the same held-out images for all, batch norm with the statistics of the
  // batch (docs/search.md).
  void evaluate_candidates(std::vector<CandidateNetwork>& candidates) const {
    torch::NoGradGuard no_grad;
    Loader loader(data_.validation, {},
                  static_cast<int>(std::min<int64_t>(512, data_.validation.size())), seed_ + 2, 0,
                  0);
    const Batch batch = loader.next();
    const auto images = to_tensor(batch, data_.train.shape);
    const auto labels = labels_tensor(batch);
    for (CandidateNetwork& candidate : candidates) {
      const auto outputs = supernet_.forward(images, candidate.scored.choice, Statistics::batch);
      candidate.loss = F::cross_entropy(outputs, labels).item<double>();
      candidate.accuracy = (outputs.argmax(1) == labels).to(torch::kFloat64).mean().item<double>();
    }
  }

  void summarise(SearchResult& result) const {
    const PricedChoice priced = price();
    result.preference = preference_;
    result.probability = priced.probability;
    result.mu = priced.mu[0];
    result.expected_ms = priced.expected_ms[0];
    result.entropy = mean_entropy(priced.probability);
    result.history = history_;
    int skippable = 0, skipped = 0;
    for (size_t slot = 0; slot < result.choice.size(); ++slot) {
      const auto& candidates = problem_.deploy_space.slots[slot].candidates;
      const auto is_skip = [](const BlockSpec& b) { return b.kind == BlockKind::skip; };
      if (std::none_of(candidates.begin(), candidates.end(), is_skip)) continue;
      ++skippable;
      skipped += is_skip(candidates[static_cast<size_t>(result.choice[slot])]);
    }
    result.skip_share = skippable > 0 ? static_cast<double>(skipped) / skippable : 0;
    if (skippable > 1 && skipped == skippable) {
      result.warnings.push_back(
          "every slot that can be skipped was: the search may have collapsed, or the budget leaves "
          "no room");
    }
    if (result.entropy > 0.97) {
      result.warnings.push_back(
          "the preferences hardly moved (entropy near uniform): more arch_steps or a higher "
          "arch_lr");
    }
    result.images_seen =
        weight_step_ * config_.recipe.batch_size + arch_step_ * config_.arch_batch_size;
    result.seconds = watch_.seconds();
    result.core_seconds = core_seconds();
  }

  const SearchProblem& problem_;
  const Dataset& data_;
  Augmentation augmentation_;
  SearchConfig config_;
  uint64_t seed_;
  int workers_;
  fs::path checkpoint_;
  const Work& work_;

  Supernet supernet_;
  Sgd sgd_;
  PerCandidate preference_;
  Adam adam_;
  std::string key_;
  std::vector<SearchStep> history_;
  int64_t weight_step_ = 0, arch_step_ = 0;
  CheckpointClock clock_;
  Stopwatch watch_;
  double earlier_core_seconds_ = 0, start_core_seconds_ = processor_seconds();
};

}  // namespace

SearchResult search(const SearchProblem& problem, const Dataset& data,
                    const Augmentation& augmentation, const SearchConfig& config, uint64_t seed,
                    int workers, const fs::path& checkpoint, const Work& work) {
  check_feasible(problem.deploy_space, {{problem.table, problem.budget_ms}});
  return Search(problem, data, augmentation, config, seed, workers, checkpoint, work).run();
}

}  // namespace vpunas
