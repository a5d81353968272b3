// The message of the Error that a call throws, "no error" where it throws none.
#pragma once

#include <functional>
#include <string>

#include "base/error.h"

namespace vpunas::test {

inline std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace vpunas::test
