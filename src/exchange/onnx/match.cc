// First the structure, from the input to the logits; then what it tells of conventions. The weights are fill.cc's.
#include "exchange/onnx/match.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/json.h"
#include "base/text.h"
#include "exchange/onnx/fill.h"
#include "exchange/onnx/structure.h"
#include "exchange/onnx/tensor.h"
#include "model/zoo.h"

namespace riffle {
namespace {

class Walk {
 public:
  explicit Walk(const LayerGraph& graph)
      : graph_(graph), readers_(graph.layers.size()), visited_(graph.layers.size(), false) {
    for (size_t i = 0; i < graph.layers.size(); ++i)
      for (const int input : graph.layers[i].inputs) readers_[input].push_back(static_cast<int>(i));
  }

  Result<Structure> Run() {
    int x = 0;
    visited_[0] = true;
    RIFFLE_TRY(Preprocessing(&x));
    RIFFLE_TRY(Stem(&x));
    for (size_t stage = 0; stage < kUnitsOfStage.size(); ++stage)
      for (int unit = 0; unit < kUnitsOfStage[stage]; ++unit) {
        const Status status = ReadUnit(&x, unit == 0);
        if (!status.ok()) return Status(status).In(fmt::format("unit {} of stage {}", unit + 1, stage + 2));
      }
    RIFFLE_TRY(Head(&x));
    if (x != graph_.output)
      return InvalidArgument("the network ends with {}, but {} is what it gives", at(x).node, at(graph_.output).node);
    for (size_t i = 0; i < visited_.size(); ++i)
      if (!visited_[i]) return InvalidArgument("{}: a ShuffleNetV1 has no such part", graph_.layers[i].node);
    return std::move(found_);
  }

 private:
  const Layer& at(int i) const { return graph_.layers[i]; }

  // The one layer that reads x, or -1.
  int Only(int x) const { return readers_[x].size() == 1 ? readers_[x][0] : -1; }
  bool OnlyIs(int x, LayerKind kind) const { return Only(x) >= 0 && at(Only(x)).kind == kind; }

  Status Expected(int x, std::string_view what) const {
    std::string found = readers_[x].empty() ? "nothing" : "";
    for (const int reader : readers_[x]) found += (found.empty() ? "" : " and ") + at(reader).node;
    return InvalidArgument("behind {}: expected {}, found {}", at(x).node, what, found);
  }

  Status Next(int* x, LayerKind kind) {
    if (!OnlyIs(*x, kind)) return Expected(*x, Described(kind));
    *x = Only(*x);
    visited_[*x] = true;
    return {};
  }
  // The same where it need not be there.
  const Layer* Optional(int* x, LayerKind kind) {
    if (!OnlyIs(*x, kind)) return nullptr;
    *x = Only(*x);
    visited_[*x] = true;
    return &at(*x);
  }

  // `conv` is a convolution.
  ConvNorm Convolution(int conv) {
    visited_[conv] = true;
    ConvNorm result{.conv = &at(conv), .end = conv};
    result.norm = Optional(&result.end, LayerKind::kBatchNorm);
    return result;
  }
  Result<ConvNorm> NextConvolution(int x, int64_t kernel, std::string_view what) {
    if (!OnlyIs(x, LayerKind::kConv) || at(Only(x)).kernel != kernel) return Expected(x, what);
    return Convolution(Only(x));
  }

  Status Preprocessing(int* x) {
    while (const Layer* affine = Optional(x, LayerKind::kAffine)) {
      if (!graph_.byte_input)
        return InvalidArgument("{}: it changes the input, whose range is not known: expected uint8", affine->node);
      found_.scale.resize(affine->scale.size(), 1);
      found_.shift.resize(affine->scale.size(), 0);
      for (size_t c = 0; c < affine->scale.size(); ++c) {
        found_.scale[c] *= affine->scale[c];
        found_.shift[c] = found_.shift[c] * affine->scale[c] + affine->shift[c];
      }
    }
    return {};
  }

  Status Stem(int* x) {
    RIFFLE_ASSIGN(found_.stem, NextConvolution(*x, 3, "a 3 × 3 convolution"));
    if (found_.stem.conv->groups != 1 || found_.stem.conv->stride > 2)
      return InvalidArgument("{}: expected a convolution without groups and with stride 1 or 2",
                             found_.stem.conv->node);
    *x = found_.stem.end;
    RIFFLE_TRY(Next(x, LayerKind::kRelu));
    found_.max_pool = Optional(x, LayerKind::kMaxPool);
    if ((found_.max_pool != nullptr) != (found_.stem.conv->stride == 2))
      return Expected(*x, "a max-pool behind a first convolution of stride 2, none behind one of stride 1");
    return {};
  }

  // Figure 2: `concat` is 2c, otherwise 2b.
  Status ReadUnit(int* x, bool concat) {
    std::vector<int> convs;
    for (const int reader : readers_[*x])
      if (at(reader).kind == LayerKind::kConv) convs.push_back(reader);
    if (convs.size() > 1)
      return InvalidArgument(
          "{} and {} both read its input: a convolution in the shortcut (a projection), where a ShuffleNetV1 has the "
          "pooled input itself",
          at(convs[0]).node, at(convs[1]).node);
    if (convs.empty() || at(convs[0]).kernel != 1 || at(convs[0]).stride != 1)
      return Expected(*x, "a unit that begins with a 1 × 1 convolution");
    if (readers_[*x].size() != 2) return Expected(*x, "the two branches of a unit");

    Unit unit;
    unit.conv1 = Convolution(convs[0]);
    int y = unit.conv1.end;
    RIFFLE_TRY(Next(&y, LayerKind::kRelu));
    const Layer* const before = Optional(&y, LayerKind::kShuffle);
    RIFFLE_ASSIGN(unit.depthwise, NextConvolution(y, 3, "a 3 × 3 depthwise convolution"));
    if (unit.depthwise.conv->groups != unit.depthwise.conv->channels || unit.depthwise.conv->stride > 2)
      return InvalidArgument("{}: expected a depthwise convolution with stride 1 or 2", unit.depthwise.conv->node);
    y = unit.depthwise.end;
    const Layer* const after = Optional(&y, LayerKind::kShuffle);
    if (before && after) return InvalidArgument("{}: a second channel shuffle", after->node);
    unit.shuffle = before ? before : after;
    if (after) unit.place = ShufflePlace::kAfterDepthwise;
    RIFFLE_ASSIGN(unit.conv3, NextConvolution(y, 1, "a 1 × 1 convolution"));
    y = unit.conv3.end;
    RIFFLE_TRY(concat ? Concat(*x, &y, &unit) : Sum(*x, &y));
    found_.units.push_back(unit);
    *x = y;
    return {};
  }

  Status Sum(int x, int* y) {
    const int own = *y;
    if (!OnlyIs(own, LayerKind::kAdd)) return Expected(own, "the sum with the unit's input");
    RIFFLE_TRY(Next(y, LayerKind::kAdd));
    const std::vector<int>& inputs = at(*y).inputs;
    if (inputs != std::vector{x, own} && inputs != std::vector{own, x})
      return InvalidArgument("{}: expected the sum with the unit's input", at(*y).node);
    return Next(y, LayerKind::kRelu);
  }

  Status Concat(int x, int* y, Unit* unit) {
    const bool rectified = Optional(y, LayerKind::kRelu) != nullptr;
    const int own = *y;
    if (OnlyIs(own, LayerKind::kAdd))
      return InvalidArgument("{}: a sum, where a stage begins with a concatenation of the pooled input",
                             at(Only(own)).node);
    RIFFLE_TRY(Next(y, LayerKind::kConcat));
    const Layer& concat = at(*y);
    unit->concat = &concat;
    const int other = concat.inputs[0] == own ? concat.inputs[1] : concat.inputs[0];
    unit->order = concat.inputs[0] == own ? ConcatOrder::kUnitFirst : ConcatOrder::kShortcutFirst;
    if (other != x) {
      unit->pool = &at(other);
      if (unit->pool->kind != LayerKind::kAveragePool || unit->pool->inputs[0] != x)
        return InvalidArgument("{}: expected the average pool of the unit's input beside its own channels, found {}",
                               concat.node, at(other).node);
      visited_[other] = true;
    }
    if ((unit->pool != nullptr) != (unit->depthwise.conv->stride == 2))
      return InvalidArgument("{}: expected a pool where the depthwise convolution has stride 2, and there alone",
                             concat.node);
    // ReLU may come behind it: the other part, a mean of what is not negative, stays as it is.
    if (Optional(y, LayerKind::kRelu) == nullptr && !rectified) return Expected(*y, "a ReLU");
    return {};
  }

  Status Head(int* x) {
    const int pool = Only(*x);
    if (pool >= 0 && at(pool).kind == LayerKind::kAveragePool && at(pool).whole_map) {
      *x = pool;
      visited_[pool] = true;
    } else if (!OnlyIs(*x, LayerKind::kGlobalPool)) {
      return InvalidArgument("behind unit {} of stage 4: {}", kUnitsOfStage[2],
                             Expected(*x, "the mean of each map: a ShuffleNetV1 has no further units").message());
    } else {
      RIFFLE_TRY(Next(x, LayerKind::kGlobalPool));
    }
    RIFFLE_TRY(Next(x, LayerKind::kLinear));
    found_.linear = &at(*x);
    found_.bias = Optional(x, LayerKind::kAffine);
    if (found_.bias &&
        (found_.linear->bias || !std::ranges::all_of(found_.bias->scale, [](float s) { return s == 1; })))
      return InvalidArgument("{}: expected nothing but one bias behind the linear layer", found_.bias->node);
    Optional(x, LayerKind::kSoftmax);  // the logits are what it reads
    return {};
  }

  const LayerGraph& graph_;
  std::vector<std::vector<int>> readers_;
  std::vector<bool> visited_;
  Structure found_;
};

// What all units must agree on. `known`: one says it.
template <class T>
struct Agreed {
  std::optional<T> known;

  Status Add(const std::optional<T>& value, const std::string& node) {
    if (!value) return {};
    if (known && *known != *value)
      return InvalidArgument("{}: it follows another convention than the same layers before it", node);
    known = value;
    return {};
  }
};

bool AllZero(const std::vector<float>& dense, int64_t out, int64_t groups, std::span<const int> shuffled) {
  const auto in = static_cast<int64_t>(shuffled.size()), per_group = in / groups;
  for (int64_t o = 0; o < out; ++o)
    for (int64_t i = 0; i < in; ++i)
      if (i / per_group != o / (out / groups) && dense[o * in + shuffled[i]] != 0) return false;
  return true;
}

class Describer {
 public:
  Describer(const LayerGraph& graph, const Structure& structure, const std::optional<ModelDescription>& said)
      : graph_(graph), s_(structure), said_(said) {}

  Result<ModelDescription> Run() {
    const Layer& first = *s_.units[0].conv1.conv;
    if (first.groups != 1)
      return InvalidArgument("{}: {} groups, where the first pointwise convolution of stage 2 has none", first.node,
                             first.groups);
    const int64_t groups = s_.units[1].conv1.conv->groups;
    model_.groups = static_cast<int>(groups);
    model_.stem_channels = static_cast<int>(s_.stem.conv->channels);
    model_.stage2_channels = static_cast<int>(s_.stem.conv->channels + s_.units[0].conv3.conv->channels);
    model_.num_classes = static_cast<int>(s_.linear->channels);
    model_.in_channels = static_cast<int>(graph_.layers[0].channels);
    model_.image_size = static_cast<int>(graph_.layers[0].height);
    model_.stem = s_.max_pool ? Stem::kImagenet : Stem::kSmall;
    model_.stage2_stride = static_cast<int>(s_.units[0].depthwise.conv->stride);
    model_.head_bias = s_.linear->bias || s_.bias;
    if (said_) {
      model_.name = said_->name;
      model_.bn_momentum = said_->bn_momentum;
    } else {
      model_.name = NameInZoo(groups, model_.stem_channels, model_.stage2_channels);
    }
    model_.bn_eps = Epsilon();
    if (said_) model_.conventions = said_->conventions;
    RIFFLE_TRY(PoolsAndConcat());
    RIFFLE_TRY(groups == 1 ? NoShuffle() : s_.units[0].shuffle ? ShuffleNodes() : ShuffleInWeights());
    return model_;
  }

  bool shuffle_in_weights() const { return shuffle_in_weights_; }

 private:
  // The smallest of the graph's; what a norm has more is added to its variance.
  double Epsilon() const {
    std::optional<double> smallest;
    const auto visit = [&](const ConvNorm& conv) {
      if (conv.norm) smallest = std::min(smallest.value_or(conv.norm->epsilon), conv.norm->epsilon);
    };
    visit(s_.stem);
    for (const Unit& unit : s_.units)
      for (const ConvNorm* conv : {&unit.conv1, &unit.depthwise, &unit.conv3}) visit(*conv);
    const double usual = said_ ? said_->bn_eps : ModelDescription().bn_eps;
    // An attribute is a float: the nearest one to what was meant.
    return smallest && static_cast<float>(*smallest) != static_cast<float>(usual) ? *smallest : usual;
  }

  Status PoolsAndConcat() {
    Agreed<PoolPadding> padding;
    Agreed<AverageDivisor> divisor;
    Agreed<ConcatOrder> order;
    if (s_.max_pool) RIFFLE_TRY(padding.Add(s_.max_pool->padding, s_.max_pool->node));
    for (const Unit& unit : s_.units) {
      if (unit.pool) {
        RIFFLE_TRY(padding.Add(unit.pool->padding, unit.pool->node));
        RIFFLE_TRY(divisor.Add(unit.pool->divisor, unit.pool->node));
      }
      if (unit.concat) RIFFLE_TRY(order.Add(unit.order, unit.concat->node));
    }
    Conventions& conventions = model_.conventions;
    conventions.pool_padding = padding.known.value_or(conventions.pool_padding);
    conventions.average_divisor = divisor.known.value_or(conventions.average_divisor);
    conventions.concat_order = order.known.value_or(conventions.concat_order);
    return {};
  }

  Status NoShuffle() const {
    for (const Unit& unit : s_.units)
      if (unit.shuffle) return InvalidArgument("{}: a channel shuffle without groups", unit.shuffle->node);
    return {};
  }

  // Whether channels that are split as [split, n] are shuffled in this direction.
  bool Shuffles(const Layer& shuffle, ShuffleDirection direction) const {
    const int64_t groups = model_.groups;
    return shuffle.split == (direction == ShuffleDirection::kPaper ? groups : shuffle.channels / groups);
  }

  Status ShuffleNodes() {
    Agreed<ShufflePlace> place;
    for (const Unit& unit : s_.units) {
      if (!unit.shuffle)
        return InvalidArgument("{}: expected a channel shuffle in front of it or behind it, found none",
                               unit.depthwise.conv->node);
      if (unit.shuffle->channels % model_.groups != 0)
        return InvalidArgument("{}: {}, which {} do not divide", unit.shuffle->node,
                               Counted(unit.shuffle->channels, "channel"), Counted(model_.groups, "group"));
      RIFFLE_TRY(place.Add(unit.place, unit.shuffle->node));
    }
    model_.conventions.shuffle_place = *place.known;
    return ChooseDirection(
        [&](const Unit& unit, ShuffleDirection direction) { return Shuffles(*unit.shuffle, direction); });
  }

  // One that is true of all units; the usual one, or what the file says, where both are.
  template <class Is>
  Status ChooseDirection(const Is& is) {
    const ShuffleDirection usual = model_.conventions.shuffle_direction;
    const ShuffleDirection other =
        usual == ShuffleDirection::kPaper ? ShuffleDirection::kInverse : ShuffleDirection::kPaper;
    for (const ShuffleDirection direction : {usual, other}) {
      if (!std::ranges::all_of(s_.units, [&](const Unit& unit) { return is(unit, direction); })) continue;
      model_.conventions.shuffle_direction = direction;
      return {};
    }
    return InvalidArgument("its channels are not shuffled over {} groups, neither as the paper does it nor as MindCV",
                           model_.groups);
  }

  // As --shuffle=folded writes it.
  Status ShuffleInWeights() {
    shuffle_in_weights_ = true;
    std::vector<std::vector<float>> dense(s_.units.size());
    for (size_t i = 0; i < s_.units.size(); ++i) {
      const Unit& unit = s_.units[i];
      if (unit.shuffle) return InvalidArgument("{}: the units before it do not shuffle", unit.shuffle->node);
      if (unit.conv1.conv->groups == 1) continue;
      if (unit.conv3.conv->groups != 1)
        return InvalidArgument(
            "{}: expected a channel shuffle between two convolutions of {} groups, found none: another network",
            unit.conv3.conv->node, model_.groups);
      RIFFLE_ASSIGN(dense[i], FloatsOf(*unit.conv3.conv->weight));
    }
    return ChooseDirection([&](const Unit& unit, ShuffleDirection direction) {
      const std::vector<float>& weights = dense[&unit - s_.units.data()];
      const auto in = static_cast<int>(unit.depthwise.conv->channels), groups = model_.groups;
      const int64_t out = unit.conv3.conv->channels;
      if (in % groups != 0 || out % groups != 0) return false;
      return weights.empty() || AllZero(weights, out, groups, ShufflePermutation(in, groups, direction));
    });
  }

  const LayerGraph& graph_;
  const Structure& s_;
  const std::optional<ModelDescription>& said_;
  ModelDescription model_;
  bool shuffle_in_weights_ = false;
};

}  // namespace

Result<MatchedNetwork> MatchNetwork(const LayerGraph& graph, const std::optional<ModelDescription>& said) {
  RIFFLE_ASSIGN(const Structure structure, Walk(graph).Run());
  Describer describer(graph, structure, said);
  RIFFLE_ASSIGN(const ModelDescription model, describer.Run());
  if (said && model != *said) {
    const nlohmann::json first =
        nlohmann::json::diff(nlohmann::json::parse(ToJson(*said)), nlohmann::json::parse(ToJson(model)))[0];
    return InvalidArgument("it says to be another network than its graph is: its {} is {}",
                           first["path"].get<std::string>(), first.value("value", nlohmann::json("missing")).dump());
  }
  Result<Plan> plan = MakePlan(model);
  if (!plan.ok()) return InvalidArgument("no ShuffleNetV1 has its numbers: {}", plan.status().message());
  // The shapes are the plan's before anything of its size is allocated.
  RIFFLE_TRY(CheckShapes(structure, *plan));
  MatchedNetwork matched{.model = model, .values = ParameterValues<float>(plan->registry)};
  RIFFLE_TRY(Fill(structure, *plan, describer.shuffle_in_weights(), &matched.values));
  for (size_t c = 0; c < structure.scale.size(); ++c) {
    matched.mean.push_back(-structure.shift[c] / structure.scale[c]);
    matched.std.push_back(1 / structure.scale[c]);
  }
  return matched;
}

}  // namespace riffle
