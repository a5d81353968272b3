// The mapping of whole graphs against every stage of every network that Intel's compiler mapped in
// the study and that our graphs can say: engine, shapes, places, modes, descriptors, weights,
// cycles, SHAVEs, shadows, in order of execution.
#include <cstdio>
#include <utility>

#include "base/error.h"
#include "myriadx/mapping.h"
#include "tests/myriadx/networks.h"
#include "tests/myriadx/shared_data.h"

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
  if (stage.engine == Engine::shave) text += cat(" SHAVEs ", stage.shaves);
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
  if (engine == "SHAVE") text += cat(" SHAVEs ", row.at("num_shaves"));
  if (engine != "NCE") return text;
  return text + cat(" ", row.at("nce_mode"), " descriptors ", row.at("n_descr"), " weights ",
                    row.at("wgt_bytes"), " cycles ", row.at("nce_cycles_out"));
}

// The study's MBConv blocks squeeze to a multiple of 8 rounded down.
BlockSpec block_of(const Row& row) {
  const std::string variant = row.at("op").substr(7);
  BlockSpec block{.kernel = number(row, "k"),
                  .expansion = double(number(row, "exp")),
                  .out_channels = number(row, "cout"),
                  .stride = number(row, "s")};
  if (variant == "hs" || variant == "hsse") block.act = Act::hswish;
  if (variant == "sw") block.act = Act::swish;
  if (variant == "se" || variant == "hsse" || variant == "sw") {
    const int expanded = number(row, "exp") * number(row, "cin");
    const int squeezed = std::max(8, expanded / 4 / 8 * 8);
    block.se = Se{.ratio = double(squeezed) / expanded,
                  .gate = variant == "sw" ? Act::sigmoid : Act::hsigmoid};
  }
  return block;
}

void add_act(Graph& graph, const std::string& act) {
  if (act.empty() || act == "none" || act == "linear") return;
  graph.add("act", Activation{parse_act(act)}, {int(graph.nodes.size()) - 1});
}

// The network of a row; an empty graph where ours cannot say it.
Graph network_of(const Row& row) {
  const std::string &op = row.at("op"), &id = row.at("id");
  const int side = number(row, "hw"), in = number(row, "cin"), out = number(row, "cout"),
            k = number(row, "k");
  Graph graph = from_input({in, side, side}, id);
  const auto is = [&](std::initializer_list<const char*> names) {
    return std::find(names.begin(), names.end(), op) != names.end();
  };
  if (op.rfind("mbconv_", 0) == 0) {
    lower(block_of(row), "block", 0, 1e-5, graph);
  } else if (id == "net_mobilenetv2" || id == "net_resnet18") {
    graph = zoo_network(id == "net_resnet18" ? "resnet18" : "mobilenet_v2");
    graph.add("softmax", Softmax{}, {int(graph.nodes.size()) - 1});
  } else if (is({"conv", "dwconv", "gconv"}) && row.at("act") != "prelu") {
    const int dilation = std::max(1, number(row, "dil"));
    Conv conv = convolution(out, k, number(row, "s"),
                            op == "dwconv" ? in : std::max(1, number(row, "groups")));
    const auto [kh, kw] = kernel_of(row);
    conv.kh = kh;
    conv.kw = kw;
    conv.dilation = dilation;
    conv.padding = {kh / 2 * dilation, kw / 2 * dilation, kh / 2 * dilation, kw / 2 * dilation};
    graph.add("conv", conv, {0});
    add_act(graph, row.at("act"));
  } else if (is({"maxpool", "avgpool"})) {
    const int stride = number(row, "s"), padding = id[id.find("_p") + 2] - '0';
    const bool ceil = id.find("ceil") != std::string::npos;
    graph.add("pool",
              Pool{op == "maxpool" ? PoolKind::max : PoolKind::average, k, k, stride, stride,
                   Padding::all(padding), ceil ? Rounding::ceil : Rounding::floor, false},
              {0});
  } else if (op == "gap") {
    graph.add("pool", GlobalPool{}, {0});
  } else if (op == "conv3+relu+maxpool2") {
    graph.add("conv", convolution(out, 3), {0});
    add_act(graph, "relu");
    graph.add("pool", Pool{}, {2});
  } else if (op == "fc" && side == 1) {
    graph = from_input({in, 1, 1}, id);
    graph.add("linear", Linear{out, true}, {0});
  } else if (is({"relu", "relu6", "hswish", "swish", "sigmoid"})) {
    add_act(graph, op);
  } else if (is({"se_sigmoid", "se_hsigmoid"})) {
    graph.add("pool", GlobalPool{}, {0});
    graph.add("squeeze", convolution(number(row, "se"), 1), {1});
    graph.add("relu", Activation{}, {2});
    graph.add("excite", convolution(in, 1), {3});
    graph.add("gate", Activation{parse_act(op.substr(3))}, {4});
    graph.add("scale", Mul{}, {0, 5});
  } else if (op == "conv+leaky" && row.at("act") != "leaky0.1") {  // exported with a rounded slope
    graph.add("conv", convolution(out, k), {0});
    graph.add("act", Activation{Act::leaky_relu, std::stod(row.at("act").substr(5))}, {1});
  } else if (op == "softmax") {
    graph = from_input({in, 1, 1}, id);
    graph.add("softmax", Softmax{}, {0});
  } else if (is({"upsample2x_nearest", "upsample2x_linear_onnx"})) {
    const ResizeKind kind = op == "upsample2x_nearest" ? ResizeKind::nearest : ResizeKind::bilinear;
    graph.add("resize", Resize{kind, 2 * side, 2 * side}, {0});
  } else if (op == "channel_shuffle") {
    graph.add("shuffle", Permute{2}, {0});
  } else if (op == "split+relu+concat") {
    graph.add("first", Slice{0, in / 2}, {0});
    graph.add("second", Slice{in / 2, in}, {0});
    graph.add("relu1", Activation{}, {1});
    graph.add("relu2", Activation{}, {2});
    graph.add("concat", Concat{}, {3, 4});
  } else {
    graph.nodes.clear();
  }
  return graph;
}

std::vector<std::string> texts(const std::vector<Stage>& stages) {
  std::vector<std::string> lines;
  for (const Stage& stage : stages) lines.push_back(stage_text(stage));
  return lines;
}

TEST(CompiledNetworks, EveryStageIsTheCompilers) {
  VPUNAS_SHARED_OR_SKIP(folder);
  std::map<std::string, std::pair<int, int>> shares;  // exact, all
  const std::vector<Row> networks = read_csv(folder / "compiled_networks.csv.gz");
  for (const std::string streams : {"2", "1"}) {
    std::map<std::string, std::vector<std::string>> compiled;
    std::string before_min;
    for (Row row : read_csv(folder / ("compiled_stages_" + streams + "stream.csv.gz"))) {
      // The study's h-sigmoid is ReLU in the NCE, Min and Power; ours, spelled with Clip, has no
      // Min.
      if (row.at("type") == "Min") {
        before_min = row.at("in_loc");
        continue;
      }
      if (!before_min.empty()) row["in_loc"] = std::exchange(before_min, "");
      compiled[row.at("id")].push_back(stage_text(row));
    }
    for (const Row& row : networks) {
      const Graph graph = row.at("streams") == streams ? network_of(row) : Graph{};
      if (graph.nodes.size() < 2) continue;
      const std::string& id = row.at("id");
      const auto ours = texts(map(graph, resources(std::stoi(streams)), Precision::fp32).stages);
      auto& [exact, all] = shares[row.at("op")];
      ++all;
      exact += ours == compiled[id];
      if (ours != compiled[id])
        std::printf("  differs: %s (%s streams)\n", id.c_str(), streams.c_str());
    }
  }
  int exact = 0, all = 0;
  for (const auto& [op, share] : shares) {
    std::printf("%-20s %4d of %4d exact\n", op.c_str(), share.first, share.second);
    exact += share.first;
    all += share.second;
  }
  std::printf("%-20s %4d of %4d exact\n", "all", exact, all);
  EXPECT_GT(all, 1700);
  EXPECT_EQ(exact, all);
}

}  // namespace
}  // namespace vpunas::myriadx
