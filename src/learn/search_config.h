// The settings of a search, by phase.
#pragma once

#include <string>
#include <vector>

#include "base/config.h"
#include "learn/recipe.h"

namespace vpunas {

struct SharedWeightsConfig {
  double epochs = 1;
  bool projections = true;
  double residual_scale = 0.25;
  double clip_norm = 5;
  Recipe recipe;
};
template <class Fields>
void fields(Fields& f, SharedWeightsConfig& c) {
  f("epochs", c.epochs, "passes over the training images for the shared weights",
    between(0.001, 100000));
  f("projections", c.projections,
    "while searching, slots that change the shape add a projection shared by their candidates: "
    "deep spaces are not learned without");
  f("residual_scale", c.residual_scale, "what residual branches of shared weights start at",
    between(0, 1));
  f("clip_norm", c.clip_norm, "greatest norm of the gradients of a step of shared weights (0: any)",
    between(0, 1e9));
  fields(f, c.recipe);
}

struct ChoosingConfig {
  std::string algorithm = "effects";
  int networks = 200;
  int held_out_images = 512;
  int arch_steps = 250;
  int arch_batch_size = 64;
  double arch_lr = 0.05;
  double budget_floor = 0.88;
  int candidates = 10;
};
template <class Fields>
void fields(Fields& f, ChoosingConfig& c) {
  f("algorithm", c.algorithm,
    "effects (averaged effects of candidates on the held-out loss), gates (two binarised paths, "
    "ProxylessNAS), gumbel (hard Gumbel-softmax, FBNet), random or evolution (SPOS)",
    one_of({"effects", "gates", "gumbel", "random", "evolution"}));
  f("networks", c.networks, "networks that effects, random and evolution evaluate for a budget",
    between(4, 1000000));
  f("held_out_images", c.held_out_images, "images on which each of them is evaluated",
    between(1, 1000000));
  f("arch_steps", c.arch_steps, "steps of the preferences of gates and gumbel",
    between(1, 1000000));
  f("arch_batch_size", c.arch_batch_size, "held-out images a step of the preferences",
    between(1, 65536));
  f("arch_lr", c.arch_lr, "rate of the preferences, which their gradients are scaled to",
    between(0, 10));
  f("budget_floor", c.budget_floor, "choose networks that use at least this share of the budget",
    between(0, 1));
  f("candidates", c.candidates, "choices of greatest preference that are priced as whole networks",
    between(1, 1000));
}

struct SearchConfig {
  ChoosingConfig choosing;
  SharedWeightsConfig weights;
  std::vector<double> front = {0.7, 0.85, 1.2, 1.4};
  int finalists = 0;
  std::vector<double> finalist_epochs = {1};
};
template <class Fields>
void fields(Fields& f, SearchConfig& c) {
  fields(f, c.choosing);
  fields(f, c.weights);
  f("front", c.front,
    "further budgets, as shares of the first, for each of which a network is chosen, too");
  f("finalists", c.finalists,
    "networks that are trained from scratch for each budget, to correct what effects, gates or "
    "gumbel say (0: none)",
    between(0, 10000));
  f("finalist_epochs", c.finalist_epochs,
    "passes over the training images for each of them, by the recipe of train; further numbers are "
    "further rounds, each of half as many networks, that begin with what the one before taught",
    between(0.001, 100000));
}

}  // namespace vpunas
