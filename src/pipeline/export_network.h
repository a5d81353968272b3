// From a trained network to the files that users take away.
#pragma once

#include <filesystem>

#include "arch/space.h"
#include "arch/weights.h"
#include "base/progress.h"
#include "data/dataset.h"
#include "device/client.h"
#include "pipeline/config.h"
#include "pipeline/networks.h"

namespace vpunas {

// Writes model.onnx, model.xml/.bin (FP16, by OpenVINO), weights.safetensors, architecture.json,
// labels.txt, with `config.blob` model.blob, with `config.nn_archive` model.tar.gz, and export.json
// into `folder`, after OpenVINO (float32) has given what libtorch gives on the first images of
// `images` from raw U8 on. The folder appears only when all of it is there and agrees; what was
// there before is replaced. Throws Error where top-1 agreement of ONNX or IR is below 99 %.
void export_network(const Architecture& architecture, const Graph& graph, const Weights& weights,
                    const ImageSet& images, const ExportConfig& config, DeviceClient& device,
                    const std::filesystem::path& folder, const Work& work);

// The same for a network outside a run, which is not verified: model.onnx, model.xml/.bin,
// labels.txt where there are labels, what `config` asks for and export.json. `images`, which may be
// none, tell whether it fits FP16.
void export_network(const LoadedNetwork& network, const ImageSet& images,
                    const ExportConfig& config, DeviceClient& device,
                    const std::filesystem::path& folder, const Work& work);

}  // namespace vpunas
