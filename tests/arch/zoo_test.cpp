#include "arch/zoo.h"

#include <algorithm>
#include <cmath>

#include "arch/layers.h"
#include "tests/arch/expect_error.h"
#include "tests/shared.h"

namespace vpunas {
namespace {

struct Counted {
  const char* name;
  int64_t parameters, macs;
};

class ZooCounts : public testing::TestWithParam<Counted> {};

TEST_P(ZooCounts, HasThePublishedParametersAndMacs) {
  const Graph graph = find_graph(GetParam().name, data_folder());
  EXPECT_EQ(graph.name, GetParam().name);
  EXPECT_EQ(count_parameters(graph), GetParam().parameters);
  EXPECT_EQ(count_macs(graph), GetParam().macs);
}

// Parameters as torchvision's (resnet18, resnet50, mobilenet_v2, vgg19) and, at other widths, as
// timm's.
INSTANTIATE_TEST_SUITE_P(Published, ZooCounts,
                         testing::Values(Counted{"mobilenet_v2", 3'504'872, 300'774'272},
                                         Counted{"mobilenet_v2-0.5", 1'968'680, 97'131'840},
                                         Counted{"mobilenet_v2-1.4", 6'108'776, 582'195'824},
                                         Counted{"resnet18", 11'689'512, 1'814'073'344},
                                         Counted{"resnet50", 25'557'032, 4'089'184'256},
                                         Counted{"resnet50_v1", 25'557'032, 3'857'973'248},
                                         Counted{"vgg19", 143'667'240, 19'632'062'464}));

// Our counts against the published ones, which count differently now and then.
TEST(Zoo, CountsWithinAPercentOfTheFiguresOrSaysWhyNot) {
  for (const ZooEntry& entry : zoo_entries(data_folder())) {
    const Graph graph = find_graph(entry.name, data_folder());
    const auto differs = [](int64_t count, double published_m) {
      return published_m > 0 && std::abs(static_cast<double>(count) / 1e6 / published_m - 1) > 0.01;
    };
    const bool far = differs(count_parameters(graph), entry.parameters_m) ||
                     differs(count_macs(graph), entry.macs_m);
    EXPECT_EQ(far, !entry.deviation.empty())
        << entry.name << ": " << count_parameters(graph) << " parameters, published "
        << entry.parameters_m << " M; " << count_macs(graph) << " MACs, published " << entry.macs_m
        << " M";
    EXPECT_GT(entry.parameters_m, 0) << entry.name;
    EXPECT_FALSE(entry.source.empty()) << entry.name;
  }
}

// The study counted every published architecture layer by layer, by the same rules.
TEST(Zoo, CountsAsTheStudyDoes) {
  VPUNAS_SHARED_PATH_OR_SKIP(path, "data/zoo/published_architectures.json");
  const std::map<std::string, std::string> renamed = {{"mobilenet_v2_1.0", "mobilenet_v2"},
                                                      {"mobilenet_v2_1.4", "mobilenet_v2-1.4"},
                                                      {"resnet50_v1.5", "resnet50"}};
  const Json networks = Json::parse(read_file(path)).at("nets");
  EXPECT_EQ(networks.size(), 67u);
  for (const Json& network : networks) {
    const auto id = network.at("id").get<std::string>();
    const auto other = renamed.find(id);
    const std::string name =
        other == renamed.end() ? id.substr(0, id.find("_top1-")) : other->second;
    const Graph graph = find_graph(name, data_folder());
    EXPECT_EQ(count_parameters(graph), network.at("counted").at("params")) << name;
    EXPECT_EQ(count_macs(graph), network.at("counted").at("madds")) << name;
    EXPECT_EQ(graph.input_shape().h, network.at("input_size")) << name;
  }
}

TEST(FindNetwork, KnowsEveryNameItLists) {
  const auto names = zoo_names(data_folder());
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  const auto entries = zoo_entries(data_folder());
  EXPECT_EQ(entries.size(), names.size());
  for (const ZooEntry& entry : entries) {
    if (!entry.has_blocks) continue;
    EXPECT_EQ(find_network(entry.name, data_folder()).name, entry.name);
  }
}

TEST(FindNetwork, SaysWhatANetworkWithoutBlocksIsGoodFor) {
  EXPECT_MENTIONS(error_of([] { find_network("vgg16", data_folder()); }),
                  "network vgg16 is a graph of layers, not an architecture of blocks");
}

TEST(FindNetwork, WidensOnlyNetworksThatHaveWidths) {
  Architecture same = find_network("mobilenet_v2-1.0", data_folder());
  same.name = "mobilenet_v2";
  EXPECT_EQ(same, find_network("mobilenet_v2", data_folder()));
  EXPECT_EQ(find_network("mobilenet_v2-0.5", data_folder()).head.channels, 1280);
  EXPECT_EQ(find_network("mobilenet_v2-1.4", data_folder()).head.channels, 1792);
  const auto error = [](const char* name) {
    return error_of([&] { find_graph(name, data_folder()); });
  };
  EXPECT_MENTIONS(error("resnet18-0.5"), "network resnet18-0.5 is neither a file nor in the zoo");
  EXPECT_MENTIONS(error("mobilenet_v2-0.01"), "must be within 0.1..4");
  EXPECT_MENTIONS(error("mobilenet_v2-wide"), "neither");
  EXPECT_MENTIONS(error("mobilnet_v2"), "did you mean mobilenet_v2?");
  EXPECT_MENTIONS(error(std::string(5000, 'x').c_str()), "neither");
}

TEST(FindGraph, WidensGraphsToo) {
  const Graph half = find_graph("mobilenet_v2_tf-0.5", data_folder());
  EXPECT_EQ(half.name, "mobilenet_v2_tf-0.5");
  EXPECT_EQ(count_macs(half), count_macs(find_graph("mobilenet_v2-0.5", data_folder())) + 1280);
}

TEST(FindGraph, TakesAnotherInputSize) {
  EXPECT_EQ(find_graph("mobilenet_v1_tf-0.25-128", data_folder()).input_shape().h, 128);
  EXPECT_EQ(find_graph("mobilenet_v1_tf-0.25-128", data_folder(), 96).input_shape().h, 96);
  EXPECT_EQ(find_graph("resnet18", data_folder(), 64).input_shape(), (Shape{3, 64, 64}));
}

TEST(FindNetwork, ReadsAFile) {
  const TemporaryFolder folder;
  Architecture network = find_network("mobilenet_v2", data_folder());
  network.name = "mine";
  const std::string path = (folder.path() / "mine.json").string();
  write_architecture(path, network);
  EXPECT_EQ(find_network(path, data_folder()), network);
  EXPECT_EQ(find_graph(path, data_folder()), lower(network, {}));
}

TEST(FindGraph, ReadsAFileOfLayers) {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "mine.json").string();
  write_json(path, graph_schema,
             Json::parse(R"({"name": "mine", "layers": ["conv c8", "globalpool", "linear c2"]})"));
  EXPECT_EQ(find_graph(path, data_folder(), 32).output_shape(), (Shape{2, 1, 1}));
  write_json(path, "vpunas.latency/2", Json::object());
  EXPECT_MENTIONS(error_of([&] { find_graph(path, data_folder()); }),
                  "this program reads vpunas.architecture/1 or vpunas.graph/1");
}

TEST(ZooNames, NamesABrokenFile) {
  const TemporaryFolder data;
  EXPECT_MENTIONS(error_of([&] { zoo_names(data.path()); }), "no such folder");
  const auto error = [&](const char* networks) {
    write_json(data.path() / "zoo" / "a.json", "vpunas.zoo/2",
               Json{{"family", "A"}, {"networks", Json::parse(networks)}});
    return error_of([&] { zoo_names(data.path()); });
  };
  EXPECT_MENTIONS(error(R"([{"published": {"top2": 3}}])"), "a.json: networks[0]: published");
  EXPECT_MENTIONS(error(R"([{}])"), "must have one of architecture, graph, variant");
  EXPECT_MENTIONS(error(R"([{"measured": [1], "graph": {"name": "a"}}])"), "a list of texts");
  EXPECT_MENTIONS(error(R"([{"graph": {"name": "a"}}, {"graph": {"name": "a"}}])"),
                  "networks[1]: graph: the name a is taken");
  EXPECT_MENTIONS(error(R"([{"variant": {"name": "a", "of": "a"}}])"), "of: a is no architecture");
}

}  // namespace
}  // namespace vpunas
