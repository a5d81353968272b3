#include "base/tune_process.h"
#include "cli/cli.h"

int main(int argc, char** argv) {
  vpunas::tune_process(argv);
  return vpunas::cli::run_program(argc, argv);
}
