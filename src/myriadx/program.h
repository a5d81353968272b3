// A network on its way to the chip: steps that read and write tensors. Lowering builds it from a
// graph, placement decides where its tensors lie and which copies it needs. Internal to this
// folder; what leaves is Mapping.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "myriadx/mapping.h"

namespace vpunas::myriadx {

// What a step demands of a tensor's strides. Planes are compact where nothing lies between them, a
// batch where nothing lies behind its last plane.
struct Strides {
  enum class Rows { any, aligned, compact };  // aligned: to 16 bytes
  Rows rows = Rows::any;
  bool planes_compact = false, batch_compact = false;
};
inline constexpr Strides kAnyStrides{};
inline constexpr Strides kNceStrides{Strides::Rows::aligned, false, false};
inline constexpr Strides kPlaneStrides{Strides::Rows::any, true, false};
inline constexpr Strides kLrnStrides{Strides::Rows::aligned, true, true};
inline constexpr Strides kConvertStrides{Strides::Rows::any, true, true};
inline constexpr Strides kCompact{Strides::Rows::compact, true, true};

enum class Role { input, output, intermediate };

struct Tensor {
  Shape shape = {};
  Role role = Role::intermediate;
  int element_bytes = 2;
  Strides required = {};
  int producer = -1;                // step
  std::vector<int> consumers = {};  // steps, one entry an edge
  // A view lies within its parent. It is written first where the parent is assembled from views
  // (concat), else it reads.
  int parent = -1;
  std::vector<int> children = {};
  bool reshaped = false;  // a view of the same elements in another shape
  Place place = Place::ddr;
  int spill = -1;  // the copy in DDR, where it was moved out of CMX

  int64_t row_bytes() const;
  int64_t bytes() const { return row_bytes() * shape.h * shape.c; }  // in memory, with row padding
  int64_t payload() const { return element_bytes * shape.elements(); }
};

// SHAVEs that a step wants.
enum class Shaves { none, two, limited, all };

// Order in which the compiler creates steps; among equals the order of creation decides what runs
// first.
enum class Phase {
  parse,
  groups,
  linear,
  branches,
  depthwise,
  padding,
  tiling,
  pooling,
  software,
  layout,
  views,
  spill,
  readd
};

struct Step {
  enum class Kind { nce, shave, copy, concat, split, reshape, expand, crop };
  Kind kind = Kind::shave;
  Stage stage = {};
  std::vector<int> inputs = {}, outputs = {};
  Strides strides = {};  // demanded of every input and output
  Shaves shaves = Shaves::none;
  int64_t id = 0;
  bool optional = false;     // a copy that goes if its tensor may lie in CMX
  bool spills = false;       // a copy that makes room in CMX
  bool reads_cmx = false;    // an NCE step whose input lies in CMX and not its output
  bool expects_cmx = false;  // runs behind its siblings that write to DDR
  bool removed = false;
  int injected = -1;               // the step in this NCE step's shadow
  int host = -1;                   // the NCE step whose shadow this one runs in
  std::vector<int> bypassed = {};  // of a removed copy: other readers of its input

  bool executes() const { return kind == Kind::nce || kind == Kind::shave || kind == Kind::copy; }
};

class Program {
 public:
  std::vector<Tensor> tensors;
  std::vector<Step> steps;

  int add_tensor(const Shape& shape, Role role = Role::intermediate);
  // Inputs' consumers and outputs' producers are set; the stage's shapes and bytes are filled at
  // the end.
  int add_step(Phase phase, Step step);
  int add_copy(Phase phase, std::string name, int node, int from, int to);
  void remove_step(int step);
  // Lets the producer of a copy's input, and that input's other readers, use the copy's output
  // instead, without the copy.
  void bypass(int copy);
  // Takes that back and returns the copy, a new step.
  int restore(int copy);
  void replace_input(int step, int from, int to);  // one edge
  void replace_output(int step, int from, int to);
  void set_parent(int child, int parent);

  int top(int tensor) const;                       // the outermost parent
  void place_all(int tensor, Place place);         // with all views of its top
  bool strides_fit(int tensor, int parent) const;  // whether `tensor` may be a view of `parent`

  // Steps by dependencies, depth first; siblings that write to DDR come before those that write to
  // CMX. A step in the shadow of another is not listed.
  const std::vector<int>& order();
  bool is_ordered() const { return ordered_; }  // order() has nothing to do
  // The order that order() would find, where the caller knows it.
  void set_order(const std::vector<int>& order);
  int position(int step) const { return positions_[static_cast<size_t>(step)]; }  // after order()

  // Runs `guest` in the shadow of `host`, or takes it back.
  void inject(int host, int guest);
  void eject(int host);
  // Marks the steps that are to run behind their siblings, those that write to CMX now.
  void mark_cmx_writers();

  // Steps that read what `step` and its shadow write, and steps that they read from, without
  // duplicates.
  std::vector<int> next_steps(int step) const;
  std::vector<int> previous_steps(int step) const;
  // The last position of the previous steps, -1 without any.
  int last_dependency(int step) const;

 private:
  bool is_link(
      int copy) const;  // nothing but its producer's reader, so that it runs right behind it
  void number_from(int position);
  void touch(int step);  // its readers changed
  void touch_producer(int tensor);
  void add_next(int step, std::vector<int>& next) const;
  void sort_next(int step);
  void visit(int step);

  std::vector<int> order_, positions_;
  std::vector<std::vector<int>> next_;  // by step, in order of execution, where not stale
  std::vector<char> stale_;
  enum class Seen : char { no, open, done };
  struct Frame {
    int step;
    size_t left;  // of its next steps, taken from the back
  };
  // Of the search at work.
  std::vector<Seen> seen_;
  std::vector<Frame> stack_;
  bool ordered_ = false;
};

// Lowers a folded graph to steps. Throws Error for what the MyriadX cannot run.
Program lower(const Graph& graph, const Resources& resources, Precision output);

// Settles strides: copies where a step's demand clashes with its tensor's, additions merged with
// their activations, and concat, split, expand, crop and reshape as views, with copies where a view
// is not possible.
void settle_strides(Program& program);

// Decides places, spills, copies and shadows.
void place(Program& program, const Resources& resources);

}  // namespace vpunas::myriadx
