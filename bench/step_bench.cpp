// Our side of `make bench-peers`: step_bench STEP SIZE BATCH KERNEL [ENGINE [bfloat16]]. Answers
// every line "N" on standard input with the seconds that N steps took. STEP is
//   train   of a MobileNetV2-like network with kernel KERNEL throughout
//   weight  of a supernet over it (kernels 3, 5, 7 and expansions 3, 6, and skip), one path
//   sampled of the networks that weight steps draw, each with weights of its own
//   arch    of the supernet, two paths
//   FILE    training of the network in an architecture file (KERNEL says nothing)
// Images are random and in memory; what is measured is computing alone.
#include <chrono>
#include <iostream>

#include "arch/zoo.h"
#include "base/error.h"
#include "base/files.h"
#include "base/tune_process.h"
#include "learn/optimizer.h"
#include "learn/runtime.h"
#include "learn/train_supernet.h"
#include "search/strategies/gradient.h"

namespace {

using namespace vpunas;

// The usual form for small images: at 32 pixels the stem and the first reduction keep the size.
Architecture mobilenet(int size, int kernel) {
  Architecture network = with_input(find_network("mobilenet_v2", data_folder()), {3, size, size},
                                    size < 64 ? 10 : 1000);
  if (size < 64) {
    network.stem.stride = 1;
    network.blocks[1].stride = 1;
  }
  for (BlockSpec& block : network.blocks) block.kernel = kernel;
  return network;
}

SearchSpace space_over(const Architecture& network) {
  SearchSpace space{.name = "peers",
                    .input = network.input,
                    .classes = network.classes,
                    .stem = network.stem,
                    .slots = {},
                    .head = network.head};
  int width = network.stem.channels;
  for (const BlockSpec& block : network.blocks) {
    Slot slot;
    for (const int kernel : {3, 5, 7}) {
      for (const double expansion : {3.0, 6.0}) {
        BlockSpec candidate = block;
        candidate.kernel = kernel;
        if (block.expansion != 1) candidate.expansion = expansion;
        if (block.expansion != 1 || expansion == 3.0) slot.candidates.push_back(candidate);
      }
    }
    if (block.stride == 1 && block.out_channels == width)
      slot.candidates.push_back({.kind = BlockKind::skip});
    width = block.out_channels;
    space.slots.push_back(std::move(slot));
  }
  return space;
}

struct Images {
  torch::Tensor pixels, labels;
  Images(int size, int batch, int classes)
      : pixels((torch::rand({batch, 3, size, size}) * 255)
                   .contiguous(torch::MemoryFormat::ChannelsLast)),
        labels(torch::randint(classes, {batch}, torch::kLong)) {}
};

torch::Tensor loss(const torch::Tensor& outputs, const Images& images) {
  return torch::nn::functional::cross_entropy(outputs.flatten(1), images.labels);
}

std::function<void()> train_step(const Architecture& architecture, int batch, Computing computing) {
  const auto network = std::make_shared<Network>(lower(architecture, {}), 1, computing);
  const auto optimizer = std::make_shared<Optimizer>(Recipe{});
  const Images images(architecture.input.h, batch, architecture.classes);
  return [=] {
    loss(network->forward(images.pixels, Statistics::train), images).backward();
    optimizer->step(network->parameters(), 0.01);
  };
}

std::function<void()> weight_step(int size, int batch, Computing computing) {
  const SearchSpace space = space_over(mobilenet(size, 3));
  const auto supernet = std::make_shared<Supernet>(space, Preprocess{}, 1, computing);
  const auto optimizer = std::make_shared<Optimizer>(Recipe{});
  const Images images(size, batch, space.classes);
  return [=, step = int64_t{0}]() mutable {
    const Choice choice = fair_choice(space, 1, step++);
    loss(supernet->forward(images.pixels, choice, Statistics::train), images).backward();
    optimizer->step(supernet->parameters(choice), 0.01);
  };
}

std::function<void()> sampled_step(int size, int batch, Computing computing) {
  const SearchSpace space = space_over(mobilenet(size, 3));
  std::vector<std::function<void()>> steps;
  for (int i = 0; i < 14; ++i)  // every candidate of every slot twice
    steps.push_back(
        train_step(choose(space, fair_choice(space, 1, i), "sampled"), batch, computing));
  return [=, step = size_t{0}]() mutable { steps[step++ % steps.size()](); };
}

std::function<void()> arch_step(int size, int batch, Computing computing) {
  const SearchSpace space = space_over(mobilenet(size, 3));
  const auto supernet = std::make_shared<Supernet>(space, Preprocess{}, 1, computing);
  supernet->set_requires_grad(false);
  const Images images(size, batch, space.classes);
  PerCandidate uniform;
  for (const Slot& slot : space.slots)
    uniform.emplace_back(slot.size(), 1.0 / static_cast<double>(slot.size()));
  return [=, step = uint64_t{0}]() mutable {
    Random random({1, step++});
    const PathSample sample = sample_gates(space, uniform, random);
    loss(supernet->forward(images.pixels, gated(sample.paths)), images).backward();
  };
}

int run(int argc, char** argv) {
  if (argc < 5)
    fail(
        "step_bench: usage: step_bench train|weight|sampled|arch|FILE SIZE BATCH KERNEL [ENGINE "
        "[bfloat16]]");
  const std::string kind = argv[1];
  const int size = std::atoi(argv[2]), batch = std::atoi(argv[3]), kernel = std::atoi(argv[4]);
  const Computing computing = parse_computing(argc > 5 ? argv[5] : "fused", argc > 6);
  set_threads(0);
  const auto step =
      kind.ends_with(".json")
          ? train_step(with_input(find_network(kind, data_folder()), {3, size, size}, 10), batch,
                       computing)
      : kind == "train"   ? train_step(mobilenet(size, kernel), batch, computing)
      : kind == "weight"  ? weight_step(size, batch, computing)
      : kind == "sampled" ? sampled_step(size, batch, computing)
                          : arch_step(size, batch, computing);
  for (int steps = 0; std::cin >> steps;) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < steps; ++i) step();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::cout << seconds.count() << std::endl;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  vpunas::tune_process(argv);
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
