// Test images with what a trained network takes them for, for people to look at.
#pragma once

#include <string>
#include <vector>

#include "arch/weights.h"
#include "base/files.h"
#include "data/dataset.h"

namespace vpunas {

// The members of vpunas.samples/1: images spread evenly over the classes, the mistakes that the
// network is surest of, and the classes it confuses most. Of a large set every k-th image is
// looked at, so that at most 10,000 are.
Json samples(const Graph& graph, const Weights& weights, const ImageSet& images,
             const std::vector<std::string>& classes);

// The same from the logits of all of `images`, row by row.
Json samples(const std::vector<float>& logits, const ImageSet& images,
             const std::vector<std::string>& classes);

}  // namespace vpunas
