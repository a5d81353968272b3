// The settings of a search, without those of training its shared weights.
#pragma once

#include <string>
#include <vector>

#include "base/config.h"

namespace vpunas {

struct StrategyConfig {
  std::string algorithm = "linear";
  int networks = 200;
  int held_out_images = 512;
  int arch_steps = 250;
  int arch_batch_size = 64;
  double arch_lr = 0.05;
  double budget_floor = 0.88;
  int shortlist = 10;
};
template <class Fields>
void fields(Fields& f, StrategyConfig& c) {
  f("algorithm", c.algorithm,
    "linear (a linear accuracy predictor of supernet losses), gates (two binarised paths, "
    "ProxylessNAS), gumbel (hard Gumbel-softmax, FBNet), random or evolution (SPOS); gates and "
    "gumbel are differentiable",
    one_of({"linear", "gates", "gumbel", "random", "evolution"}));
  f("networks", c.networks, "networks that linear, random and evolution evaluate for a budget",
    between(4, 1000000));
  f("held_out_images", c.held_out_images, "images on which each of them is evaluated",
    between(1, 1000000));
  f("arch_steps", c.arch_steps, "steps of gates and gumbel on the architecture parameters",
    between(1, 1000000));
  f("arch_batch_size", c.arch_batch_size, "held-out images of such a step", between(1, 65536));
  f("arch_lr", c.arch_lr,
    "rate of the architecture parameters, which their gradients are scaled to", between(0, 10));
  f("budget_floor", c.budget_floor, "choose networks that use at least this share of the budget",
    between(0, 1));
  f("shortlist", c.shortlist,
    "best networks by the architecture parameters and the tables whose latency is estimated as a "
    "whole",
    between(1, 1000));
}

struct SearchConfig {
  StrategyConfig strategy;
  std::vector<double> sweep = {0.7, 0.85, 1.2, 1.4};
  int trained_alone = 0;
  std::vector<double> fidelities = {1};
};
template <class Fields>
void fields(Fields& f, SearchConfig& c) {
  fields(f, c.strategy);
  f("sweep", c.sweep,
    "further budgets, as shares of the first, for each of which a network is chosen, too");
  f("trained_alone", c.trained_alone,
    "networks that are trained from scratch for each budget, to correct the architecture "
    "parameters of linear, gates or gumbel (0: none)",
    between(0, 10000));
  f("fidelities", c.fidelities,
    "passes over the training images for each of them, by the recipe of train; further numbers are "
    "further rounds, each of half as many networks, that begin with what the one before taught",
    between(0.001, 100000));
}

// Throws Error where such a search cannot be.
void check(const SearchConfig& config);

}  // namespace vpunas
