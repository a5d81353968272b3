// 16-bit floating point numbers, as files hold them.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace vpunas {

// IEEE 754 binary16.
struct Half {
  uint16_t bits;
  operator float() const {
    const uint32_t sign = uint32_t{bits & 0x8000u} << 16;
    const uint32_t exponent = (bits >> 10) & 31u;
    const uint32_t mantissa = bits & 1023u;
    if (exponent == 0) return (sign ? -1.0f : 1.0f) * std::ldexp(static_cast<float>(mantissa), -24);
    const uint32_t wide_exponent = exponent == 31 ? 255 : exponent + (127 - 15);
    return std::bit_cast<float>(sign | wide_exponent << 23 | mantissa << 13);
  }
};

// The upper half of a float32.
struct BrainFloat {
  uint16_t bits;
  operator float() const { return std::bit_cast<float>(uint32_t{bits} << 16); }
};

}  // namespace vpunas
