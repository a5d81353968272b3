// The passes of depthwise.h over a share of the work, as each target has them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include "kernels/depthwise.h"

namespace vpunas::kernels {

// How the work on n images of `rows` rows is cut into items: groups of whole images where they are
// small, bands of rows where they are large.
struct Cut {
  int64_t n = 0;
  int rows = 0;
  int64_t images = 1;  // an item
  int band = 1;        // rows an item

  struct Item {
    int64_t first_image, last_image;
    int first_row, last_row;
    int64_t size() const { return (last_image - first_image) * (last_row - first_row); }
  };

  int64_t bands() const { return (rows + band - 1) / band; }
  int64_t items() const { return (n + images - 1) / images * bands(); }

  // Item i's part of all n * rows, as [first, last).
  std::pair<int64_t, int64_t> span(int64_t i) const {
    const Item it = item(i);
    return {it.first_image * rows + it.first_row, (it.last_image - 1) * rows + it.last_row};
  }
  Item item(int64_t i) const {
    const int64_t image = i / bands() * images;
    const int row = static_cast<int>(i % bands()) * band;
    return {image, std::min(n, image + images), row, std::min(rows, row + band)};
  }
};

// Fetches an item's part of a tensor into the second cache, a piece a call, while the item before
// it is worked on: vectors of channels lie too far apart for the processor to foresee.
class Ahead {
 public:
  // Of `elements` of T; `calls` is how often next() will be called.
  template <class T>
  Ahead(const T* tensor, int64_t elements, const Cut& cut, int64_t item, int64_t last_item,
        int64_t calls) {
    if (tensor == nullptr || item >= last_item) return;
    const auto [first, last] = cut.span(item);
    const int64_t row = elements / (cut.n * cut.rows) * static_cast<int64_t>(sizeof(T));
    at_ = reinterpret_cast<const char*>(tensor) + first * row;
    end_ = at_ + (last - first) * row;
    step_ = ((last - first) * row / std::max<int64_t>(1, calls) / line + 1) * line;
  }
  void next() {
    const char* until = at_ + std::min<int64_t>(step_, end_ - at_);
    for (; at_ < until; at_ += line) __builtin_prefetch(at_, 0, 2);
  }

 private:
  static constexpr int64_t line = 64;
  const char* at_ = nullptr;
  const char* end_ = nullptr;
  int64_t step_ = 0;
};

// Taps are [blocks][phases][kernel][taps_of(kernel, stride)][lanes], where a block is the channels
// of one vector. Forward has one phase and all taps; see taps_of for backward.
template <class T>
struct ForwardWork {
  DepthwiseShape shape;
  const T* x;
  Normalise before;
  const float* taps;
  T* y;
  Cut cut;
};
template <class T>
struct BackwardWork {
  DepthwiseShape shape;
  const T* x;
  Normalise before;
  const float* taps;
  OutputGradient<T> dy;
  T* dz;
  Cut cut;
};

// The input's gradient at column stride * m + phase depends on every stride-th tap only: on
// taps_of() of them, backwards, from tap first_tap() on (a missing one is 0).
constexpr int taps_of(int kernel, int stride) { return (kernel + stride - 1) / stride; }
constexpr int first_tap(int kernel, int stride, int phase) { return (phase + kernel / 2) % stride; }
constexpr int count_taps(int kernel, int stride, int phase) {
  return (kernel - first_tap(kernel, stride, phase) + stride - 1) / stride;
}

// Items [first, last). Sums are added to [2][blocks * lanes] doubles, weight gradients to
// [blocks][kernel * kernel][lanes], or nowhere (null).
template <class T>
struct DepthwisePasses {
  size_t lanes;
  void (*forward)(const ForwardWork<T>& work, int64_t first, int64_t last, double* sums);
  void (*backward)(const BackwardWork<T>& work, int64_t first, int64_t last, double* sums,
                   double* dweight);
};

}  // namespace vpunas::kernels
