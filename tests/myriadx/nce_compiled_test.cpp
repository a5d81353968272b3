// The NCE's rules against every tile of every convolution and depthwise convolution that Intel's
// compiler mapped in the study.
#include <cstdio>
#include <set>

#include "base/error.h"
#include "myriadx/nce.h"
#include "tests/myriadx/shared_data.h"

namespace vpunas::myriadx {
namespace {

struct Share {
  int exact = 0, all = 0;
  std::vector<std::string> wrong;
  void count(bool same, const std::string& id) {
    ++all;
    exact += same;
    if (!same && wrong.size() < 10) wrong.push_back(id);
  }
};

// "in -> out mode descriptors channels extended cost" of every tile.
using Tiles = std::multiset<std::string>;

std::string tile_text(const Strip& column, const Strip& row, int channels, const NceConfig& config,
                      int out_channels) {
  return cat(column.size, "x", row.size, "x", channels, " -> ", column.computed(), "x",
             row.computed(), "x", out_channels, " mode ", config.mode, " ", config.descriptors, "x",
             config.channels_per_descriptor, " ", config.extended_channels, " cost ",
             config.cycles_per_pixel);
}

void add_convolution(Tiles& tiles, const Shape& input, const Shape& output, const Window& window,
                     const Row& row) {
  const bool one = row.at("streams") == "1";
  const auto tiling =
      tile_convolution(input, output, window, false, one ? 1245184 : 589824, one ? 19 : 9);
  if (!tiling) return;
  for (const Strip& r : tiling->rows) {
    for (const Strip& c : tiling->columns) {
      const NceConfig config = best_nce_config(c.size, r.size, tiling->part_channels, output.c,
                                               window.kx, window.ky, window.stride);
      for (int part = 0; part < tiling->parts; ++part) {
        tiles.insert(tile_text(c, r, config.extended_channels, config, output.c));
      }
    }
  }
}

Tiles our_tiles(const Row& row) {
  const auto [kh, kw] = kernel_of(row);
  const int s = number(row, "s"), side = number(row, "hw");
  const int out_h = (side + kh / 2 * 2 - kh) / s + 1, out_w = (side + kw / 2 * 2 - kw) / s + 1;
  const Shape input{number(row, "cin"), side, side}, output{number(row, "cout"), out_h, out_w};
  const Window window{kw, kh, s, {kh / 2, kw / 2, kh / 2, kw / 2}};
  Tiles tiles;
  if (row.at("op") == "conv") {
    add_convolution(tiles, input, output, window, row);
    return tiles;
  }
  const int group = depthwise_group(input.c, side, side, kw, kh, s);
  for (int begin = 0; begin < input.c; begin += group) {
    const int channels = std::min(group, input.c - begin);
    add_convolution(tiles, {channels, side, side}, {channels, out_h, out_w}, window, row);
  }
  return tiles;
}

Tiles compiled_tiles(const std::vector<const Row*>& stages) {
  static const std::map<std::string, int> modes = {
      {"1_256", 0}, {"2_128", 1}, {"4_64", 2}, {"8_32", 3}, {"16_16", 4}};
  Tiles tiles;
  for (const Row* row : stages) {
    if (row->at("hw_op") != "CONV") continue;
    tiles.insert(cat(row->at("in_wxhxc"), " -> ", row->at("out_wxhxc"), " mode ",
                     modes.at(row->at("nce_mode")), " ", number(*row, "n_descr"), "x",
                     number(*row, "outch_per_descr"), " ", number(*row, "ext_in_c"), " cost ",
                     number(*row, "hw_cost")));
  }
  return tiles;
}

TEST(NceCompiled, EveryConvolutionAndDepthwiseTileIsTheCompilers) {
  VPUNAS_SHARED_OR_SKIP(folder);
  std::map<std::string, std::map<std::string, std::vector<const Row*>>>
      stages;  // by streams and id
  std::map<std::string, std::vector<Row>> rows;
  for (const std::string streams : {"1", "2"}) {
    rows[streams] = read_csv(folder / ("compiled_stages_" + streams + "stream.csv.gz"));
    for (const Row& row : rows[streams]) stages[streams][row.at("id")].push_back(&row);
  }
  std::map<std::string, Share> shares;
  for (const Row& row : read_csv(folder / "compiled_networks.csv.gz")) {
    const std::string op = row.at("op");
    if ((op != "conv" && op != "dwconv") || number(row, "dil") > 1) continue;
    const Tiles compiled = compiled_tiles(stages[row.at("streams")][row.at("id")]);
    const bool on_engine = number(row, "k") <= 15 && number(row, "s") <= 8;
    const Tiles ours = on_engine ? our_tiles(row) : Tiles{};
    shares[op].count(ours == compiled, row.at("streams") + ":" + row.at("id"));
  }
  for (const auto& [op, share] : shares) {
    std::printf("%s: %d of %d exact\n", op.c_str(), share.exact, share.all);
    for (const std::string& id : share.wrong) std::printf("  differs: %s\n", id.c_str());
    EXPECT_EQ(share.exact, share.all) << op;
  }
}

}  // namespace
}  // namespace vpunas::myriadx
