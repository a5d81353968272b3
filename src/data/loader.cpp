#include "data/loader.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

#include "base/error.h"
#include "base/random.h"

namespace vpunas {

namespace {

// Apart from other uses of the seed.
constexpr uint64_t order_stream = 0x6f72646572;
constexpr uint64_t augment_stream = 0x6175676d656e74;

// Makes batches by their number, in threads, and hands them out in order. At most two batches a
// thread wait.
class Queue {
 public:
  // Makes the batch `number`; may return anything once it was asked to stop.
  using Make = std::function<Batch(int64_t number, const std::stop_token& stop)>;

  Queue(Make make, int64_t first, int threads)
      : make_(std::move(make)),
        taken_(first),
        position_(first),
        slots_(2 * static_cast<size_t>(threads)) {
    for (int i = 0; i < threads; ++i)
      threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
  ~Queue() {
    for (std::jthread& thread : threads_) thread.request_stop();
  }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  Batch next() {
    const auto start = std::chrono::steady_clock::now();
    Batch batch = threads_.empty() ? make_(position_, {}) : wait();
    waited_ += std::chrono::steady_clock::now() - start;
    ++position_;
    return batch;
  }
  int64_t position() const { return position_; }
  double waited_seconds() const { return waited_.count(); }

 private:
  struct Slot {
    bool ready = false;
    Batch batch;
    std::exception_ptr error;
  };
  Slot& slot(int64_t number) { return slots_[static_cast<size_t>(number) % slots_.size()]; }

  Batch wait() {
    std::unique_lock lock(mutex_);
    Slot& mine = slot(position_);
    filled_.wait(lock, [&] { return mine.ready; });
    if (mine.error) std::rethrow_exception(mine.error);  // and again at the next call
    mine.ready = false;
    handed_out_ = position_ + 1;
    Batch batch = std::move(mine.batch);
    lock.unlock();
    room_.notify_one();
    return batch;
  }

  void work(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const auto has_room = [&] {
      return taken_ < handed_out_ + static_cast<int64_t>(slots_.size());
    };
    while (room_.wait(lock, stop, has_room) && !stop.stop_requested()) {
      const int64_t number = taken_++;
      lock.unlock();
      Slot made{true, {}, {}};
      try {
        made.batch = make_(number, stop);
      } catch (...) {
        made.error = std::current_exception();
      }
      lock.lock();
      slot(number) = std::move(made);
      filled_.notify_one();
    }
  }

  Make make_;
  std::mutex mutex_;
  std::condition_variable_any filled_, room_;
  int64_t taken_;                   // batches that a thread makes or has made (under mutex_)
  int64_t position_;                // next()'s own
  int64_t handed_out_ = position_;  // position_, for the threads (under mutex_)
  std::chrono::duration<double> waited_{0};
  std::vector<Slot> slots_;
  std::vector<std::jthread> threads_;  // last: they end before what they use
};

// The endless sequence of shuffled epochs.
class Order {
 public:
  Order(int64_t images, uint64_t seed) : images_(images), seed_(seed) {}

  // Element `number` of the sequence; called from several threads.
  int64_t operator[](int64_t number) {
    const std::scoped_lock lock(mutex_);
    return epoch(number / images_)[static_cast<size_t>(number % images_)];
  }

 private:
  // Two epochs are kept, because threads work on both sides of an epoch's end.
  const std::vector<int64_t>& epoch(int64_t number) {
    Epoch& epoch = epochs_[static_cast<size_t>(number % 2)];
    if (epoch.number != number) {
      epoch.number = number;
      epoch.order.resize(static_cast<size_t>(images_));
      for (int64_t i = 0; i < images_; ++i) epoch.order[static_cast<size_t>(i)] = i;
      Random{seed_, order_stream, static_cast<uint64_t>(number)}.shuffle(epoch.order);
    }
    return epoch.order;
  }

  struct Epoch {
    int64_t number = -1;
    std::vector<int64_t> order;
  };
  int64_t images_;
  uint64_t seed_;
  std::mutex mutex_;
  std::array<Epoch, 2> epochs_;
};

Batch allocate(const ImageSet& images, size_t count) {
  Batch batch;
  batch.count = static_cast<int>(count);
  batch.pixels.resize(count * static_cast<size_t>(images.shape.bytes()));
  batch.labels.resize(count);
  return batch;
}

void require_sane(const ImageSet& images, int batch_size, int threads) {
  if (images.size() == 0) fail("there are no images to load");
  if (batch_size < 1) fail("a batch of ", batch_size, " images is none; give at least 1");
  if (threads < 0 || threads > 1024) fail(threads, " threads cannot load images; give 0 to 1024");
}

}  // namespace

struct Loader::State {
  State(ImageSet from, Augmentation with, int batch_size, uint64_t from_seed, int64_t first,
        int threads, int part, int parts)
      : images(std::move(from)),
        augmentation(std::move(with)),
        seed(from_seed),
        order(images.size(), seed),
        queue(
            [this, batch_size, part, parts](int64_t number, const std::stop_token& stop) {
              return make((number * parts + part) * batch_size, batch_size, stop);
            },
            first, threads) {}

  Batch make(int64_t first_image, int batch_size, const std::stop_token& stop) {
    Batch batch = allocate(images, static_cast<size_t>(batch_size));
    std::vector<uint8_t> scratch;
    for (int i = 0; i < batch_size && !stop.stop_requested(); ++i) {
      uint8_t* out = batch.pixels.data() + i * images.shape.bytes();
      const int64_t index = load(first_image + i, scratch, out, batch.skipped);
      batch.labels[static_cast<size_t>(i)] = images.labels[static_cast<size_t>(index)];
    }
    return batch;
  }

  // Element `number` of the sequence, or the next good one after it; returns its index.
  int64_t load(int64_t number, std::vector<uint8_t>& scratch, uint8_t* out,
               std::vector<BadImage>& skipped) {
    for (int64_t next = number; next < number + images.size(); ++next) {
      const int64_t index = order[next];
      try {
        load_augmented(images, index, augmentation,
                       Random{seed, augment_stream, static_cast<uint64_t>(number)}, scratch, out);
        return index;
      } catch (const BadImage& bad) {
        if (!images.skip) throw;
        skipped.push_back(bad);
      }
    }
    fail("none of ", images.size(), " images can be decoded; last: ", skipped.back().what());
  }

  ImageSet images;
  Augmentation augmentation;
  uint64_t seed;
  Order order;
  Queue queue;
};

Loader::Loader(ImageSet images, const Augmentation& augmentation, int batch_size, uint64_t seed,
               int64_t first_batch, int threads, int part, int parts) {
  require_sane(images, batch_size, threads);
  check(augmentation);
  assert(first_batch >= 0 && part >= 0 && part < parts);
  state_ = std::make_unique<State>(std::move(images), augmentation, batch_size, seed, first_batch,
                                   threads, part, parts);
}
Loader::~Loader() = default;
Loader::Loader(Loader&&) noexcept = default;
Loader& Loader::operator=(Loader&&) noexcept = default;
Batch Loader::next() {
  Batch batch = state_->queue.next();
  for (const BadImage& bad : batch.skipped) state_->images.skip(bad);
  return batch;
}
int64_t Loader::position() const { return state_->queue.position(); }
double Loader::waited_seconds() const { return state_->queue.waited_seconds(); }

struct SequentialLoader::State {
  State(const ImageSet& images, int batch_size, int threads)
      : batches((images.size() + batch_size - 1) / batch_size),
        queue(
            [=](int64_t number, const std::stop_token& stop) {
              const int64_t first = number * batch_size;
              // Threads run ahead beyond the end, where batches are empty.
              const int64_t count = std::clamp<int64_t>(images.size() - first, 0, batch_size);
              Batch batch = allocate(images, static_cast<size_t>(count));
              for (int64_t i = 0; i < count && !stop.stop_requested(); ++i) {
                batch.labels[static_cast<size_t>(i)] =
                    images.labels[static_cast<size_t>(first + i)];
                images.load(first + i, batch.pixels.data() + i * images.shape.bytes());
              }
              return batch;
            },
            0, threads) {}
  int64_t batches;
  Queue queue;
};

SequentialLoader::SequentialLoader(ImageSet images, int batch_size, int threads) {
  if (batch_size < 1 || images.size() > 0) require_sane(images, batch_size, threads);
  state_ = std::make_unique<State>(images, batch_size, threads);
}
SequentialLoader::~SequentialLoader() = default;
std::optional<Batch> SequentialLoader::next() {
  if (state_->queue.position() == state_->batches) return std::nullopt;
  return state_->queue.next();
}

}  // namespace vpunas
