// Runs Intel's offline MyriadX compiler (fetched by `make blob-compiler`, under Intel's licence,
// never part of this project).
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "myriadx/mapping.h"

namespace vpunas::myriadx {

// A stage of the compiler's own final graph, as its dump tells.
struct CompiledStage {
  std::string name, type;                         // type as "MyriadXHwOp", "Copy", "Sum"
  std::map<std::string, std::string> attributes;  // "numSHAVEs", "hwOpType", "tiling.mode", ...
  bool in_shadow = false;                         // runs beside an NCE stage
  Shape input = {}, output = {};                  // of the first input and output
  Place input_place = Place::ddr, output_place = Place::ddr;
};

struct CompiledNetwork {
  std::vector<CompiledStage> stages;  // of the dump: those that execute
  int stage_count = 0;                // of the header: without stages in a shadow
  Shape input, output;
  std::string input_precision, output_precision;  // "U8", "FP16", "FP32"
};

struct CompilerOptions {
  int streams = 2;
  int shaves = 0;  // 0, for both: the default of the streams
  int cmx_slices = 0;
  Precision output = Precision::fp16;
};

// The folder that `make blob-compiler` was run in: the data folder's, or the checkout that an
// installed program was built from. That one, too, where it was run in neither.
std::filesystem::path compiler_root();
// True where `make blob-compiler` has been run in `root`.
bool compiler_present(const std::filesystem::path& root);
// Throws Error that says how to get it.
void require_compiler(const std::filesystem::path& root);

// Compiles ONNX (the myriadx dialect) to a .blob with U8 input, and reads the compiler's dumped
// stage graph. Throws Error with the compiler's own message.
CompiledNetwork compile(const std::filesystem::path& root, const std::filesystem::path& onnx,
                        const std::filesystem::path& blob, const CompilerOptions& options = {});

// Input and output shapes from the .blob's own header. Throws Error on a truncated or foreign file.
CompiledNetwork read_blob_header(const std::filesystem::path& blob);

// The executed stages of a dumped graph. Throws Error where it is none.
std::vector<CompiledStage> parse_stage_graph(const std::string& dot, const std::string& where);

}  // namespace vpunas::myriadx
