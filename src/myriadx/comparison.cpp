#include "myriadx/comparison.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "myriadx/explanation.h"

namespace vpunas::myriadx {
namespace {

using Kind = StageDifference::Kind;

struct Listed {
  std::string name, layer;
  StageFacts facts;
};

std::vector<Listed> listed(const Mapping& mapping) {
  std::vector<Listed> list;
  for (const Stage& stage : mapping.stages)
    list.push_back({stage.name, mapping.graph.nodes[size_t(stage.node)].name, facts(stage)});
  return list;
}

std::vector<Listed> listed(const CompiledNetwork& network) {
  std::vector<Listed> list;
  for (const CompiledStage& stage : network.stages) {
    const auto layer = stage.attributes.find("origLayer.name");
    list.push_back(
        {stage.name, layer == stage.attributes.end() ? "" : layer->second, facts(stage)});
  }
  return list;
}

// Of pairing two stages; a gap costs kGap, so that stages of different operations never pair.
constexpr int kGap = 2;
int cost(const Listed& a, const Listed& b) {
  if (a.facts == b.facts) return 0;
  if (a.facts.at("op") != b.facts.at("op")) return 2 * kGap + 1;
  return a.layer == b.layer ? 2 : 3;
}

// Keeps of two maps what differs.
void keep_differences(StageFacts& a, StageFacts& b) {
  for (auto i = a.begin(); i != a.end();) {
    const auto other = b.find(i->first);
    if (other != b.end() && other->second == i->second) {
      b.erase(other);
      i = a.erase(i);
    } else {
      ++i;
    }
  }
}

int64_t integer(const CompiledStage& stage, const char* key) {
  const auto found = stage.attributes.find(key);
  const double value =
      found == stage.attributes.end() ? 0 : parse_number(found->second).value_or(0);
  return static_cast<int64_t>(std::clamp(value, 0.0, 1e9));
}

// Cycles a pixel, where a pooling reads kx ky pixels a descriptor.
int64_t cycles_per_pixel(const CompiledStage& stage, const std::string& op) {
  if (op != "POOL") return integer(stage, "tiling.cost");
  return integer(stage, "tiling.numDescr") * integer(stage, "kernelSizeX") *
         integer(stage, "kernelSizeY");
}

}  // namespace

StageFacts facts(const Stage& stage) {
  StageFacts facts = {{"op", operation(stage)},
                      {"in", cat(stage.input)},
                      {"out", cat(stage.output)},
                      {"to", place_name(stage.output_place)},
                      {"in shadow", stage.in_shadow ? "yes" : "no"}};
  // Which input of an addition comes first says nothing.
  if (facts["op"] != "Sum") facts["from"] = place_name(stage.input_place);
  if (stage.engine == Engine::shave) facts["SHAVEs"] = cat(stage.shaves);
  if (stage.engine != Engine::nce) return facts;
  facts["mode"] = mode_name(stage.mode);
  facts["descriptors"] = cat(stage.descriptors);
  facts["cycles"] = cat(stage.cycles());
  return facts;
}

StageFacts facts(const CompiledStage& stage) {
  const bool nce = stage.type == "MyriadXHwOp", dma = stage.type == "Copy";
  const auto attribute = [&](const char* key) {
    const auto found = stage.attributes.find(key);
    return found == stage.attributes.end() ? std::string() : found->second;
  };
  StageFacts facts = {{"op", nce ? attribute("hwOpType") : stage.type},
                      {"in", cat(stage.input)},
                      {"out", cat(stage.output)},
                      {"to", place_name(stage.output_place)},
                      {"in shadow", stage.in_shadow ? "yes" : "no"}};
  const std::string op = facts["op"];
  if (op != "Sum") facts["from"] = place_name(stage.input_place);
  if (!nce && !dma) facts["SHAVEs"] = attribute("numSHAVEs");
  if (!nce) return facts;
  const std::string mode = attribute("tiling.mode"), prefix = "MODE_";
  facts["mode"] = mode.starts_with(prefix) ? mode.substr(prefix.size()) : mode;
  facts["descriptors"] = attribute("tiling.numDescr");
  const int64_t pixels = int64_t{stage.output.h} * stage.output.w * (op == "CONV_POOL" ? 4 : 1);
  facts["cycles"] = cat(pixels * cycles_per_pixel(stage, op));
  return facts;
}

Comparison compare(const Mapping& mapping, const CompiledNetwork& compiled) {
  std::vector<Listed> ours = listed(mapping), theirs = listed(compiled);
  const size_t n = ours.size(), m = theirs.size();
  // least[i][j]: the least cost of pairing ours from i on with theirs from j on.
  std::vector<std::vector<int>> least(n + 1, std::vector<int>(m + 1));
  for (size_t i = n + 1; i-- > 0;) {
    for (size_t j = m + 1; j-- > 0;) {
      if (i == n || j == m) {
        least[i][j] = kGap * int(n - i + m - j);
      } else {
        least[i][j] = std::min({least[i + 1][j + 1] + cost(ours[i], theirs[j]),
                                least[i + 1][j] + kGap, least[i][j + 1] + kGap});
      }
    }
  }
  Comparison result{int(n), int(m), 0, {}};
  for (size_t i = 0, j = 0; i < n || j < m;) {
    const bool both = i < n && j < m;
    if (both && least[i][j] == least[i + 1][j + 1] + cost(ours[i], theirs[j])) {
      if (ours[i].facts == theirs[j].facts) {
        ++result.equal;
      } else {
        keep_differences(ours[i].facts, theirs[j].facts);
        result.differences.push_back(
            {Kind::different, ours[i].name, ours[i].facts, theirs[j].facts});
      }
      ++i, ++j;
    } else if (i < n && least[i][j] == least[i + 1][j] + kGap) {
      result.differences.push_back({Kind::extra, ours[i].name, ours[i].facts, {}});
      ++i;
    } else {
      result.differences.push_back({Kind::missing, theirs[j].name, {}, theirs[j].facts});
      ++j;
    }
  }
  return result;
}

Json to_json(const Comparison& comparison) {
  Json differences = Json::array();
  for (const StageDifference& d : comparison.differences) {
    const char* kind = d.kind == Kind::missing ? "missing"
                       : d.kind == Kind::extra ? "extra"
                                               : "different";
    differences.push_back(
        {{"stage", d.stage}, {"kind", kind}, {"ours", d.ours}, {"compiler", d.compiler}});
  }
  return {{"stages", comparison.compiler},
          {"ours", comparison.ours},
          {"equal", comparison.equal},
          {"differences", std::move(differences)}};
}

}  // namespace vpunas::myriadx
