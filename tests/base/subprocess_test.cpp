#include "base/subprocess.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "tests/base/support.h"

namespace vpunas {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

std::vector<std::string> shell(const std::string& script) { return {"/bin/sh", "-c", script}; }

// Whether the process goes within two seconds.
bool goes(pid_t pid) {
  for (int i = 0; i < 200; ++i) {
    if (kill(pid, 0) != 0 && errno == ESRCH) return true;
    // A killed orphan may stay a zombie where nobody reaps.
    const std::string path = cat("/proc/", pid, "/stat");
    std::error_code ignored;
    if (fs::exists(path, ignored)) {
      try {
        if (read_file(path).find(") Z ") != std::string::npos) return true;
      } catch (const Error&) {
      }
    }
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

TEST(RunProcess, ReturnsBothStreamsAndTheExitCode) {
  const ProcessResult result = run_process(shell("echo out; echo err >&2; exit 3"));
  EXPECT_EQ(result.output, "out\n");
  EXPECT_EQ(result.errors, "err\n");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_FALSE(result.timed_out);
}

TEST(RunProcess, GivesArgumentsUnchanged) {
  EXPECT_EQ(run_process({"printf", "%s|%s", "a b;$HOME 'x'", ""}).output, "a b;$HOME 'x'|");
}

TEST(RunProcess, ReportsSignalsAsExitCodes) {
  EXPECT_EQ(run_process(shell("kill -TERM $$")).exit_code, 128 + SIGTERM);
}

TEST(RunProcess, ReadsMuchOfBothStreamsWithoutDeadlock) {
  const ProcessResult result =
      run_process(shell("head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero"));
  EXPECT_EQ(result.output.size(), 3'000'000u);
  EXPECT_EQ(result.errors.size(), 3'000'000u);
}

TEST(RunProcess, RefusesOutputWithoutEnd) {
  EXPECT_CONTAINS(error_of([] { run_process({"cat", "/dev/zero"}); }),
                  "cat: wrote more than 64 MiB");
}

TEST(RunProcess, HasAnEmptyInput) { EXPECT_EQ(run_process({"cat"}).output, ""); }

TEST(RunProcess, AddsToTheEnvironment) {
  setenv("VPUNAS_TEST_KEPT", "kept", 1);
  setenv("VPUNAS_TEST_CHANGED", "old", 1);
  const auto result = run_process(
      shell("echo $VPUNAS_TEST_KEPT $VPUNAS_TEST_CHANGED $VPUNAS_TEST_NEW"),
      {.environment = {{"VPUNAS_TEST_CHANGED", "changed"}, {"VPUNAS_TEST_NEW", "new"}}});
  EXPECT_EQ(result.output, "kept changed new\n");
}

TEST(RunProcess, WorksInTheFolder) {
  const TemporaryFolder folder;
  EXPECT_EQ(run_process({"pwd", "-P"}, {.folder = folder.path()}).output,
            fs::canonical(folder.path()).string() + "\n");
  EXPECT_CONTAINS(error_of([] { run_process({"pwd"}, {.folder = "/does/not/exist"}); }),
                  "/does/not/exist: cannot be the working folder");
}

TEST(RunProcess, SaysWhyAProgramCannotBeStarted) {
  EXPECT_CONTAINS(error_of([] { run_process({"/does/not/exist"}); }),
                  "/does/not/exist: cannot be started: No such");
  EXPECT_CONTAINS(error_of([] { run_process({"/etc/passwd"}); }), "Permission denied");
}

TEST(RunProcess, ATimeoutKillsTheWholeGroup) {
  const auto begin = Clock::now();
  const ProcessResult result = run_process(shell("sleep 100 & echo $!; wait"), {.timeout = 1s});
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.exit_code, 128 + SIGKILL);
  EXPECT_LT(Clock::now() - begin, 5s);
  EXPECT_TRUE(goes(static_cast<pid_t>(*parse_number(trim(result.output)))));
}

TEST(RunProcess, ATimeoutHoldsForAChildThatClosedItsStreams) {
  EXPECT_TRUE(run_process(shell("exec >&- 2>&-; sleep 100"), {.timeout = 1s}).timed_out);
}

TEST(RunProcess, TheChildHasNoDescriptorsOfOursAndDefaultSignals) {
  const int leaked = open("/dev/null", O_RDONLY);  // without O_CLOEXEC, as a library would
  const auto handler = signal(SIGPIPE, SIG_IGN);
  EXPECT_EQ(run_process({"ls", "/proc/self/fd"}).output,
            "0\n1\n2\n3\n");  // 3 is the listed folder itself
  // "SigIgn:\t..." in hexadecimal, signal 1 lowest. Signals 32 and 33 are glibc's own: whoever
  // started us may have left them ignored, and no program can change that.
  const std::string ignored = run_process({"grep", "SigIgn", "/proc/self/status"}).output;
  EXPECT_EQ(std::stoull(ignored.substr(ignored.find('\t') + 1), nullptr, 16) & 0x7fffffff, 0u)
      << ignored;
  signal(SIGPIPE, handler);
  close(leaked);
}

TEST(RunProcess, TheChildLeadsAGroupOfItsOwn) {
  const ProcessResult result = run_process(shell("cut -d' ' -f5 /proc/$$/stat; echo $$"));
  const auto lines = split(result.output, '\n');
  EXPECT_EQ(lines.at(0), lines.at(1));
}

TEST(RunProcess, TheChildDiesWithItsParent) {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "pid";
  const pid_t parent = fork();
  if (parent == 0) {
    run_process(shell(cat("echo $$ > ", file.string(), "; exec sleep 100")));
    _exit(0);
  }
  for (int i = 0; i < 500 && (!fs::exists(file) || fs::file_size(file) == 0); ++i)
    std::this_thread::sleep_for(10ms);
  const auto child = parse_number(trim(read_file(file)));
  ASSERT_TRUE(child);
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  EXPECT_TRUE(goes(static_cast<pid_t>(*child)));
}

TEST(LineProcess, AnswersLineByLine) {
  LineProcess process({"cat"});
  EXPECT_EQ(process.ask("one"), "one");
  EXPECT_EQ(process.ask(""), "");
  EXPECT_EQ(process.ask("two \xff"), "two \xff");
}

TEST(LineProcess, CarriesLongLines) {
  LineProcess process(shell("while read -r line; do printf '%s\\n' \"$line\"; done"),
                      {.timeout = 20s});
  const std::string line(300'000, 'x');
  EXPECT_EQ(process.ask(line), line);
}

TEST(LineProcess, DeathIsAnErrorWithTheChildsWords) {
  LineProcess process(shell("read line; echo 'no such device: NPU' >&2; exit 4"));
  const std::string message = error_of([&] { process.ask("measure"); });
  EXPECT_CONTAINS(message, "/bin/sh: ended without an answer (exit code 4)");
  EXPECT_CONTAINS(message, "no such device: NPU");
  EXPECT_CONTAINS(error_of([&] { process.ask("again"); }), "has ended (exit code 4)");
}

TEST(LineProcess, WritingToADeadChildIsNoSignal) {
  LineProcess process({"true"});
  std::this_thread::sleep_for(200ms);
  EXPECT_CONTAINS(error_of([&] { process.ask("x"); }), "ended");
}

TEST(LineProcess, QuotesOnlyTheEndOfLongErrors) {
  LineProcess process(shell("i=0; while [ $i -lt 2000 ]; do echo line $i >&2; i=$((i+1)); done"));
  const std::string message = error_of([&] { process.ask("x"); });
  EXPECT_CONTAINS(message, "line 1999");
  EXPECT_LT(message.size(), 1000u);
}

TEST(LineProcess, SilenceIsAnError) {
  LineProcess process(shell("read line; printf half; sleep 100"), {.timeout = 1s});
  EXPECT_CONTAINS(error_of([&] { process.ask("x"); }), "gave no answer for 1 s");
  EXPECT_CONTAINS(error_of([&] { process.ask("x"); }), "has ended");
}

TEST(LineProcess, AChildThatReadsNothingIsAnError) {
  LineProcess process({"sleep", "100"}, {.timeout = 1s});
  EXPECT_CONTAINS(error_of([&] { process.ask(std::string(10'000'000, 'x')); }),
                  "took no input for 1 s");
}

TEST(LineProcess, TwoLinesAsOneAnswerAreAnError) {
  LineProcess process(shell("read line; printf '1\\n2\\n'; read line"));
  EXPECT_EQ(process.ask("x"), "1");
  EXPECT_CONTAINS(error_of([&] { process.ask("y"); }), "more than one line");
}

TEST(LineProcess, AnAnswerWithoutEndIsAnError) {
  LineProcess process({"cat", "/dev/zero"});
  EXPECT_CONTAINS(error_of([&] { process.ask("x"); }), "more than 64 MiB");
}

TEST(LineProcess, EndsWithTheObject) {
  const TemporaryFolder folder;
  const fs::path done = folder.path() / "done";
  pid_t pid = 0;
  {
    LineProcess process(shell(cat("read line; echo $$; read line || echo x > ", done.string())));
    pid = static_cast<pid_t>(*parse_number(process.ask("pid")));
  }
  EXPECT_TRUE(fs::exists(done)) << "the end of the input lets the child end by itself";
  EXPECT_TRUE(goes(pid));
  {
    LineProcess stubborn(shell("read line; echo $$; exec sleep 100"));
    pid = static_cast<pid_t>(*parse_number(stubborn.ask("pid")));
  }
  EXPECT_TRUE(goes(pid));
}

TEST(LineProcess, SaysWhyAProgramCannotBeStarted) {
  EXPECT_CONTAINS(error_of([] { LineProcess({"vpunas-does-not-exist"}); }), "cannot be started");
}

}  // namespace
}  // namespace vpunas
