#include "myriadx/program.h"

#include <algorithm>
#include <cassert>

namespace vpunas::myriadx {
namespace {

template <class T>
void add_unique(std::vector<int>& values, T value) {
  if (value >= 0 && std::find(values.begin(), values.end(), value) == values.end())
    values.push_back(value);
}

void erase_one(std::vector<int>& values, int value) {
  const auto found = std::find(values.begin(), values.end(), value);
  assert(found != values.end());
  values.erase(found);
}

}  // namespace

int64_t Tensor::row_bytes() const {
  const int64_t row = int64_t{element_bytes} * shape.w;
  return required.rows == Strides::Rows::aligned ? (row + 15) / 16 * 16 : row;
}

int Program::add_tensor(const Shape& shape, Role role) {
  tensors.push_back({.shape = shape, .role = role});
  return static_cast<int>(tensors.size()) - 1;
}

int Program::add_step(Phase phase, Step step) {
  const int index = static_cast<int>(steps.size());
  step.id = (static_cast<int64_t>(phase) << 32) + index;
  for (const int input : step.inputs) {
    tensors[size_t(input)].consumers.push_back(index);
    touch_producer(input);
  }
  for (const int output : step.outputs) tensors[size_t(output)].producer = index;
  steps.push_back(std::move(step));
  touch(index);
  return index;
}

int Program::add_copy(Phase phase, std::string name, int node, int from, int to) {
  Step copy;
  copy.kind = Step::Kind::copy;
  copy.inputs = {from};
  copy.outputs = {to};
  copy.stage.name = std::move(name);
  copy.stage.node = node;
  copy.stage.kind = "copy";
  copy.stage.engine = Engine::dma;
  return add_step(phase, std::move(copy));
}

void Program::remove_step(int index) {
  Step& step = steps[size_t(index)];
  for (const int input : step.inputs) {
    erase_one(tensors[size_t(input)].consumers, index);
    touch_producer(input);
  }
  for (const int output : step.outputs) tensors[size_t(output)].producer = -1;
  step.removed = true;
}

bool Program::is_link(int copy) const {
  const Tensor& from = tensors[size_t(steps[size_t(copy)].inputs[0])];
  const Step& producer = steps[size_t(from.producer)];
  return from.consumers.size() == 1 && producer.outputs.size() == 1 && producer.injected < 0 &&
         producer.host < 0;
}

void Program::number_from(int position) {
  for (size_t i = size_t(position); i < order_.size(); ++i) positions_[size_t(order_[i])] = int(i);
}

// A link leaves and joins the order behind its producer without a new search.
void Program::bypass(int copy) {
  const int from = steps[size_t(copy)].inputs[0], to = steps[size_t(copy)].outputs[0];
  const bool in_place = ordered_ && is_link(copy);
  const int producer = tensors[size_t(from)].producer;
  remove_step(copy);
  replace_output(producer, from, to);
  const std::vector<int> readers = tensors[size_t(from)].consumers;
  for (const int reader : readers) replace_input(reader, from, to);
  steps[size_t(copy)].bypassed = readers;
  if (!in_place) return;
  const int at = positions_[size_t(copy)];
  order_.erase(order_.begin() + at);
  number_from(at);
  ordered_ = true;
}

int Program::restore(int copy) {
  const int from = steps[size_t(copy)].inputs[0], to = steps[size_t(copy)].outputs[0];
  const int producer = tensors[size_t(to)].producer;
  const bool was_ordered = ordered_;
  replace_output(producer, to, from);
  for (const int reader : steps[size_t(copy)].bypassed) replace_input(reader, to, from);
  const int restored = add_copy(Phase::readd, steps[size_t(copy)].stage.name,
                                steps[size_t(copy)].stage.node, from, to);
  if (!was_ordered || !is_link(restored)) return restored;
  const int at = positions_[size_t(producer)] + 1;
  order_.insert(order_.begin() + at, restored);
  positions_.resize(steps.size(), -1);
  number_from(at);
  ordered_ = true;
  return restored;
}

void Program::replace_input(int index, int from, int to) {
  auto& inputs = steps[size_t(index)].inputs;
  *std::find(inputs.begin(), inputs.end(), from) = to;
  erase_one(tensors[size_t(from)].consumers, index);
  tensors[size_t(to)].consumers.push_back(index);
  touch_producer(from);
  touch_producer(to);
}

void Program::replace_output(int index, int from, int to) {
  auto& outputs = steps[size_t(index)].outputs;
  *std::find(outputs.begin(), outputs.end(), from) = to;
  tensors[size_t(from)].producer = -1;
  tensors[size_t(to)].producer = index;
  touch(index);
}

void Program::set_parent(int child, int parent) {
  Tensor& tensor = tensors[size_t(child)];
  if (tensor.parent >= 0) erase_one(tensors[size_t(tensor.parent)].children, child);
  tensor.parent = parent;
  tensors[size_t(parent)].children.push_back(child);
}

int Program::top(int tensor) const {
  while (tensors[size_t(tensor)].parent >= 0) tensor = tensors[size_t(tensor)].parent;
  return tensor;
}

void Program::place_all(int tensor, Place place) {
  tensors[size_t(tensor)].place = place;
  for (const int child : tensors[size_t(tensor)].children) place_all(child, place);
}

bool Program::strides_fit(int tensor, int parent) const {
  // The strides of a view are those of the tensor that owns the memory, up to a reshape.
  while (tensors[size_t(parent)].parent >= 0 && !tensors[size_t(parent)].reshaped)
    parent = tensors[size_t(parent)].parent;
  const Tensor& child = tensors[size_t(tensor)];
  const Tensor& owner = tensors[size_t(parent)];
  const Strides& want = child.required;
  const int64_t row = owner.row_bytes();
  if (want.rows == Strides::Rows::aligned && row % 16 != 0) return false;
  if (want.rows == Strides::Rows::compact && row != int64_t{child.element_bytes} * child.shape.w)
    return false;
  if (want.planes_compact && owner.shape.h != child.shape.h) return false;
  return !want.batch_compact || owner.shape.c == child.shape.c;
}

void Program::inject(int host, int guest) {
  steps[size_t(host)].injected = guest;
  steps[size_t(guest)].host = host;
  for (const int input : steps[size_t(guest)].inputs) touch_producer(input);
  touch(host);
}

void Program::eject(int host) {
  const int guest = steps[size_t(host)].injected;
  steps[size_t(host)].injected = -1;
  steps[size_t(guest)].host = -1;
  for (const int input : steps[size_t(guest)].inputs) touch_producer(input);
  touch(host);
  touch(guest);
}

void Program::mark_cmx_writers() {
  for (size_t i = 0; i < steps.size(); ++i) {
    Step& step = steps[i];
    step.expects_cmx =
        step.outputs.size() == 1 && tensors[size_t(step.outputs[0])].place == Place::cmx;
    touch(int(i));
  }
}

void Program::add_next(int index, std::vector<int>& next) const {
  const auto add = [&](const Step& step) {
    for (const int output : step.outputs) {
      for (const int consumer : tensors[size_t(output)].consumers) {
        const int host = steps[size_t(consumer)].host;
        const int target = host >= 0 ? host : consumer;
        if (target != index) add_unique(next, target);
      }
    }
  };
  const Step& step = steps[size_t(index)];
  add(step);
  if (step.injected >= 0) add(steps[size_t(step.injected)]);
}

std::vector<int> Program::next_steps(int index) const {
  std::vector<int> next;
  add_next(index, next);
  return next;
}

std::vector<int> Program::previous_steps(int index) const {
  std::vector<int> previous;
  const auto add = [&](const Step& step) {
    for (const int input : step.inputs) {
      const int producer = tensors[size_t(input)].producer;
      if (producer < 0) continue;
      const int host = steps[size_t(producer)].host;
      add_unique(previous, host >= 0 ? host : producer);
    }
  };
  const Step& step = steps[size_t(index)];
  add(step);
  if (step.injected >= 0) add(steps[size_t(step.injected)]);
  return previous;
}

int Program::last_dependency(int index) const {
  int last = -1;
  const auto add = [&](const Step& step) {
    for (const int input : step.inputs) {
      const int producer = tensors[size_t(input)].producer;
      if (producer < 0) continue;
      const int host = steps[size_t(producer)].host;
      last = std::max(last, position(host >= 0 ? host : producer));
    }
  };
  const Step& step = steps[size_t(index)];
  add(step);
  if (step.injected >= 0) add(steps[size_t(step.injected)]);
  return last;
}

void Program::touch(int index) {
  stale_.resize(steps.size(), 1);
  stale_[size_t(index)] = 1;
  const int host = steps[size_t(index)].host;
  if (host >= 0) stale_[size_t(host)] = 1;
  ordered_ = false;
}

void Program::touch_producer(int tensor) {
  ordered_ = false;
  if (tensors[size_t(tensor)].producer >= 0) touch(tensors[size_t(tensor)].producer);
}

void Program::sort_next(int index) {
  std::vector<int>& next = next_[size_t(index)];
  next.clear();
  add_next(index, next);
  std::sort(next.begin(), next.end(), [&](int a, int b) {
    const Step &left = steps[size_t(a)], &right = steps[size_t(b)];
    return left.expects_cmx != right.expects_cmx ? right.expects_cmx : left.id < right.id;
  });
  stale_[size_t(index)] = 0;
}

// Depth-first post-order from the last sibling to the first. Recursion would overflow the stack in
// deep networks, so the stack is explicit.
void Program::visit(int first) {
  const auto open = [&](int index) {
    if (stale_[size_t(index)]) sort_next(index);
    seen_[size_t(index)] = Seen::open;
    stack_.push_back({index, next_[size_t(index)].size()});
  };
  open(first);
  while (!stack_.empty()) {
    Frame& frame = stack_.back();
    if (frame.left == 0) {
      seen_[size_t(frame.step)] = Seen::done;
      order_.push_back(frame.step);
      stack_.pop_back();
      continue;
    }
    const int next = next_[size_t(frame.step)][--frame.left];
    assert(seen_[size_t(next)] != Seen::open);
    if (seen_[size_t(next)] == Seen::no) open(next);
  }
}

const std::vector<int>& Program::order() {
  if (ordered_) return order_;
  order_.clear();
  next_.resize(steps.size());
  stale_.resize(steps.size(), 1);
  seen_.assign(steps.size(), Seen::no);
  std::vector<int> initial;
  for (const Tensor& tensor : tensors) {
    if (tensor.role == Role::input)
      initial.insert(initial.end(), tensor.consumers.begin(), tensor.consumers.end());
  }
  std::sort(initial.begin(), initial.end(),
            [&](int a, int b) { return steps[size_t(a)].id < steps[size_t(b)].id; });
  for (const int step : initial) visit(step);
  std::reverse(order_.begin(), order_.end());
  positions_.assign(steps.size(), -1);
  number_from(0);
  ordered_ = true;
  return order_;
}

void Program::set_order(const std::vector<int>& order) {
  order_ = order;
  positions_.assign(steps.size(), -1);
  number_from(0);
  ordered_ = true;
}

}  // namespace vpunas::myriadx
