// A small counter-based random generator: the same numbers on every platform, and any point of a
// sequence reached at once, so that resuming needs no saved generator.
#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

namespace vpunas {

// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
class Random {
  __extension__ using uint128 = unsigned __int128;

 public:
  // A stream of its own for every list of keys, as {seed, step, slot}.
  explicit Random(std::initializer_list<uint64_t> keys) {
    for (const uint64_t key : keys) state_ = mix(state_ + key + increment);
  }
  uint64_t next() { return mix(state_ += increment); }
  // In [0, 1).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  // In [0, n), n > 0. The bias is under n / 2^64.
  int64_t below(int64_t n) {
    return static_cast<int64_t>((static_cast<uint128>(next()) * static_cast<uint64_t>(n)) >> 64);
  }
  // Standard normal (Box and Muller 1958).
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(6.283185307179586 * uniform());
  }
  template <class T>
  void shuffle(std::vector<T>& values) {
    for (size_t i = values.size(); i > 1; --i)
      std::swap(values[i - 1], values[below(static_cast<int64_t>(i))]);
  }

 private:
  static constexpr uint64_t increment = 0x9e3779b97f4a7c15;
  static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t state_ = 0;
};

}  // namespace vpunas
