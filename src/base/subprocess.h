// Child processes: run one to its end, or talk to one line by line. No shell is involved.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace vpunas {

struct ProcessResult {
  int exit_code = 0;   // 128 + signal where a signal ended it
  std::string output;  // standard output
  std::string errors;  // standard error
  bool timed_out = false;
};

struct ProcessOptions {
  std::map<std::string, std::string> environment = {};  // added to ours
  std::string folder = {};                              // working folder; ours where empty
  std::chrono::seconds timeout{60};                     // killed after this
};

// Runs argv[0] with its arguments and waits. Throws Error where it cannot be started.
ProcessResult run_process(const std::vector<std::string>& argv, const ProcessOptions& options = {});

// A child that answers every line written to its standard input with one line on its standard output.
// Killed when the object goes, and after a timeout. Its standard error passes through to a file that errors quote.
class LineProcess {
 public:
  explicit LineProcess(const std::vector<std::string>& argv, const ProcessOptions& options = {});
  ~LineProcess();
  LineProcess(const LineProcess&) = delete;
  LineProcess& operator=(const LineProcess&) = delete;

  // Sends one line and returns the answer without its end of line. Throws Error, with the end of the child's standard
  // error, where the child dies or is silent for longer than the timeout.
  std::string ask(const std::string& line);

 private:
  void stop();
  [[noreturn]] void fail_with_errors(const std::string& problem);

  std::string program_;
  std::chrono::seconds timeout_;
  pid_t pid_ = -1;
  int to_child_ = -1;
  int from_child_ = -1;
  int errors_ = -1;  // an unlinked temporary file
  std::string pending_;
};

}  // namespace vpunas
