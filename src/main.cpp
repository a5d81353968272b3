#include "cli/cli.h"
#include "learn/runtime.h"

int main(int argc, char** argv) {
  vpunas::tune_process(argv);
  return vpunas::cli::run_program(argc, argv);
}
