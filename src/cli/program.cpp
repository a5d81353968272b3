#include <unistd.h>
#include <csignal>
#include <iostream>
#include <thread>

#include "base/files.h"
#include "base/text.h"
#include "cli/cli.h"
#include "output/progress_view.h"
#include "training/module.h"

namespace vpunas::cli {
namespace {

// Turns SIGINT and SIGTERM into a stop request, and the second one into an immediate end. Signals
// are blocked in every thread and taken by one that waits for them, so no code runs in a signal
// handler.
class StopOnSignal {
 public:
  StopOnSignal() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    waiter_ = std::thread([this] {
      int signal = 0;
      sigwait(&signals_, &signal);
      if (finished_) return;
      std::cerr << "\nstopping after the current step; once more ends at once\n";
      source_.request_stop();
      sigwait(&signals_, &signal);
      if (!finished_) _exit(static_cast<int>(ExitCode::interrupted));
    });
  }
  ~StopOnSignal() {
    finished_ = true;
    pthread_kill(waiter_.native_handle(), SIGTERM);
    waiter_.join();
  }
  std::stop_token token() const { return source_.get_token(); }

 private:
  sigset_t signals_{};
  std::stop_source source_;
  std::atomic<bool> finished_ = false;
  std::thread waiter_;
};

// As a shell reads it.
std::string quoted(const std::string& argument) {
  constexpr const char* plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./:,@%";
  if (!argument.empty() && argument.find_first_not_of(plain) == std::string::npos) return argument;
  std::string text = "'";
  for (const char c : argument) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

std::string command_line(const std::vector<std::string>& arguments) {
  std::vector<std::string> words;
  for (const std::string& argument : arguments) words.push_back(quoted(argument));
  return join(words, " ");
}

// What goes on with the work of a command: the same, which must not discard it.
std::vector<std::string> resuming(std::vector<std::string> arguments) {
  std::erase(arguments, "--restart");
  return arguments;
}

// "vpunas zoo show" of the deepest verb that was parsed.
std::string parsed_verb(const CLI::App& app) {
  std::string name = app.get_name();
  for (const CLI::App* verb = &app; !verb->get_subcommands().empty();) {
    verb = verb->get_subcommands().back();
    name += " " + verb->get_name();
  }
  return name;
}

int exit_code(ExitCode code) { return static_cast<int>(code); }

}  // namespace

int run_program(int argc, char** argv) {
  const std::vector<std::string> arguments(argv, argv + argc);
  CLI::App app{
      "Finds, trains and delivers convolutional networks within a latency budget on an inference "
      "device.",
      "vpunas"};
  app.set_version_flag("--version", "vpunas " + version() + ", " + training_library());
  app.require_subcommand(1);
  app.footer(
      "Example: vpunas run -c configs/quick.toml\nDocumentation: README.md, docs/formats.md");
  Action action;
  add_run(app, action);
  add_profile(app, action);
  add_export(app, action);
  add_benchmark(app, action);
  add_evaluate(app, action);
  add_classify(app, action);
  add_devices(app, action);
  add_data(app, action);
  add_space(app, action);
  add_zoo(app, action);
  add_explain(app, action);
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    verbs.push_back(verb->get_name());
  if (argc > 1 && argv[1][0] != '-' &&
      std::find(verbs.begin(), verbs.end(), argv[1]) == verbs.end()) {
    std::cerr << "error: unknown verb " << argv[1] << did_you_mean(argv[1], verbs)
              << " (see vpunas --help)\n";
    return exit_code(ExitCode::fault);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    std::cerr << "error: " << error.what() << " (see " << parsed_verb(app) << " --help)\n";
    return exit_code(ExitCode::fault);
  }
  StopOnSignal signals;
  try {
    ProgressView view;
    const Work work{.report = [&view](const Event& event) { view(event); },
                    .stop = signals.token()};
    action(work);
    return exit_code(ExitCode::done);
  } catch (const Interrupted& stopped) {
    std::cerr << stopped.what() << "; to resume: " << command_line(resuming(arguments)) << '\n';
    return exit_code(stopped.code());
  } catch (const Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return exit_code(error.code());
  } catch (const std::exception& bug) {
    const std::string what = bug.what();  // libtorch's go on with a stack trace
    std::cerr << "error: internal: " << what.substr(0, what.find('\n'))
              << "\nThis is a bug of vpunas; please report it with the command: "
              << command_line(arguments) << '\n';
    return exit_code(ExitCode::bug);
  }
}

}  // namespace vpunas::cli
