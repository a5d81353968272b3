// Batches of training images, prepared by threads while the network learns.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "data/augment.h"
#include "data/dataset.h"

namespace vpunas {

struct Batch {
  int count = 0;
  std::vector<uint8_t> pixels;  // count images
  std::vector<int64_t> labels;
  std::vector<BadImage> skipped;  // and replaced
};

// An endless, shuffled sequence of full batches. The sequence depends on (seed, position) alone,
// not on threads, so that a resumed run sees what an unbroken one would have seen. Every epoch is a
// new permutation; batches run over its end. An image that ImageSet::skip leaves out is replaced by
// the next good one of the sequence.
class Loader {
 public:
  // `first_batch`: where to start. `threads` decode, at most two batches each ahead; 0 prepares in
  // next().
  // Of `parts` loaders that share every batch of the sequence, each by batch_size images, this one
  // has the `part`-th.
  Loader(ImageSet images, const Augmentation& augmentation, int batch_size, uint64_t seed,
         int64_t first_batch, int threads, int part = 0, int parts = 1);
  ~Loader();
  Loader(Loader&&) noexcept;
  Loader& operator=(Loader&&) noexcept;

  // Rethrows what a thread's load threw, and again when called again.
  Batch next();
  int64_t position() const;       // batches handed out, counted from the sequence's start
  double waited_seconds() const;  // how long next() waited for data

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The images in order, once, in batches of at most batch_size.
class SequentialLoader {
 public:
  SequentialLoader(ImageSet images, int batch_size, int threads);
  ~SequentialLoader();
  std::optional<Batch> next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vpunas
