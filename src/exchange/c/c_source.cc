#include "exchange/c/c_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <span>

#include "base/json.h"
#include "base/text.h"
#include "exchange/c/c_ops.h"
#include "exchange/c/c_text.h"
#include "model/fold.h"
#include "model/memory_plan.h"

namespace riffle {
namespace {

constexpr int64_t kFloat = sizeof(float);

/// The text with the network's name: name_x for net_x, NAME_X for NET_X. REQUIRES: no other word of it ends in net_.
std::string Named(std::string_view text, std::string_view prefix) {
  constexpr size_t kLetters = 3;  // of net and NET
  const std::string upper = CMacro(prefix);
  std::string named;
  for (size_t i = 0; i < text.size();) {
    const std::string_view word = text.substr(i, kLetters + 1);
    if (word == "net_" || word == "NET_") {
      named.append(word == "net_" ? prefix : upper);
      i += kLetters;
    } else {
      named += text[i++];
    }
  }
  return named;
}

/// Where each map begins in the arena, in floats: all but the input and the logits, which are the caller's. A picture
/// at a time, without gaps between rows.
struct Arena {
  std::vector<int64_t> offset;
  int64_t floats = 0;
};

Arena LayOut(const Plan& plan) {
  std::vector<BufferLife> lives(plan.maps.size(),
                                BufferLife{.bytes = 0, .first = std::numeric_limits<int>::max(), .last = -1});
  for (size_t i = 0; i < plan.steps.size(); ++i)
    for (const int map : {plan.steps[i].x, plan.steps[i].y, plan.steps[i].shortcut}) {
      if (map <= 0 || map == plan.output()) continue;
      const int root = plan.StorageOf(map).map;
      BufferLife& life = lives[root];
      life.bytes = plan.maps[root].channels * plan.maps[root].area() * kFloat;
      life.first = std::min(life.first, static_cast<int>(i));
      life.last = std::max(life.last, static_cast<int>(i));
    }
  const MemoryPlan memory = PlanMemory(lives);
  Arena arena{.offset = {}, .floats = memory.arena_bytes / kFloat};
  for (size_t m = 0; m < plan.maps.size(); ++m) {
    const Plan::Storage storage = plan.StorageOf(static_cast<int>(m));
    arena.offset.push_back(memory.offset_bytes[storage.map] / kFloat + storage.row * plan.maps[m].area());
  }
  return arena;
}

/// One array of weights of a step.
struct WeightArray {
  std::string name;    ///< "net_stem_conv_weight"
  int64_t offset = 0;  ///< among all of them
  std::span<const float> values;
};

class Writer {
 public:
  Writer(const Exportable& exportable, const COptions& options)
      : info_(exportable.info),
        options_(options),
        prefix_(options.prefix.empty() ? CIdentifier(info_.model.name) : options.prefix),
        plan_(FoldBatchNorm(exportable.plan)),
        arena_(LayOut(plan_)) {
    for (const Step& step : plan_.steps)
      folded_.push_back(step.weight < 0 ? FoldedWeights() : FoldWeights(plan_, step, exportable.values));
    for (size_t i = 0; i < plan_.steps.size(); ++i) {
      std::string name = "net_" + plan_.steps[i].name;
      std::ranges::replace(name, '.', '_');
      for (const auto& [part, values] : {std::pair{"weight", &folded_[i].weight}, {"bias", &folded_[i].bias}}) {
        if (values->size() == 0) continue;
        arrays_.push_back({fmt::format("{}_{}", name, part), floats_, {values->data(), values->size()}});
        floats_ += static_cast<int64_t>(values->size());
      }
    }
  }

  Result<CNetwork> Write() {
    RIFFLE_TRY(Check());
    Preamble();
    Declarations();
    Add("\n#ifndef NET_DECLARATIONS\n");
    Constants();
    if (!options_.separate_weights) Weights();
    Functions();
    Normalise();
    Run();
    Add(CMain());
    Add("\n#endif /* NET_DECLARATIONS */\n");
    CNetwork network{.prefix = prefix_,
                     .source = std::move(source_),
                     .weights = {},
                     .weight_floats = floats_,
                     .arena_floats = arena_.floats};
    if (options_.separate_weights)
      for (const WeightArray& array : arrays_)
        network.weights.insert(network.weights.end(), array.values.begin(), array.values.end());
    return network;
  }

 private:
  Status Check() const {
    if (!IsCIdentifier(prefix_))
      return InvalidArgument(
          "prefix: expected the beginning of C names (letters, digits and underscores, a letter first, at most 60), "
          "found {}",
          Quoted(prefix_));
    for (const WeightArray& array : arrays_)
      if (!std::ranges::all_of(array.values, [](float v) { return std::isfinite(v); }))
        return InvalidArgument("{}: with its batch norm folded in, weights overflow: the network is of no use",
                               array.name);
    if (std::max(arena_.floats, floats_) > std::numeric_limits<int32_t>::max() / kFloat)
      return InvalidArgument("expected a network of less than 2 GiB, found {} weights and {} floats of maps", floats_,
                             arena_.floats);
    return {};
  }

  /// Appends text in which the network is called net and NET.
  void Add(std::string_view text) { source_ += Named(text, prefix_); }

  void Preamble() {
    const Preprocessing& p = info_.preprocessing;
    const bool separate = options_.separate_weights, grey = info_.model.in_channels == 1;
    source_ += fmt::format("/* {}, {}, as one C99 file; written by Riffle.\n", CComment(info_.model.name),
                           Counted(info_.model.num_classes, "class"));
    Add(fmt::format(
        R"( *
 * Pictures: short side resized to {} pixels ({}), {} x {} cut from the middle, {}, (value - mean) / std.
 *
 *   static float input[NET_INPUT_FLOATS], logits[NET_CLASSES], arena[NET_ARENA_FLOATS];
 *   net_normalise(pixels, input);
 *   net_run({}input, logits, arena);
 *
)",
        p.ResizedShortSide(), NameOf(p.interpolation), p.image_size, p.image_size, grey ? "grey" : "red, green, blue",
        separate ? "weights, " : ""));
    if (separate)
      Add(" * weights: the file written with this one, NET_WEIGHT_FLOATS little-endian floats; it may stay in "
          "flash.\n");
    Add(fmt::format(
        R"( * Nothing is allocated, and nothing global is written: several may run at once, each with an arena of its own.
 * Other files see the declarations by #define NET_DECLARATIONS and #include of this one.
 * To try it: cc -std=c99 -O3 -D NET_MAIN THIS.c -o try -lm && ./try {}picture.{}
 */
)",
        separate ? "WEIGHTS " : "", grey ? "pgm" : "ppm"));
  }

  void Declarations() {
    const ModelDescription& model = info_.model;
    Add(fmt::format(
        R"(#include <stdint.h>

#define NET_CHANNELS {}
#define NET_HEIGHT {}
#define NET_WIDTH {}
#define NET_INPUT_FLOATS {} /* [C][H][W] */
#define NET_CLASSES {}
#define NET_ARENA_FLOATS {} /* of maps between the layers */
)",
        model.in_channels, model.image_size, model.image_size,
        int64_t{model.in_channels} * model.image_size * model.image_size, model.num_classes, arena_.floats));
    if (options_.separate_weights) Add(fmt::format("#define NET_WEIGHT_FLOATS {}\n", floats_));
    Add(fmt::format(R"(
#ifdef __cplusplus
extern "C" {{
#endif
extern const char *const net_class_names[NET_CLASSES];
extern const float net_mean[NET_CHANNELS], net_std[NET_CHANNELS]; /* of pixels from 0 to 255 */

/* pixels: [H][W][C] from 0 to 255; input: [C][H][W]. */
void net_normalise(const uint8_t *pixels, float *input);

/* input: [C][H][W], normalised; logits: NET_CLASSES; arena: NET_ARENA_FLOATS, overwritten. */
{};
#ifdef __cplusplus
}}
#endif
)",
                    RunSignature()));
  }

  std::string_view RunSignature() const {
    return options_.separate_weights
               ? "void net_run(const float *weights, const float *input, float *logits, float *arena)"
               : "void net_run(const float *input, float *logits, float *arena)";
  }

  void Constants() {
    const auto classes = static_cast<size_t>(info_.model.num_classes);
    const bool named = info_.classes.size() == classes;
    Add("\nconst char *const net_class_names[NET_CLASSES] = {\n");
    for (size_t i = 0; i < classes; ++i)
      source_ += fmt::format("  {},\n", CString(named ? info_.classes[i] : fmt::format("{}", i)));
    source_ += "};\n";
    const Preprocessing& p = info_.preprocessing;
    for (const auto& [name, values] : {std::pair{"mean", &p.mean}, {"std", &p.std}}) {
      Add(fmt::format("const float net_{}[NET_CHANNELS] = {{", name));
      for (const float value : *values) source_ += CFloat(value) + ", ";
      source_ += "};\n";
    }
  }

  void Weights() {
    constexpr size_t kPerLine = 8;
    for (const WeightArray& array : arrays_) {
      Add(fmt::format("\nstatic const float {}[{}] = {{", array.name, array.values.size()));
      for (size_t i = 0; i < array.values.size(); ++i)
        source_.append(i % kPerLine == 0 ? "\n  " : " ").append(CFloat(array.values[i])) += ',';
      source_ += "\n};\n";
    }
  }

  void Functions() {
    Add(CSharedFunctions());
    std::set<Op> there;
    for (const Step& step : plan_.steps)
      if (there.insert(step.op).second) Add(CFunction(step.op));
  }

  void Normalise() {
    Add(R"(
void net_normalise(const uint8_t *pixels, float *input)
{
  for (int c = 0; c < NET_CHANNELS; c++)
    for (int p = 0; p < NET_HEIGHT * NET_WIDTH; p++)
      *input++ = ((float)pixels[p * NET_CHANNELS + c] - net_mean[c]) / net_std[c];
}
)");
  }

  void Run() {
    Add(fmt::format("\n{}\n{{\n", RunSignature()));
    for (size_t i = 0; i < plan_.steps.size(); ++i) Add(fmt::format("  {}; /* {} */\n", Call(i), plan_.steps[i].name));
    Add("}\n");
  }

  std::string Call(size_t index) const {
    const Step& step = plan_.steps[index];
    const Map& in = plan_.maps[step.x];
    const Conventions& conventions = plan_.model.conventions;
    const std::string x = Address(step.x, 0), y = Address(step.y, step.y_row);
    const std::string weight = Array(folded_[index].weight), bias = Array(folded_[index].bias);
    const int64_t size = in.height, before = conventions.pool_padding == PoolPadding::kSymmetric ? 1 : size % 2;
    const int relu = step.relu ? 1 : 0;
    switch (step.op) {
      case Op::kStemConv:
        return fmt::format("net_conv3x3({}, {}, {}, {}, {}, {}, {}, {}, {})", x, in.channels, size, step.stride, weight,
                           bias, y, step.channels, relu);
      case Op::kMaxPool:
        return fmt::format("net_max_pool({}, {}, {}, {}, {})", x, step.channels, size, before, y);
      case Op::kGroupConv:  // after folding a sum is written over its shortcut
        return fmt::format("net_group_conv({}, {}, {}, {}, {}, {}, {}, {}, {}, {})", x, in.channels, step.groups,
                           in.area(), weight, bias, y, step.channels, step.shortcut >= 0 ? 1 : 0, relu);
      case Op::kDepthwiseConv:
        return fmt::format("net_depthwise({}, {}, {}, {}, {}, {}, {}, {})", x, step.channels, size, step.stride,
                           ShuffleStep(step), weight, bias, y);
      case Op::kAveragePool:
        return fmt::format("net_average_pool({}, {}, {}, {}, {}, {})", x, step.channels, size, before,
                           conventions.average_divisor == AverageDivisor::kNine ? 9 : 0, y);
      case Op::kGlobalAveragePool:
        return fmt::format("net_global_pool({}, {}, {}, {})", x, step.channels, in.area(), y);
      case Op::kLinear:
        return fmt::format("net_linear({}, {}, {}, {}, {}, {})", x, in.channels, weight, bias, y, step.channels);
      case Op::kBatchNorm:
      case Op::kGram:
      case Op::kProductNorm:
      case Op::kRelu:
        return "";  // folded away
    }
    return "";
  }

  std::string Address(int map, int row) const {
    if (map == 0) return "input";
    if (map == plan_.output()) return "logits";
    return fmt::format("arena + {}", arena_.offset[map] + row * plan_.maps[map].area());
  }

  std::string Array(const AlignedArray<float>& values) const {
    if (values.size() == 0) return "0";
    const auto array = std::ranges::find(arrays_, values.data(), [](const WeightArray& a) { return a.values.data(); });
    return options_.separate_weights ? fmt::format("weights + {}", array->offset) : array->name;
  }

  /// A shuffle is a matrix transposed: row o reads row (o % a)·b + o / a, where b is what row 1 reads.
  int ShuffleStep(const Step& step) const {
    const int32_t* rows = plan_.RowIndices(step.in_rows);
    return rows ? rows[1] : step.channels;
  }

  const CheckpointInfo& info_;
  const COptions& options_;
  const std::string prefix_;
  const Plan plan_;
  const Arena arena_;
  std::vector<FoldedWeights> folded_;  // by step
  std::vector<WeightArray> arrays_;
  int64_t floats_ = 0;
  std::string source_;
};

}  // namespace

Result<CNetwork> CSource(const Exportable& exportable, const COptions& options) {
  return Writer(exportable, options).Write();
}

}  // namespace riffle
