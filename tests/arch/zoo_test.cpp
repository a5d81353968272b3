#include "arch/zoo.h"

#include <algorithm>

#include "tests/arch/expect_error.h"

namespace vpunas {
namespace {

struct Counted {
  const char* name;
  int64_t parameters, macs;
};

class Zoo : public testing::TestWithParam<Counted> {};

TEST_P(Zoo, HasThePublishedParametersAndMacs) {
  const Graph graph = lower(find_network(GetParam().name, data_folder()), {});
  EXPECT_EQ(graph.name, GetParam().name);
  EXPECT_EQ(count_parameters(graph), GetParam().parameters);
  EXPECT_EQ(count_macs(graph), GetParam().macs);
}

// Parameters as torchvision's (resnet18, resnet50, mobilenet_v2) and, at other widths, as timm's.
INSTANTIATE_TEST_SUITE_P(Published, Zoo,
                         testing::Values(Counted{"mobilenet_v2", 3'504'872, 300'774'272},
                                         Counted{"mobilenet_v2-0.5", 1'968'680, 97'131'840},
                                         Counted{"mobilenet_v2-1.4", 6'108'776, 582'195'824},
                                         Counted{"resnet18", 11'689'512, 1'814'073'344},
                                         Counted{"resnet50", 25'557'032, 4'089'184'256}));

TEST(FindNetwork, KnowsEveryNameItLists) {
  const auto names = zoo_names(data_folder());
  EXPECT_GE(names.size(), 3u);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  for (const std::string& name : names) EXPECT_EQ(find_network(name, data_folder()).name, name);
}

TEST(FindNetwork, WidensOnlyMobileNets) {
  Architecture same = find_network("mobilenet_v2-1.0", data_folder());
  same.name = "mobilenet_v2";
  EXPECT_EQ(same, find_network("mobilenet_v2", data_folder()));
  EXPECT_EQ(find_network("mobilenet_v2-0.5", data_folder()).head.channels, 1280);
  EXPECT_EQ(find_network("mobilenet_v2-1.4", data_folder()).head.channels, 1792);
  const auto error = [](const char* name) {
    return error_of([&] { find_network(name, data_folder()); });
  };
  EXPECT_MENTIONS(error("resnet18-0.5"), "network resnet18-0.5 is neither a file nor in the zoo");
  EXPECT_MENTIONS(error("mobilenet_v2-0.01"), "must be within 0.1..4");
  EXPECT_MENTIONS(error("mobilenet_v2-wide"), "neither");
  EXPECT_MENTIONS(error("mobilnet_v2"), "did you mean mobilenet_v2?");
  EXPECT_MENTIONS(error(std::string(5000, 'x').c_str()), "neither");
}

TEST(FindNetwork, ReadsAFile) {
  const TemporaryFolder folder;
  Architecture network = find_network("mobilenet_v2", data_folder());
  network.name = "mine";
  write_architecture(folder.path() / "mine.json", network);
  EXPECT_EQ(find_network((folder.path() / "mine.json").string(), data_folder()), network);
}

TEST(ZooNames, NamesABrokenFile) {
  const TemporaryFolder data;
  EXPECT_MENTIONS(error_of([&] { zoo_names(data.path()); }), "no such folder");
  write_json(data.path() / "zoo" / "a.json", "vpunas.zoo/1",
             Json::parse(R"({"networks": [{"published": {"top2": 3}}]})"));
  EXPECT_MENTIONS(error_of([&] { zoo_names(data.path()); }), "a.json: networks[0]");
}

}  // namespace
}  // namespace vpunas
