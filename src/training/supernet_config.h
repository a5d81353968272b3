// The settings of a supernet's training.
#pragma once

#include "base/config.h"
#include "training/recipe.h"

namespace vpunas {

struct SupernetConfig {
  double epochs = 1;
  bool projections = true;
  double residual_scale = 0.25;
  double clip_norm = 5;
  Recipe recipe;
};
template <class Fields>
void fields(Fields& f, SupernetConfig& c) {
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

}  // namespace vpunas
