// What makes the report's figures interactive, as text that is built into the program.
#pragma once

#include <string_view>

namespace vpunas {

struct Scripts {
  std::string_view library;   // Apache ECharts; "" where setup could not fetch it
  std::string_view licence;   // of the library; whoever hands it on must hand that on, too
  std::string_view drawings;  // ours, with the library
};
Scripts scripts();

}  // namespace vpunas
