#include "training/module.h"

#include <dlfcn.h>

#include "base/error.h"
#include "base/files.h"

namespace vpunas {
namespace {

constexpr const char* kName = "libvpunas_learn.so";

// Beside the program, as where it was built, or where an installed program has its libraries.
fs::path find_module() {
  for (const fs::path& folder : {program_folder(), program_folder().parent_path() / VPUNAS_LIBDIR})
    if (fs::exists(folder / kName)) return folder / kName;
  return {};
}

const TrainingModule& load() {
  constexpr const char* remedy =
      "; searching, training and evaluating need it: run scripts/setup.sh and build again";
  const fs::path file = find_module();
  if (file.empty()) fail(kName, ", the program's part with libtorch, is not there", remedy);
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) fail("libtorch does not load (", dlerror(), ")", remedy);
  using Entry = const TrainingModule* (*)();
  const auto entry = reinterpret_cast<Entry>(dlsym(library, "vpunas_training_module"));
  if (entry == nullptr) fail(file.string(), ": not of this program", remedy);
  const TrainingModule& module = *entry();
  if (module.version != version())
    fail(file.string(), ": of vpunas ", module.version, ", this program is ", version(), remedy);
  return module;
}

}  // namespace

const TrainingModule& training_module() {
  static const TrainingModule& module = load();
  return module;
}

std::string training_library() {
  const std::string version = VPUNAS_TORCH_VERSION;
  return version.empty() ? "without libtorch" : "libtorch " + version;
}

}  // namespace vpunas
