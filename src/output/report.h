// The run folder as one self-contained HTML file: no script or style from elsewhere, readable
// without a network.
#pragma once

#include <filesystem>
#include <string>

#include "base/files.h"

namespace vpunas {

// Reads what is there of search.json, latency.json, train/*/train.json,
// train/found/samples.json, export/*/export.json,
// benchmark.json, architectures/*.json, explain/*.json, result.json, run.json and config.toml; a
// part whose files are missing is left out and named at the end.
std::string report_html(const std::filesystem::path& run);

// The figures behind the report's pictures, as embedded in it: what tests check.
Json report_data(const std::filesystem::path& run);

}  // namespace vpunas
