#include "learn/finalists.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/statistics.h"
#include "base/text.h"
#include "learn/belief.h"
#include "learn/checkpoint.h"
#include "learn/choosing.h"
#include "learn/delivery.h"
#include "learn/draws.h"
#include "learn/effects.h"
#include "learn/evaluate.h"

namespace vpunas {
namespace {

constexpr const char* stage = "search";
constexpr const char* schema = "vpunas.finalists/1";
// Apart from other uses of the seed.
constexpr uint64_t kDrawStream = 0x66696e616c, kDeviationStream = 0x646576;
// Expected weight of the order so far: one time in eleven it is the reverse.
constexpr double kTrust = 0.8;
constexpr int kTypical = 200;   // networks that tell what is common in the space
constexpr int kCandidates = 3;  // of a draw, priced as whole networks
constexpr int kAttempts = 20;   // draws whose best networks are all known, before it is given up

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

// Images count by their labels, wherever they lie.
std::string work_key(const SearchProblem& problem, const Dataset& data, Augmentation augmentation,
                     TrainConfig training, uint64_t seed) {
  ConfigWriter writer;
  writer.write("train", training);
  writer.write("augment", augmentation);
  return content_hash(cat(settings_of(writer), space_hash(problem.train_space),
                          Json(problem.preprocess.mean).dump(), Json(data.train.labels).dump(),
                          Json(data.validation.labels).dump(), seed));
}

Finalist finalist_from(const Json& json) {
  return {.choice = json.at("choice").get<Choice>(),
          .budget = json.at("budget"),
          .loss = json.at("loss"),
          .accuracy = json.at("accuracy"),
          .cost = cost_from_json(json.at("cost"))};
}

double layers(const Graph& graph) {
  int count = 0;
  for (size_t node = 0; node < graph.nodes.size(); ++node) count += node_macs(graph, node) > 0;
  return count;
}

// The same work wherever it stands: "mbconv k3 e6 relu6" of any width and stride.
std::string kind_of(BlockSpec block) {
  block.out_channels = 0;
  block.stride = 1;
  return describe(block);
}

// What one finalist's training tells is of the search.
Work as_search(const Work& work) {
  return {.report =
              [&work](Event event) {
                if (event.kind == Event::Kind::metrics || event.kind == Event::Kind::note) return;
                event.stage = stage;
                work.report(event);
              },
          .stop = work.stop};
}

// Mean over the candidates of the standard deviation of their effects.
double deviation(const SearchSpace& space, const Belief& belief, uint64_t seed) {
  constexpr int kDraws = 64;
  PerCandidate sum = zeros_like(space), squares = sum;
  for (uint64_t i = 0; i < kDraws; ++i) {
    Random random({seed, kDeviationStream, i});
    const PerCandidate draw = belief.draw(random);
    for (size_t slot = 0; slot < draw.size(); ++slot) {
      for (size_t j = 0; j < draw[slot].size(); ++j) {
        sum[slot][j] += draw[slot][j] / kDraws;
        squares[slot][j] += draw[slot][j] * draw[slot][j] / kDraws;
      }
    }
  }
  double total = 0, count = 0;
  for (size_t slot = 0; slot < sum.size(); ++slot) {
    for (size_t j = 0; j < sum[slot].size(); ++j) {
      total += std::sqrt(std::max(0.0, squares[slot][j] - sum[slot][j] * sum[slot][j]));
      ++count;
    }
  }
  return total / count;
}

}  // namespace

Json to_json(const Finalist& finalist) {
  return {{"choice", finalist.choice},
          {"budget", finalist.budget},
          {"loss", finalist.loss},
          {"accuracy", finalist.accuracy},
          {"cost", to_json(finalist.cost)}};
}

Json to_json(const FinalistsResult& round) {
  Json networks = Json::array(), shares = Json::object();
  for (const Finalist& finalist : round.networks) networks.push_back(to_json(finalist));
  for (const auto& [group, share] : round.shares) shares[group] = share;
  return {{"epochs", round.epochs},
          {"networks", std::move(networks)},
          {"shares", std::move(shares)},
          {"agreement", round.agreement}};
}

std::vector<EffectGroup> effect_groups(const SearchSpace& space, const std::string& source,
                                       const PerCandidate& preference,
                                       const std::vector<Choice>& typical) {
  std::vector<double> macs, parameters, depths;
  for (const Choice& choice : typical) {
    const Graph graph = lower(choose(space, choice, "typical"), {});
    macs.push_back(static_cast<double>(count_macs(graph)));
    parameters.push_back(static_cast<double>(count_parameters(graph)));
    depths.push_back(layers(graph));
  }
  EffectGroup capacity{.name = "capacity", .directions = {}};
  for (const std::vector<double>* costs : {&macs, &parameters, &depths}) {
    // In units of their deviation, so that they share the group's variance alike.
    const double spread = std::sqrt(variance(*costs));
    if (spread > 0)
      capacity.directions.push_back(scaled(fit_effects(space, typical, *costs).effect, 1 / spread));
  }
  EffectGroup kinds{.name = "kinds", .directions = {}}, own{.name = "slots", .directions = {}};
  std::map<std::string, PerCandidate> by_kind;
  for (size_t slot = 0; slot < space.slots.size(); ++slot) {
    for (size_t j = 0; j < space.slots[slot].candidates.size(); ++j) {
      PerCandidate& kind =
          by_kind.try_emplace(kind_of(space.slots[slot].candidates[j]), zeros_like(space))
              .first->second;
      kind[slot][j] = 1;
      own.directions.push_back(zeros_like(space));
      own.directions.back()[slot][j] = 1;
    }
  }
  for (auto& [name, direction] : by_kind) kinds.directions.push_back(std::move(direction));
  return {{.name = source, .directions = {scaled(preference, -1)}, .expected = kTrust},
          std::move(capacity),
          std::move(kinds),
          std::move(own)};
}

Finalists::Finalists(const SearchProblem& problem, const Dataset& data,
                     const Augmentation& augmentation, const TrainConfig& training,
                     const SearchConfig& config, size_t round, uint64_t seed, int workers,
                     fs::path folder, const Work& work)
    : problem_(problem),
      data_(data),
      augmentation_(augmentation),
      training_(shortened(training, config.finalist_epochs.at(round))),
      config_(config),
      round_(round),
      asked_for_(std::max(1, config.finalists >> std::min<size_t>(round, 30))),
      seed_(seed),
      workers_(workers),
      folder_(std::move(folder)),
      work_(work),
      key_(work_key(problem, data, augmentation, training_, seed)) {
  result_.epochs = training_.epochs;
  if (!fs::exists(file())) return;
  const Json saved = read_json(file(), schema);
  if (saved.value("key", "") != key_)
    fail(file().string(), ": of another search (settings differ); delete it to train them anew");
  for (const Json& entry : saved.at("networks")) result_.networks.push_back(finalist_from(entry));
  asked_ = saved.at("asked").get<std::map<std::string, int>>();
  begun_ = saved.at("begun").get<Choice>();
  begun_for_ = saved.value("begun_for", "");
}

fs::path Finalists::file() const {
  return folder_ / (round_ == 0 ? "finalists.json" : cat("finalists_", round_ + 1, ".json"));
}
fs::path Finalists::checkpoint() const {
  return folder_ /
         (round_ == 0 ? "finalist.safetensors" : cat("finalist_", round_ + 1, ".safetensors"));
}

void Finalists::save() const {
  Json networks = Json::array();
  for (const Finalist& finalist : result_.networks) networks.push_back(to_json(finalist));
  write_json(file(), schema,
             {{"key", key_},
              {"networks", networks},
              {"asked", asked_},
              {"begun", begun_},
              {"begun_for", begun_for_}});
}

Cost Finalists::cost() const {
  Cost total;
  for (const Finalist& finalist : result_.networks) total = total + finalist.cost;
  return total;
}

std::string Finalists::name_of(const Budgets& budgets) const {
  std::string name;
  for (size_t d = 0; d < budgets.size(); ++d) {
    const std::string& device = problem_.devices[d].table.provenance.device;
    name += cat(d == 0 ? "" : ", ", device, " ", fixed(budgets[d], 3), " ", unit_of(device));
  }
  return name;
}

std::optional<Choice> Finalists::best_unknown(const PerCandidate& preference,
                                              const Budgets& budgets) const {
  ChoosingConfig config = config_.choosing;
  config.candidates = std::min(config.candidates, kCandidates);
  const Delivery delivery = deliver(problem_, {.preference = preference}, config, budgets);
  for (const CandidateNetwork& candidate : delivery.candidates) {
    const bool fits = !candidate.latency.empty() && used_share(candidate.latency, budgets) <= 1;
    const bool known = std::ranges::any_of(result_.networks, [&](const Finalist& finalist) {
      return finalist.choice == candidate.scored.choice;
    });
    if (fits && !known) return candidate.scored.choice;
  }
  return std::nullopt;
}

std::optional<Choice> Finalists::next(const Chosen& chosen, const Budgets& budgets,
                                      const Belief& belief) {
  if (!begun_.empty() && begun_for_ == name_of(budgets)) return begun_;
  fs::remove(checkpoint());  // of another search
  const bool first = std::ranges::find(result_.networks, name_of(budgets), &Finalist::budget) ==
                     result_.networks.end();
  std::optional<Choice> best;
  if (first) best = best_unknown(chosen.preference, budgets);
  for (uint64_t attempt = 0; !best && attempt < kAttempts; ++attempt) {
    if (work_.stop.stop_requested()) throw Interrupted("search stopped between finalists");
    Random random({seed_, kDrawStream + round_, result_.networks.size(), attempt});
    best = best_unknown(scaled(belief.draw(random), -1), budgets);
  }
  return best;
}

void Finalists::train_one(const Choice& choice, const std::string& budget, int number) {
  const std::string name = cat("finalist_", result_.networks.size() + 1);
  begun_ = choice;
  begun_for_ = budget;
  save();
  const TrainJob job{
      .graph = lower(choose(problem_.train_space, choice, name), problem_.preprocess),
      .augmentation = augmentation_,
      .config = training_,
      .seed = seed_,
      .workers = workers_};
  const double classes = problem_.train_space.classes;
  Finalist finalist{
      .choice = choice, .budget = budget, .loss = std::log(classes), .accuracy = 1 / classes};
  const CostMeter meter;
  try {
    const TrainResult trained = train(job, data_, checkpoint(), as_search(work_));
    const Evaluation judged = evaluate(job.graph, trained.weights, data_.validation);
    finalist.cost = meter.cost(trained.images_seen + judged.images);
    // Earlier sittings worked alike.
    const double sittings = std::max(1.0, trained.seconds / std::max(finalist.cost.seconds, 1e-9));
    finalist.cost.seconds *= sittings;
    finalist.cost.core_seconds *= sittings;
    if (judged.loss < finalist.loss) {
      finalist.loss = judged.loss;
      finalist.accuracy = judged.accuracy;
    }
  } catch (const Diverged& diverged) {
    finalist.cost = meter.cost(0);
    work_.warn(stage, cat(diverged.what(), "; it counts as guessing"));
  }
  work_.note(stage,
             cat("finalist ", number, " of ", asked_for_, " for ", budget, ", ", training_.epochs,
                 " epochs: ", fixed(100 * finalist.accuracy, 2), " % of held-out images"));
  result_.networks.push_back(std::move(finalist));
  begun_.clear();
  save();
  fs::remove(checkpoint());
}

Belief Finalists::belief(const Chosen& chosen, const Budgets& budgets) const {
  const SearchSpace& space = problem_.deploy_space;
  const std::vector<Choice> typical =
      draw_networks(space, constraints(problem_, budgets), 0, 1.3, kTypical, seed_);
  const char* source = round_ == 0 ? "shared weights" : "shorter trainings";
  return {space, effect_groups(space, source, chosen.preference, typical), typical};
}

void Finalists::teach(Belief& belief) const {
  std::vector<Choice> choices;
  std::vector<double> losses;
  for (const Finalist& finalist : result_.networks) {
    choices.push_back(finalist.choice);
    losses.push_back(finalist.loss);
  }
  belief.learn(choices, losses);
}

void Finalists::train_some(const Chosen& chosen, const Budgets& budgets) {
  const std::string name = name_of(budgets);
  if (asked_[name] >= asked_for_) return;
  Belief believed = belief(chosen, budgets);
  for (auto number =
           static_cast<int>(std::ranges::count(result_.networks, name, &Finalist::budget));
       number < asked_for_; ++number) {
    teach(believed);
    std::optional<Choice> choice;
    try {
      choice = next(chosen, budgets, believed);
    } catch (const Error& error) {
      if (error.code() != ExitCode::budget) throw;  // which the delivery will say
    }
    if (!choice) break;
    train_one(*choice, name, number + 1);
  }
  asked_[name] = asked_for_;
  save();
}

void Finalists::correct(Chosen& chosen, const Budgets& budgets) {
  Belief believed = belief(chosen, budgets);
  teach(believed);
  if (budgets == problem_.ladder.front()) {
    result_.shares = believed.shares();
    std::vector<double> expected, losses;
    for (const Finalist& finalist : result_.networks) {
      expected.push_back(-sum_of(chosen.preference, finalist.choice));
      losses.push_back(finalist.loss);
    }
    result_.agreement = kendall_tau(expected, losses);
  }
  const double unit = std::max(deviation(problem_.deploy_space, believed, seed_), 1e-12);
  chosen.preference = scaled(believed.mean(), -1 / unit);
  price(problem_, budgets, chosen);
}

}  // namespace vpunas
