// Child processes: run one to its end, or talk to one line by line. No shell is involved.
// A child leads a process group of its own, so that a terminal's Ctrl-C reaches only us, inherits
// no descriptors but its three streams, and is killed by the kernel when the thread that started it
// ends.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/descriptor.h"

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

namespace detail {

// A running child; it and its process group are killed when the object goes.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { reap(); }

  bool ended_by(std::chrono::steady_clock::time_point deadline) const;
  // Kills what is left of the group and returns the exit code.
  int reap();

 private:
  pid_t pid_;  // -1 once reaped
  int exit_code_ = 0;
};

}  // namespace detail

// Runs argv[0] with its arguments and an empty standard input, and waits. Throws Error where it
// cannot be started or writes more than 64 MiB.
ProcessResult run_process(const std::vector<std::string>& argv, const ProcessOptions& options = {});

// A child that answers every line written to its standard input with one line on its standard
// output. When the object goes, the child is told so by the end of its input and killed where it
// does not end within a second.
class LineProcess {
 public:
  explicit LineProcess(const std::vector<std::string>& argv, const ProcessOptions& options = {});
  ~LineProcess();
  LineProcess(const LineProcess&) = delete;
  LineProcess& operator=(const LineProcess&) = delete;

  // Sends one line and returns the answer without its end of line. Throws Error, with the end of
  // the child's standard error, where the child dies or is silent for longer than the timeout; it
  // is gone then, and every later call throws.
  std::string ask(const std::string& line);

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  void send(std::string line, Deadline deadline);
  std::string receive(Deadline deadline);
  [[noreturn]] void fail_with_errors(const std::string& problem);

  std::string program_;
  std::chrono::seconds timeout_;
  Descriptor to_child_;    // a socket: writing to a dead child is an error and no signal
  Descriptor from_child_;  // a pipe
  Descriptor errors_;      // a file in memory that is the child's standard error
  std::string pending_;    // read and not yet returned
  detail::Child child_;
};

}  // namespace vpunas
