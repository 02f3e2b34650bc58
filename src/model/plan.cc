#include "model/plan.h"

#include <numeric>

namespace riffle {
namespace {

// Appends maps, norms and steps in the order of the forward pass.
class Builder {
 public:
  explicit Builder(const ModelDescription& model) { plan_.model = model; }

  Plan Build() {
    const ModelDescription& model = plan_.model;
    int x = AddMap("pictures", model.in_channels, model.image_size, model.image_size);
    x = Stem(x);
    int channels = model.stage2_channels;
    for (size_t stage = 0; stage < kUnitsOfStage.size(); ++stage, channels *= 2) {
      for (int unit = 0; unit < kUnitsOfStage[stage]; ++unit) {
        const std::string name = "stage" + std::to_string(stage + 2) + "." + std::to_string(unit);
        if (unit > 0) {
          x = Unit(name, x, channels, {.groups1 = model.groups, .stride = 1, .concat = false});
        } else {
          // "We do not apply group convolution on the first pointwise layer" of stage 2: its input has too few channels
          // (paper, Table 1).
          x = Unit(name, x, channels,
                   {.groups1 = stage == 0 ? 1 : model.groups,
                    .stride = stage == 0 ? model.stage2_stride : 2,
                    .concat = true});
        }
      }
    }
    Head(x);
    return std::move(plan_);
  }

 private:
  struct UnitOptions {
    int groups1;  // of the first pointwise convolution
    int stride;
    bool concat;  // with the pooled input (paper, Figure 2c), instead of adding the input (2b)
  };

  int AddMap(std::string name, int channels, int64_t height, int64_t width) {
    plan_.maps.push_back({.name = std::move(name), .channels = channels, .height = height, .width = width});
    return static_cast<int>(plan_.maps.size()) - 1;
  }

  Step& AddStep(Step step) {
    plan_.steps.push_back(std::move(step));
    return plan_.steps.back();
  }

  int AddRowIndices(const std::vector<int>& permutation) {
    const int first = static_cast<int>(plan_.row_indices.size());
    plan_.row_indices.insert(plan_.row_indices.end(), permutation.begin(), permutation.end());
    return first;
  }

  // A batch norm with new parameters; the rest of `norm` says of what.
  int AddNorm(const std::string& name, int channels, Norm norm) {
    ParameterRegistry& r = plan_.registry;
    norm.name = name;
    norm.channels = channels;
    norm.gamma = r.Add(name + ".gamma", ParameterKind::kGamma, {channels});
    norm.beta = r.Add(name + ".beta", ParameterKind::kBeta, {channels});
    norm.running_mean = r.Add(name + ".running_mean", ParameterKind::kRunningMean, {channels});
    norm.running_variance = r.Add(name + ".running_variance", ParameterKind::kRunningVariance, {channels});
    plan_.norms.push_back(std::move(norm));
    return static_cast<int>(plan_.norms.size()) - 1;
  }

  // The batch norm of a raw map, as a step of its own.
  int BatchNorm(const std::string& name, int raw, int parameter_rows = -1) {
    const int channels = plan_.maps[raw].channels;
    const int norm = AddNorm(name, channels, {.raw = raw, .parameter_rows = parameter_rows});
    AddStep({.op = Op::kBatchNorm, .name = name, .x = raw, .y = raw, .channels = channels, .norm = norm});
    return norm;
  }

  int NextNorm() const { return static_cast<int>(plan_.norms.size()); }

  int Stem(int x) {
    const ModelDescription& model = plan_.model;
    const int64_t stride = model.stem == Stem::kImagenet ? 2 : 1;
    const int64_t size = OutSize(model.image_size, stride);
    const int c = model.stem_channels;
    const int raw = AddMap("stem", c, size, size);
    const int weight = plan_.registry.Add("stem.conv.weight", ParameterKind::kStemWeight, {c, model.in_channels, 3, 3});
    AddStep({.op = Op::kStemConv,
             .name = "stem.conv",
             .x = x,
             .y = raw,
             .channels = c,
             .weight = weight,
             .norm = NextNorm(),
             .stride = static_cast<int>(stride)});
    const int norm = BatchNorm("stem.bn", raw);
    if (model.stem == Stem::kImagenet) {
      const int64_t pooled = OutSize(size, 2);
      const int y = AddMap("stem.pool", c, pooled, pooled);
      AddStep({.op = Op::kMaxPool,
               .name = "stem.max_pool",
               .x = raw,
               .y = y,
               .channels = c,
               .in_norm = norm,
               .in_relu = true,
               .stride = 2});
      return y;
    }
    const int y = AddMap("stem.out", c, size, size);
    AddStep({.op = Op::kRelu, .name = "stem.relu", .x = raw, .y = y, .channels = c, .norm = norm});
    return y;
  }

  int AddGroupConvWeight(const std::string& name, int in_channels, int out_channels, int groups) {
    return plan_.registry.Add(name + ".weight", ParameterKind::kGroupConvWeight,
                              {out_channels, in_channels / groups, 1, 1});
  }

  int GroupConv(const std::string& name, int x, int out_channels, int groups) {
    const Map in = plan_.maps[x];
    const int y = AddMap(name, out_channels, in.height, in.width);
    AddStep({.op = Op::kGroupConv,
             .name = name,
             .x = x,
             .y = y,
             .channels = out_channels,
             .weight = AddGroupConvWeight(name, in.channels, out_channels, groups),
             .norm = NextNorm(),
             .groups = groups});
    return y;
  }

  int Depthwise(const std::string& name, int x, int in_norm, int stride) {
    const ModelDescription& model = plan_.model;
    const Map in = plan_.maps[x];
    const int y = AddMap(name, in.channels, OutSize(in.height, stride), OutSize(in.width, stride));
    const int weight = plan_.registry.Add(name + ".weight", ParameterKind::kDepthwiseWeight, {in.channels, 1, 3, 3});
    Step& step = AddStep({.op = Op::kDepthwiseConv,
                          .name = name,
                          .x = x,
                          .y = y,
                          .channels = in.channels,
                          .weight = weight,
                          .norm = NextNorm(),
                          .in_norm = in_norm,
                          .in_relu = true,
                          .stride = stride,
                          .with_gram = true});
    if (model.groups > 1) {
      step.in_rows = AddRowIndices(ShufflePermutation(in.channels, model.groups, model.conventions.shuffle_direction));
      // Shuffling after the depthwise convolution: the kernel and the batch norm move along with their row.
      if (model.conventions.shuffle_place == ShufflePlace::kAfterDepthwise) step.weight_rows = step.in_rows;
    }
    return y;
  }

  // Figure 2 of the paper: b adds the input, c concatenates it, pooled where the unit has stride 2.
  int Unit(const std::string& name, int x, int channels, UnitOptions options) {
    const ModelDescription& model = plan_.model;
    const int in_channels = plan_.maps[x].channels;
    const int concat_channels = options.concat ? in_channels : 0, own_channels = channels - concat_channels;
    const bool shortcut_first = model.conventions.concat_order == ConcatOrder::kShortcutFirst;
    const int shortcut_row = shortcut_first ? 0 : own_channels, own_row = shortcut_first ? concat_channels : 0;

    const int a1 = GroupConv(name + ".conv1", x, model.BottleneckChannels(channels), options.groups1);
    const int norm1 = BatchNorm(name + ".bn1", a1);
    const int a2 = Depthwise(name + ".depthwise", a1, norm1, options.stride);
    // Nothing between the second and the third batch norm is non-linear, so the third has its statistics from the Gram
    // matrix of a2, and the convolution between them stores what is behind it (docs/backward.md).
    const int parameter_rows = plan_.steps.back().weight_rows;
    const Map narrow = plan_.maps[a2];
    const auto statistics_step = [&](Op op, const std::string& step_name, int step_channels, int norm) {
      AddStep({.op = op, .name = step_name, .x = a2, .y = a2, .channels = step_channels, .norm = norm});
    };
    statistics_step(Op::kGram, name + ".gram", narrow.channels, NextNorm() + 1);
    const int norm2 = BatchNorm(name + ".bn2", a2, parameter_rows);
    const int weight = AddGroupConvWeight(name + ".conv3", narrow.channels, own_channels, model.groups);
    const int norm3 = AddNorm(name + ".bn3", own_channels, {.in_norm = norm2, .weight = weight});
    statistics_step(Op::kProductNorm, name + ".bn3", own_channels, norm3);

    const int y = AddMap(name, channels, narrow.height, narrow.width);
    if (options.concat && options.stride == 1) {
      plan_.maps[x].stored_in = y;
      plan_.maps[x].stored_row = shortcut_row;
    }
    AddStep({.op = Op::kGroupConv,
             .name = name + ".conv3",
             .x = a2,
             .y = y,
             .y_row = own_row,
             .channels = own_channels,
             .shortcut = options.concat ? -1 : x,
             .weight = weight,
             .norm = norm3,
             .in_norm = norm2,
             .relu = true,
             .groups = model.groups});
    if (options.concat && options.stride == 2)
      AddStep({.op = Op::kAveragePool,
               .name = name + ".average_pool",
               .x = x,
               .y = y,
               .y_row = shortcut_row,
               .channels = in_channels,
               .stride = 2});
    return y;
  }

  void Head(int x) {
    const int channels = plan_.maps[x].channels;
    const int features = AddMap("features", channels, 1, 1);
    AddStep({.op = Op::kGlobalAveragePool, .name = "head.pool", .x = x, .y = features, .channels = channels});
    const int classes = plan_.model.num_classes;
    const int logits = AddMap("logits", classes, 1, 1);
    plan_.maps[features].vectors = plan_.maps[logits].vectors = true;
    const int weight = plan_.registry.Add("head.weight", ParameterKind::kHeadWeight, {classes, channels});
    const int bias = plan_.model.head_bias ? plan_.registry.Add("head.bias", ParameterKind::kHeadBias, {classes}) : -1;
    AddStep({.op = Op::kLinear,
             .name = "head.linear",
             .x = features,
             .y = logits,
             .channels = classes,
             .weight = weight,
             .bias = bias});
  }

  Plan plan_;
};

// A unit's last convolution and the first one of the next unit, where a group of this reads what one of that stores.
void ChainConvolutions(Plan* plan) {
  for (size_t i = 0; i + 1 < plan->steps.size(); ++i) {
    Step& step = plan->steps[i];
    const Step& next = plan->steps[i + 1];
    step.chained = step.op == Op::kGroupConv && next.op == Op::kGroupConv && next.x == step.y &&
                   next.groups == step.groups && plan->maps[step.y].channels == step.channels;
  }
}

}  // namespace

std::string_view OpName(Op op) {
  switch (op) {
    case Op::kStemConv:
      return "stem_conv";
    case Op::kMaxPool:
      return "max_pool";
    case Op::kGroupConv:
      return "group_conv";
    case Op::kDepthwiseConv:
      return "depthwise_conv";
    case Op::kAveragePool:
      return "average_pool";
    case Op::kBatchNorm:
      return "batch_norm";
    case Op::kGram:
      return "gram";
    case Op::kProductNorm:
      return "product_norm";
    case Op::kRelu:
      return "relu";
    case Op::kGlobalAveragePool:
      return "global_average_pool";
    case Op::kLinear:
      return "linear";
  }
  return "";
}

std::vector<int> ShufflePermutation(int channels, int groups, ShuffleDirection direction) {
  const int n = channels / groups;
  std::vector<int> in_row(channels);
  for (int i = 0; i < n; ++i)
    for (int k = 0; k < groups; ++k) {
      if (direction == ShuffleDirection::kPaper)
        in_row[i * groups + k] = k * n + i;
      else
        in_row[k * n + i] = i * groups + k;
    }
  return in_row;
}

Plan::Storage Plan::StorageOf(int map) const {
  Storage storage{.map = map, .row = 0};
  while (maps[storage.map].stored_in >= 0) {
    storage.row += maps[storage.map].stored_row;
    storage.map = maps[storage.map].stored_in;
  }
  return storage;
}

int64_t Plan::Macs(const Step& step) const {
  const Map& out = maps[step.y];
  const int64_t values = step.channels * out.area();
  switch (step.op) {
    case Op::kStemConv:
      return values * maps[step.x].channels * 9;
    case Op::kGroupConv:
      return values * (maps[step.x].channels / step.groups);
    case Op::kDepthwiseConv:
      return values * 9;
    case Op::kLinear:
      return values * maps[step.x].channels;
    default:
      return 0;
  }
}

int64_t Plan::Macs() const {
  return std::accumulate(steps.begin(), steps.end(), int64_t{0},
                         [&](int64_t sum, const Step& step) { return sum + Macs(step); });
}

int64_t Plan::Parameters(const Step& step) const {
  if (IsNorm(step)) return 2 * norms[step.norm].channels;
  const auto size = [&](int parameter) { return parameter < 0 ? 0 : registry.trainable()[parameter].size; };
  return size(step.weight) + size(step.bias);
}

Result<Plan> MakePlan(const ModelDescription& model) {
  RIFFLE_TRY(Check(model));
  Plan plan = Builder(model).Build();
  ChainConvolutions(&plan);
  plan.backward = MakeBackwardPlan(plan);
  return plan;
}

}  // namespace riffle
