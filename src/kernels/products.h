// Products of small matrices, which dense convolutions are made of.
#pragma once

#include <cstdint>

namespace vpunas::kernels {

// A processor's products, C = A * B or C += A * B with m, n, k > 0, in row-major order with rows
// lda, ldb and ldc elements apart. Behind the n columns of B and C (and the m of A's transpose)
// those up to the next multiple of 16 may be read, and of C written; what is there does not matter.
// Bfloat16 has B in pairs of rows, [k / 2][ldb][2], and an even k: what dot product instructions
// read.
template <class E>
struct Products {
  using Multiply = void(int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb, int64_t ldc,
                        bool add, const E* a, const E* b, float* c);
  Multiply* multiply = nullptr;
  // The same of A's transpose, [k][lda]; null where the caller has to turn it.
  Multiply* multiply_transposed = nullptr;
  // Called by a thread after its last product: some units keep state.
  void (*release)() = [] {};
};

// By multiply-adds of vectors, for any processor.
Products<float> vector_products();

}  // namespace vpunas::kernels
