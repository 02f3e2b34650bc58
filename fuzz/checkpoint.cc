// Our checkpoints' metadata: what is read is written and read again as the same.
#include "checkpoint/checkpoint.h"

#include <nlohmann/json.hpp>

#include "checkpoint/testing/tiny.h"
#include "formats/safetensors_testing.h"
#include "fuzz/formats.h"
#include "fuzz/networks.h"
#include "fuzz/target.h"
#include "model/plan.h"

namespace riffle {
namespace {

void Check(std::string_view input) {
  const auto checkpoint = Checkpoint::FromBytes(BytesOf(input), "x.safetensors");
  if (!IsFine(checkpoint, input)) return;
  Require(checkpoint->best_weights() == WeightSet::kOnline || checkpoint->info().ema_updates, "an average is there");
  const auto plan = MakePlan(checkpoint->info().model);
  if (!IsFine(plan, input) || plan->registry.trainable_arena_values() > kMostNetworkValues) return;
  Snapshot snapshot(plan->registry, {}, checkpoint->info().ema_updates.has_value());
  (void)IsFine(checkpoint->Load(plan->registry, &snapshot), input);
  const auto written = EncodeCheckpoint(checkpoint->info(), plan->registry, snapshot);
  if (!IsFine(written, input)) return;
  const auto read = Checkpoint::FromBytes(BytesOf(*written), "x.safetensors");
  Require(read.ok(), "what is written is read: " + read.status().message());
  Require(read->info().model == checkpoint->info().model, "the network is the same");
  Require(*EncodeCheckpoint(read->info(), plan->registry, snapshot) == *written, "all that it says is the same");
}

/// The file without its tensors and its checksum.
std::string Header(const CheckpointInfo& info) {
  const Plan plan = *MakePlan(info.model);
  const std::string file =
      *EncodeCheckpoint(info, plan.registry, Snapshot(plan.registry, {}, info.ema_updates.has_value()));
  const auto metadata = SafetensorsFile::FromBytes(BytesOf(file), "seed")->metadata();
  const std::vector<uint8_t> header = Foreign(nlohmann::json{{"__metadata__", metadata}}.dump(), 0);
  return {header.begin(), header.end()};
}

std::vector<std::string> Seeds() {
  CheckpointInfo bare = TinyInfo();
  bare.model = Narrowed(bare.model);
  CheckpointInfo full = bare;
  full.epoch = 3, full.step = 12, full.updates = 12, full.ema_updates = 12;
  full.train_images = 100, full.train_checksum = "0123456789abcdef";
  full.top1_percent = 12.5, full.best_top1_percent = 50;
  full.measured =
      ValidationSetup{.val_split = "val", .images = 10, .names_checksum = "ab", .preprocessing = full.preprocessing};
  full.unvalidated = TrainedEpoch{.lr = 0.1, .train_loss = 2.5, .images = 100, .seconds = 1.5};
  return {Header(bare), Header(full)};
}

std::vector<std::string> Words() {
  return {"null", "true", "1e400", "-1", "1.5", "9223372036854775808", "\\\"", "[]", "{}", "riffle.format"};
}

}  // namespace

FuzzTarget CheckpointTarget() {
  return {.name = "checkpoint",
          .reads = "a checkpoint of ours",
          .check = Check,
          .seeds = Seeds,
          .words = Words,
          .repair = RepairSafetensors};
}

}  // namespace riffle
