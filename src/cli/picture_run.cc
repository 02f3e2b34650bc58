#include "cli/picture_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/weights.h"
#include "data/left_out.h"

namespace riffle {
namespace {

/// Pictures in a batch: enough that no thread waits long for the last one, few enough that answers come soon.
size_t BatchSize(int threads) { return std::max(128, 16 * threads); }

/// One error that tells of all, with the code of the first.
Status Together(const std::vector<Status>& errors) {
  constexpr size_t kTold = 10;
  if (errors.empty()) return {};
  std::string message = errors[0].message();
  for (size_t i = 1; i < std::min(errors.size(), kTold); ++i) message += "; " + errors[i].message();
  if (errors.size() > kTold) message += fmt::format("; and {} more", errors.size() - kTold);
  return {errors[0].code(), message};
}

}  // namespace

Result<std::unique_ptr<PictureRun>> PictureRun::Open(const Invocation& invocation, std::string_view what_for,
                                                     Log& log) {
  if (invocation.arguments.empty()) {
    return InvalidArgument(
        "expected pictures, folders or - for a list on the standard input, found none; write 'PICTURE... "
        "--ckpt_path=FILE'");
  }
  RIFFLE_ASSIGN(std::unique_ptr<Machine> machine, OpenMachine(invocation.settings.options));
  for (const std::string& note : {machine->choice, NoteOnDeviceId(invocation.settings, *machine),
                                  NoteOnTf32(invocation.settings.options.tf32, {MapType::kFloat}, *machine)})
    if (!note.empty()) log.Line(note);
  RIFFLE_ASSIGN(const Checkpoint checkpoint, OpenAskedWeights(invocation.settings, what_for, log));
  RIFFLE_ASSIGN(std::unique_ptr<BatchClassifier> classifier,
                BatchClassifier::Create(machine->execution, checkpoint, machine->ops, invocation.Has("online")));
  if (classifier->averaged()) log.Line(fmt::format("{}: averaged weights", checkpoint.path()));
  PictureArguments pictures = PicturesOf(invocation.arguments);
  if (const std::vector<LeftOut> kinds = WithoutHarmless(pictures.left_out); !kinds.empty())
    log.Line("Left out: " + Described(kinds));
  return std::unique_ptr<PictureRun>(new PictureRun(std::move(machine), std::move(classifier), std::move(pictures)));
}

Status PictureRun::ForEachBatch(const std::function<Status(std::span<const PictureInput> batch)>& take,
                                Status* unreadable) {
  std::vector<Status> errors = pictures_.errors;
  const size_t size = BatchSize(machine_->pool.threads());
  for (size_t begin = 0; begin < pictures().size(); begin += size) {
    const auto batch = pictures().subspan(begin, std::min(size, pictures().size() - begin));
    RIFFLE_TRY(classifier_->Classify(batch));
    RIFFLE_TRY(take(batch));
    for (size_t i = 0; i < batch.size(); ++i)
      if (const Status& status = classifier_->outcome(i).status; !status.ok()) errors.push_back(status);
  }
  *unreadable = Together(errors);
  return {};
}

}  // namespace riffle
