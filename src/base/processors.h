// How many threads are worth having.
#pragma once

#include <filesystem>
#include <string>

namespace vpunas {

// Processors that this process may use: those it is bound to, and of a container with a quota
// (`docker run --cpus=2`) no more than that, rounded up.
int processor_count();

// Processors' worth of time that control groups (version 2) grant: the least of the quotas of
// `group` ("/user.slice/...") and all groups around it, as their cpu.max in `root` tell; infinite
// without any.
double processor_quota(const std::filesystem::path& root, const std::string& group);

}  // namespace vpunas
