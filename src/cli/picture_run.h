// What commands share that classify the pictures they are given: the machine, the checkpoint, the pictures in batches.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/machine.h"
#include "cli/picture_arguments.h"
#include "report/log.h"
#include "runtime/batch_classifier.h"

namespace riffle {

class PictureRun {
 public:
  /// The command's arguments as pictures, and the weights that it names, with --online; `what_for` as for
  /// OpenAskedWeights. Tells `log` what files of folders are left out, and what the network is. Errors: InvalidArgument
  /// where there is no argument; those of OpenMachine, OpenAskedWeights and BatchClassifier::Create.
  static Result<std::unique_ptr<PictureRun>> Open(const Invocation& invocation, std::string_view what_for, Log& log);

  BatchClassifier& classifier() { return *classifier_; }
  std::span<const PictureInput> pictures() const { return pictures_.pictures; }

  /// Classifies the pictures and calls `take` after each batch with those in it, in their order; the outcome and logits
  /// of the batch's i-th are the classifier's i-th. Memory is that of one batch. `unreadable`: one error for all
  /// pictures that could not be read and arguments that gave none, with the code of the first. Errors: those of `take`,
  /// which end it at once.
  Status ForEachBatch(const std::function<Status(std::span<const PictureInput> batch)>& take, Status* unreadable);

 private:
  PictureRun(std::unique_ptr<Machine> machine, std::unique_ptr<BatchClassifier> classifier, PictureArguments pictures)
      : machine_(std::move(machine)), classifier_(std::move(classifier)), pictures_(std::move(pictures)) {}

  const std::unique_ptr<Machine> machine_;
  const std::unique_ptr<BatchClassifier> classifier_;
  const PictureArguments pictures_;
};

}  // namespace riffle
