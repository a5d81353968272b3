// Architecture search under a latency budget: shared weights, choices for a ladder of budgets, and
// the networks that keep them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "arch/weights.h"
#include "data/loader.h"
#include "learn/cost.h"
#include "learn/delivery.h"
#include "learn/finalists.h"
#include "learn/problem.h"
#include "learn/search_config.h"

namespace vpunas {

// One network of the front.
struct FrontPoint {
  Budgets budgets = {};
  CandidateNetwork network = {};
  Weights inherited = {};  // for a training to begin with; without projections' part in them
  bool dominated = false;  // another one is faster on every device and more accurate
};

struct SearchResult {
  Choice choice;
  Budgets budgets;                 // by device, as all below
  std::vector<Latency> predicted;  // the delivered network as a whole
  std::vector<double> table_ms;    // by the table
  PerCandidate preference, probability;
  std::vector<double> mu, expected_ms;
  std::vector<CandidateNetwork> candidates;
  std::vector<FrontPoint> front;  // by rising budget; the delivered network is one of them
  std::vector<SearchStep> history;
  std::vector<FinalistsResult> finalists;  // by round

  // Signs of a collapse, each with its warning.
  double entropy = 0;          // of the probabilities, mean over slots, 1: uniform
  double skip_share = 0;       // of the chosen slots that could be skipped
  double agreement = 0;        // Chosen::agreement
  double front_agreement = 0;  // Kendall's tau of budgets and accuracies along the front
  std::vector<std::string> warnings;

  struct {
    Cost weights, choosing, finalists, ranking;
    Cost total() const { return weights + choosing + finalists + ranking; }
  } cost;
};

// Throws Error where such a search cannot be.
void check(const SearchConfig& config);

// Trains the shared weights, chooses and delivers a network for every rung of the ladder (to which
// the front's shares add where it has one), and ranks them with inherited weights on held-out
// images that no evaluation on shared weights has seen (as far as there are enough; the steps of
// gates and gumbel draw from all). Test images are not touched. Keeps supernet.safetensors,
// choosing.json and finalists*.json in `folder` and continues from them; a resumed search equals an
// unbroken one. Throws Error with ExitCode::budget where nothing in the space fits, before any
// training where the table tells. Processes of `group` share the training of the weights, for which
// the others need of `problem` the training space and preprocessing alone; their result is empty.
SearchResult search(const SearchProblem& problem, const Dataset& data,
                    const Augmentation& augmentation, const SearchConfig& config,
                    const TrainConfig& training, uint64_t seed, int workers,
                    const std::filesystem::path& folder, const Work& work,
                    const ProcessGroup& group = {});

}  // namespace vpunas
