#include "pipeline/export_network.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include "base/text.h"
#include "myriadx/compiler.h"
#include "myriadx/mapping.h"
#include "onnx/onnx.h"
#include "pipeline/nn_archive.h"
#include "training/module.h"

namespace vpunas {
namespace {

constexpr const char* stage = "export";
constexpr double least_agreement = 0.99;

struct Agreement {
  double top1 = 0;                // share of images with the same greatest logit
  double largest_difference = 0;  // of any logit
};

Agreement compare(const std::vector<float>& a, const std::vector<float>& b, int64_t count) {
  if (a.size() != b.size() || count == 0)
    fail("export: OpenVINO gave ", b.size(), " logits where libtorch gave ", a.size());
  const auto classes = static_cast<int64_t>(a.size()) / count;
  Agreement result;
  int64_t same = 0;
  for (int64_t i = 0; i < count; ++i) {
    const float* row_a = a.data() + i * classes;
    const float* row_b = b.data() + i * classes;
    same += std::max_element(row_a, row_a + classes) - row_a ==
            std::max_element(row_b, row_b + classes) - row_b;
    for (int64_t c = 0; c < classes; ++c) {
      result.largest_difference =
          std::max(result.largest_difference, std::abs(double{row_a[c]} - double{row_b[c]}));
    }
  }
  result.top1 = static_cast<double>(same) / static_cast<double>(count);
  return result;
}

Json to_json(const Agreement& agreement) {
  return {{"top1_agreement", agreement.top1}, {"largest_difference", agreement.largest_difference}};
}

std::string raw_pixels(const ImageSet& images) {
  std::string bytes(static_cast<size_t>(images.size() * images.shape.bytes()), '\0');
  for (int64_t i = 0; i < images.size(); ++i) {
    images.load(i, reinterpret_cast<uint8_t*>(bytes.data()) + i * images.shape.bytes());
  }
  return bytes;
}

// A network that leaves FP16's range computes infinities on the device; the IR of OpenVINO, checked
// in float32, would not show it.
Json check_fp16(const Graph& graph, const Weights& weights, const ImageSet& images,
                const Work& work) {
  constexpr int64_t looked_at = 64;
  const ImageSet some = sample_images(images, looked_at);
  const LargestActivation largest = training_module().largest_activation(graph, weights, some);
  const bool fits = largest.value <= largest_fp16;
  if (largest.value > largest_fp16 / 2) {
    work.warn(stage,
              cat(graph.name, ": ", largest.node, " reaches ", largest.value, " on ", some.size(),
                  " test images, ", fits ? "near" : "beyond", " FP16's largest value of ",
                  largest_fp16, "; MyriadX, NPUs and GPUs may give wrong results: ",
                  "train with more weight decay or compute there in float32"));
  }
  return {{"images", some.size()},
          {"layer", largest.node},
          {"largest", std::isfinite(largest.value) ? Json(largest.value) : Json()},
          {"fits", fits}};
}

Json compile_blob(const FoldedNetwork& network, const ExportConfig& config,
                  const fs::path& folder) {
  const TemporaryFolder temporary;
  const fs::path onnx = temporary.path() / "model.onnx";
  write_onnx(onnx, network.graph, network.weights, OnnxDialect::myriadx);
  const myriadx::Resources chip = resources_of(config);
  const myriadx::CompiledNetwork compiled = myriadx::compile(
      myriadx::compiler_root(), onnx, folder / "model.blob",
      {.streams = chip.streams, .shaves = chip.shaves, .cmx_slices = chip.cmx_slices});
  const auto nce = std::count_if(
      compiled.stages.begin(), compiled.stages.end(),
      [](const myriadx::CompiledStage& s) { return s.type.find("HwOp") != std::string::npos; });
  const Shape& in = compiled.input;
  const Shape& out = compiled.output;
  if (in != network.graph.input_shape() ||
      out.elements() != network.graph.output_shape().elements()) {
    fail("export: the blob's input is ", in, " and its output ", out, ", the network's ",
         network.graph.input_shape(), " and ", network.graph.output_shape());
  }
  return {{"streams", config.streams},
          {"shaves", chip.shaves},
          {"cmx_slices", chip.cmx_slices},
          {"input", {in.c, in.h, in.w}},
          {"output", {out.c, out.h, out.w}},
          {"stages", compiled.stages.size()},
          {"nce_stages", nce}};
}

// model.blob and model.tar.gz as wanted; what is known of the blob.
Json write_for_myriadx(const FoldedNetwork& network, const ExportConfig& config,
                       const fs::path& folder) {
  const Json blob = config.blob ? compile_blob(network, config, folder) : Json();
  if (config.nn_archive) {
    write_nn_archive(folder / "model.tar.gz", network.graph,
                     folder / (config.blob ? "model.blob" : "model.onnx"), config.head);
  }
  return blob;
}

// The architecture with the preprocessing that its weights were trained with.
Architecture delivered(Architecture architecture, const Preprocess& preprocess) {
  architecture.preprocess = preprocess;
  architecture.preprocess.labels.clear();
  return architecture;
}

Json file_names(const fs::path& folder) {
  Json files = Json::array();
  for (const auto& entry : fs::directory_iterator(folder))
    files.push_back(entry.path().filename().string());
  std::sort(files.begin(), files.end());
  return files;
}

// Gives the folder's finished contents their name, in the place of what was there.
void publish(const fs::path& partial, const fs::path& folder) {
  fs::remove_all(folder);
  fs::rename(partial, folder);
}

// Where the files of `folder` are made. Throws Error where that is anything but an export, which is
// the one thing that publish() may replace.
fs::path partial_folder(const fs::path& folder) {
  std::error_code error;
  const bool is_export = fs::exists(folder / "export.json", error);
  if (fs::exists(folder, error) && !is_export && !fs::is_empty(folder, error))
    fail(folder.string(), ": is there and no export; choose another -o folder");
  const fs::path partial = folder.string() + ".partial";
  fs::remove_all(partial, error);
  if (!fs::create_directories(partial, error))
    fail(partial.string(), ": cannot be made (", error.message(), "); choose another -o folder");
  return partial;
}

// ONNX and IR into `folder`; the network that is in them.
FoldedNetwork write_models(const Graph& graph, const Weights& weights, DeviceClient& device,
                           const fs::path& folder) {
  FoldedNetwork folded = fold(graph, weights);
  write_onnx(folder / "model.onnx", folded.graph, folded.weights);
  device.convert(folder / "model.onnx", folder / "model.xml", /*fp16=*/true);
  return folded;
}

// What is written is channels-first, and [1, classes] where its plane is one pixel.
void warn_of_output(const LoadedNetwork& network, const Work& work) {
  const Shape& out = network.graph.output_shape();
  std::vector<int64_t> written = {1, out.c, out.h, out.w};
  if (out.h == 1 && out.w == 1) written.resize(2);
  if (network.output_dims.empty() || network.output_dims == written) return;
  work.warn(stage, cat(network.graph.name, ": its output was ", dims_text(network.output_dims),
                       " and is ", dims_text(written),
                       " (channels first) in what is written; whoever reads it must take it so"));
}

// MyriadX resizes by sizes alone.
void require_sizes(const Graph& graph) {
  for (const Node& node : graph.nodes)
    if (const auto* resize = std::get_if<Resize>(&node.layer);
        resize && (resize->scale_h != 0 || resize->scale_w != 0))
      fail("network ", graph.name, ": node ", node.name, ": resizes by scales that are not the ",
           "ratio of its sizes, which the .blob would compute otherwise; export it with sizes, or ",
           "leave out --blob");
}

// What is written must compute what the file that was given computes. The IR's weights are halves,
// which a saturated output may show; another network is far off for every input.
Json prove(const LoadedNetwork& network, const FoldedNetwork& written, const ImageSet& images,
           const ExportConfig& config, DeviceClient& device, const fs::path& folder) {
  if (network.file.empty()) return nullptr;
  const ImageSet some = sample_images(images, std::min<int64_t>(16, config.verify_images));
  const TemporaryFolder temporary;
  const fs::path pixels = temporary.path() / "images.u8";
  if (some.size() > 0) write_file(pixels, raw_pixels(some));
  const fs::path for_blob = temporary.path() / "myriadx.onnx";
  if (config.blob) write_onnx(for_blob, written.graph, written.weights, OnnxDialect::myriadx);
  constexpr double most = 1e-3, most_in_halves = 5e-2;
  Json differences = Json::object();
  for (const auto& [name, file, tolerance] :
       {std::tuple{"onnx", folder / "model.onnx", most},
        {"ir", folder / "model.xml", most_in_halves},
        {"blob", config.blob ? for_blob : fs::path(), most}}) {
    if (file.empty()) continue;
    try {
      const FileDifference found =
          device.compare(network.file, file, pixels, static_cast<int>(some.size()));
      const double difference = tolerance == most_in_halves ? found.least : found.greatest;
      if (!(difference <= tolerance))
        fail("differs by ", fixed(100 * difference, 2), " % of the greatest output, more than ",
             fixed(100 * tolerance, 1), " %");
      differences[name] = difference;
    } catch (const Error& error) {
      std::error_code none;
      fs::remove_all(folder, none);
      fail("export of ", network.file.string(), ": what would be written (", name,
           ") does not compute what the file does, so nothing is written: ", error.what());
    }
  }
  return differences;
}

}  // namespace

myriadx::Resources resources_of(const ExportConfig& config) {
  const myriadx::Resources own = myriadx::resources(config.streams);
  // A slice for each SHAVE is what blobs for OAK cameras are usually compiled with.
  const int slices = config.shaves > 0 ? config.shaves : own.cmx_slices;
  return myriadx::resources(config.streams, config.shaves > 0 ? config.shaves : own.shaves,
                            config.cmx_slices > 0 ? config.cmx_slices : slices);
}

void export_network(const Architecture& architecture, const Graph& graph, const Weights& weights,
                    const ImageSet& images, const ExportConfig& config, DeviceClient& device,
                    const fs::path& folder, const Work& work) {
  const fs::path partial = partial_folder(folder);
  const FoldedNetwork folded = write_models(graph, weights, device, partial);
  write_safetensors(partial / "weights.safetensors", weights,
                    {{"network", graph.name}, {"format", "pt"}});
  write_architecture(partial / "architecture.json", delivered(architecture, graph.preprocess));
  write_file(partial / "labels.txt", join(graph.preprocess.labels, "\n") + "\n");

  const ImageSet verified = sample_images(images, config.verify_images);
  const int64_t count = verified.size();
  const TemporaryFolder temporary;
  const fs::path pixels = temporary.path() / "images.u8";
  write_file(pixels, raw_pixels(verified));
  const std::vector<float> expected =
      training_module().logits(graph, weights, verified, usual_batch);
  Json agreements = Json::object();
  for (const auto& [name, file] : {std::pair{"onnx", "model.onnx"}, std::pair{"ir", "model.xml"}}) {
    const auto given = device.infer(partial / file, "CPU", "f32", pixels, static_cast<int>(count));
    const Agreement agreement = compare(expected, given, count);
    work.note(stage,
              cat(graph.name, ": ", file, " agrees with libtorch on ",
                  fixed(100 * agreement.top1, 2), " % of ", count, " images (largest difference ",
                  fixed(agreement.largest_difference, 5), ")"));
    if (agreement.top1 < least_agreement) {
      fail("export of ", graph.name, ": ", file, " agrees with libtorch on only ",
           fixed(100 * agreement.top1, 2), " % of images; the files are kept in ",
           partial.string());
    }
    agreements[name] = to_json(agreement);
  }
  const Json fp16 = check_fp16(graph, weights, images, work);
  const Json blob = write_for_myriadx(folded, config, partial);
  const Shape& in = graph.input_shape();
  write_json(partial / "export.json", "vpunas.export/1",
             {{"network", graph.name},
              {"input", {in.c, in.h, in.w}},
              {"files", file_names(partial)},
              {"verified_images", count},
              {"onnx", agreements["onnx"]},
              {"ir", agreements["ir"]},
              {"fp16", fp16},
              {"blob", blob}});
  publish(partial, folder);
}

void export_network(const LoadedNetwork& network, const ImageSet& images,
                    const ExportConfig& config, DeviceClient& device, const fs::path& folder,
                    const Work& work) {
  const Graph& graph = network.graph;
  if (config.blob) require_sizes(graph);
  if (config.nn_archive) {
    const bool may_be_any = !network.file.empty() && graph.preprocess.labels.empty();
    require_head(graph, config.head, may_be_any);
  }
  warn_of_output(network, work);
  const fs::path partial = partial_folder(folder);
  const FoldedNetwork folded = write_models(graph, network.weights, device, partial);
  const Json given = prove(network, folded, images, config, device, partial);
  if (!graph.preprocess.labels.empty())
    write_file(partial / "labels.txt", join(graph.preprocess.labels, "\n") + "\n");
  const Json fp16 = images.size() > 0 ? check_fp16(graph, network.weights, images, work) : Json();
  const Json blob = write_for_myriadx(folded, config, partial);
  const Shape& in = graph.input_shape();
  write_json(partial / "export.json", "vpunas.export/1",
             {{"network", graph.name},
              {"input", {in.c, in.h, in.w}},
              {"files", file_names(partial)},
              {"random_weights", network.random},
              {"verified_images", 0},
              {"onnx", nullptr},
              {"ir", nullptr},
              {"against_the_file", given},
              {"fp16", fp16},
              {"blob", blob}});
  publish(partial, folder);
}

}  // namespace vpunas
