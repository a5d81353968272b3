// What the classes of a network are called, and which of them a data set's classes are.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace vpunas {

// By the network's outputs; each class has one name or more ("n01491361", "tiger_shark").
using ClassNames = std::vector<std::vector<std::string>>;

// A text file with a line for each output, names separated by tabs. Throws Error where it is empty
// or has an empty line in it.
ClassNames read_class_names(const std::filesystem::path& path);

// One name each.
ClassNames class_names(const std::vector<std::string>& labels);

// The last name, which people read; without names the number.
std::string shown_name(const ClassNames& names, size_t output);

// The output for each of `classes`: the one that has the class among its names, of as many as there
// are outputs, or without names the one of the same place. Throws Error for a class that no output
// or more than one has, and without names where there are not as many classes as outputs.
std::vector<int> outputs_of(const std::vector<std::string>& classes, const ClassNames& names,
                            int outputs);

}  // namespace vpunas
