#include "base/text.h"
#include "latency/latency.h"
#include "myriadx/explanation.h"
#include "pipeline/cost_model.h"
#include "pipeline/history.h"
#include "pipeline/results.h"
#include "pipeline/stages.h"
#include "search/feasibility.h"

namespace vpunas {
namespace {

// What the network that a budget is a share of takes. Kept where it is measured: a later process
// would measure something else, and its search would be another one.
double reference_ms(StageInputs& in, const Budget& budget, const CostModel& model) {
  constexpr const char* schema = "vpunas.references/1";
  const fs::path path = in.file("search/references.json");
  const std::string name = cat(budget.device, " ", budget.reference);
  Json known = model.client && fs::exists(path) ? read_json(path, schema) : Json::object();
  if (known.contains(name)) return json_get<double>(known, name.c_str(), path.string());
  const double ms = estimate_latency(model, in.deployed(in.network(budget.reference))).ms;
  if (!model.client) return ms;
  known[name] = ms;
  write_json(path, schema, known);
  return ms;
}

// Budgets in the devices' units.
SearchProblem search_problem(StageInputs& in) {
  std::vector<LatencyTable> tables;
  std::vector<WholeCost> whole;
  std::vector<Budgets> sweep(in.sweep().size());
  for (size_t d = 0; d < in.sweep().front().size(); ++d) {
    const std::string& name = in.sweep().front()[d].device;
    const LatencyTable& table =
        tables.emplace_back(read_table(in.table_file(name), in.spaces().deploy));
    std::optional<CostModel> model;
    if (in.timed_elsewhere(name)) {
      whole.emplace_back([table](const Architecture& a) { return table.predict(a); });
    } else {
      model = in.cost_model_of(name);
      if (model->client) {
        model->estimate = network_timer(in.spaces().deploy, in.spaces().preprocess, model->client,
                                        profile_options(in.config().profile), table);
      }
      whole.emplace_back(
          [&in, m = *model](const Architecture& a) { return m.estimate(in.deployed(a)); });
    }
    for (size_t point = 0; point < sweep.size(); ++point) {
      const Budget& budget = in.sweep()[point][d];
      if (!model && !budget.reference.empty()) {
        fail("budget ", to_string(budget), ": ", name, " is not here to price ", budget.reference,
             " (latency.timings); give the budget in ms");
      }
      sweep[point].push_back(budget.reference.empty()
                                 ? budget.value
                                 : budget.value * reference_ms(in, budget, *model));
    }
  }
  return {.priced = PricedSpace(in.spaces().deploy, std::move(tables)),
          .whole = std::move(whole),
          .sweep = std::move(sweep)};
}

// For people: every slot's candidates, and what was chosen.
void name_choices(const SearchSpace& space, const Choice& choice, Json& json) {
  const Architecture found = choose(space, choice, "found");
  auto block = found.blocks.begin();
  for (size_t i = 0; i < choice.size(); ++i) {
    const Slot& slot = space.slots[i];
    Json& names = json["candidate_names"].emplace_back(Json::array());
    for (int j = 0; j < static_cast<int>(slot.size()); ++j) names.push_back(describe(slot, j));
    json["chosen"].push_back(block_of(slot, choice[i]) ? describe(*block++)
                                                       : describe(slot, choice[i]));
  }
}

void explain(StageInputs& in, const std::string& name) {
  Json explanation = myriadx::explanation(
      myriadx::map(in.deployed(in.network(name)), myriadx::resources(2), myriadx::Precision::fp32),
      time_model());
  explanation["network"] = name;
  write_json(in.file("explain/" + name + ".json"), "vpunas.explain/2", explanation);
}

}  // namespace

SearchTraining search_training(StageInputs& in, fs::path supernet_file) {
  return {.space = in.spaces().train,
          .preprocess = in.spaces().preprocess,
          .data = in.train_data(),
          .augmentation = in.config().augment,
          .supernet = in.config().search.supernet,
          .alone = in.config().train,
          .seed = in.seed(),
          .workers = in.workers(),
          .supernet_file = std::move(supernet_file)};
}

void search_stage(StageInputs& in) {
  in.group().part_of(
      in.config().train.recipe.batch_size);  // throws before hours of work, not after them
  const SearchProblem asked = search_problem(in);
  const Budgets& budgets = asked.sweep.front();
  const SearchSpace& space = asked.priced.space();
  const Feasibility feasible = check_feasible(asked.priced, budgets);
  in.work().note("search", to_string(feasible, asked.priced, budgets));
  in.tell({{"do", "search"}});
  const Work recording = recorded(in.work(), in.file("search"));
  const auto trainer = in.training().make_search_trainer(
      search_training(in, in.file("search/supernet.safetensors")), recording, in.group());
  const SearchResult found =
      search(asked, *trainer, in.config().search.search, in.seed(), in.file("search"), recording);
  for (const std::string& warning : found.trust.warnings) in.work().warn("search", warning);
  const SelectedNetwork& selected = found.selection.selected();
  const LatencyTable& table = asked.priced.tables().front();
  const Budget& budget = in.sweep().front().front();
  Json json = {{"algorithm", in.config().search.search.strategy.algorithm},
               {"space", space.name},
               {"space_hash", table.space_hash},
               {"seed", in.config().run.seed},
               {"device", table.provenance.device},
               {"mode", mode_name(table.provenance.mode)},
               {"budget_ms", budgets.front()},
               {"budget", in.config().latency.budget},
               {"reference_ms", budget.reference.empty() ? 0 : budgets.front() / budget.value},
               {"least_ms", feasible.ranges.front().least.ms},
               {"median_ms", feasible.ranges.front().median_ms},
               {"greatest_ms", feasible.ranges.front().greatest.ms},
               {"networks", feasible.networks},
               {"networks_that_fit", feasible.fitting},
               {"fits_high", selected.latency.front().high_ms <= budgets.front()}};
  json.update(to_json(found));
  name_choices(space, found.choice(), json);
  for (size_t d = 0; d < budgets.size(); ++d) {
    const Latency& whole = selected.latency[d];
    const std::string& device = asked.priced.device(d);
    json["budgets"].push_back({{"device", device},
                               {"budget_ms", budgets[d]},
                               {"table_ms", selected.scored.costs[d]},
                               {"predicted", to_json(whole)},
                               {"fits_high", whole.high_ms <= budgets[d]}});
    in.work().note("search",
                   cat("found a network of ", fixed(whole.ms, 3), " ", unit_of(device), " on ",
                       device, ", ", fixed(100 * whole.ms / budgets[d], 1), " % of the budget"));
  }
  write_json(in.file("search.json"), "vpunas.search/2", json);
  write_architecture(in.file("architectures/found.json"), choose(space, found.choice(), "found"));
  for (size_t i = 0; i < found.front.size(); ++i) {
    const ParetoPoint& point = found.front[i];
    const std::string name = pareto_name(i);
    write_architecture(in.file("pareto/" + name + ".json"),
                       choose(space, point.network.scored.choice, name));
    write_safetensors(in.file("pareto/" + name + ".safetensors"), point.shared,
                      {{"network", name}, {"format", "pt"}});
  }
  for (const std::string& name : in.networks())
    if (name != "found")
      write_architecture(in.file("architectures/" + name + ".json"), in.network(name));
  for (const std::string& name : in.networks()) explain(in, name);
}

}  // namespace vpunas
