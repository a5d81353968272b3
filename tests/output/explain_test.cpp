// An explanation as text and as a page: what is in the JSON is shown, and nothing in it breaks
// them.
#include <gtest/gtest.h>

#include <functional>

#include "myriadx/explanation.h"
#include "myriadx/what_if.h"
#include "output/explain_page.h"
#include "output/explain_text.h"
#include "output/report.h"
#include "tests/output/fixture.h"
#include "tests/output/markup.h"

namespace vpunas {
namespace {

Json example() {
  Architecture network = fixture_found();
  network.input = {3, 96, 96};
  network.blocks.resize(8);  // one of every kind
  const myriadx::Mapping mapping =
      myriadx::map(lower(network, Preprocess{}), myriadx::resources(2));
  const myriadx::TimeModel model = myriadx::read_time_model(data_folder() / "myriadx.json");
  Json json = myriadx::explanation(mapping, model);
  json["what_if"] = myriadx::to_json(myriadx::what_if(mapping, model, myriadx::Precision::fp16),
                                     json.at("total_ms").get<double>());
  json["compiler"] = Json::parse(R"({"stages": 5, "ours": 5, "equal": 3, "differences": [
      {"stage": "a", "kind": "different", "ours": {"mode": "8_32"}, "compiler": {"mode": "4_64"}},
      {"stage": "b", "kind": "missing", "ours": {}, "compiler": {"op": "Copy"}},
      {"stage": "c", "kind": "extra", "ours": {"op": "Sum"}, "compiler": {}}]})");
  return json;
}

TEST(ExplainText, HasARowForEveryLayerAndStage) {
  const Json json = example();
  const std::string layers = layers_text(json), stages = stages_text(json);
  for (const Json& node : json.at("nodes"))
    EXPECT_NE(layers.find(node.at("node").get<std::string>()), std::string::npos);
  EXPECT_EQ(size_t(std::ranges::count(stages, '\n')), json.at("stages").size() + 2);
  EXPECT_NE(shares_text(json).find("depthwise convolutions"), std::string::npos);
}

TEST(ExplainText, ShowsAtMostThreeChangesOfAKind) {
  Json json = example();
  json["what_if"] = Json::array();
  for (int i = 0; i < 9; ++i)
    json["what_if"].push_back({{"layer", "x"}, {"change", i < 6 ? "a" : "b"}, {"ms", i - 9.0}});
  const std::string shown = what_if_text(json);
  EXPECT_EQ(std::ranges::count(shown, '\n'), 2 + 3 + 3);
  EXPECT_EQ(std::ranges::count(what_if_text(json, 4), '\n'), 2 + 4);
}

TEST(ExplainText, DifferencesReadLikeADiff) {
  const std::string shown = compiler_text(example());
  EXPECT_NE(shown.find("\n~ a: mode 8_32 -> 4_64\n"), std::string::npos) << shown;
  EXPECT_NE(shown.find("\n+ b: op Copy\n"), std::string::npos) << shown;
  EXPECT_NE(shown.find("\n- c: op Sum\n"), std::string::npos) << shown;
  EXPECT_TRUE(shown.ends_with("3 of 5 stages equal\n")) << shown;
}

TEST(ExplainPage, IsWellFormedAndShowsEveryLayer) {
  const Json json = example();
  const std::string page = explain_page(json);
  EXPECT_EQ(markup_fault(page), "");
  for (const Json& node : json.at("nodes"))
    EXPECT_NE(page.find(node.at("node").get<std::string>()), std::string::npos);
  for (const char* section : {"myriadx", "help", "layers"})
    EXPECT_NE(page.find(std::string("<section id=\"") + section), std::string::npos) << section;
}

TEST(ExplainPage, NamesAreText) {
  Json json = example();
  json["network"] = "<b>\"x\"</b>";
  for (Json& stage : json["stages"]) stage["layer"] = "</svg><script>";
  for (Json& node : json["nodes"]) node["node"] = "</svg><script>";
  const std::string page = explain_page(json);
  EXPECT_EQ(markup_fault(page), "");
  EXPECT_EQ(without_scripts(page).find("<script>"), std::string::npos);
}

// Every member of any depth missing, null, or of another type.
TEST(ExplainPage, DamagedFiguresLeaveItsPartsOut) {
  const auto each = [](const std::function<void(Json&, const std::string&)>& damage) {
    const Json whole = example();
    for (const auto& [key, member] : whole.items()) {
      Json json = whole;
      damage(json, key);
      EXPECT_EQ(markup_fault(explain_page(json)), "") << key;
      for (const auto& show : {layers_text, stages_text, shares_text, compiler_text, total_text})
        show(json);
      if (!member.is_array() || member.empty() || !member[0].is_object()) continue;
      for (const auto& [inner, _] : member[0].items()) {
        json = whole;
        for (Json& row : json[key]) damage(row, inner);
        EXPECT_EQ(markup_fault(explain_page(json)), "") << key << "." << inner;
        layers_text(json), stages_text(json), shares_text(json), what_if_text(json);
      }
    }
  };
  each([](Json& json, const std::string& key) { json.erase(key); });
  each([](Json& json, const std::string& key) { json[key] = nullptr; });
  each([](Json& json, const std::string& key) { json[key] = "text"; });
  each([](Json& json, const std::string& key) { json[key] = -1e300; });
}

TEST(ExplainPage, TheReportHasTheSameTimeline) {
  const TemporaryFolder folder;
  const fs::path run = folder.path() / "quick";
  write_fixture(run);
  EXPECT_EQ(report_html(run).find("<section id=\"myriadx\""), std::string::npos);
  write_json(run / "explain/found.json", "vpunas.explain/2", example());
  const std::string page = report_html(run);
  EXPECT_EQ(markup_fault(page), "");
  EXPECT_NE(page.find("<section id=\"myriadx\""), std::string::npos);
}

}  // namespace
}  // namespace vpunas
