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

Json nn_archive_config(const Graph& graph, const std::string& model) {
  const bool blob = fs::path(model).extension() == ".blob";
  const Shape& in = graph.input_shape();
  const auto count = graph.output_shape().elements();
  std::vector<std::string> classes = graph.preprocess.labels;
  for (auto i = static_cast<int64_t>(classes.size()); i < count; ++i) classes.push_back(cat(i));
  const std::vector<double> zeros(size_t(in.c), 0.0), ones(size_t(in.c), 1.0);
  const Json input = {{"name", "image"},
                      {"dtype", blob ? "uint8" : "float32"},
                      {"input_type", "image"},
                      {"shape", {1, in.c, in.h, in.w}},
                      {"layout", "NCHW"},
                      // Mean and scale are layers of the network.
                      {"preprocessing",
                       {{"mean", zeros},
                        {"scale", ones},
                        {"reverse_channels", graph.preprocess.color == ColorOrder::rgb},
                        {"interleaved_to_planar", false},
                        {"dai_type", camera_format(graph.preprocess.color)}}}};
  const bool softmax = std::holds_alternative<Softmax>(graph.nodes.back().layer);
  const Json head = {
      {"parser", "ClassificationParser"},
      {"outputs", Json::array({"logits"})},
      {"metadata", {{"classes", classes}, {"n_classes", count}, {"is_softmax", softmax}}}};
  return {
      {"config_version", "1.0"},
      {"model",
       {{"metadata",
         {{"name", graph.name}, {"path", model}, {"precision", blob ? "float16" : "float32"}}},
        {"inputs", Json::array({input})},
        {"outputs", Json::array({{{"name", "logits"}, {"dtype", blob ? "float16" : "float32"}}})},
        {"heads", Json::array({head})}}}};
}

void write_nn_archive(const fs::path& archive, const Graph& graph, const fs::path& model) {
  const std::string name = model.filename().string();
  const Json config = nn_archive_config(graph, name);
  write_file(
      archive,
      tar_gz({{"config.json", config.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"},
              {name, read_file(model)}}));
}

}  // namespace vpunas
