// Our mapping beside Intel's compiler's, stage by stage.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/files.h"
#include "myriadx/compiler.h"
#include "myriadx/mapping.h"

namespace vpunas::myriadx {

// What both tell of a stage, by field: "op", "in", "out", "from", "to", "mode", "descriptors", ...
using StageFacts = std::map<std::string, std::string>;
StageFacts facts(const Stage& stage);
StageFacts facts(const CompiledStage& stage);

struct StageDifference {
  enum class Kind { different, missing, extra };  // missing: only the compiler has the stage
  Kind kind = Kind::different;
  std::string stage;
  StageFacts ours, compiler;  // of a stage that both have only the fields that differ
};

struct Comparison {
  int ours = 0, compiler = 0, equal = 0;  // stages
  std::vector<StageDifference> differences;
};

// The least difference between the two lists in order, as a text diff finds it.
Comparison compare(const Mapping& mapping, const CompiledNetwork& compiled);

Json to_json(const Comparison& comparison);

}  // namespace vpunas::myriadx
