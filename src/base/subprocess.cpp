#include "base/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <thread>

#include "base/error.h"
#include "base/text.h"

namespace vpunas {
namespace {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;
using namespace std::chrono_literals;

constexpr size_t most_output = size_t{64} << 20;

Deadline deadline_after(std::chrono::seconds timeout) {
  return Clock::now() + std::min<std::chrono::seconds>(timeout, 24h * 365);
}

// What poll and nanosleep can wait at once.
int milliseconds_left(Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 1'000'000));
}

[[noreturn]] void fail_system(const char* what) {
  fail("cannot create ", what, " for a child process: ", std::strerror(errno),
       "; too many files may be open (ulimit -n)");
}

struct Channel {
  Descriptor ours, childs;
};

Channel pipe_from_child() {
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) fail_system("a pipe");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

Channel socket_to_child() {
  std::array<int, 2> ends;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) fail_system("a socket");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

std::vector<std::string> merged_environment(std::map<std::string, std::string> added) {
  std::vector<std::string> lines;
  for (char** variable = environ; *variable; ++variable) {
    const std::string_view line = *variable;
    if (!added.contains(std::string(line.substr(0, line.find('='))))) lines.emplace_back(line);
  }
  for (const auto& [name, value] : added) lines.push_back(cat(name, "=", value));
  return lines;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// Why the program could not be started, as the child tells us.
struct StartFailure {
  int error = 0;
  bool folder = false;
};

struct Start {
  char** argv;
  char** environment;
  const char* folder;
  pid_t parent;
  std::array<int, 3> streams;
  int report;  // takes a StartFailure; closed by a successful exec
};

// The child between fork and exec. Other threads may have held locks at the fork: only
// async-signal-safe calls.
[[noreturn]] void start(Start start) {
  const auto give_up = [&](bool folder) {
    const StartFailure failure = {errno, folder};
    [[maybe_unused]] const ssize_t written = write(start.report, &failure, sizeof failure);
    _exit(127);
  };
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != start.parent) _exit(127);  // it ended before the line above
  std::signal(SIGPIPE, SIG_DFL);              // what we ignore or block would be inherited
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // Where we were started with closed streams, these may be 0, 1 or 2 themselves.
  start.report = fcntl(start.report, F_DUPFD_CLOEXEC, 3);
  for (int& stream : start.streams) stream = fcntl(stream, F_DUPFD_CLOEXEC, 3);
  for (int i = 0; i < 3; ++i) dup2(start.streams[static_cast<size_t>(i)], i);
  close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);  // libraries of ours may have opened files without it
  if (*start.folder && chdir(start.folder) != 0) give_up(true);
  execvpe(start.argv[0], start.argv, start.environment);
  give_up(false);
  _exit(127);
}

pid_t spawn(std::vector<std::string> argv, const ProcessOptions& options,
            std::array<int, 3> streams) {
  assert(!argv.empty());
  std::vector<std::string> environment = merged_environment(options.environment);
  const std::vector<char*> arguments = pointers(argv), variables = pointers(environment);
  Channel report = pipe_from_child();
  const Start what = {const_cast<char**>(arguments.data()),
                      const_cast<char**>(variables.data()),
                      options.folder.c_str(),
                      getpid(),
                      streams,
                      report.childs};
  const pid_t pid = fork();
  if (pid < 0) fail(argv[0], ": cannot be started: ", std::strerror(errno), "; end other programs");
  if (pid == 0) start(what);
  report.childs.reset();
  StartFailure failure;
  ssize_t got = 0;
  do got = read(report.ours, &failure, sizeof failure);
  while (got < 0 && errno == EINTR);
  if (got == sizeof failure) {
    detail::Child(pid).reap();
    const std::string& missing = failure.folder ? options.folder : argv[0];
    fail(missing, failure.folder ? ": cannot be the working folder: " : ": cannot be started: ",
         std::strerror(failure.error), "; check the path");
  }
  return pid;
}

// Waits for `events`; false at the deadline.
bool wait_for(int fd, short events, Deadline deadline) {
  pollfd wanted = {fd, events, 0};
  do {
    if (poll(&wanted, 1, milliseconds_left(deadline)) > 0) return true;
  } while (Clock::now() < deadline);
  return false;
}

// Appends what can be read at once; false at the end of the stream.
bool read_some(int fd, std::string& text) {
  std::array<char, 65536> buffer;
  const ssize_t got = read(fd, buffer.data(), buffer.size());
  if (got > 0) text.append(buffer.data(), static_cast<size_t>(got));
  return got > 0 || (got < 0 && errno == EINTR);
}

// Reads both streams to their ends; false at the deadline.
bool read_to_end(int output, int errors, ProcessResult& result, const std::string& program,
                 Deadline deadline) {
  std::array<pollfd, 2> streams = {pollfd{output, POLLIN, 0}, pollfd{errors, POLLIN, 0}};
  const std::array<std::string*, 2> texts = {&result.output, &result.errors};
  while (streams[0].fd >= 0 || streams[1].fd >= 0) {
    if (Clock::now() >= deadline) return false;
    if (poll(streams.data(), streams.size(), milliseconds_left(deadline)) <= 0) continue;
    for (size_t i = 0; i < 2; ++i) {
      if (streams[i].revents && !read_some(streams[i].fd, *texts[i]))
        streams[i].fd = -1;  // poll skips it
      if (texts[i]->size() > most_output)
        fail(program, ": wrote more than 64 MiB; it is not the program that was expected");
    }
  }
  return true;
}

}  // namespace

namespace detail {

bool Child::ended_by(Deadline deadline) const {
  for (auto pause = 1ms;; pause = std::min(pause * 2, 50ms)) {
    siginfo_t info{};
    // Not reaped yet: its number stays its own, and its group can be killed safely.
    const bool known =
        waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
    if (!known || info.si_pid == pid_) return true;
    const int left = milliseconds_left(deadline);
    if (left == 0) return false;
    std::this_thread::sleep_for(std::min(pause, std::chrono::milliseconds(left)));
  }
}

int Child::reap() {
  if (pid_ < 0) return exit_code_;
  kill(-pid_, SIGKILL);
  exit_code_ = 128 + SIGKILL;
  // A driver may hold a child in the kernel for ever; better a zombie than to wait with it.
  int status = 0;
  if (ended_by(Clock::now() + 5s) && waitpid(pid_, &status, 0) == pid_) {
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  pid_ = -1;
  return exit_code_;
}

}  // namespace detail

ProcessResult run_process(const std::vector<std::string>& argv, const ProcessOptions& options) {
  const Deadline deadline = deadline_after(options.timeout);
  const Descriptor nothing(open("/dev/null", O_RDONLY | O_CLOEXEC));
  Channel output = pipe_from_child(), errors = pipe_from_child();
  detail::Child child(spawn(argv, options, {nothing, output.childs, errors.childs}));
  output.childs.reset();
  errors.childs.reset();
  ProcessResult result;
  result.timed_out = !read_to_end(output.ours, errors.ours, result, argv[0], deadline) ||
                     !child.ended_by(deadline);
  result.exit_code = child.reap();
  return result;
}

LineProcess::LineProcess(const std::vector<std::string>& argv, const ProcessOptions& options)
    : program_(argv.at(0)),
      timeout_(options.timeout),
      errors_(memfd_create("errors", MFD_CLOEXEC)),
      child_([&] {
        if (errors_ < 0) fail_system("a file in memory");
        Channel input = socket_to_child(), output = pipe_from_child();
        to_child_ = std::move(input.ours);
        from_child_ = std::move(output.ours);
        return spawn(argv, options, {input.childs, output.childs, errors_});
      }()) {}

LineProcess::~LineProcess() {
  to_child_.reset();
  child_.ended_by(Clock::now() + 1s);
}

std::string LineProcess::ask(const std::string& line) {
  assert(line.find('\n') == std::string::npos);
  const Deadline deadline = deadline_after(timeout_);
  if (to_child_ < 0) fail_with_errors("has ended");
  if (!pending_.empty()) fail_with_errors("wrote more than one line as an answer");
  send(line + "\n", deadline);
  return receive(deadline);
}

void LineProcess::send(std::string line, Deadline deadline) {
  std::string_view rest = line;
  while (!rest.empty()) {
    if (!wait_for(to_child_, POLLOUT, deadline))
      fail_with_errors(cat("took no input for ", timeout_.count(), " s"));
    const ssize_t sent = ::send(to_child_, rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0)
      rest.remove_prefix(static_cast<size_t>(sent));
    else if (errno != EAGAIN && errno != EINTR)
      fail_with_errors("ended");
  }
}

std::string LineProcess::receive(Deadline deadline) {
  for (size_t searched = 0;;) {
    const size_t end = pending_.find('\n', searched);
    if (end != std::string::npos) {
      std::string answer = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return answer;
    }
    searched = pending_.size();
    if (searched > most_output) fail_with_errors("answered with more than 64 MiB");
    if (!wait_for(from_child_, POLLIN, deadline))
      fail_with_errors(cat("gave no answer for ", timeout_.count(), " s"));
    if (!read_some(from_child_, pending_)) fail_with_errors("ended without an answer");
  }
}

void LineProcess::fail_with_errors(const std::string& problem) {
  // A child that ends by itself may still be writing its reason.
  to_child_.reset();
  const bool ended = child_.ended_by(Clock::now() + 100ms);
  const int exit_code = child_.reap();
  std::string errors(600, '\0');
  const off_t size = std::max<off_t>(lseek(errors_, 0, SEEK_END), 0);
  const off_t begin = std::max<off_t>(size - static_cast<off_t>(errors.size()), 0);
  errors.resize(static_cast<size_t>(
      std::max<ssize_t>(pread(errors_, errors.data(), errors.size(), begin), 0)));
  const std::string_view last_words = trim(errors);
  fail(program_, ": ", problem, ended ? cat(" (exit code ", exit_code, ")") : "",
       last_words.empty() ? "; it gave no reason, try it by hand"
                          : cat("; it said: ", excerpt(last_words, errors.size())));
}

}  // namespace vpunas
