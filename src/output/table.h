// Text tables for terminals.
#pragma once

#include <string>
#include <vector>

namespace vpunas {

// Columns aligned; a cell that reads as a number is aligned to the right.
std::string text_table(const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& rows);

}  // namespace vpunas
