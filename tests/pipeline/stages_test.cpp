// Stages called as functions, on a run folder.
#include "pipeline/stages.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace vpunas {
namespace {

Config small_config() {
  Config config;
  config.data.format = "synthetic";
  config.space.name = "quick";
  config.space.deploy_size = 28;
  config.latency.budget = "MYRIADX=12ms, MACS=20MMACs";
  return config;
}

class Stages : public testing::Test {
 protected:
  TemporaryFolder folder_;
  vpunas::Run run_ = vpunas::Run(small_config(), folder_.path() / "run", Existing::resume);
  ProcessGroup group_;
  Work work_;
  StageInputs in_ = StageInputs(&run_, run_.config(), group_, work_);
};

TEST_F(Stages, ProfileWritesATableForEveryDeviceWithABudget) {
  profile_stage(in_);
  const LatencyTable first = read_table(in_.file("latency.json"), in_.spaces().deploy);
  EXPECT_EQ(first.provenance.device, "MYRIADX");
  const LatencyTable second = read_table(in_.file("latency_MACS.json"), in_.spaces().deploy);
  EXPECT_EQ(second.provenance.device, macs_device);
  EXPECT_FALSE(run_.is_done(Stage::profile)) << "run_until() says what is done";
}

TEST_F(Stages, ExportRefusesWhatIsNotTrained) {
  write_architecture(in_.file("architectures/found.json"), in_.network("mobilenet_v2"));
  try {
    export_stage(in_);
    FAIL() << "exported";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("run `vpunas train` first"), std::string::npos)
        << error.what();
  }
}

TEST_F(Stages, InputsKnowNetworksByTheirNamesInTheRun) {
  const fs::path file = folder_.path() / "network.json";
  write_architecture(file, in_.network("mobilenet_v2"));
  const auto names = in_.add_networks({"small=" + file.string()});
  EXPECT_EQ(names, std::vector<std::string>{"small"});
  EXPECT_EQ(in_.network("small").name, "small");
  EXPECT_TRUE(fs::exists(in_.file("architectures/small.json")));
  EXPECT_TRUE(in_.has_budget("MACS"));
  EXPECT_FALSE(in_.has_budget("CPU"));
}

}  // namespace
}  // namespace vpunas
