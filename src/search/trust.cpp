#include "search/trust.h"

#include <algorithm>

namespace vpunas {

double skip_share(const SearchSpace& space, const Choice& choice) {
  int skippable = 0, skipped = 0;
  for (size_t slot = 0; slot < choice.size(); ++slot) {
    const Slot& here = space.slots[slot];
    if (std::ranges::count(here.candidates, BlockKind::skip, &BlockSpec::kind) == 0) continue;
    ++skippable;
    skipped += is_skip(here, choice[slot]);
  }
  return skippable > 0 ? static_cast<double>(skipped) / skippable : 0;
}

TrustIndicators trust(const SearchSpace& space, const SearchConfig& config, const Choice& choice,
                      const StrategyResult& result, const std::vector<ParetoPoint>& front,
                      bool corrected) {
  TrustIndicators signs{.entropy = mean_entropy(result.probability),
                        .skip_share = skip_share(space, choice),
                        .agreement = result.agreement,
                        .pareto_agreement = pareto_agreement(front)};
  const auto warn = [&](const char* text) { signs.warnings.emplace_back(text); };
  if (signs.skip_share == 1)
    warn(
        "every slot that can be skipped was: the search may have collapsed, or the budget leaves "
        "no room");
  if (!result.alpha.empty() && !corrected && signs.entropy > 0.97)
    warn(
        "the architecture parameters hardly tell candidates apart (entropy near uniform): more "
        "epochs, networks or arch_steps");
  if (config.strategy.algorithm == "linear" && signs.agreement < 0.4)
    warn(
        "the linear accuracy predictor explains the losses of networks badly: more networks or "
        "held_out_images, or longer training of the supernet");
  if (front.size() >= 4 && signs.pareto_agreement < 0.3)
    warn(
        "networks of larger budgets are hardly more accurate with supernet weights: longer "
        "training of the supernet");
  return signs;
}

}  // namespace vpunas
