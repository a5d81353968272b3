// What a data set holds and what is wrong with it, found by reading all of it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/progress.h"
#include "data/dataset.h"

namespace vpunas {

struct Inspection {
  std::string name;  // as Dataset::name
  std::vector<std::string> classes;
  // Images that can be decoded, by class; all 0 of a part that there is not.
  std::vector<int64_t> train, validation, test;
  std::map<std::string, int64_t> formats;                   // JPEG: 1200
  std::map<int, int64_t> channels;                          // 3: 1190, 1: 10
  std::map<std::pair<int, int>, int64_t> sizes;             // height, width
  std::vector<std::string> bad;                             // the error of each that cannot be
  std::vector<std::pair<std::string, std::string>> shared;  // of training and test, the same bytes
};

// Reads every image once, on all processors. `config` says where and in which format. Throws Error
// for faults of the data set as a whole, as read_dataset does, and Interrupted.
Inspection inspect(const DataConfig& config, const Work& work = {});

}  // namespace vpunas
