// Differentiable architecture search under a latency budget.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/loader.h"
#include "latency/chain.h"
#include "learn/recipe.h"

namespace vpunas {

struct SearchConfig {
  std::string algorithm = "gates";
  double epochs = 1;
  Recipe recipe;
  int arch_steps = 150;
  int arch_batch_size = 64;
  double arch_lr = 0.05;
  double budget_floor = 0.88;
  int candidates = 10;
};
template <class Fields>
void fields(Fields& f, SearchConfig& c) {
  f("algorithm", c.algorithm,
    "gates (two binarised paths, ProxylessNAS) or gumbel (hard Gumbel-softmax, FBNet)",
    one_of({"gates", "gumbel"}));
  f("epochs", c.epochs, "passes over the training images for the shared weights",
    between(0.001, 100000));
  fields(f, c.recipe);
  f("arch_steps", c.arch_steps, "steps of the preferences, on held-out images and frozen weights",
    between(1, 1000000));
  f("arch_batch_size", c.arch_batch_size, "held-out images a step of the preferences",
    between(1, 65536));
  f("arch_lr", c.arch_lr, "rate of Adam on the preferences", between(0, 10));
  f("budget_floor", c.budget_floor, "choose networks that use at least this share of the budget",
    between(0, 1));
  f("candidates", c.candidates, "choices of greatest preference that are priced as whole networks",
    between(1, 1000));
}

// What is searched. Training and deployment space have the same candidates at different input
// sizes; the table and `price` are of deployment.
struct SearchProblem {
  SearchSpace train_space;
  SearchSpace deploy_space;
  Preprocess preprocess;
  LatencyTable table;
  double budget_ms = 0;
  // A whole network at deployment size.
  std::function<std::optional<Latency>(const Architecture&)> price;
};

struct CandidateNetwork {
  ScoredChoice scored;
  std::optional<Latency> latency;  // as a whole
  double loss = 0, accuracy = 0;   // with inherited weights on held-out images
};

struct SearchStep {
  int64_t step = 0;
  double entropy = 0, expected_ms = 0, mu = 0, loss = 0;
  PerCandidate probability;
};

struct SearchResult {
  Choice choice;
  Latency predicted;    // the delivered network as a whole
  double table_ms = 0;  // by the table
  PerCandidate preference, probability;
  double mu = 0, expected_ms = 0;
  double entropy = 0;     // mean over slots, 1: uniform
  double skip_share = 0;  // of the chosen slots that could be skipped
  std::vector<CandidateNetwork> candidates;
  std::vector<SearchStep> history;
  std::vector<std::string> warnings;
  int64_t images_seen = 0;
  double seconds = 0, core_seconds = 0;
};

// 1. Shared weights: single-path steps in which every candidate of a slot is drawn equally often
// (FairNAS,
//    arXiv:1907.01845, strict fairness over every window of steps), to the end of their schedule.
// 2. Preferences u on frozen weights and held-out images: two paths a step, with p = softmax(u - mu
// * cost) and mu solved so
//    that E[latency] meets the budget; Adam with betas (0, 0.999) as ProxylessNAS.
// 3. Choice: best_choices() on u alone (mu has already acted through the gradient), priced as whole
// networks; the best that
//    fits the budget is delivered.
// Saves a checkpoint every ten seconds and when stopped, and continues from one; a resumed search
// equals an unbroken one. Throws Error with ExitCode::budget where nothing in the space fits,
// before any training where the table tells.
SearchResult search(const SearchProblem& problem, const Dataset& data,
                    const Augmentation& augmentation, const SearchConfig& config, uint64_t seed,
                    int workers, const std::filesystem::path& checkpoint, const Work& work);

}  // namespace vpunas
