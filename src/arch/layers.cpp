#include "arch/layers.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

#include "arch/layer_text.h"
#include "arch/space.h"
#include "arch/strict_json.h"
#include "base/error.h"
#include "base/text.h"

namespace vpunas {
namespace {

constexpr int max_depth = 32;    // of lists and modules within each other
constexpr int max_items = 4096;  // of a network, repetitions counted
constexpr size_t max_line =
    1000;  // bytes of an item with its parameters, which may double in each call

// A list of layers with parameters: "fire s e".
struct Module {
  std::vector<std::string> parameters;
  Json layers;
};
using Modules = std::map<std::string, Module>;
using Arguments = std::map<std::string, std::string>;

// Where an item stands: in the file, and in the graph as the beginning of its nodes' names.
struct Place {
  std::string where, name;
  const Arguments* arguments = nullptr;
  int depth = 0;
};

std::string below(const std::string& name, const std::string& part) {
  return name.empty() ? part : name + "." + part;
}

// What `function` returns; its errors get `where` in front.
template <class Function>
auto placed(const std::string& where, const Function& function) {
  try {
    return function();
  } catch (const Error& error) {
    fail(where, ": ", error.what());
  }
}

bool is_word(const std::string& text) {
  return text.size() <= 40 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) || c == '_';
         });
}

// `text` with each "$NAME" replaced by the argument of that name.
std::string substitute(const std::string& text, const Arguments& arguments) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '$') {
      out += text[i++];
      continue;
    }
    const size_t begin = ++i;
    while (i < text.size() && is_word({text[i]})) ++i;
    const std::string name = text.substr(begin, i - begin);
    const auto found = arguments.find(name);
    if (found == arguments.end()) fail("$", excerpt(name), " is no parameter of this module");
    out += found->second;
    if (out.size() > max_line) fail("longer than ", max_line, " bytes with its parameters");
  }
  return out;
}

class Builder {
 public:
  Builder(Graph graph, Modules modules, const TextRules& rules)
      : graph_(std::move(graph)), modules_(std::move(modules)), rules_(rules) {}

  // Appends `items` behind node `at` and returns the last node.
  int list(const Json& items, int at, const Place& place);
  Graph take() { return std::move(graph_); }

 private:
  int item(const Json& item, int at, const Place& place);
  int text(const Words& words, int at, const Place& place);
  int call(const Module& module, const Words& words, int at, const Place& place);
  int join(const Json& object, int at, const Place& place);
  int part(int at, int index, int count, const std::string& name);
  void count(const std::string& where) {
    if (++items_ > max_items) fail(where, ": the network has more than ", max_items, " items");
  }

  Graph graph_;
  Modules modules_;
  TextRules rules_;
  int items_ = 0;
};

int Builder::list(const Json& items, int at, const Place& place) {
  if (!items.is_array()) fail(place.where, ": must be a list of layers");
  if (place.depth > max_depth)
    fail(place.where, ": deeper than ", max_depth, " lists; does a module call itself?");
  for (size_t i = 0; i < items.size(); ++i) {
    const std::string name = items.size() == 1 ? place.name : below(place.name, cat(i));
    at =
        item(items[i], at, {cat(place.where, "[", i, "]"), name, place.arguments, place.depth + 1});
  }
  return at;
}

int Builder::item(const Json& item, int at, const Place& place) {
  count(place.where);
  if (item.is_object()) return join(item, at, place);
  if (!item.is_string()) fail(place.where, ": must be a text or an object");
  const std::string line = placed(place.where, [&] {
    return substitute(item.get_ref<const std::string&>(), *place.arguments);
  });
  const std::string where = cat(place.where, " (", excerpt(line), ")");
  Words words = placed(where, [&] { return Words(line); });
  const int times = placed(where, [&] { return words.integer('x', 1, 0, max_items); });
  for (int i = 0; i < times; ++i) {
    if (i > 0) count(where);
    const std::string name = times == 1 ? place.name : below(place.name, cat(i));
    at = text(words, at, {where, name, place.arguments, place.depth});
  }
  return at;
}

int Builder::text(const Words& words, int at, const Place& place) {
  const auto module = modules_.find(words.kind());
  if (module != modules_.end()) return call(module->second, words, at, place);
  const int last =
      placed(place.where, [&] { return add_layer(words, at, place.name, rules_, graph_); });
  if (last >= 0) return last;
  std::vector<std::string> known = layer_kinds();
  for (const auto& [name, unused] : modules_) known.push_back(name);
  fail(place.where, ": unknown layer", did_you_mean(words.kind(), known), "; known are ",
       vpunas::join(known), ", and activations");
}

int Builder::call(const Module& module, const Words& words, int at, const Place& place) {
  const size_t count = module.parameters.size();
  if (words.rest().size() != count)
    fail(place.where, ": takes ", count, " parameters (", vpunas::join(module.parameters),
         "), has ", words.rest().size());
  Arguments arguments;
  for (size_t i = 0; i < count; ++i) arguments[module.parameters[i]] = words.rest()[i];
  return list(module.layers, at,
              {place.where, below(place.name, words.kind()), &arguments, place.depth});
}

// Channels of one of `count` equal parts of node `at`.
int Builder::part(int at, int index, int count, const std::string& name) {
  const int channels = graph_.nodes[at].shape.c;
  if (channels % count != 0)
    fail(channels, " channels are not divisible into ", count, " branches");
  const int width = channels / count;
  return graph_.add(below(name, "slice"), Slice{.begin = index * width, .end = (index + 1) * width},
                    {at});
}

int Builder::join(const Json& object, int at, const Place& place) {
  static const std::vector<std::string> kinds = {"concat", "add", "mul", "split"};
  const auto only = object.begin();
  const std::string kind = object.size() == 1 ? only.key() : "";
  if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end())
    fail(place.where, ": must have one key of ", vpunas::join(kinds), ", with a list of branches");
  const Json& branches = *only;
  const std::string where = cat(place.where, " ", kind);
  if (!branches.is_array() || branches.empty()) fail(where, ": must be a list of branches");
  std::vector<int> ends;
  for (size_t i = 0; i < branches.size(); ++i) {
    const std::string name = below(place.name, cat("b", i));
    const auto size = static_cast<int>(branches.size());
    const int begin = kind == "split"
                          ? placed(where, [&] { return part(at, static_cast<int>(i), size, name); })
                          : at;
    ends.push_back(
        list(branches[i], begin, {cat(where, "[", i, "]"), name, place.arguments, place.depth}));
  }
  const Layer layer = kind == "add" ? Layer(Add{}) : kind == "mul" ? Layer(Mul{}) : Layer(Concat{});
  return placed(where, [&] {
    return graph_.add(below(place.name, kind == "split" ? "concat" : kind), layer, ends);
  });
}

// {"fire s e": [...]}: names and parameters are keys.
void read_modules(const Json& json, const std::string& where, Modules& modules) {
  if (json.is_null()) return;
  if (!json.is_object()) fail(where, ": must be an object");
  for (const auto& [key, layers] : json.items()) {
    const Words words = placed(where, [&key = key] { return Words(key); });
    if (!is_word(words.kind()) || !std::all_of(words.rest().begin(), words.rest().end(), is_word))
      fail(where, ": ", excerpt(key), ": must be words of at most 40 letters, digits and '_'");
    modules[words.kind()] = {words.rest(), layers};
  }
}

}  // namespace

Graph graph_from_json(const Json& network, const std::string& where, const Json& shared_modules,
                      const Variant& variant) {
  StrictObject object(network, where);
  const std::string name = object.name();
  Shape input = object.shape("input", {3, 224, 224});
  if (variant.size > 0) input.h = input.w = variant.size;
  const TextRules rules{.layers = layer_rules_from_json(object), .width = variant.width};
  Modules modules;
  read_modules(shared_modules, cat(where, ": modules"), modules);
  if (const Json* own = object.find("modules")) read_modules(*own, object.path("modules"), modules);
  const Json& layers = object.array("layers");
  if (layers.empty()) fail(object.path("layers"), ": must not be empty");
  object.finish();

  Builder builder(image_graph(input, {}), std::move(modules), rules);
  const Arguments none;
  builder.list(layers, 1, {object.path("layers"), "", &none, 0});
  Graph graph = builder.take();
  graph.name = name;
  return graph;
}

}  // namespace vpunas
