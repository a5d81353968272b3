// Expectations on what an Error says.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace vpunas {

// The message of the Error that `function` throws; "" where it throws none.
template <class Function>
std::string error_of(const Function& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

inline bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace vpunas

#define EXPECT_MENTIONS(text, part) EXPECT_PRED2(mentions, text, part)
