// Strides: which tensors have padded rows, where a copy must change that, and which tensors are
// views of others.
#include <algorithm>

#include "base/error.h"
#include "myriadx/program.h"

namespace vpunas::myriadx {
namespace {

using Rows = Strides::Rows;
using Kind = Step::Kind;

bool rows_fit(const Tensor& tensor, Rows wanted) {
  if (wanted == Rows::any || int64_t{tensor.element_bytes} * tensor.shape.w % 16 == 0) return true;
  return (wanted == Rows::aligned) == (tensor.required.rows == Rows::aligned);
}

// Concat, split, expand and crop demand what their neighbours do, as far as the axis allows along
// which they cut: parts of a plane lie with gaps between their planes, parts of the channels with a
// gap behind their last plane.
enum class Axis { column, row, channel };

Axis cut_axis(const Program& program, const Step& step) {
  const bool gathers = step.kind == Kind::concat || step.kind == Kind::expand;
  const Shape& whole = program.tensors[size_t(gathers ? step.outputs[0] : step.inputs[0])].shape;
  Axis axis = Axis::channel;
  for (const int t : gathers ? step.inputs : step.outputs) {
    const Shape& part = program.tensors[size_t(t)].shape;
    if (part.h != whole.h) axis = std::min(axis, Axis::row);
    if (part.w != whole.w) axis = Axis::column;
  }
  return axis;
}

Strides within(const Strides& strides, Axis axis) {
  return {axis == Axis::column ? Rows::any : strides.rows,
          axis == Axis::channel && strides.planes_compact, false};
}

void merge(Strides& strides, const Strides& more) {
  if (strides.rows == Rows::any) strides.rows = more.rows;
  strides.planes_compact |= more.planes_compact;
  strides.batch_compact |= more.batch_compact;
}

// What the step demands of the whole that it cuts or assembles.
Strides whole_demand(const Program& program, const Step& step);

Strides input_demand(const Program& program, int index) {
  const Step& step = program.steps[size_t(index)];
  switch (step.kind) {
    case Kind::split:
    case Kind::crop:
      return whole_demand(program, step);
    case Kind::concat:
    case Kind::expand:
      return within(whole_demand(program, step), cut_axis(program, step));
    default:
      return step.strides;
  }
}

Strides output_demand(const Program& program, int index) {
  const Step& step = program.steps[size_t(index)];
  switch (step.kind) {
    case Kind::split:
    case Kind::crop:
      return within(whole_demand(program, step), cut_axis(program, step));
    case Kind::concat:
    case Kind::expand:
      return whole_demand(program, step);
    default:
      return step.strides;
  }
}

Strides whole_demand(const Program& program, const Step& step) {
  const bool gathers = step.kind == Kind::concat || step.kind == Kind::expand;
  const Axis axis = gathers ? cut_axis(program, step) : Axis::channel;
  Strides strides = program.tensors[size_t(gathers ? step.outputs[0] : step.inputs[0])].required;
  if (step.kind == Kind::concat) {
    for (const int input : step.inputs)
      merge(strides, within(program.tensors[size_t(input)].required, axis));
  }
  for (const int output : step.outputs) {
    for (const int consumer : program.tensors[size_t(output)].consumers) {
      const Strides theirs = input_demand(program, consumer);
      merge(strides, gathers ? within(theirs, axis) : theirs);
    }
  }
  return strides;
}

// A step's output has the strides that the step demands, or else those of the first reader that
// demands any.
void settle_output(Program& program, int step, int output) {
  Strides wanted = output_demand(program, step);
  for (const int consumer : program.tensors[size_t(output)].consumers)
    merge(wanted, input_demand(program, consumer));
  Tensor& tensor = program.tensors[size_t(output)];
  if (tensor.role == Role::output) {
    if (rows_fit(tensor, wanted.rows) || wanted.rows == Rows::compact) return;
    const int aligned = program.add_tensor(tensor.shape);
    program.tensors[size_t(aligned)].required = wanted;
    program.replace_output(step, output, aligned);
    const Stage& stage = program.steps[size_t(step)].stage;
    program.add_copy(Phase::layout, stage.name + "@align-strides", stage.node, aligned, output);
    return;
  }
  merge(tensor.required, wanted);
}

// A reader whose demand clashes with its input's rows reads a copy; readers with the same demand
// share it.
void settle_input(Program& program, int step, int input, std::vector<std::vector<int>>& copies) {
  const Strides wanted = input_demand(program, step);
  if (rows_fit(program.tensors[size_t(input)], wanted.rows)) {
    if (program.tensors[size_t(input)].role == Role::intermediate)
      merge(program.tensors[size_t(input)].required, wanted);
    return;
  }
  copies.resize(program.tensors.size() + 1);
  for (const int copy : copies[size_t(input)]) {
    if (!rows_fit(program.tensors[size_t(copy)], wanted.rows)) continue;
    program.replace_input(step, input, copy);
    return;
  }
  const int copy = program.add_tensor(program.tensors[size_t(input)].shape);
  program.tensors[size_t(copy)].required = wanted;
  const Stage& stage = program.steps[size_t(step)].stage;
  program.add_copy(Phase::layout, stage.name + "@align-strides", stage.node, input, copy);
  copies[size_t(input)].push_back(copy);
  program.replace_input(step, input, copy);
}

void settle_rows(Program& program) {
  std::vector<std::vector<int>> copies(program.tensors.size());
  const std::vector<int> order = program.order();
  for (const int step : order) {
    for (size_t i = 0; i < program.steps[size_t(step)].inputs.size(); ++i)
      settle_input(program, step, program.steps[size_t(step)].inputs[i], copies);
    for (size_t i = 0; i < program.steps[size_t(step)].outputs.size(); ++i)
      settle_output(program, step, program.steps[size_t(step)].outputs[i]);
  }
}

bool is_one_of(const std::string& kind, std::initializer_list<const char*> kinds) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

// sum + relu and the like are one stage where both tensors have the same rows, or the second's are
// compact.
void merge_activations(Program& program) {
  const std::vector<int> order = program.order();
  for (const int index : order) {
    Step& step = program.steps[size_t(index)];
    if (step.removed || step.kind != Kind::shave || !is_one_of(step.stage.kind, {"sum", "prod"}))
      continue;
    const int middle = step.outputs[0];
    if (program.tensors[size_t(middle)].consumers.size() != 1) continue;
    const int next = program.tensors[size_t(middle)].consumers[0];
    const Step& act = program.steps[size_t(next)];
    if (act.kind != Kind::shave || !is_one_of(act.stage.kind, {"relu", "leaky_relu", "clamp"}))
      continue;
    const int output = act.outputs[0];
    const Tensor &before = program.tensors[size_t(middle)],
                 &after = program.tensors[size_t(output)];
    const bool compact = after.row_bytes() == int64_t{after.element_bytes} * after.shape.w;
    if (before.row_bytes() != after.row_bytes() && !compact) continue;
    program.remove_step(next);
    program.replace_output(index, middle, output);
  }
}

// A tensor that is to be a part of `whole` is written there in place where its strides allow; else,
// and behind the NCE (whose output must lie in CMX), through a copy, which is optional where only
// the NCE asks for it.
int writable_view(Program& program, int step, int input, int whole, const std::string& suffix) {
  const Tensor& tensor = program.tensors[size_t(input)];
  const bool fits =
      tensor.role == Role::intermediate && tensor.parent < 0 && program.strides_fit(input, whole);
  const bool from_nce =
      tensor.producer >= 0 && program.steps[size_t(tensor.producer)].kind == Kind::nce;
  if (fits && !from_nce) return input;
  const int view = program.add_tensor(tensor.shape);
  const Stage& stage = program.steps[size_t(step)].stage;
  const int copy = program.add_copy(Phase::views, stage.name + suffix, stage.node, input, view);
  program.steps[size_t(copy)].optional = fits;
  program.replace_input(step, input, view);
  return view;
}

// A tensor that is to be read out of `whole`.
int readable_view(Program& program, int step, int output, int whole, const std::string& suffix) {
  const Tensor& tensor = program.tensors[size_t(output)];
  if (tensor.role == Role::intermediate && tensor.parent < 0 && program.strides_fit(output, whole))
    return output;
  const int view = program.add_tensor(tensor.shape);
  program.replace_output(step, output, view);
  const Stage& stage = program.steps[size_t(step)].stage;
  program.add_copy(Phase::views, stage.name + suffix, stage.node, view, output);
  return view;
}

void make_reshape(Program& program, int step) {
  int input = program.steps[size_t(step)].inputs[0];
  const int output = program.steps[size_t(step)].outputs[0];
  const auto fixed = [&](int t) { return program.tensors[size_t(t)].role != Role::intermediate; };
  const auto view = [&](int t) { return program.tensors[size_t(t)].parent >= 0; };
  if ((fixed(input) && fixed(output)) || (view(input) && view(output))) {
    const int copied = program.add_tensor(program.tensors[size_t(input)].shape);
    program.tensors[size_t(copied)].required = kCompact;
    const Stage& stage = program.steps[size_t(step)].stage;
    program.add_copy(Phase::views, stage.name + "@copy", stage.node, input, copied);
    program.replace_input(step, input, copied);
    input = copied;
  }
  const bool up = !fixed(input) && !view(input);
  const int child = up ? input : output, parent = up ? output : input;
  program.tensors[size_t(child)].reshaped = true;
  program.set_parent(child, parent);
}

// Expansions of one tensor to the same shape are one.
void merge_expansions(Program& program) {
  const std::vector<int> order = program.order();
  for (const int index : order) {
    const Step& step = program.steps[size_t(index)];
    if (step.removed || step.kind != Kind::expand) continue;
    const int output = step.outputs[0];
    const std::vector<int> readers = program.tensors[size_t(step.inputs[0])].consumers;
    for (const int other : readers) {
      const Step& twin = program.steps[size_t(other)];
      if (other == index || twin.kind != Kind::expand) continue;
      const int theirs = twin.outputs[0];
      if (program.tensors[size_t(theirs)].shape != program.tensors[size_t(output)].shape) break;
      const std::vector<int> consumers = program.tensors[size_t(theirs)].consumers;
      for (const int consumer : consumers) program.replace_input(consumer, theirs, output);
      program.remove_step(other);
    }
  }
}

void make_views(Program& program) {
  const std::vector<int> order = program.order();
  for (const int index : order) {
    const Kind kind = program.steps[size_t(index)].kind;
    if (program.steps[size_t(index)].executes()) continue;
    const std::vector<int> inputs = program.steps[size_t(index)].inputs,
                           outputs = program.steps[size_t(index)].outputs;
    if (kind == Kind::concat) {
      for (size_t i = 0; i < inputs.size(); ++i) {
        program.set_parent(
            writable_view(program, index, inputs[i], outputs[0], "@copy-" + std::to_string(i)),
            outputs[0]);
      }
    } else if (kind == Kind::expand) {
      program.set_parent(writable_view(program, index, inputs[0], outputs[0], "@copy"), outputs[0]);
    } else if (kind == Kind::split || kind == Kind::crop) {
      for (size_t i = 0; i < outputs.size(); ++i) {
        program.set_parent(
            readable_view(program, index, outputs[i], inputs[0], "@copy-" + std::to_string(i)),
            inputs[0]);
      }
    } else if (kind == Kind::reshape) {
      make_reshape(program, index);
    }
  }
}

}  // namespace

void settle_strides(Program& program) {
  settle_rows(program);
  merge_activations(program);
  merge_expansions(program);
  make_views(program);
}

}  // namespace vpunas::myriadx
