// The NN Archive of Luxonis' DepthAI (docs.luxonis.com, "NN Archive"): a .tar.gz with the model and
// a config.json that says how to feed and read it on an OAK camera.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "arch/graph.h"
#include "base/files.h"

namespace vpunas {

// config.json for `model`, a .blob (U8 in, FP16 out) or an .onnx (FP32), that takes images as
// 0..255; inputs of other than one or three channels are raw tensors. `head` says what the output
// is: classification, multilabel, segmentation, embedding, raw, or auto: a classification. Throws
// as require_head does.
Json nn_archive_config(const Graph& graph, const std::string& model,
                       const std::string& head = "auto");

// Throws Error where the graph's output cannot be what `head` says, and with auto where it is not
// plainly a classification: an image, behind sigmoids, or, with `may_be_any`, not behind a softmax.
void require_head(const Graph& graph, const std::string& head, bool may_be_any);

// Writes config.json and the file `model` under its own name.
void write_nn_archive(const std::filesystem::path& archive, const Graph& graph,
                      const std::filesystem::path& model, const std::string& head = "auto");

// Files by name as a gzipped POSIX tar (ustar, IEEE Std 1003.1), always the same bytes for the same
// files. Throws Error for names over 100 bytes and files of 8 GiB.
std::string tar_gz(const std::vector<std::pair<std::string, std::string>>& files);

}  // namespace vpunas
