// Vectors of floats from and to memory of either storage, for one target at a time (Highway
// includes this file once for each). A vector holds `lanes` neighbouring channels of a pixel.
#if defined(VPUNAS_KERNELS_SIMD) == defined(HWY_TARGET_TOGGLE)
#ifdef VPUNAS_KERNELS_SIMD
#undef VPUNAS_KERNELS_SIMD
#else
#define VPUNAS_KERNELS_SIMD
#endif

#include <hwy/highway.h>

#include <cstring>

#include "kernels/types.h"

// Accumulators are registers only where loops over them are unrolled.
#define VPUNAS_UNROLL _Pragma("GCC unroll 64")

HWY_BEFORE_NAMESPACE();
namespace vpunas::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Halves = hn::Rebind<uint16_t, Floats>;
using V = hn::Vec<Floats>;
constexpr Floats floats;
constexpr size_t lanes = hn::MaxLanes(floats);

HWY_INLINE V widen(hn::Vec<Halves> bits) {
  const hn::Rebind<uint32_t, Floats> words;
  return hn::BitCast(floats, hn::ShiftLeft<16>(hn::PromoteTo(words, bits)));
}

// As to_bfloat16; a processor that rounds itself makes 0 of subnormal numbers.
HWY_INLINE hn::Vec<Halves> narrow(V v) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
  if (HWY_LIKELY(rounds_to_bfloat16)) {
    hn::Vec<Halves> rounded;
    asm("vcvtneps2bf16 %1, %0" : "=v"(rounded.raw) : "v"(v.raw));
    return rounded;
  }
#endif
  const hn::Rebind<uint32_t, Floats> words;
  const auto bits = hn::BitCast(words, v);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(words, 1));
  const auto rounded = hn::Add(bits, hn::Add(odd, hn::Set(words, 0x7FFF)));
  const auto quiet = hn::Or(bits, hn::Set(words, 0x400000));
  const auto is_nan = hn::RebindMask(words, hn::IsNaN(v));
  const auto upper = hn::ShiftRight<16>(hn::IfThenElse(is_nan, quiet, rounded));
  return hn::TruncateTo(Halves(), upper);
}

// The first `count` elements, 0 behind them. Memory behind them is not touched: only AVX-512 has
// masks that keep to this for both element types.
template <class Tag, class Element>
HWY_INLINE hn::Vec<Tag> load_first(Tag tag, const Element* from, size_t count) {
  if (HWY_LIKELY(count >= lanes)) return hn::LoadU(tag, from);
#if HWY_TARGET <= HWY_AVX3
  return hn::MaskedLoad(hn::FirstN(tag, count), tag, from);
#else
  HWY_ALIGN Element buffer[lanes] = {};
  std::memcpy(buffer, from, count * sizeof(Element));
  return hn::Load(tag, buffer);
#endif
}

template <class Tag, class Element>
HWY_INLINE void store_first(hn::Vec<Tag> v, Tag tag, Element* to, size_t count) {
  if (HWY_LIKELY(count >= lanes)) {
    hn::StoreU(v, tag, to);
    return;
  }
#if HWY_TARGET <= HWY_AVX3
  hn::BlendedStore(v, hn::FirstN(tag, count), tag, to);
#else
  HWY_ALIGN Element buffer[lanes];
  hn::Store(v, tag, buffer);
  std::memcpy(to, buffer, count * sizeof(Element));
#endif
}

HWY_INLINE V load(const float* from, size_t count) { return load_first(floats, from, count); }
HWY_INLINE V load(const Bfloat16* from, size_t count) {
  return widen(load_first(Halves(), reinterpret_cast<const uint16_t*>(from), count));
}
HWY_INLINE void store(V v, float* to, size_t count) { store_first(v, floats, to, count); }
HWY_INLINE void store(V v, Bfloat16* to, size_t count) {
  store_first(narrow(v), Halves(), reinterpret_cast<uint16_t*>(to), count);
}

// Not-a-number stays what it is, so that a diverged training is noticed: on x86 by the order of
// operands.
HWY_INLINE V clamp(V v, V low, V high) {
  const V clamped = hn::Min(high, hn::Max(low, v));
  return HWY_ARCH_X86 ? clamped : hn::IfThenElse(hn::IsNaN(v), v, clamped);
}
HWY_INLINE auto is_inside(V v, V low, V high) { return hn::And(hn::Gt(v, low), hn::Lt(v, high)); }

// Normalise and NormGradient for one vector of channels.
struct NormaliseVector {
  V scale, shift, low, high;
  NormaliseVector(const Normalise& n, size_t channel, size_t count)
      : scale(n.scale ? load(n.scale + channel, count) : hn::Set(floats, 1.0F)),
        shift(n.shift ? load(n.shift + channel, count) : hn::Zero(floats)),
        low(hn::Set(floats, n.clamp.low)),
        high(hn::Set(floats, n.clamp.high)) {}
  V operator()(V x) const { return clamp(hn::MulAdd(x, scale, shift), low, high); }
  // g where the activation lets it through.
  V masked(V g, V x) const {
    return hn::IfThenElseZero(is_inside(hn::MulAdd(x, scale, shift), low, high), g);
  }
};
struct NormGradientVector {
  V a, b, d;
  NormGradientVector(const NormGradient& n, size_t channel, size_t count)
      : a(load(n.a + channel, count)),
        b(load(n.b + channel, count)),
        d(load(n.d + channel, count)) {}
  V operator()(V g, V x) const { return hn::MulAdd(a, g, hn::MulAdd(b, x, d)); }
};

HWY_INLINE void add_to(double* sums, V v) {
  HWY_ALIGN float values[lanes];
  hn::Store(v, floats, values);
  for (size_t i = 0; i < lanes; ++i) sums[i] += static_cast<double>(values[i]);
}

// Two sums a channel: in floats for a while, and in doubles ([2, stride]) before rounding counts.
struct SumPair {
  V first, second;
  size_t pixels = 0;
  // Written out, because what a compiler makes itself is not made for the target.
  SumPair() : first(hn::Zero(floats)), second(hn::Zero(floats)) {}
  void add(V value, V factor) {
    first = hn::Add(first, value);
    second = hn::MulAdd(value, factor, second);
  }
  void flush_after(size_t more, double* into, size_t stride, size_t limit = 256) {
    pixels += more;
    if (pixels < limit) return;
    add_to(into, first);
    add_to(into + stride, second);
    *this = {};
  }
};

}  // namespace vpunas::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
