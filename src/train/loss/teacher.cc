#include "train/loss/teacher.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "data/imagenet_classes.h"
#include "exchange/open_weights.h"

namespace riffle {
namespace {

Status CheckFits(const std::string& path, const CheckpointInfo& teacher, const CheckpointInfo& student) {
  const auto differ = [&](std::string_view what, const auto& theirs, const auto& ours) {
    return InvalidArgument("{}: a teacher has to see what its student sees: {} is {} there and {} here", path, what,
                           theirs, ours);
  };
  const Preprocessing &there = teacher.preprocessing, &here = student.preprocessing;
  // One from elsewhere may not name its classes: as many are taken for the same.
  const size_t known = teacher.classes.empty() ? teacher.model.num_classes : teacher.classes.size();
  if (known != student.classes.size()) return differ("the number of classes", known, student.classes.size());
  if (!teacher.classes.empty() && !SameClasses(teacher.classes, student.classes)) {
    const auto [theirs, ours] = std::ranges::mismatch(teacher.classes, student.classes);
    return differ(fmt::format("class {}", theirs - teacher.classes.begin()), *theirs, *ours);
  }
  if (teacher.model.in_channels != student.model.in_channels)
    return differ("in_channels", teacher.model.in_channels, student.model.in_channels);
  if (teacher.model.image_size != student.model.image_size)
    return differ("the size of pictures in validation", teacher.model.image_size, student.model.image_size);
  if (there.mean != here.mean) return differ("mean", fmt::format("{}", there.mean), fmt::format("{}", here.mean));
  if (there.std != here.std) return differ("std", fmt::format("{}", there.std), fmt::format("{}", here.std));
  return {};
}

}  // namespace

Result<std::unique_ptr<Teacher>> Teacher::Create(const Execution& execution, const std::string& path,
                                                 const CheckpointInfo& student, const OpTable<float>& ops) {
  RIFFLE_ASSIGN(const OpenedWeights weights, OpenWeights(ResolveCheckpointPath(path)));
  const Checkpoint& checkpoint = weights.checkpoint;
  RIFFLE_TRY(CheckFits(checkpoint.path(), checkpoint.info(), student));
  RIFFLE_ASSIGN(std::unique_ptr<Session> session,
                LoadSession(execution, checkpoint, checkpoint.best_weights(), checkpoint.info().model, ops));
  return std::unique_ptr<Teacher>(new Teacher(std::move(session)));
}

Status Teacher::SetImageSize(int size) {
  ModelDescription model = session_->plan().model;
  model.image_size = size;
  RIFFLE_ASSIGN(const Plan plan, MakePlan(model));
  session_->UsePlan(plan);
  return {};
}

}  // namespace riffle
