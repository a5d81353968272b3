#include "myriadx/compiler.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/subprocess.h"
#include "base/text.h"

namespace vpunas::myriadx {
namespace {

fs::path libraries(const fs::path& root) { return root / "blob-compiler" / "libs"; }
fs::path program(const fs::path& root) { return libraries(root) / "myriad_compile"; }

std::string configuration(const fs::path& dot, const CompilerOptions& options) {
  std::string text = cat("MYRIAD_DUMP_INTERNAL_GRAPH_FILE_NAME ", dot.string(),
                         "\nMYRIAD_THROUGHPUT_STREAMS ", options.streams, "\n");
  if (options.shaves > 0) text += cat("MYRIAD_NUMBER_OF_SHAVES ", options.shaves, "\n");
  if (options.cmx_slices > 0) text += cat("MYRIAD_NUMBER_OF_CMX_SLICES ", options.cmx_slices, "\n");
  return text;
}

// The last line that says something.
std::string last_line(const std::string& text) {
  std::string last;
  for (const std::string& line : split(text, '\n')) {
    if (!trim(line).empty()) last = trim(line);
  }
  return last;
}

// The lines of a dot label, which separates them by "\l".
std::vector<std::string_view> label_lines(std::string_view label) {
  std::vector<std::string_view> lines;
  while (!label.empty()) {
    const size_t end = label.find("\\l");
    lines.push_back(label.substr(0, end));
    label.remove_prefix(end == std::string_view::npos ? label.size() : end + 2);
  }
  return lines;
}

// "key = value" lines with nested "key = [ ... ]" as "outer.inner", without the level that all
// extra attributes share.
std::map<std::string, std::string> label_attributes(const std::vector<std::string_view>& lines) {
  std::map<std::string, std::string> attributes;
  std::vector<std::string> groups;
  for (const std::string_view line : lines) {
    const std::string text(trim(line));
    const size_t equals = text.find(" = ");
    if (text == "]") {
      if (!groups.empty()) groups.pop_back();
    } else if (equals == std::string::npos) {
      continue;
    } else if (text.substr(equals + 3) == "[") {
      groups.push_back(text.substr(0, equals) == "extraAttrs" ? "" : text.substr(0, equals) + ".");
    } else {
      attributes[join(groups, "") + text.substr(0, equals)] = text.substr(equals + 3);
    }
  }
  return attributes;
}

// A statement of the dump that has a label: a node, or an edge where `to` is not empty.
struct Statement {
  std::string_view from, to, label;
};

std::vector<Statement> statements(std::string_view dot, const std::string& where) {
  constexpr std::string_view opening = "label=\"";
  std::vector<Statement> all;
  size_t previous = 0;  // the end of the label before; the graph's own has no semicolon behind it
  for (size_t at = dot.find(opening); at != dot.npos; at = dot.find(opening, at)) {
    const size_t begin = at + opening.size(), end = dot.find('"', begin);
    if (end == dot.npos) fail(where, ": truncated stage graph");
    std::string_view head = dot.substr(previous, at - previous);
    head.remove_prefix(head.find_last_of(";{}\"") + 1);  // npos + 1 is 0
    head = trim(head.substr(0, head.find('[')));
    const size_t arrow = head.find(" -> ");
    all.push_back({head.substr(0, arrow), arrow == head.npos ? "" : head.substr(arrow + 4),
                   dot.substr(begin, end - begin)});
    at = previous = end;
  }
  return all;
}

struct CompiledTensor {
  Shape shape;
  Place place = Place::ddr;
};

// "dims = [W : 28, H : 28, C : 1, N : 1]" and "dataLocation = CMX".
CompiledTensor tensor_of(const std::vector<std::string_view>& lines) {
  CompiledTensor tensor{{1, 1, 1}};
  auto attributes = label_attributes(lines);
  if (attributes["dataLocation"] == "CMX") tensor.place = Place::cmx;
  std::string dims = attributes["desc.dims"];
  std::erase(dims, '[');
  for (const std::string& entry : split(dims, ',')) {
    char axis = 0;
    int size = 0;
    if (std::sscanf(entry.c_str(), " %c : %9d", &axis, &size) != 2) continue;
    if (axis == 'C') tensor.shape.c = size;
    if (axis == 'H') tensor.shape.h = size;
    if (axis == 'W') tensor.shape.w = size;
  }
  return tensor;
}

struct PlacedStage {
  int position = 0, index = 0;
  CompiledStage stage;
};

// nullopt for what is no stage, and for a view, which does not execute.
std::optional<PlacedStage> stage_of(const std::vector<std::string_view>& lines) {
  const std::string first(lines.empty() ? std::string_view() : lines[0]);
  int position = 0, index = 0, length = 0;
  if (std::sscanf(first.c_str(), "[%d / %d] Stage %n", &position, &index, &length) != 2 ||
      length == 0 || position < 0)
    return std::nullopt;
  PlacedStage placed{position, index, {first.substr(size_t(length)), {}, label_attributes(lines)}};
  placed.stage.type = placed.stage.attributes["type"];
  return placed;
}

// An edge between a stage and its first input or output.
void connect(std::string_view kind, const Statement& edge,
             const std::map<std::string, CompiledTensor, std::less<>>& tensors,
             std::map<std::string, PlacedStage, std::less<>>& stages) {
  const bool reads = kind == "StageInput";
  if (!reads && kind != "StageOutput") return;
  const auto tensor = tensors.find(reads ? edge.from : edge.to);
  const auto stage = stages.find(reads ? edge.to : edge.from);
  if (tensor == tensors.end() || stage == stages.end()) return;
  CompiledStage& s = stage->second.stage;
  (reads ? s.input : s.output) = tensor->second.shape;
  (reads ? s.input_place : s.output_place) = tensor->second.place;
}

// A .blob's bytes, little-endian.
class Blob {
 public:
  explicit Blob(const fs::path& path) : path_(path), bytes_(read_file(path)) {}

  uint32_t word(size_t offset) const {
    check(offset, 4);
    std::array<unsigned char, 4> b;
    std::memcpy(b.data(), bytes_.data() + offset, 4);
    return uint32_t{b[0]} | uint32_t{b[1]} << 8 | uint32_t{b[2]} << 16 | uint32_t{b[3]} << 24;
  }
  void check(size_t offset, size_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset) {
      fail(path_.string(), ": truncated .blob file: it has no byte ", offset + size,
           "; compile it again");
    }
  }
  size_t size() const { return bytes_.size(); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
  std::string bytes_;
};

// The compiler's own header stands behind a 52-byte ELF header whose magic number has a bit off
// (OpenVINO 2021.3, vpu/backend/blob_format.hpp).
constexpr size_t kHeader = 52;
constexpr uint32_t kElf = 0x666c657f;  // ".elf"
constexpr uint32_t kMagic = 9709;
enum Field : size_t {
  magic,
  file_size,
  major,
  minor,
  inputs,
  outputs,
  stages,
  input_section = 16,
  output_section,
  constants = 19
};

uint32_t field(const Blob& blob, Field f) { return blob.word(kHeader + 4 * size_t{f}); }

const char* precision_name(uint32_t type) {
  static constexpr std::array names = {"FP16", "U8", "S32", "FP32", "I8"};
  return type < names.size() ? names[type] : "unknown";
}

// The first input or output: index, offset, name, type, order (4 bits a dimension from the
// innermost, W = 1, H, C, N), number of dimensions, and where they stand.
void read_tensor(const Blob& blob, size_t at, Shape& shape, std::string& precision) {
  const uint32_t name_length = blob.word(at + 8);
  blob.check(at + 12, name_length);
  at += 12 + name_length;
  precision = precision_name(blob.word(at));
  const uint32_t order = blob.word(at + 4), dimensions = blob.word(at + 8);
  if (dimensions > 8)
    fail(blob.path().string(), ": a tensor of ", dimensions,
         " dimensions; this is no .blob of an image network");
  const size_t values = size_t{field(blob, constants)} + blob.word(at + 16);
  shape = {1, 1, 1};
  for (uint32_t d = 0; d < dimensions; ++d) {
    const uint32_t value = blob.word(values + 4 * size_t{d});
    if (value == 0 || value > 1u << 30)
      fail(blob.path().string(), ": a dimension of ", value, "; the .blob file is damaged");
    switch (order >> (4 * d) & 0xf) {
      case 1:
        shape.w = int(value);
        break;
      case 2:
        shape.h = int(value);
        break;
      case 3:
        shape.c = int(value);
        break;
      default:
        break;
    }
  }
}

}  // namespace

fs::path compiler_root() {
  const fs::path beside_data = data_folder().parent_path();
  return compiler_present(beside_data) ? beside_data : source_folder();
}

bool compiler_present(const fs::path& root) { return fs::is_regular_file(program(root)); }

void require_compiler(const fs::path& root) {
  if (!compiler_present(root)) {
    fail(program(root).string(),
         ": Intel's MyriadX compiler is not there; run `make blob-compiler` (Intel's licence)");
  }
}

std::vector<CompiledStage> parse_stage_graph(const std::string& dot, const std::string& where) {
  if (dot.find("digraph") == std::string::npos) fail(where, ": is not the compiler's stage graph");
  std::map<std::string, PlacedStage, std::less<>> placed;  // by identifier, as the tensors
  std::map<std::string, CompiledTensor, std::less<>> tensors;
  for (const Statement& statement : statements(dot, where)) {
    const auto lines = label_lines(statement.label);
    const std::string_view first = lines.empty() ? std::string_view() : lines[0];
    if (statement.to.empty()) {
      if (first.starts_with("Data ")) tensors[std::string(statement.from)] = tensor_of(lines);
      if (const auto stage = stage_of(lines)) placed[std::string(statement.from)] = *stage;
    } else if (lines.size() > 1 && lines[1] == "portInd = 0") {
      connect(first, statement, tensors, placed);
    }
  }
  // Of two stages at one position the one that is not the NCE's runs in its shadow.
  const auto is_nce = [](const PlacedStage& p) { return p.stage.type == "MyriadXHwOp"; };
  std::set<int> nce_positions;
  std::vector<PlacedStage> ordered;
  for (auto& [id, stage] : placed) {
    if (is_nce(stage)) nce_positions.insert(stage.position);
    ordered.push_back(std::move(stage));
  }
  for (PlacedStage& p : ordered) p.stage.in_shadow = !is_nce(p) && nce_positions.count(p.position);
  std::sort(ordered.begin(), ordered.end(), [](const PlacedStage& a, const PlacedStage& b) {
    return std::tuple(a.position, a.stage.in_shadow, a.index) <
           std::tuple(b.position, b.stage.in_shadow, b.index);
  });
  std::vector<CompiledStage> stages;
  for (PlacedStage& p : ordered) stages.push_back(std::move(p.stage));
  return stages;
}

CompiledNetwork compile(const fs::path& root, const fs::path& onnx, const fs::path& blob,
                        const CompilerOptions& options) {
  resources(options.streams);
  require_compiler(root);
  const TemporaryFolder folder;
  const fs::path config = folder.path() / "config", dot = folder.path() / "stages.dot",
                 output = folder.path() / "network.blob";
  write_file(config, configuration(dot, options));
  const ProcessResult result = run_process(
      {program(root).string(), "-m", fs::absolute(onnx).string(), "-o", output.string(), "-ip",
       "U8", "-op", options.output == Precision::fp32 ? "FP32" : "FP16", "-c", config.string()},
      {.environment = {{"LD_LIBRARY_PATH", fs::absolute(libraries(root)).string()}},
       .folder = folder.path().string(),
       .timeout = std::chrono::seconds(600)});
  if (result.timed_out) fail(onnx.string(), ": Intel's compiler did not finish within 10 minutes");
  if (result.exit_code != 0 || !fs::exists(output)) {
    const std::string message = last_line(result.errors.empty() ? result.output : result.errors);
    fail(onnx.string(), ": Intel's compiler failed: ",
         message.empty() ? cat("exit code ", result.exit_code) : message);
  }
  CompiledNetwork network = read_blob_header(output);
  network.stages = parse_stage_graph(read_file(dot), dot.string());
  write_file(blob, read_file(output));
  return network;
}

CompiledNetwork read_blob_header(const fs::path& path) {
  const Blob blob(path);
  if (blob.size() < 4 || blob.word(0) != kElf) fail(path.string(), ": is not a MyriadX .blob file");
  if (field(blob, magic) != kMagic) fail(path.string(), ": is not a .blob of the MyriadX compiler");
  if (field(blob, file_size) > blob.size()) {
    fail(path.string(), ": truncated .blob file: ", blob.size(), " of ", field(blob, file_size),
         " bytes; compile it again");
  }
  if (field(blob, inputs) < 1 || field(blob, outputs) < 1)
    fail(path.string(), ": a .blob without inputs or outputs");
  CompiledNetwork network;
  network.stage_count = int(std::min<uint32_t>(field(blob, stages), 1u << 30));
  read_tensor(blob, field(blob, input_section), network.input, network.input_precision);
  read_tensor(blob, field(blob, output_section), network.output, network.output_precision);
  return network;
}

}  // namespace vpunas::myriadx
