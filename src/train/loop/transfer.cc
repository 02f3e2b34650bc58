#include "train/loop/transfer.h"

#include <algorithm>

#include "base/text.h"
#include "data/imagenet_classes.h"
#include "train/loop/differences.h"

namespace riffle {
namespace {

/// Where parameters of two registries of the same layout, but for the stem and the head, go.
enum class Take { kCopy, kSumColours, kNothing };

struct Taken {
  bool head = false;
  bool summed_stem = false;

  Take From(const Parameter& parameter) const {
    if (parameter.head() && !head) return Take::kNothing;
    if (parameter.kind == ParameterKind::kStemWeight && summed_stem) return Take::kSumColours;
    return Take::kCopy;
  }
};

Status CheckBodies(const Checkpoint& checkpoint, const ModelDescription& ours) {
  const ModelDescription& theirs = checkpoint.info().model;
  ModelDescription fitting = ours;  // with what may differ
  fitting.num_classes = theirs.num_classes;
  fitting.image_size = theirs.image_size;
  fitting.stem = theirs.stem;
  fitting.stage2_stride = theirs.stage2_stride;
  fitting.bn_eps = theirs.bn_eps;
  fitting.bn_momentum = theirs.bn_momentum;
  if (ours.in_channels == 1) fitting.in_channels = theirs.in_channels;
  if (theirs == fitting) return {};
  return InvalidArgument("{}: its network is another one: {}; train without --ckpt_path, or with its options",
                         checkpoint.path(), Differences(theirs, fitting));
}

// [out][colours][kernel] to [out][1][kernel].
void SumColours(const Parameter& from, const float* x, float* y) {
  const int64_t colours = from.shape[1], kernel = from.shape[2] * from.shape[3];
  for (int64_t out = 0; out < from.shape[0]; ++out)
    for (int64_t k = 0; k < kernel; ++k) {
      double sum = 0;
      for (int64_t c = 0; c < colours; ++c) sum += x[(out * colours + c) * kernel + k];
      y[out * kernel + k] = static_cast<float>(sum);
    }
}

void CopyParameter(const Parameter& from, const AlignedArray<float>& x, const Parameter& to, AlignedArray<float>* y) {
  std::copy_n(x.data() + from.offset, from.size, y->data() + to.offset);
}

std::string WhyNewHead(const CheckpointInfo& there, const CheckpointInfo& here) {
  if (there.model.num_classes != here.model.num_classes)
    return fmt::format("it knows {} and the data have {}", Counted(there.model.num_classes, "class"),
                       here.model.num_classes);
  const auto [theirs, ours] = std::ranges::mismatch(there.classes, here.classes);
  return fmt::format("its classes have other names, such as '{}' and here '{}'", *theirs, *ours);
}

}  // namespace

Result<std::string> Transfer(const Checkpoint& checkpoint, const CheckpointInfo& here, const Plan& plan, Snapshot* to) {
  const CheckpointInfo& there = checkpoint.info();
  RIFFLE_TRY(CheckBodies(checkpoint, here.model));
  // Weights from elsewhere may not say what their classes are: as many as here are taken for the same.
  const bool unnamed = there.classes.empty() && there.model.num_classes == here.model.num_classes;
  const Taken taken{.head = unnamed || SameClasses(there.classes, here.classes),
                    .summed_stem = there.model.in_channels != here.model.in_channels};
  RIFFLE_ASSIGN(const Plan their_plan, MakePlan(there.model));
  const ParameterRegistry &theirs = their_plan.registry, &ours = plan.registry;
  const WeightSet set = checkpoint.best_weights();
  ParameterValues<float> from(theirs);
  RIFFLE_TRY(checkpoint.Load(theirs, set, &from));
  for (size_t i = 0; i < ours.trainable().size(); ++i) {
    const Parameter &source = theirs.trainable()[i], &target = ours.trainable()[i];
    const Take take = taken.From(target);
    if (take == Take::kSumColours)
      SumColours(source, from.trainable.data() + source.offset, to->values.trainable.data() + target.offset);
    if (take == Take::kCopy) CopyParameter(source, from.trainable, target, &to->values.trainable);
  }
  for (size_t i = 0; i < ours.statistics().size(); ++i)
    CopyParameter(theirs.statistics()[i], from.statistics, ours.statistics()[i], &to->values.statistics);

  std::string line = fmt::format("Starting from {}: its body{}{}", checkpoint.path(), taken.head ? " and head" : "",
                                 set == WeightSet::kEma ? " (averaged weights)" : "");
  if (unnamed) line += "; its classes have no names and are taken for those of the data, in their order";
  if (!taken.head) line += fmt::format("; the head is new, since {}", WhyNewHead(there, here));
  if (taken.summed_stem) line += "; the first convolution's weights are summed over the colours, for grey pictures";
  return line;
}

}  // namespace riffle
