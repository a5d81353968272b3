// Set-up of libtorch in this process.
#pragma once

#include <cstdint>
#include <string>

namespace vpunas {

// Call first in main(). Makes malloc keep freed memory and use huge pages, without which large
// tensors are returned to the system and faulted in again at every step. glibc reads the huge-page
// setting only at start-up, so the program starts itself once more with it set; the variable is
// removed again so that child processes do not inherit it.
void tune_allocator(char** argv);

// Threads of libtorch; 0: one a core.
void set_threads(int threads);

std::string torch_version();

// Peak resident memory of this process in bytes, and its processor time in seconds.
int64_t peak_memory();
double processor_seconds();

}  // namespace vpunas
