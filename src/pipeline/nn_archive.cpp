#include "pipeline/nn_archive.h"

#include <zlib.h>

#include <array>
#include <cstdio>
#include <cstring>

#include "base/error.h"

namespace vpunas {
namespace {

constexpr size_t kBlock = 512;

// The camera sends planes (CHW) of bytes.
const char* camera_format(ColorOrder color) {
  switch (color) {
    case ColorOrder::rgb:
      return "RGB888p";
    case ColorOrder::bgr:
      return "BGR888p";
    case ColorOrder::gray:
      return "GRAY8";
  }
  return "";
}

// A field of a tar header: octal digits and a NUL.
void put_octal(char* field, size_t width, uint64_t value) {
  std::snprintf(field, width, "%0*llo", int(width) - 1, static_cast<unsigned long long>(value));
}

std::array<char, kBlock> tar_header(const std::string& name, uint64_t size) {
  if (name.empty() || name.size() > 100 || size >= uint64_t{1} << 33)
    fail(name, ": a name over 100 bytes or a file of 8 GiB does not fit a tar archive");
  std::array<char, kBlock> header{};
  std::memcpy(header.data(), name.data(), name.size());
  put_octal(&header[100], 8, 0644);  // mode
  put_octal(&header[108], 8, 0);     // user
  put_octal(&header[116], 8, 0);     // group
  put_octal(&header[124], 12, size);
  put_octal(&header[136], 12, 0);     // time of change
  std::memset(&header[148], ' ', 8);  // the checksum counts itself as spaces
  header[156] = '0';                  // a regular file
  std::memcpy(&header[257], "ustar\00000", 8);
  uint64_t sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put_octal(&header[148], 7, sum);
  return header;
}

std::string gzip(const std::string& bytes) {
  z_stream stream{};
  constexpr int gzip_wrapper = 16 + MAX_WBITS;
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_wrapper, 8,
                   Z_DEFAULT_STRATEGY) != Z_OK)
    fail("gzip: not enough memory");
  std::string out;
  std::array<Bytef, 1 << 16> chunk;
  size_t read = 0;
  int state = Z_OK;
  while (state != Z_STREAM_END) {
    if (stream.avail_in == 0) {
      const size_t part = std::min(bytes.size() - read, size_t{1} << 30);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + read));
      stream.avail_in = static_cast<uInt>(part);
      read += part;
    }
    stream.next_out = chunk.data();
    stream.avail_out = chunk.size();
    state = deflate(&stream, read == bytes.size() ? Z_FINISH : Z_NO_FLUSH);
    out.append(reinterpret_cast<char*>(chunk.data()), chunk.size() - stream.avail_out);
  }
  deflateEnd(&stream);
  return out;
}

// --- config.json ---

bool ends_in_softmax(const Graph& graph) {
  return std::holds_alternative<Softmax>(graph.nodes.back().layer);
}

Act last_act(const Graph& graph) {
  const auto* activation = std::get_if<Activation>(&graph.nodes.back().layer);
  return activation ? activation->act : Act::none;
}

// Cameras give images of one or three channels; whatever else is sent by the host.
Json input_json(const Graph& graph, size_t i, bool blob) {
  const Node& node = graph.nodes[i];
  const Shape& in = node.shape;
  const bool is_image = i == 0 && (in.c == 1 || in.c == 3);
  const ColorOrder color = in.c == 1 ? ColorOrder::gray : graph.preprocess.color;
  Json preprocessing = {{"mean", std::vector<double>(size_t(in.c), 0.0)},
                        {"scale", std::vector<double>(size_t(in.c), 1.0)},
                        {"reverse_channels", is_image && color == ColorOrder::rgb},
                        {"interleaved_to_planar", false}};
  if (is_image) preprocessing["dai_type"] = camera_format(color);
  return {{"name", i == 0 ? "image" : node.name},
          {"dtype", blob ? "uint8" : "float32"},
          {"input_type", is_image ? "image" : "raw"},
          {"shape", {1, in.c, in.h, in.w}},
          {"layout", "NCHW"},
          // Mean and scale are layers of the network.
          {"preprocessing", preprocessing}};
}

// What DepthAI makes of the output; nothing for raw ones. `is_softmax`: they are shares already.
Json heads_json(const Graph& graph, const std::string& head) {
  if (head == "raw") return Json::array();
  const auto with = [](const char* parser, const Json& metadata) {
    return Json::array(
        {{{"parser", parser}, {"outputs", Json::array({"logits"})}, {"metadata", metadata}}});
  };
  if (head == "embedding") return with("EmbeddingsParser", Json::object());
  const int64_t count = graph.output_shape().c;
  std::vector<std::string> classes = graph.preprocess.labels;
  for (auto i = static_cast<int64_t>(classes.size()); i < count; ++i) classes.push_back(cat(i));
  const Json metadata = {{"classes", classes},
                         {"n_classes", count},
                         {"is_softmax", ends_in_softmax(graph) || head == "multilabel"}};
  return with(head == "segmentation" ? "SegmentationParser" : "ClassificationParser", metadata);
}

}  // namespace

std::string tar_gz(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string tar;
  for (const auto& [name, bytes] : files) {
    const auto header = tar_header(name, bytes.size());
    tar.append(header.data(), header.size());
    tar += bytes;
    tar.append((kBlock - bytes.size() % kBlock) % kBlock, '\0');
  }
  tar.append(2 * kBlock, '\0');
  return gzip(tar);
}

void require_head(const Graph& graph, const std::string& head, bool may_be_any) {
  const Shape& out = graph.output_shape();
  const bool plane = out.h > 1 || out.w > 1;
  const auto wants = [&](const char* what) {
    fail(
        "network ", graph.name, ": its output (", out, ") ", what,
        "; say what it is by --head (classification, multilabel, segmentation, embedding or raw), ",
        "or leave out --nn-archive");
  };
  if (head == "auto") {
    if (plane) wants("is an image, no class scores");
    if (last_act(graph) == Act::sigmoid || last_act(graph) == Act::hsigmoid)
      wants("comes from sigmoids, which are no classes of which one is right");
    if (may_be_any && !ends_in_softmax(graph)) wants("may be class scores or an embedding");
  } else if (head == "segmentation" ? !plane : head != "raw" && plane) {
    fail("network ", graph.name, ": its output (", out, ") cannot be of --head ", head);
  }
}

Json nn_archive_config(const Graph& graph, const std::string& model, const std::string& head) {
  require_head(graph, head, false);
  const bool blob = fs::path(model).extension() == ".blob";
  Json inputs = Json::array();
  for (size_t i = 0; i < count_inputs(graph); ++i) inputs.push_back(input_json(graph, i, blob));
  return {
      {"config_version", "1.0"},
      {"model",
       {{"metadata",
         {{"name", graph.name}, {"path", model}, {"precision", blob ? "float16" : "float32"}}},
        {"inputs", inputs},
        {"outputs", Json::array({{{"name", "logits"}, {"dtype", blob ? "float16" : "float32"}}})},
        {"heads", heads_json(graph, head)}}}};
}

void write_nn_archive(const fs::path& archive, const Graph& graph, const fs::path& model,
                      const std::string& head) {
  const std::string name = model.filename().string();
  const Json config = nn_archive_config(graph, name, head);
  write_file(
      archive,
      tar_gz({{"config.json", config.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"},
              {name, read_file(model)}}));
}

}  // namespace vpunas
