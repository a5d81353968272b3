// The configuration of a run: one struct a section, each with its fields named where the section
// belongs.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/config.h"
#include "data/augment.h"
#include "data/dataset.h"
#include "search/config.h"
#include "training/supernet_config.h"
#include "training/train.h"

namespace vpunas {

struct RunConfig {
  std::string name = "run";
  int64_t seed = 1;
  int workers = 0;
  std::string device = "cpu";
  bool cuda_graphs = false;
  std::vector<std::string> baselines = {"mobilenet_v2"};
};
template <class Fields>
void fields(Fields& f, RunConfig& c) {
  f("name", c.name, "of the run; its folder is runs/NAME");
  f("seed", c.seed, "of everything random", between(0, 9e15));
  f("workers", c.workers, "threads (0: one a core)", between(0, 1024));
  f("device", c.device, "that searches and trains; gpu needs a CUDA build of libtorch",
    one_of({"cpu", "gpu", "auto"}));
  f("cuda_graphs", c.cuda_graphs,
    "record a training step once and send it to the GPU as a whole from then on");
  f("baselines", c.baselines,
    "networks trained by the same recipe and compared: of the zoo, pareto_1, ... of the Pareto "
    "front, or "
    "NAME=FILE, as for_cpu=runs/cpu/architectures/found.json");
}

struct SpaceConfig {
  std::string name = "quick";
  int deploy_size = 0;
  std::vector<double> sizes;
  int train_size = 0;
};
template <class Fields>
void fields(Fields& f, SpaceConfig& c) {
  f("name", c.name, "a space of data/spaces, or a file");
  f("deploy_size", c.deploy_size,
    "input side at which networks are priced and exported (0: the space's)", between(0, 4096));
  f("sizes", c.sizes,
    "input sides among which the search chooses, the greatest deploy_size (empty: that alone)",
    between(2, 4096));
  f("train_size", c.train_size,
    "input side of search and training (0: deploy_size); smaller inputs keep their share",
    between(0, 4096));
}

struct LatencyConfig {
  std::string device = "MYRIADX";
  std::string mode = "auto";
  std::string budget = "0.87x:mobilenet_v2";
  std::string runner;
  std::string timings;
};
template <class Fields>
void fields(Fields& f, LatencyConfig& c) {
  f("device", c.device,
    "MYRIADX (the built-in model), a device of OpenVINO, as CPU, or MACS (a count)");
  f("mode", c.mode,
    "throughput (MYRIADX: one of two streams), latency (one request at a time) or auto: "
    "throughput for MYRIADX, latency for measured devices",
    one_of({"auto", "throughput", "latency"}));
  f("budget", c.budget,
    "12.5ms (50MMACs on MACS), or a share of a network's cost: 0.87x:mobilenet_v2; one a device: "
    "MYRIADX=12.5ms, CPU=3ms; a sweep: 12.5ms; 10ms");
  f("runner", c.runner,
    "shell command that speaks the device protocol of docs/formats.md (empty: vpunas-device)");
  f("timings", c.timings,
    "the table of a device that is not here: latency.json of vpunas profile there, or the "
    "timings.csv of vpunas profile --emit, filled in");
}

struct ProfileConfig {
  int networks = 80;
  int checks = 30;
  double tolerance = 0.01;
  double minutes = 30;
};
template <class Fields>
void fields(Fields& f, ProfileConfig& c) {
  f("networks", c.networks, "whole networks measured to correct the table", between(8, 10000));
  f("checks", c.checks, "further ones measured to judge it", between(0, 10000));
  f("tolerance", c.tolerance, "relative standard error at which repeating stops",
    between(0.0001, 1));
  f("minutes", c.minutes, "after which no more networks are measured to correct the table",
    between(0, 100000));
}

struct ExportConfig {
  bool blob = false;
  int streams = 2;
  int shaves = 0;
  int cmx_slices = 0;
  bool nn_archive = false;
  std::string head = "auto";
  int verify_images = 1000;
};
template <class Fields>
void fields(Fields& f, ExportConfig& c) {
  f("blob", c.blob, "also a MyriadX .blob by Intel's compiler (make blob-compiler)");
  f("streams", c.streams, "streams that share the chip under the .blob", between(1, 3));
  f("shaves", c.shaves, "SHAVEs of one stream of the .blob; 0: the streams' own", between(0, 16));
  f("cmx_slices", c.cmx_slices,
    "CMX slices of one stream of the .blob, 128 KiB each; 0: as many as shaves, or where that is "
    "0, too, the streams' own",
    between(0, 19));
  f("nn_archive", c.nn_archive, "also a DepthAI NN Archive of the .blob, without one of the ONNX");
  f("head", c.head,
    "what the archive's output is; auto: classification, where nothing speaks against it",
    one_of({"auto", "classification", "multilabel", "segmentation", "embedding", "raw"}));
  f("verify_images", c.verify_images, "test images on which ONNX and IR must agree with libtorch",
    between(1, 1e6));
}

namespace myriadx {
struct Resources;
}
// What the .blob may take of the chip. Throws Error where the chip has less.
myriadx::Resources resources_of(const ExportConfig& config);

struct BenchmarkConfig {
  std::vector<std::string> devices = {"CPU"};
  std::string mode = "latency";
  double seconds = 2;
  int rounds = 5;
};
template <class Fields>
void fields(Fields& f, BenchmarkConfig& c) {
  f("devices", c.devices, "where exported networks are measured");
  f("mode", c.mode, "hint to the device", one_of({"throughput", "latency"}));
  f("seconds", c.seconds, "of measuring a network on a device, in all rounds together",
    between(0.01, 3600));
  f("rounds", c.rounds, "in each of which all networks are measured in turn", between(1, 1000));
}

struct SearchSection {
  SearchConfig search;
  SupernetConfig supernet;
};
template <class Fields>
void fields(Fields& f, SearchSection& c) {
  fields(f, c.search);
  fields(f, c.supernet);
}

struct Config {
  RunConfig run;
  DataConfig data;
  Augmentation augment = {.flip = true};
  SpaceConfig space;
  LatencyConfig latency;
  ProfileConfig profile;
  SearchSection search;
  TrainConfig train;
  ExportConfig exporting;
  BenchmarkConfig benchmark;
};

// Calls visit("run", config.run), ... for every section.
template <class Visit>
void for_each_section(Config& config, Visit&& visit) {
  visit("run", config.run);
  visit("data", config.data);
  visit("augment", config.augment);
  visit("space", config.space);
  visit("latency", config.latency);
  visit("profile", config.profile);
  visit("search", config.search);
  visit("train", config.train);
  visit("export", config.exporting);
  visit("benchmark", config.benchmark);
}

// Without files: the defaults. Throws Error as ConfigSource does.
Config read_config(const std::vector<std::filesystem::path>& files,
                   const std::vector<Override>& overrides);

// Of data/recipes by its name, or a file by its path: how to train, as a configuration to lay over
// others. Throws Error naming the recipes there are.
std::filesystem::path find_recipe(const std::string& name_or_path);

// The resolved configuration as TOML that read_config reads back.
std::string config_text(const Config& config);

// "section.key" of every key in which two texts of config_text differ.
std::vector<std::string> differing_keys(const std::string& a, const std::string& b);

}  // namespace vpunas
