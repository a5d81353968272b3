// The mapping of whole graphs against every stage of every network that Intel's compiler mapped in
// the study: engine, operation, shapes, places, modes, descriptors, weights, cycles, SHAVEs,
// shadows, in order of execution.
#include <cstdio>

#include "myriadx/mapping.h"
#include "tests/myriadx/study_networks.h"

namespace vpunas::myriadx {
namespace {

constexpr const char* kModes[] = {"1_256", "2_128", "4_64", "8_32", "16_16"};

std::string shape_text(const Shape& s) { return cat(s.w, "x", s.h, "x", s.c); }
const char* place_text(Place place) { return place == Place::cmx ? "CMX" : "DDR"; }

std::string stage_text(const Stage& stage) {
  const char* engine = stage.engine == Engine::nce   ? "NCE"
                       : stage.engine == Engine::dma ? "DMA"
                                                     : "SHAVE";
  std::string text =
      cat(engine, stage.in_shadow ? " in shadow " : " ", shape_text(stage.input), " ");
  // Which input of an addition comes first depends on the exporter.
  if (stage.kind != "sum") text += place_text(stage.input_place);
  text += cat(" -> ", shape_text(stage.output), " ", place_text(stage.output_place));
  if (stage.engine == Engine::shave)
    text += cat(" ", compiler_type(stage), " SHAVEs ", stage.shaves);
  if (stage.engine != Engine::nce) return text;
  return text + cat(" ", kModes[stage.mode], " descriptors ", stage.descriptors, " weights ",
                    stage.weight_bytes, " cycles ", stage.cycles());
}

std::string stage_text(const Row& row) {
  const std::string& engine = row.at("engine");
  const auto shape = [](const std::string& text) {
    return text.find('x') == std::string::npos ? "1x1x" + text : text;
  };
  const auto place = [](const std::string& text) { return text == "CMX" ? "CMX" : "DDR"; };
  std::string text = cat(engine, row.at("injected_in").empty() ? " " : " in shadow ",
                         shape(row.at("in_wxhxc")), " ");
  if (row.at("type") != "Sum") text += place(row.at("in_loc"));
  text += cat(" -> ", shape(row.at("out_wxhxc")), " ", place(row.at("out_loc")));
  if (engine == "SHAVE") text += cat(" ", row.at("type"), " SHAVEs ", row.at("num_shaves"));
  if (engine != "NCE") return text;
  return text + cat(" ", row.at("nce_mode"), " descriptors ", row.at("n_descr"), " weights ",
                    row.at("wgt_bytes"), " cycles ", row.at("nce_cycles_out"));
}

using Lines = std::vector<std::string>;

// Where the first difference is, with both sides.
std::string first_difference(const Lines& ours, const Lines& theirs) {
  size_t i = 0;
  while (i < ours.size() && i < theirs.size() && ours[i] == theirs[i]) ++i;
  const auto line = [&](const Lines& lines) { return i < lines.size() ? lines[i] : "nothing"; };
  return cat("stage ", i, ": ours ", line(ours), ", the compiler's ", line(theirs));
}

TEST(CompiledNetworks, EveryStageIsTheCompilers) {
  VPUNAS_SHARED_OR_SKIP(folder);
  std::map<std::string, std::pair<int, int>> shares;  // exact, all
  const std::vector<Row> networks = read_csv(folder / "compiled_networks.csv.gz");
  for (const std::string streams : {"2", "1"}) {
    std::map<std::string, Lines> compiled;
    for (const Row& row : read_csv(folder / ("compiled_stages_" + streams + "stream.csv.gz")))
      compiled[row.at("id")].push_back(stage_text(row));
    for (const Row& row : networks) {
      if (row.at("streams") != streams) continue;
      const std::string& id = row.at("id");
      Lines ours;
      for (const Stage& stage :
           map(network_of(row), resources(std::stoi(streams)), Precision::fp32).stages)
        ours.push_back(stage_text(stage));
      Lines& theirs = compiled[id];
      if (id == "net_squeezenet1.1") {  // without the softmax, see squeezenet_1_1()
        theirs.erase(theirs.end() - 2);
      }
      auto& [exact, all] = shares[row.at("op")];
      ++all;
      exact += ours == theirs;
      if (ours != theirs)
        std::printf("  differs: %s (%s streams) %s\n", id.c_str(), streams.c_str(),
                    first_difference(ours, theirs).c_str());
    }
  }
  int exact = 0, all = 0;
  for (const auto& [op, share] : shares) {
    std::printf("%-20s %4d of %4d exact\n", op.c_str(), share.first, share.second);
    exact += share.first;
    all += share.second;
  }
  std::printf("%-20s %4d of %4d exact\n", "all", exact, all);
  EXPECT_EQ(all, int(networks.size()));
  EXPECT_EQ(exact, all);
}

}  // namespace
}  // namespace vpunas::myriadx
