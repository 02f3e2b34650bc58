// Starting from the weights of another run: the body of a checkpoint, and its head where that knows the same classes.
#pragma once

#include <string>

#include "checkpoint/checkpoint.h"
#include "model/plan.h"

namespace riffle {

/// Takes from a checkpoint what keeps its meaning in the network `here`, whose plan is `plan`; returns one line for
/// people that says what. `to` is a fresh state, and stays as it is where nothing is taken:
///   body   always, of the averaged weights if the checkpoint has them. The size of the pictures, the stem, stage 2's
///   stride
///          and batch norm's constants may differ; each other difference is an error that names it
///   stem   where `here` takes grey pictures and the checkpoint coloured ones, its weights summed over the colours, as
///          MindCV does: the answer to a grey picture is that to the same picture in three equal colours
///   head   if the names of the classes are the same, in the same order; otherwise a new one is learnt
/// Errors: InvalidArgument, and those of Checkpoint::Load.
Result<std::string> Transfer(const Checkpoint& checkpoint, const CheckpointInfo& here, const Plan& plan, Snapshot* to);

}  // namespace riffle
