// A reader of files under test: any bytes must be read or refused with an Error.
#pragma once

#include <string_view>

namespace vpunas::fuzz {

void run(std::string_view bytes);

}  // namespace vpunas::fuzz
