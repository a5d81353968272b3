#include "pipeline/samples.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <map>
#include <numeric>

#include "base/text.h"
#include "data/image_file.h"
#include "training/module.h"

namespace vpunas {
namespace {

constexpr int64_t kMostImages = 10'000;
constexpr size_t kSpread = 24, kMistakes = 12, kConfusions = 12, kTop = 3;
constexpr int kLongestSide = 96;  // of a picture in the report: three dozen of them are one page

// What the network makes of one image.
struct Judged {
  int64_t image;
  int label;
  std::vector<Guess> top;
  bool right() const { return static_cast<size_t>(label) == top.front().output; }
};

std::string picture(const ImageSet& images, int64_t index) {
  Image image{images.shape, std::vector<uint8_t>(static_cast<size_t>(images.shape.bytes()))};
  images.load(index, image.pixels.data());
  const int longest = std::max(image.shape.height, image.shape.width);
  if (longest > kLongestSide) {
    const auto shrunk = [&](int side) { return std::max(1, side * kLongestSide / longest); };
    image = resize(image, shrunk(image.shape.height), shrunk(image.shape.width));
  }
  return base64(png_bytes(image));
}

// The first image of each class, then the second, until there are enough; of more classes than
// that some, evenly.
std::vector<size_t> spread(const std::vector<Judged>& guesses, size_t classes) {
  std::vector<std::vector<size_t>> of_class(classes);
  for (size_t i = 0; i < guesses.size(); ++i)
    of_class[static_cast<size_t>(guesses[i].label)].push_back(i);
  std::erase_if(of_class, [](const auto& list) { return list.empty(); });
  std::vector<size_t> out;
  const size_t taken = std::min(kSpread, of_class.size());
  for (size_t round = 0; out.size() < kSpread && round < guesses.size(); ++round) {
    for (size_t k = 0; k < taken && out.size() < kSpread; ++k) {
      const auto& list = of_class[k * of_class.size() / taken];
      if (round < list.size()) out.push_back(list[round]);
    }
  }
  std::ranges::stable_sort(out, {}, [&](size_t i) { return guesses[i].label; });
  return out;
}

std::vector<size_t> surest_mistakes(const std::vector<Judged>& guesses) {
  std::vector<size_t> out;
  for (size_t i = 0; i < guesses.size(); ++i)
    if (!guesses[i].right()) out.push_back(i);
  std::ranges::stable_sort(out, std::greater<>(),
                           [&](size_t i) { return guesses[i].top.front().probability; });
  if (out.size() > kMistakes) out.resize(kMistakes);
  return out;
}

Json confusions(const std::vector<Judged>& guesses) {
  std::map<std::pair<int, size_t>, int64_t> counts;
  for (const Judged& guess : guesses)
    if (!guess.right()) ++counts[{guess.label, guess.top.front().output}];
  std::vector<std::pair<std::pair<int, size_t>, int64_t>> sorted(counts.begin(), counts.end());
  std::ranges::stable_sort(sorted, std::greater<>(), [](const auto& one) { return one.second; });
  Json out = Json::array();
  for (size_t i = 0; i < std::min(kConfusions, sorted.size()); ++i) {
    out.push_back({{"label", sorted[i].first.first},
                   {"predicted", sorted[i].first.second},
                   {"images", sorted[i].second}});
  }
  return out;
}

}  // namespace

Json samples(const std::vector<float>& logits, const ImageSet& images,
             const std::vector<std::string>& classes) {
  assert(logits.size() == static_cast<size_t>(images.size()) * classes.size());
  std::vector<Judged> guesses;
  for (int64_t i = 0; i < images.size(); ++i) {
    const std::span row(logits.data() + static_cast<size_t>(i) * classes.size(), classes.size());
    guesses.push_back({i, images.labels[static_cast<size_t>(i)], likeliest(row, kTop)});
  }
  const auto told = [&](const std::vector<size_t>& which) {
    Json out = Json::array();
    for (const size_t i : which) {
      const Judged& guess = guesses[i];
      Json top = Json::array();
      for (const Guess& likely : guess.top)
        top.push_back({{"class", likely.output}, {"probability", likely.probability}});
      out.push_back({{"label", guess.label}, {"top", top}, {"png", picture(images, guess.image)}});
    }
    return out;
  };
  return {{"classes", classes},
          {"images", images.size()},
          {"mistakes", std::ranges::count_if(guesses, [](const Judged& g) { return !g.right(); })},
          {"spread", told(spread(guesses, classes.size()))},
          {"surest_mistakes", told(surest_mistakes(guesses))},
          {"confusions", confusions(guesses)}};
}

Json samples(const Graph& graph, const Weights& weights, const ImageSet& images,
             const std::vector<std::string>& classes) {
  const int64_t step = (images.size() + kMostImages - 1) / std::max(int64_t{1}, kMostImages);
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < images.size(); i += std::max(int64_t{1}, step)) indices.push_back(i);
  const ImageSet some = subset(images, indices);
  return samples(training_module().logits(graph, weights, some, usual_batch), some, classes);
}

}  // namespace vpunas
