#include "arch/import_weights.h"

#include <functional>

#include "arch/zoo.h"
#include "tests/arch/expect_error.h"

namespace vpunas {
namespace {

// How a convention names our modules, by our name.
using Renames = std::vector<std::pair<std::string, std::string>>;

struct Convention {
  const char* name;
  const char* network;
  std::function<Renames(const Architecture&)> names;
};

// torchvision.models.mobilenet_v3_large, efficientnet: features.I[.0].block.J.
Renames torchvision_mobile(const Architecture& network, const std::string& between,
                           const std::vector<std::pair<std::string, std::string>>& head) {
  Renames names = {{"features.0.0", "features.0.0"}, {"features.0.1", "features.0.1"}};
  size_t number = 1;
  for (const BlockSpec& block : network.blocks) {
    const std::string own = cat("features.", number, ".conv."),
                      theirs = cat("features.", number, between, ".block.");
    ++number;
    int part = 0;
    for (int convs = block.expansion == 1 ? 1 : 2; convs > 0; --convs, ++part)
      for (const char* of : {".0", ".1"})
        names.emplace_back(cat(own, part, of), cat(theirs, part, of));
    if (block.se) {
      for (const char* of : {".fc1", ".fc2"})
        names.emplace_back(cat(own, part, of), cat(theirs, part, of));
      ++part;
    }
    names.emplace_back(cat(own, part), cat(theirs, part, ".0"));
    names.emplace_back(cat(own, part + 1), cat(theirs, part, ".1"));
  }
  for (const char* of : {".0", ".1"})
    names.emplace_back(cat("features.", number, of), cat("features.", number, of));
  names.insert(names.end(), head.begin(), head.end());
  return names;
}

// timm's MobileNetV2, V3, MnasNet, EfficientNet: blocks.STAGE.BLOCK.
Renames timm_mobile(const Architecture& network) {
  Renames names = {{"features.0.0", "conv_stem"}, {"features.0.1", "bn1"}};
  int stage = -1, in_stage = 0, width = 0;
  size_t number = 1;
  for (const BlockSpec& block : network.blocks) {
    if (block.out_channels != width) ++stage, in_stage = 0;
    width = block.out_channels;
    const std::string own = cat("features.", number++, ".conv."),
                      theirs = cat("blocks.", stage, ".", in_stage++, ".");
    int part = 0, norm = 1;
    const auto conv_bn = [&](const std::string& name, bool last) {
      names.emplace_back(cat(own, part, last ? "" : ".0"), theirs + name);
      names.emplace_back(last ? cat(own, part + 1) : cat(own, part, ".1"), cat(theirs, "bn", norm));
      ++part, ++norm;
    };
    const bool expands = block.expansion != 1;
    if (expands) conv_bn("conv_pw", false);
    conv_bn("conv_dw", false);
    if (block.se) {
      names.emplace_back(cat(own, part, ".fc1"), theirs + "se.conv_reduce");
      names.emplace_back(cat(own, part, ".fc2"), theirs + "se.conv_expand");
      ++part;
    }
    conv_bn(expands ? "conv_pwl" : "conv_pw", true);
  }
  if (network.head.hidden > 0) {  // MobileNetV3 ends its blocks with a plain convolution
    names.emplace_back(cat("features.", number, ".0"), cat("blocks.", stage + 1, ".0.conv"));
    names.emplace_back(cat("features.", number, ".1"), cat("blocks.", stage + 1, ".0.bn1"));
    names.emplace_back("classifier.hidden", "conv_head");
  } else {
    names.emplace_back(cat("features.", number, ".0"), "conv_head");
    names.emplace_back(cat("features.", number, ".1"), "bn2");
  }
  names.emplace_back("classifier.1", "classifier");
  return names;
}

// torchvision's and timm's ResNet.
Renames resnet(const Architecture& network) {
  Renames names = {{"features.0.0", "conv1"}, {"features.0.1", "bn1"}};
  int stage = 0, in_stage = 0, width = 0;
  size_t number = 1;
  for (const BlockSpec& block : network.blocks) {
    if (block.out_channels != width) ++stage, in_stage = 0;
    width = block.out_channels;
    const std::string own = cat("features.", number++, "."),
                      theirs = cat("layer", stage, ".", in_stage++, ".");
    for (const char* part :
         {"conv1", "bn1", "conv2", "bn2", "conv3", "bn3", "downsample.0", "downsample.1"})
      names.emplace_back(own + part, theirs + part);
  }
  names.emplace_back("classifier.1", "fc");
  return names;
}

Tensors renamed(const Weights& weights, const Renames& names) {
  Tensors tensors;
  size_t count = 0;
  for (const auto& [own, theirs] : names)
    for (const char* parameter : {".weight", ".bias", ".running_mean", ".running_var"}) {
      const auto found = weights.find(own + parameter);
      if (found == weights.end()) continue;
      tensors[theirs + parameter] = found->second;
      ++count;
      if (std::string(parameter) == ".running_var")
        tensors[theirs + ".num_batches_tracked"] = {{}, {7}};
    }
  EXPECT_EQ(count + weights.count("preprocess.weight"), weights.size());
  return tensors;
}

class ImportWeights : public testing::TestWithParam<Convention> {};

TEST_P(ImportWeights, FindsEveryTensorItsPlace) {
  Architecture network = find_network(GetParam().network, data_folder());
  const Graph graph = lower(with_input(network, {3, 32, 32}, 10), {});
  const Weights weights = random_weights(graph, 1);
  const Tensors tensors = renamed(weights, GetParam().names(network));
  const ImportedWeights imported = import_weights(graph, tensors);
  EXPECT_TRUE(imported.weights == weights);
  EXPECT_TRUE(imported.left_out.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Conventions, ImportWeights,
    testing::Values(Convention{"TorchvisionMobileNetV3", "mobilenet_v3_large",
                               [](const Architecture& a) {
                                 return torchvision_mobile(a, "",
                                                           {{"classifier.hidden", "classifier.0"},
                                                            {"classifier.1", "classifier.3"}});
                               }},
                    Convention{"TorchvisionEfficientNet", "efficientnet_b0",
                               [](const Architecture& a) {
                                 return torchvision_mobile(a, ".0",
                                                           {{"classifier.1", "classifier.1"}});
                               }},
                    Convention{"TimmMobileNetV2", "mobilenet_v2", timm_mobile},
                    Convention{"TimmMobileNetV3", "mobilenet_v3_small", timm_mobile},
                    Convention{"TimmEfficientNet", "efficientnet_b0", timm_mobile},
                    Convention{"TimmMnasNet", "mnasnet_a1", timm_mobile},
                    Convention{"ResNet18", "resnet18", resnet},
                    Convention{"ResNet50", "resnet50", resnet}),
    [](const auto& test) { return test.param.name; });

// A small MobileNetV2 under timm's names.
struct Small {
  Architecture network = with_input(
      {.name = "small",
       .stem = {.channels = 8},
       .blocks = {{.expansion = 1, .out_channels = 8}, {.expansion = 3, .out_channels = 16}},
       .head = {.channels = 32}},
      {3, 32, 32}, 10);
  Graph graph = lower(network, {});
  Weights weights = random_weights(graph, 1);
  Tensors tensors = renamed(weights, timm_mobile(network));
  std::string error() const {
    return error_of([&] { import_weights(graph, tensors); });
  }
};

TEST(ImportWeightsFrom, OwnNamesWhateverTheirOrder) {
  const Small small;
  EXPECT_TRUE(import_weights(small.graph, small.weights).weights == small.weights);
  Tensors wrapped;
  for (const auto& [name, tensor] : small.tensors) wrapped["module." + name] = tensor;
  EXPECT_TRUE(import_weights(small.graph, wrapped).weights == small.weights);
}

TEST(ImportWeightsFrom, ConvolutionsForLinearLayers) {
  Small small;
  small.tensors["classifier.weight"].dims = {10, 32, 1, 1};
  EXPECT_TRUE(import_weights(small.graph, small.tensors).weights == small.weights);
}

TEST(ImportWeightsFrom, AnotherTaskLeavesTheClassifierOut) {
  Small small;
  const std::vector<std::string> head = {"classifier.1.weight", "classifier.1.bias"};
  Weights expected = small.weights;
  for (const std::string& name : head) expected.erase(name);
  small.tensors["classifier.weight"] = {{3, 32}, std::vector<float>(96)};
  small.tensors["classifier.bias"] = {{3}, std::vector<float>(3)};
  EXPECT_MENTIONS(small.error(),
                  "tensor classifier.weight: has dims [3, 32], classifier.1 (Linear)");
  for (const bool present : {true, false}) {
    if (!present)
      std::erase_if(small.tensors, [](const auto& t) { return t.first.starts_with("classifier"); });
    const auto imported = import_weights(small.graph, small.tensors, Classifier::left_out);
    EXPECT_TRUE(imported.weights == expected) << present;
    EXPECT_EQ(imported.left_out, head);
  }
  const auto own = import_weights(small.graph, small.weights, Classifier::left_out);
  EXPECT_TRUE(own.weights == expected);
}

TEST(ImportWeightsFrom, AnotherNetworkIsRefusedByItsFirstTensor) {
  const auto error = [](auto change) {
    Small small;
    change(small.tensors);
    return small.error();
  };
  EXPECT_MENTIONS(error([](Tensors& t) { t["blocks.1.0.conv_dw.weight"].dims = {24, 1, 1, 9}; }),
                  "tensor blocks.1.0.conv_dw.weight: has dims [24, 1, 1, 9], "
                  "features.2.conv.1.0 (Conv) of the network needs [24, 1, 3, 3]");
  EXPECT_MENTIONS(error([](Tensors& t) { t.erase("bn2.bias"); }), "tensor bn2.bias: missing");
  EXPECT_MENTIONS(error([](Tensors& t) { t["conv_head.bias"] = t["bn2.bias"]; }),
                  "tensor conv_head.bias: features.3.0 (Conv) of the network has no bias");
  EXPECT_MENTIONS(error([](Tensors& t) {
                    t.erase("classifier.weight");
                    t.erase("classifier.bias");
                  }),
                  "layer classifier.1: the file has no tensors left for it");
  EXPECT_MENTIONS(error([](Tensors& t) { t["fc.weight"] = t["classifier.weight"]; }),
                  "tensors of fc: the network has no layer left for them");
  EXPECT_MENTIONS(error([](Tensors& t) { t["encoder.weight"] = t["classifier.weight"]; }),
                  "tensors of encoder: the name is of no known convention");
  EXPECT_MENTIONS(error([](Tensors& t) { t["bn1.running_var"].data[0] = -1; }),
                  "features.0.1.running_var: holds a negative variance");
}

TEST(ImportWeightsFrom, AnotherPreprocessingIsRefused) {
  const Small small;
  const Graph other = lower(small.network, {.mean = {1, 2, 3}});
  EXPECT_MENTIONS(error_of([&] { import_weights(other, small.weights); }),
                  "tensor preprocess.weight: the weights expect another scale or mean");
}

}  // namespace
}  // namespace vpunas
