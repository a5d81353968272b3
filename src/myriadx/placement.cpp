// Placement: which tensors lie in CMX, which copies that needs, and which steps run in the shadow
// of the NCE. The compiler decides by trial: it changes one thing, allocates the whole network's
// CMX, and keeps the change where all fits.
#include <algorithm>
#include <cstring>
#include <iterator>

#include "base/error.h"
#include "myriadx/cmx.h"
#include "myriadx/program.h"

namespace vpunas::myriadx {
namespace {

using Kind = Step::Kind;

// Steps of the order between which a change shows.
struct Range {
  int first = 0, last = -1;
  void add(int position) {
    if (last < first) {
      first = last = position;
    } else {
      first = std::min(first, position);
      last = std::max(last, position);
    }
  }
};

size_t common_prefix(const std::vector<int>& a, const std::vector<int>& b, size_t most) {
  most = std::min({most, a.size(), b.size()});
  size_t prefix = 0;
  constexpr size_t block = 16;
  while (prefix + block <= most && std::memcmp(&a[prefix], &b[prefix], block * sizeof(int)) == 0)
    prefix += block;
  while (prefix < most && a[prefix] == b[prefix]) ++prefix;
  return prefix;
}

// CMX before every step of the accepted program. A trial runs only the steps from the first one
// that a change concerns to the first one behind which CMX is as it was, which makes it cheap:
// changes are local.
class Timeline {
 public:
  Timeline(Program& program, const Resources& resources)
      : program_(program), resources_(resources) {}

  // Allocates anew; the first step that does not fit, -1 where all do. `state` is CMX before that
  // step.
  int run(CmxState& state) {
    order_ = program_.order();
    states_.resize(program_.steps.size());
    state = {};
    for (const int step : order_) {
      before(step) = state;
      if (run_step(program_, resources_, step, state) < 0) {
        state = before(step);
        return step;
      }
    }
    return -1;
  }

  // A step of the accepted program that has another number now, at the same place.
  void rename(int from, int to) {
    std::replace(order_.begin(), order_.end(), from, to);
    states_.resize(program_.steps.size());
    before(to) = std::move(before(from));
  }

  // The order of the accepted program.
  const std::vector<int>& order() const { return order_; }

  // True, and the program accepted, where it still fits after a change that concerns steps in
  // `range` of the new order.
  bool accept(const Range& range) {
    const std::vector<int>& order = program_.order();
    const size_t first = common_prefix(order, order_, size_t(range.first));
    if (first >= order_.size()) return true;
    states_.resize(program_.steps.size());
    trial_ = before(order_[first]);
    size_t i = first;
    for (; i < order.size(); ++i) {
      if (int(i) > range.last && continues_as_before(order, i)) break;
      if (i - first == fresh_.size()) fresh_.emplace_back();
      fresh_[i - first] = trial_;
      if (run_step(program_, resources_, order[i], trial_) < 0) return false;
    }
    for (size_t k = first; k < i; ++k) std::swap(before(order[k]), fresh_[k - first]);
    order_ = order;
    return true;
  }

 private:
  CmxState& before(int step) { return states_[size_t(step)]; }

  // Whether from position `i` on the trial finds what the accepted program found.
  bool continues_as_before(const std::vector<int>& order, size_t i) {
    const size_t left = order.size() - i;
    return left <= order_.size() && trial_ == before(order[i]) &&
           std::equal(order.end() - std::ptrdiff_t(left), order.end(),
                      order_.end() - std::ptrdiff_t(left));
  }

  Program& program_;
  const Resources& resources_;
  std::vector<int> order_;        // of the accepted program
  std::vector<CmxState> states_;  // by step
  // Of the trial at work; kept, because states allocate.
  CmxState trial_;
  std::vector<CmxState> fresh_;
};

class Placement {
 public:
  Placement(Program& program, const Resources& resources)
      : program_(program), resources_(resources), timeline_(program, resources) {}

  void run() {
    copy_nce_results();
    for (const Step& s : program_.steps) {
      if (s.kind == Kind::nce && !s.removed)
        program_.place_all(program_.top(s.reads_cmx ? s.inputs[0] : s.outputs[0]), Place::cmx);
    }
    program_.mark_cmx_writers();
    make_room();
    move_nce_inputs();
    drop_copies();
    fill_shadows();
    set_shaves();
  }

 private:
  Step& step(int i) { return program_.steps[size_t(i)]; }
  Tensor& tensor(int i) { return program_.tensors[size_t(i)]; }

  // The steps that write or read the tensor or a view of it.
  void add_steps(int t, Range& range) {
    const auto add = [&](int s) {
      range.add(program_.position(step(s).host >= 0 ? step(s).host : s));
    };
    if (tensor(t).producer >= 0) add(tensor(t).producer);
    for (const int consumer : tensor(t).consumers) add(consumer);
    for (const int child : tensor(t).children) add_steps(child, range);
  }

  bool fits_around(int t) {
    program_.order();
    Range range;
    add_steps(program_.top(t), range);
    return timeline_.accept(range);
  }

  // After a change that shows at one step and where the order differs.
  bool fits_at(int index) {
    program_.order();
    Range range;
    range.add(program_.position(index));
    return timeline_.accept(range);
  }

  // The NCE writes only to CMX, results of the network lie in DDR.
  void copy_nce_results() {
    const std::vector<int> order = program_.order();
    for (const int index : order) {
      if (step(index).kind != Kind::nce) continue;
      const int output = step(index).outputs[0];
      if (tensor(program_.top(output)).role != Role::output) continue;
      const int inner = program_.add_tensor(tensor(output).shape);
      tensor(inner).required = kNceStrides;
      program_.replace_output(index, output, inner);
      program_.add_copy(Phase::spill, step(index).stage.name + "@flush-output",
                        step(index).stage.node, inner, output);
    }
  }

  // Where the network does not fit, all that lies in CMX at the failing step moves to DDR for its
  // readers, and all starts anew.
  void make_room() {
    std::vector<int> failed;
    CmxState state;
    for (int stuck = timeline_.run(state); stuck >= 0; stuck = timeline_.run(state)) {
      bool moved = false;
      for (const CmxState::Block& block : state.blocks) moved |= spill(block.tensor, stuck);
      const bool again = std::find(failed.begin(), failed.end(), stuck) != failed.end();
      if (again || !moved) {
        fail("node ", step(stuck).stage.name,
             ": its tensors do not fit the MyriadX's CMX memory; make the layer smaller");
      }
      failed.push_back(stuck);
    }
  }

  bool spill(int t, int stuck) {
    std::vector<int> readers;
    for (const int reader : tensor(t).consumers) {
      if (!step(reader).spills) readers.push_back(reader);
    }
    if (readers.empty()) return false;
    if (tensor(t).spill < 0) {
      const int copy = program_.add_tensor(tensor(t).shape);
      tensor(copy).required = tensor(t).required;
      const Stage& producer = step(tensor(t).producer).stage;
      const int added = program_.add_copy(Phase::spill, producer.name + "@move-to-DDR",
                                          step(stuck).stage.node, t, copy);
      step(added).spills = true;
      tensor(t).spill = copy;
    }
    const int copy = tensor(t).spill;
    for (const int reader : readers) {
      program_.replace_input(reader, t, copy);
      const std::vector<int> children = tensor(t).children;
      for (const int child : children) {
        if (tensor(child).producer != reader) continue;  // only views that this reader makes
        program_.set_parent(child, copy);
        program_.place_all(child, Place::ddr);
      }
    }
    return true;
  }

  // Inputs of the NCE that lie in DDR move to CMX, one by one in order of use.
  void move_nce_inputs() {
    std::vector<char> seen(program_.tensors.size(), 0);
    std::vector<int> candidates;
    for (const int index : program_.order()) {
      if (step(index).kind != Kind::nce) continue;
      const int input = step(index).inputs[0], top = program_.top(input);
      if (tensor(top).role != Role::intermediate || tensor(top).place == Place::cmx ||
          seen[size_t(top)])
        continue;
      const Step& producer = step(tensor(input).producer);
      if (producer.spills || producer.shaves == Shaves::all) continue;
      seen[size_t(top)] = 1;
      candidates.push_back(top);
    }
    for (const int candidate : candidates) {
      program_.place_all(candidate, Place::cmx);
      if (!fits_around(candidate)) program_.place_all(candidate, Place::ddr);
    }
  }

  bool is_droppable(int copy) {
    const int from = step(copy).inputs[0], to = step(copy).outputs[0];
    if (tensor(from).parent >= 0 || !tensor(from).children.empty()) return false;
    return program_.strides_fit(from, to) && tensor(program_.top(to)).role == Role::intermediate;
  }

  // Copies from the NCE into a part of a larger tensor go where that tensor may lie in CMX.
  void drop_copies() {
    std::vector<int> copies;
    for (const int index : program_.order()) {
      if (step(index).kind == Kind::copy && step(index).optional && is_droppable(index))
        copies.push_back(index);
    }
    for (const int index : copies) {
      if (is_droppable(index)) drop_copy(index);
    }
  }

  void drop_copy(int copy) {
    const int from = step(copy).inputs[0], top = program_.top(step(copy).outputs[0]);
    const int producer = tensor(from).producer;
    const Place before = tensor(top).place;
    program_.place_all(top, Place::cmx);
    program_.bypass(copy);
    if (before == Place::cmx ? fits_at(producer) : fits_around(top)) return;
    program_.place_all(top, before);
    const int restored = program_.restore(copy);
    if (program_.is_ordered()) {
      timeline_.rename(copy, restored);
    } else {
      fits_at(producer);  // as before, so it does
    }
  }

  // One copy or SHAVE step that does not want all SHAVEs may run beside each NCE step that it does
  // not depend on.
  void fill_shadows() {
    std::vector<int> hosts, guests;
    for (const int index : program_.order()) {
      const Step& s = step(index);
      if (s.kind == Kind::nce) hosts.push_back(index);
      if (s.kind == Kind::copy || (s.kind == Kind::shave && s.shaves != Shaves::all))
        guests.push_back(index);
    }
    for (const int host : hosts) {
      program_.order();
      const int at = program_.position(host), after = program_.last_dependency(host);
      // Whether the later one of both could run at the place of the earlier.
      const auto is_independent = [&](int guest) {
        const int theirs = program_.position(guest);
        return theirs < at ? theirs > after : program_.last_dependency(guest) < at;
      };
      std::vector<int> candidates;
      std::copy_if(guests.begin(), guests.end(), std::back_inserter(candidates), is_independent);
      for (const int guest : candidates) {
        if (!inject(host, guest)) continue;
        guests.erase(std::find(guests.begin(), guests.end(), guest));
        break;
      }
    }
  }

  bool inject(int host, int guest) {
    program_.inject(host, guest);
    if (fits_at(host)) return true;
    program_.eject(host);
    program_.set_order(timeline_.order());
    return false;
  }

  // Stages that could have more SHAVEs get two beside the NCE.
  int shaves_for(int index, Shaves wanted, int available) {
    if (wanted == Shaves::two) return std::min(available, 2);
    if (wanted == Shaves::limited) {
      const auto is_nce = [&](int s) { return step(s).kind == Kind::nce; };
      const auto any_nce = [&](const std::vector<int>& steps) {
        return std::any_of(steps.begin(), steps.end(), is_nce);
      };
      const bool beside = is_nce(index) || any_nce(program_.next_steps(index)) ||
                          any_nce(program_.previous_steps(index));
      if (beside) return std::min(available, 2);
    }
    return available;
  }

  void set_shaves() {
    CmxState state;
    for (const int index : program_.order()) {
      const int available = run_step(program_, resources_, index, state);
      Step& worker = step(index).injected >= 0 ? step(step(index).injected) : step(index);
      if (worker.shaves != Shaves::none)
        worker.stage.shaves = shaves_for(index, worker.shaves, available);
    }
  }

  Program& program_;
  const Resources& resources_;
  Timeline timeline_;
};

}  // namespace

void place(Program& program, const Resources& resources) { Placement(program, resources).run(); }

}  // namespace vpunas::myriadx
