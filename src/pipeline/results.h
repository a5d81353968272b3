// The results of stages as the JSON of docs/formats.md.
#pragma once

#include "base/files.h"
#include "device/client.h"
#include "latency/latency.h"
#include "pipeline/run.h"
#include "search/search.h"
#include "training/train.h"

namespace vpunas {

Json to_json(const Latency& latency);
Json to_json(const SearchResult& result);
Json to_json(const std::vector<CurvePoint>& curve);
Json to_json(const Measurement& measurement);  // the figures, not the samples

// The run in one page of figures, of what its folder has.
Json run_result(const Run& run);

}  // namespace vpunas
