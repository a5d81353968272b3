// The search spaces of ImageNet's size on the built-in MyriadX.
#include <gtest/gtest.h>

#include "myriadx/time.h"
#include "search/feasibility.h"
#include "tests/myriadx/networks.h"

namespace vpunas::myriadx {
namespace {

TEST(Spaces, ReachWellUnderAndOverMobileNetV2) {
  const LatencyFn price = latency_fn(read_time_model(data_folder() / "myriadx.json"));
  const double mobilenet_v2 = price(lower(find_network("mobilenet_v2", data_folder()), {}))->ms;
  for (const char* name :
       {"vpu", "vpu_sizes", "vpu_widths", "mobilenet_v2", "proxylessnas", "fbnet"}) {
    SCOPED_TRACE(name);
    const SearchSpace space = find_space(name, data_folder());
    const LatencyTable table = build_table(space, {}, price, {});
    EXPECT_EQ(table.blocks.size(), placed_blocks(space).size()) << "MyriadX runs every block";
    const LatencyRange range = latency_range(space, table);
    EXPECT_LT(range.least.ms, 0.6 * mobilenet_v2);
    EXPECT_GT(range.greatest.ms, 1.5 * mobilenet_v2);
  }
}

}  // namespace
}  // namespace vpunas::myriadx
