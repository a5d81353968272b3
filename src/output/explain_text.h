// An explanation of a network's MyriadX latency (vpunas.explain/2) as text for terminals. Each
// function reads the JSON's part that it is named after and gives "" where there is none.
#pragma once

#include <string>

#include "base/files.h"

namespace vpunas {

std::string layers_text(const Json& explanation);
std::string stages_text(const Json& explanation);
std::string shares_text(const Json& explanation);

// The changes that would help most, at most `rows`, and of one kind at most three.
std::string what_if_text(const Json& explanation, size_t rows = 10);

// Intel's compiler beside our mapping: a line a difference, and "316 of 316 stages equal".
std::string compiler_text(const Json& explanation);

// "-2.10 ms (-2.90 to -1.30) against mobilenet_v2, 22.32 ms".
std::string against_text(const Json& explanation);

// "mobilenet_v2 3x224x224: 11.16 ms (...) for one of 2 streams on MYRIADX, 53.8 fps".
std::string total_text(const Json& explanation);

}  // namespace vpunas
