#include "checkpoint/checkpoint.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/json.h"
#include "base/text.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

// Keys of the metadata, shared by writer and reader.
constexpr std::string_view kModel = "model", kPreprocessing = "preprocessing", kClasses = "classes",
                           kOptions = "options", kEpoch = "epoch", kStep = "step", kUpdates = "updates",
                           kEmaUpdates = "ema_updates", kTrainImages = "train_images",
                           kTrainChecksum = "train_checksum", kProcesses = "processes", kTop1 = "top1_percent",
                           kBest = "best_top1_percent", kMeasured = "measured", kUnvalidated = "unvalidated",
                           kPartialEpoch = "partial_epoch", kSinceBest = "validations_since_best",
                           kLeftOut = "steps_left_out", kRunSeconds = "run_seconds";

constexpr const char* kNamesChecksum = "names_checksum";  // within "measured"

std::string SlotName(std::string_view slot, std::string_view parameter) {
  return fmt::format("optimizer.{}.{}", slot, parameter);
}

std::string NameIn(WeightSet set, const Parameter& p) { return set == WeightSet::kEma ? "ema." + p.name : p.name; }

/// The slots that a file holds: "mean" of "optimizer.mean.stem.conv.weight".
std::set<std::string_view> SlotsIn(const SafetensorsFile& file) {
  constexpr std::string_view kPrefix = "optimizer.";
  std::set<std::string_view> slots;
  for (const TensorView& tensor : file.tensors()) {
    std::string_view name = tensor.name;
    if (!name.starts_with(kPrefix)) continue;
    name.remove_prefix(kPrefix.size());
    slots.insert(name.substr(0, name.find('.')));
  }
  return slots;
}

TensorView View(const Parameter& p, std::string name, const AlignedArray<float>& arena) {
  return ViewOf<float>(std::move(name), p.shape, std::span(arena.data() + p.offset, static_cast<size_t>(p.size)));
}

Status Read(const SafetensorsFile& file, const Parameter& p, std::string_view name, AlignedArray<float>* arena) {
  RIFFLE_ASSIGN(const TensorView tensor, file.Find(name));
  if (tensor.shape != p.shape)
    return InvalidArgument("{}: tensor {} has shape {}, the network has {}", file.path(), name, ShapeText(tensor.shape),
                           ShapeText(p.shape));
  const std::span<float> values(arena->data() + p.offset, static_cast<size_t>(p.size));
  Status status = CopyValues<float>(tensor, values);
  if (!status.ok()) return std::move(status).In(file.path());
  if (!std::ranges::all_of(values, [](float v) { return std::isfinite(v); }))
    return DataLoss("{}: tensor {} holds values that are not finite numbers: the network is of no use", file.path(),
                    name);
  return {};
}

template <class T>
Result<T> Number(const Metadata& metadata, std::string_view key, const std::string& path) {
  const std::string& text = metadata.find(std::string(key))->second;
  const std::optional<T> value = ParseNumber<T>(text);
  if (!(value >= 0)) return DataLoss("{}: metadata \"{}\": expected a number, found {}", path, key, Quoted(text));
  return *value;
}

/// The same for an entry that need not be there.
template <class T>
Status ReadOptional(const Metadata& metadata, std::string_view key, const std::string& path, std::optional<T>* value) {
  if (!metadata.contains(std::string(key))) return {};
  RIFFLE_ASSIGN(*value, Number<T>(metadata, key, path));
  return {};
}

std::string ToJson(const TrainedEpoch& epoch) {
  return nlohmann::ordered_json{
      {"lr", epoch.lr}, {"train_loss", epoch.train_loss}, {"images", epoch.images}, {"seconds", epoch.seconds}}
      .dump();
}

bool IsOfTheTypeOf(const nlohmann::json& like, const nlohmann::json& value) {
  if (like.is_number_integer()) return NumberIn<int64_t>(value).has_value();
  if (like.is_number()) return NumberIn<double>(value).has_value();
  return value.type() == like.type();
}

/// `object` with exactly the keys of `like`, and values of their types.
bool HasTheKeysOf(const nlohmann::json& like, const nlohmann::json& object) {
  return object.is_object() && object.size() == like.size() && std::ranges::all_of(like.items(), [&](const auto& item) {
           const auto found = object.find(item.key());
           return found != object.end() && IsOfTheTypeOf(item.value(), *found);
         });
}

Result<TrainedEpoch> TrainedEpochFromJson(std::string_view text) {
  RIFFLE_ASSIGN(const nlohmann::json json, ParseJson(text));
  if (!HasTheKeysOf(nlohmann::json::parse(ToJson(TrainedEpoch())), json))
    return InvalidArgument("expected lr, train_loss, images and seconds, found {}", Quoted(text));
  return TrainedEpoch{
      .lr = json["lr"], .train_loss = json["train_loss"], .images = json["images"], .seconds = json["seconds"]};
}

std::string ToJson(const PartialEpoch& epoch) {
  return nlohmann::ordered_json{{"batches", epoch.batches},
                                {"batches_per_epoch", epoch.batches_per_epoch},
                                {"loss_sum", epoch.loss_sum},
                                {"images", epoch.images},
                                {"seconds", epoch.seconds}}
      .dump();
}

Result<PartialEpoch> PartialEpochFromJson(std::string_view text) {
  RIFFLE_ASSIGN(const nlohmann::json json, ParseJson(text));
  if (!HasTheKeysOf(nlohmann::json::parse(ToJson(PartialEpoch())), json))
    return InvalidArgument("expected batches, batches_per_epoch, loss_sum, images and seconds, found {}", Quoted(text));
  const PartialEpoch epoch{.batches = json["batches"],
                           .batches_per_epoch = json["batches_per_epoch"],
                           .loss_sum = json["loss_sum"],
                           .images = json["images"],
                           .seconds = json["seconds"]};
  if (epoch.batches < 1 || epoch.batches >= epoch.batches_per_epoch || epoch.images < 0)
    return InvalidArgument("expected a part of an epoch, found {}", Quoted(text));
  return epoch;
}

/// An entry of JSON that need not be there.
template <class T>
Status ReadOptional(const Metadata& metadata, std::string_view key, const std::string& path, std::optional<T>* value,
                    Result<T> (*parse)(std::string_view)) {
  const auto text = metadata.find(std::string(key));
  if (text == metadata.end()) return {};
  const Result<T> parsed = parse(text->second);
  if (!parsed.ok()) return DataLoss("{}: metadata \"{}\": {}", path, key, parsed.status().message());
  *value = *parsed;
  return {};
}

Result<std::vector<std::string>> Classes(const std::string& text, const std::string& path) {
  const Result<nlohmann::json> array = ParseJson(text);
  if (!array.ok() || !array->is_array() || !std::ranges::all_of(*array, [](const auto& c) { return c.is_string(); }))
    return DataLoss("{}: metadata \"classes\": expected an array of names, found {}", path, Quoted(text));
  return array->get<std::vector<std::string>>();
}

Result<CheckpointInfo> ParseInfo(const SafetensorsFile& file) {
  const Metadata& metadata = file.metadata();
  for (std::string_view key : {kModel, kPreprocessing, kClasses, kOptions, kEpoch, kStep})
    if (!metadata.contains(std::string(key)))
      return InvalidArgument(
          "{}: a safetensors file, but not a checkpoint of riffle: its metadata has no \"{}\"; riffle reads the files "
          "that 'riffle train' writes",
          file.path(), key);
  const auto text = [&](std::string_view key) -> const std::string& { return metadata.find(std::string(key))->second; };
  CheckpointInfo info;
  auto model = ModelFromJson(text(kModel));
  if (!model.ok()) return Status(model.status()).In(file.path());
  info.model = *model;
  auto preprocessing = PreprocessingFromJson(text(kPreprocessing));
  if (!preprocessing.ok()) return Status(preprocessing.status()).In(file.path());
  info.preprocessing = *preprocessing;
  RIFFLE_ASSIGN(info.classes, Classes(text(kClasses), file.path()));
  info.options = text(kOptions);
  RIFFLE_ASSIGN(info.epoch, Number<int>(metadata, kEpoch, file.path()));
  RIFFLE_ASSIGN(info.step, Number<int64_t>(metadata, kStep, file.path()));
  std::optional<int64_t> updates;
  RIFFLE_TRY(ReadOptional(metadata, kUpdates, file.path(), &updates));
  info.updates = updates.value_or(info.step);
  RIFFLE_TRY(ReadOptional(metadata, kEmaUpdates, file.path(), &info.ema_updates));
  RIFFLE_TRY(ReadOptional(metadata, kTrainImages, file.path(), &info.train_images));
  if (const auto sum = metadata.find(std::string(kTrainChecksum)); sum != metadata.end())
    info.train_checksum = sum->second;
  RIFFLE_TRY(ReadOptional(metadata, kProcesses, file.path(), &info.processes));
  RIFFLE_TRY(ReadOptional(metadata, kTop1, file.path(), &info.top1_percent));
  RIFFLE_TRY(ReadOptional(metadata, kBest, file.path(), &info.best_top1_percent));
  RIFFLE_TRY(ReadOptional(metadata, kMeasured, file.path(), &info.measured, ValidationSetupFromJson));
  RIFFLE_TRY(ReadOptional(metadata, kUnvalidated, file.path(), &info.unvalidated, TrainedEpochFromJson));
  RIFFLE_TRY(ReadOptional(metadata, kPartialEpoch, file.path(), &info.partial_epoch, PartialEpochFromJson));
  RIFFLE_TRY(ReadOptional(metadata, kSinceBest, file.path(), &info.validations_since_best));
  RIFFLE_TRY(ReadOptional(metadata, kLeftOut, file.path(), &info.steps_left_out));
  RIFFLE_TRY(ReadOptional(metadata, kRunSeconds, file.path(), &info.run_seconds));
  if (!info.classes.empty() && static_cast<int>(info.classes.size()) != info.model.num_classes)
    return DataLoss("{}: {} for a head of {}", file.path(),
                    Counted(static_cast<int64_t>(info.classes.size()), "class name"), info.model.num_classes);
  if (info.preprocessing.channels != info.model.in_channels || info.preprocessing.image_size != info.model.image_size)
    return DataLoss("{}: its preprocessing makes pictures of {} and {} pixels, its network takes {} and {}",
                    file.path(), Counted(info.preprocessing.channels, "channel"), info.preprocessing.image_size,
                    info.model.in_channels, info.model.image_size);
  return info;
}

std::vector<TensorView> Tensors(const ParameterRegistry& registry, const Snapshot& snapshot) {
  std::vector<TensorView> tensors;
  const auto add = [&](WeightSet set, const ParameterValues<float>& of) {
    for (const Parameter& p : registry.trainable()) tensors.push_back(View(p, NameIn(set, p), of.trainable));
    for (const Parameter& p : registry.statistics()) tensors.push_back(View(p, NameIn(set, p), of.statistics));
  };
  add(WeightSet::kOnline, snapshot.values);
  if (snapshot.average) add(WeightSet::kEma, *snapshot.average);
  for (const Snapshot::Slot& slot : snapshot.slots)
    for (const Parameter& p : registry.trainable())
      tensors.push_back(View(p, SlotName(slot.name, p.name), slot.values));
  return tensors;
}

Metadata MetadataOf(const CheckpointInfo& info) {
  Metadata metadata{{std::string(kModel), ToJson(info.model)},
                    {std::string(kPreprocessing), ToJson(info.preprocessing)},
                    {std::string(kClasses), nlohmann::json(info.classes).dump()},
                    {std::string(kOptions), AsUtf8(info.options)},  // a path may be anything
                    {std::string(kEpoch), std::to_string(info.epoch)},
                    {std::string(kStep), std::to_string(info.step)},
                    {std::string(kUpdates), std::to_string(info.updates)}};
  if (info.ema_updates) metadata[std::string(kEmaUpdates)] = std::to_string(*info.ema_updates);
  if (info.train_images) metadata[std::string(kTrainImages)] = std::to_string(*info.train_images);
  if (!info.train_checksum.empty()) metadata[std::string(kTrainChecksum)] = info.train_checksum;
  if (info.processes) metadata[std::string(kProcesses)] = std::to_string(*info.processes);
  if (info.top1_percent) metadata[std::string(kTop1)] = fmt::format("{}", *info.top1_percent);
  if (info.best_top1_percent) metadata[std::string(kBest)] = fmt::format("{}", *info.best_top1_percent);
  if (info.measured) metadata[std::string(kMeasured)] = ToJson(*info.measured);
  if (info.unvalidated) metadata[std::string(kUnvalidated)] = ToJson(*info.unvalidated);
  if (info.partial_epoch) metadata[std::string(kPartialEpoch)] = ToJson(*info.partial_epoch);
  if (info.validations_since_best) metadata[std::string(kSinceBest)] = std::to_string(*info.validations_since_best);
  if (info.steps_left_out) metadata[std::string(kLeftOut)] = std::to_string(*info.steps_left_out);
  if (info.run_seconds) metadata[std::string(kRunSeconds)] = fmt::format("{}", *info.run_seconds);
  return metadata;
}

}  // namespace

std::string CheckpointInfo::PositionText() const {
  return partial_epoch ? fmt::format("epoch {}, batch {}", epoch + 1, partial_epoch->batches)
                       : fmt::format("epoch {}", epoch);
}

void CheckpointInfo::ForgetRun() {
  unvalidated.reset();
  partial_epoch.reset();
  validations_since_best.reset();
  steps_left_out.reset();
  run_seconds.reset();
}

std::string ToJson(const ValidationSetup& v) {
  nlohmann::ordered_json json = {{"val_split", v.val_split},
                                 {"images", v.images},
                                 {"tta_flip", v.tta_flip},
                                 {"averaged_weights", v.averaged_weights},
                                 {"preprocessing", nlohmann::ordered_json::parse(ToJson(v.preprocessing))}};
  if (!v.names_checksum.empty()) json[kNamesChecksum] = v.names_checksum;
  return json.dump();
}

Result<ValidationSetup> ValidationSetupFromJson(std::string_view text) {
  RIFFLE_ASSIGN(nlohmann::json json, ParseJson(text));
  std::string names_checksum;  // which older files lack
  if (json.is_object() && json.contains(kNamesChecksum) && json[kNamesChecksum].is_string()) {
    names_checksum = json[kNamesChecksum];
    json.erase(kNamesChecksum);
  }
  if (!HasTheKeysOf(nlohmann::json::parse(ToJson(ValidationSetup())), json))
    return InvalidArgument("expected val_split, images, tta_flip, averaged_weights and preprocessing, found {}",
                           Quoted(text));
  RIFFLE_ASSIGN(const Preprocessing preprocessing, PreprocessingFromJson(json["preprocessing"].dump()));
  return ValidationSetup{.val_split = json["val_split"],
                         .images = json["images"],
                         .names_checksum = names_checksum,
                         .tta_flip = json["tta_flip"],
                         .averaged_weights = json["averaged_weights"],
                         .preprocessing = preprocessing};
}

Status CheckClassNames(const std::vector<std::string>& classes) {
  for (const std::string& name : classes)
    if (!IsUtf8(name))
      return InvalidArgument("the class name {} is not UTF-8, which a checkpoint has to hold: rename its folder",
                             Quoted(name));
  return {};
}

Status SaveCheckpoint(const fs::path& path, const CheckpointInfo& info, const ParameterRegistry& registry,
                      const Snapshot& snapshot) {
  RIFFLE_TRY(CheckClassNames(info.classes));
  return WriteSafetensors(path, Tensors(registry, snapshot), MetadataOf(info));
}

Result<std::string> EncodeCheckpoint(const CheckpointInfo& info, const ParameterRegistry& registry,
                                     const Snapshot& snapshot) {
  RIFFLE_TRY(CheckClassNames(info.classes));
  return EncodeSafetensors(Tensors(registry, snapshot), MetadataOf(info));
}

bool IsCheckpoint(const SafetensorsFile& file) { return file.metadata().contains(std::string(kModel)); }

Result<Checkpoint> Checkpoint::Open(const fs::path& path) {
  RIFFLE_ASSIGN(SafetensorsFile file, SafetensorsFile::Open(path));
  return FromFile(std::move(file));
}

Result<Checkpoint> Checkpoint::FromBytes(std::span<const uint8_t> bytes, std::string path) {
  RIFFLE_ASSIGN(SafetensorsFile file, SafetensorsFile::FromBytes(bytes, std::move(path)));
  return FromFile(std::move(file));
}

Result<Checkpoint> Checkpoint::FromFile(SafetensorsFile file) {
  RIFFLE_ASSIGN(CheckpointInfo info, ParseInfo(file));
  return Checkpoint(std::move(file), std::move(info));
}

Status Checkpoint::Load(const ParameterRegistry& registry, WeightSet set, ParameterValues<float>* values) const {
  for (const Parameter& p : registry.trainable()) RIFFLE_TRY(Read(file_, p, NameIn(set, p), &values->trainable));
  for (const Parameter& p : registry.statistics()) RIFFLE_TRY(Read(file_, p, NameIn(set, p), &values->statistics));
  return {};
}

Status Checkpoint::Load(const ParameterRegistry& registry, Snapshot* snapshot) const {
  RIFFLE_TRY(Load(registry, WeightSet::kOnline, &snapshot->values));
  if (snapshot->average) RIFFLE_TRY(Load(registry, WeightSet::kEma, &*snapshot->average));
  if (snapshot->slots.empty()) return {};
  std::set<std::string_view> needed;
  for (const Snapshot::Slot& slot : snapshot->slots) needed.insert(slot.name);
  const std::set<std::string_view> found = SlotsIn(file_);
  if (found.empty())
    return InvalidArgument(
        "{}: it holds no state of an optimizer, from which a run could go on; start from its weights "
        "with --ckpt_path alone",
        path());
  if (found != needed)
    return InvalidArgument(
        "{}: the state of another optimizer: it holds {}, this --opt needs {}; go on with the optimizer that the run "
        "had, or start anew from its weights with --ckpt_path",
        path(), fmt::join(found, ", "), fmt::join(needed, ", "));
  for (Snapshot::Slot& slot : snapshot->slots)
    for (const Parameter& p : registry.trainable())
      RIFFLE_TRY(Read(file_, p, SlotName(slot.name, p.name), &slot.values));
  return {};
}

fs::path ResolveCheckpointPath(const fs::path& asked) {
  fs::path ours = asked;
  ours.replace_extension(".safetensors");
  std::error_code ignored;
  return asked.extension() == ".ckpt" && !fs::exists(asked, ignored) && fs::exists(ours, ignored) ? ours : asked;
}

std::string CheckpointName(const ModelDescription& model, int epoch, int64_t step) {
  return fmt::format("{}-{}_{}.safetensors", model.name, epoch, step);
}

std::string BestCheckpointName(const ModelDescription& model) { return model.name + "-best.safetensors"; }

std::vector<CheckpointFile> ListCheckpoints(const fs::path& folder, const ModelDescription& model) {
  std::vector<CheckpointFile> files;
  std::error_code ignored;
  for (fs::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored)) {
    const std::string stem = entry->path().stem().string();
    const std::vector<std::string_view> numbers = Split(std::string_view(stem).substr(stem.rfind('-') + 1), '_');
    if (numbers.size() != 2) continue;
    const std::optional<int> epoch = ParseNumber<int>(numbers[0]);
    const std::optional<int64_t> step = ParseNumber<int64_t>(numbers[1]);
    if (epoch && step && entry->path().filename() == CheckpointName(model, *epoch, *step))
      files.push_back({.path = entry->path(), .epoch = *epoch, .step = *step});
  }
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return std::pair(a.epoch, a.step) < std::pair(b.epoch, b.step); });
  return files;
}

}  // namespace riffle
