#include "exchange/import.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "base/json.h"
#include "base/text.h"
#include "exchange/pytorch/pytorch.h"
#include "model/plan.h"
#include "model/zoo.h"

namespace riffle {
namespace {

/// A tensor under its name, in one piece or in several that follow one another in its first dimension.
struct Pieces {
  std::vector<const TensorView*> pieces;

  std::vector<int64_t> shape() const {
    std::vector<int64_t> shape = pieces[0]->shape;
    for (size_t i = 1; i < pieces.size(); ++i) shape[0] += pieces[i]->shape[0];
    return shape;
  }
};

using Tensors = std::map<std::string, Pieces, std::less<>>;

/// "features.0.branch_main_1.0.convs.2.weight", a group of MindCV's since 2024, as "features.0.branch_main_1.0.weight"
/// and 2; the name itself and -1 for all others.
std::pair<std::string, int> NameAndGroup(const std::string& name) {
  constexpr std::string_view kGroups = ".convs.", kWeight = ".weight";
  if (!name.ends_with(kWeight)) return {name, -1};
  const std::string_view part = std::string_view(name).substr(0, name.size() - kWeight.size());
  const size_t at = part.rfind(kGroups);
  if (at == std::string_view::npos) return {name, -1};
  const std::optional<int> group = ParseNumber<int>(part.substr(at + kGroups.size()));
  if (!group || *group < 0) return {name, -1};
  return {fmt::format("{}{}", part.substr(0, at), kWeight), *group};
}

/// All tensors by name, groups of a convolution as one. Errors: a name twice, a group that is missing or of another
/// shape.
Result<Tensors> ByName(const TensorFile& file) {
  Tensors tensors;
  std::map<std::string, std::map<int, const TensorView*>> groups;
  for (const TensorView& tensor : file.tensors) {
    const auto [name, group] = NameAndGroup(tensor.name);
    const bool is_new = group < 0 ? tensors.try_emplace(name, Pieces{{&tensor}}).second
                                  : groups[name].try_emplace(group, &tensor).second;
    if (!is_new) return InvalidArgument("{}: the tensor {} is there twice", file.path, Quoted(tensor.name));
  }
  for (const auto& [name, parts] : groups) {
    Pieces pieces;
    for (const auto& [group, tensor] : parts) {
      if (group != static_cast<int>(pieces.pieces.size()))
        return InvalidArgument("{}: of the groups of {} number {} is missing", file.path, Quoted(name),
                               pieces.pieces.size());
      if (tensor->shape.size() != 4 || tensor->shape != parts.begin()->second->shape)
        return InvalidArgument("{}: the groups of {} have shapes {} and {}", file.path, Quoted(name),
                               ShapeText(parts.begin()->second->shape), ShapeText(tensor->shape));
      pieces.pieces.push_back(tensor);
    }
    if (!tensors.try_emplace(name, std::move(pieces)).second)
      return InvalidArgument("{}: {} is there whole and in groups", file.path, Quoted(name));
  }
  return tensors;
}

/// Whose names the tensors have, and what stands before each: "module." and the like.
struct Recognised {
  const WeightSource* source = nullptr;
  std::string prefix;
  std::string proof;  ///< a name that no other source has
};

/// The networks in a file. An average or an optimizer's memory of one, which has no batch-norm statistics, is none.
std::vector<Recognised> Networks(const Tensors& tensors) {
  std::vector<Recognised> networks;
  for (const WeightSource& source : WeightSources()) {
    const std::string stem = NameAt(source, "stem.conv.weight"), norm = NameAt(source, "stage2.0.bn1.gamma");
    for (const auto& [name, tensor] : tensors) {
      if (!name.ends_with(stem)) continue;
      const std::string prefix = name.substr(0, name.size() - stem.size());
      if (!prefix.empty() && prefix.back() != '.') continue;
      if (tensors.contains(prefix + norm)) networks.push_back({&source, prefix, prefix + norm});
    }
  }
  const auto is_part = [&](const Recognised& network) {
    return !tensors.contains(network.prefix + NameAt(*network.source, "stem.bn.running_mean"));
  };
  if (!std::ranges::all_of(networks, is_part)) std::erase_if(networks, is_part);
  return networks;
}

/// "student", for a line of what --ckpt_key may be.
std::string KeyOf(const Recognised& network) { return network.prefix.substr(0, network.prefix.size() - 1); }

/// Of several networks the one that stands where frameworks put the one that they train. InvalidArgument if none does.
/// REQUIRES: there is one.
Result<Recognised> Choose(const std::string& path, const std::vector<Recognised>& networks) {
  if (networks.size() == 1) return networks[0];
  for (const std::string_view usual : {"", "module.", "model.", "network."})
    if (const auto found = std::ranges::find(networks, usual, &Recognised::prefix); found != networks.end())
      return *found;
  std::vector<std::string> keys;
  for (const Recognised& network : networks) keys.push_back(Quoted(KeyOf(network)));
  return InvalidArgument(
      "{}: it holds several networks, under {}, and nothing tells which one is meant; say it with --ckpt_key, or take "
      "one out with 'riffle import --ckpt_key={}'",
      path, Enumerated(std::vector<std::string_view>(keys.begin(), keys.end()), "and"), OneLine(KeyOf(networks[0])));
}

/// A few names, in quotes, and how many more.
std::string Some(const std::vector<std::string>& names) {
  constexpr size_t kShown = 4;
  std::vector<std::string> shown;
  for (size_t i = 0; i < std::min(kShown, names.size()); ++i) shown.push_back(Quoted(names[i]));
  const std::string list = fmt::format("{}", fmt::join(shown, ", "));
  return names.size() > kShown ? fmt::format("{} and {} more", list, names.size() - kShown) : list;
}

Status NobodysNames(const TensorFile& file, const Tensors& tensors) {
  if (tensors.empty())
    return InvalidArgument("{}: a {} without tensors; was the network saved?", file.path, file.format);
  std::vector<std::string> names, titles;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  for (const WeightSource& source : WeightSources()) titles.emplace_back(source.title);
  return InvalidArgument(
      "{}: a {} of {} whose names are those of no ShuffleNetV1 that Riffle knows ({}); found {}; keys of other "
      "implementations can be renamed to Riffle's own, as 'riffle export --format=safetensors' writes them",
      file.path, file.format, Counted(static_cast<int64_t>(tensors.size()), "tensor"), fmt::join(titles, ", "),
      Some(names));
}

/// Takes tensors out of a file one after another under our names.
class Reader {
 public:
  /// `others`: networks of the file that are not read.
  Reader(const TensorFile& file, Tensors tensors, Recognised recognised, std::vector<Recognised> others)
      : file_(file), tensors_(std::move(tensors)), recognised_(std::move(recognised)), others_(std::move(others)) {}

  std::string Name(std::string_view our_name) const {
    return recognised_.prefix + NameAt(*recognised_.source, our_name);
  }
  const Pieces* Find(std::string_view our_name) const {
    const auto found = tensors_.find(Name(our_name));
    return found == tensors_.end() ? nullptr : &found->second;
  }
  /// The size in dimension `axis` of a weight. Errors: it is missing or has fewer dimensions.
  Result<int> Size(std::string_view our_name, size_t axis) const {
    const Pieces* tensor = Find(our_name);
    if (tensor == nullptr) return Missing({std::string(our_name)});
    const std::vector<int64_t> shape = tensor->shape();
    constexpr int64_t kMost = 1'000'000;
    if (shape.size() <= axis || shape[axis] < 1 || shape[axis] > kMost)
      return InvalidArgument("{}: tensor {}: expected the shape of a weight, found {}", file_.path,
                             Quoted(Name(our_name)), ShapeText(shape));
    return static_cast<int>(shape[axis]);
  }
  Status Missing(const std::vector<std::string>& our_names) const {
    std::vector<std::string> names;
    for (const std::string& ours : our_names) names.push_back(Name(ours));
    return InvalidArgument("{}: taken for {}'s network (it has {}), but {} of its tensors {} missing: {}", file_.path,
                           recognised_.source->title, Quoted(recognised_.proof), names.size(),
                           names.size() == 1 ? "is" : "are", Some(names));
  }

  /// Copies a tensor to its place. Errors: another shape, no numbers.
  Status Read(const Parameter& p, AlignedArray<float>* arena) {
    const Pieces& tensor = *Find(p.name);
    const std::string name = Name(p.name);
    taken_.insert(name);
    // Dimensions of one value make no difference: a head may be a 1×1 convolution.
    const auto without_ones = [](std::vector<int64_t> shape) {
      std::erase(shape, 1);
      return shape;
    };
    if (without_ones(tensor.shape()) != without_ones(p.shape))
      return InvalidArgument("{}: tensor {} has shape {}, and the network that the others make has {} there: {}",
                             file_.path, Quoted(name), ShapeText(tensor.shape()), ShapeText(p.shape),
                             "another network, or one of other groups or widths");
    float* to = arena->data() + p.offset;
    for (const TensorView* piece : tensor.pieces) {
      Result<std::vector<float>> values = AsFloats(*piece);
      if (!values.ok()) return Status(values.status()).In(file_.path);
      to = std::ranges::copy(*values, to).out;
    }
    const std::span<const float> values(arena->data() + p.offset, static_cast<size_t>(p.size));
    if (!std::ranges::all_of(values, [](float v) { return std::isfinite(v); }))
      return DataLoss("{}: tensor {} holds values that are not finite numbers: the network is of no use", file_.path,
                      Quoted(name));
    if (p.kind == ParameterKind::kRunningVariance && std::ranges::min(values) < 0)
      return DataLoss("{}: tensor {} holds variances below zero: the network is of no use", file_.path, Quoted(name));
    return {};
  }

  /// Names of what is left: of no network, or of its training.
  struct Rest {
    std::vector<std::string> unknown, of_training;
  };
  Rest WhatIsLeft() const {
    Rest rest;
    for (const auto& [name, tensor] : tensors_) {
      if (taken_.contains(name) || IsOfAnother(name)) continue;
      int64_t values = 1;
      for (const int64_t size : tensor.shape()) values *= size;
      (IsOfTraining(name, values) ? rest.of_training : rest.unknown).push_back(name);
    }
    return rest;
  }

  const Recognised& recognised() const { return recognised_; }
  const std::string& path() const { return file_.path; }

 private:
  bool IsOfAnother(std::string_view name) const {
    return std::ranges::any_of(others_, [&](const Recognised& other) { return name.starts_with(other.prefix); });
  }
  /// Counters are single numbers; an optimizer's memory, or an average, of a weight is called by it: "moments.NAME".
  bool IsOfTraining(const std::string& name, int64_t values) const {
    constexpr std::array<std::string_view, 14> kCounters = {"num_batches_tracked",
                                                            "learning_rate",
                                                            "lr",
                                                            "momentum",
                                                            "weight_decay",
                                                            "global_step",
                                                            "step",
                                                            "step_num",
                                                            "epoch",
                                                            "epoch_num",
                                                            "loss_scale",
                                                            "current_iterator_step",
                                                            "beta1_power",
                                                            "beta2_power"};
    const std::string_view last = std::string_view(name).substr(name.rfind('.') + 1);
    if (values <= 1 && std::ranges::count(kCounters, last) > 0) return true;
    for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1))
      if (taken_.contains(recognised_.prefix + name.substr(dot + 1)) || taken_.contains(name.substr(dot + 1)))
        return true;
    return false;
  }

  const TensorFile& file_;
  const Tensors tensors_;
  const Recognised recognised_;
  const std::vector<Recognised> others_;
  std::set<std::string, std::less<>> taken_;
};

/// What an export of ours says of the network, beside tensors that it wrote under others' names.
struct OwnRecord {
  ModelDescription model;
  Preprocessing preprocessing;
  std::vector<std::string> classes;
};

/// None: the file has no such record. Errors: DataLoss for one that reads otherwise.
Result<std::optional<OwnRecord>> OwnRecordOf(const TensorFile& file) {
  const auto text = file.metadata.find(kRiffleRecord);
  if (text == file.metadata.end()) return std::optional<OwnRecord>();
  const auto part = [&](const nlohmann::json& record, const char* key) -> std::string {
    return record.contains(key) && record[key].is_string() ? record[key].get<std::string>() : "";
  };
  const auto parse = [&]() -> Result<OwnRecord> {
    RIFFLE_ASSIGN(const nlohmann::json record, ParseJson(text->second));
    if (!record.is_object()) return InvalidArgument("expected a JSON object");
    OwnRecord own;
    RIFFLE_ASSIGN(own.model, ModelFromJson(part(record, "model")));
    RIFFLE_ASSIGN(own.preprocessing, PreprocessingFromJson(part(record, "preprocessing")));
    RIFFLE_ASSIGN(const nlohmann::json classes, ParseJson(part(record, "classes")));
    if (!classes.is_array() || !std::ranges::all_of(classes, [](const auto& c) { return c.is_string(); }))
      return InvalidArgument("classes: expected an array of names");
    own.classes = classes.get<std::vector<std::string>>();
    return own;
  };
  Result<OwnRecord> own = parse();
  if (!own.ok())
    return DataLoss("{}: what Riffle wrote of the network is damaged: {}", file.path, own.status().message());
  return std::optional<OwnRecord>(std::move(*own));
}

/// The network that tensors of these shapes make.
Result<ModelDescription> DescriptionOf(const Reader& reader) {
  ModelDescription model;
  RIFFLE_ASSIGN(model.stem_channels, reader.Size("stem.conv.weight", 0));
  RIFFLE_ASSIGN(model.in_channels, reader.Size("stem.conv.weight", 1));
  RIFFLE_ASSIGN(model.stage2_channels, reader.Size("stage2.1.conv3.weight", 0));
  RIFFLE_ASSIGN(model.num_classes, reader.Size("head.weight", 0));
  RIFFLE_ASSIGN(const int inputs_of_a_group, reader.Size("stage2.1.conv1.weight", 1));
  model.groups = model.stage2_channels / inputs_of_a_group;
  model.head_bias = reader.recognised().source->head_bias || reader.Find("head.bias") != nullptr;
  RIFFLE_ASSIGN(const int own_channels, reader.Size("stage2.0.conv3.weight", 0));
  if (own_channels == model.stage2_channels)
    return InvalidArgument(
        "{}: another network, which only bears the name: its units of stride 2 compute all {} channels and add a "
        "projection, where ShuffleNetV1 computes {} and concatenates its input (paper, Figure 2c)",
        reader.path(), own_channels, model.stage2_channels - model.stem_channels);
  model.name = NameInZoo(model.groups, model.stem_channels, model.stage2_channels);
  model.conventions = FindConventions(reader.recognised().source->conventions)->conventions;
  return model;
}

/// Why tensors that no ShuffleNetV1 has are there.
Status Refuse(const Reader& reader, const std::vector<std::string>& unknown) {
  const bool biases = std::ranges::any_of(unknown, [](const std::string& name) { return name.ends_with(".bias"); });
  const bool projects = std::ranges::any_of(unknown, [](const std::string& name) {
    return name.find("proj") != std::string::npos || name.find("shortcut") != std::string::npos ||
           name.find("downsample") != std::string::npos;
  });
  const std::string_view reason = projects ? "it projects its shortcuts where ShuffleNetV1 concatenates"
                                  : biases ? "its convolutions have biases, ShuffleNetV1's have none"
                                           : "ShuffleNetV1 has no such tensors";
  return InvalidArgument("{}: taken for {}'s network (it has {}), but {} {} left over: {}; {}", reader.path(),
                         reader.recognised().source->title, Quoted(reader.recognised().proof),
                         Counted(static_cast<int64_t>(unknown.size()), "tensor"), unknown.size() == 1 ? "is" : "are",
                         Some(unknown), reason);
}

std::string WhatItIs(const Recognised& recognised, const ModelDescription& model) {
  return fmt::format("Taken for {}'s network, for it has {}: {} of {}, conventions {}{}", recognised.source->title,
                     Quoted(recognised.proof), model.name, Counted(model.num_classes, "class"),
                     recognised.source->conventions, model.head_bias ? ", a bias in the head" : "");
}

/// Which of several networks was taken, and how to take another; "" where there is but one.
std::string WhichOfSeveral(const TensorFile& file, const Recognised& taken, const std::vector<Recognised>& others) {
  std::vector<std::string> keys;
  for (const std::string& key : file.other_keys) keys.push_back(OneLine(key));
  for (const Recognised& other : others)
    if (!other.prefix.empty()) keys.push_back(OneLine(KeyOf(other)));
  if (keys.empty()) return "";
  const std::string key = taken.prefix.empty() ? file.key : KeyOf(taken);
  return fmt::format("It holds several networks: taken is {}, where training usually puts its own; {} takes {}",
                     key.empty() ? "the one that stands under no key" : "the one under " + Quoted(key),
                     fmt::format("--ckpt_key={}", fmt::join(keys, " or --ckpt_key=")),
                     keys.size() == 1 ? "the other one" : "another one");
}

}  // namespace

Result<ImportedNetwork> ImportTensors(const TensorFile& file, const ImportOptions& options) {
  RIFFLE_ASSIGN(Tensors tensors, ByName(file));
  std::vector<Recognised> networks = Networks(tensors);
  if (networks.empty()) return NobodysNames(file, tensors);
  RIFFLE_ASSIGN(const Recognised recognised, Choose(file.path, networks));
  std::erase_if(networks, [&](const Recognised& network) { return network.proof == recognised.proof; });
  Reader reader(file, std::move(tensors), recognised, networks);
  RIFFLE_ASSIGN(std::optional<OwnRecord> own, OwnRecordOf(file));
  const WeightSource& source = *recognised.source;
  RIFFLE_ASSIGN(ModelDescription described, own ? Result<ModelDescription>(own->model) : DescriptionOf(reader));
  CheckpointInfo info = {.model = std::move(described)};
  std::vector<std::string> notes;
  if (own) {
    info.preprocessing = own->preprocessing;
    info.classes = std::move(own->classes);
    notes.push_back(fmt::format("An export of Riffle's, under {}'s names: {}", source.title, info.model.name));
  } else {
    AssumeImageNet(source, &info);
    notes.push_back(WhatItIs(recognised, info.model));
  }
  notes.push_back(WhichOfSeveral(file, recognised, networks));
  if (Status status = Apply(options, &info, &notes); !status.ok()) return std::move(status).In(file.path);
  if (!own) notes.push_back(Assumptions(source, info, options));
  std::erase(notes, "");
  RIFFLE_ASSIGN(const Plan plan, MakePlan(info.model));
  const ParameterRegistry& registry = plan.registry;

  std::vector<std::string> missing;
  for (const auto list : {registry.trainable(), registry.statistics()})
    for (const Parameter& p : list)
      if (reader.Find(p.name) == nullptr) missing.push_back(p.name);
  if (!missing.empty()) return reader.Missing(missing);
  ImportedNetwork network{.info = std::move(info), .weights = Snapshot(registry), .notes = std::move(notes)};
  for (const Parameter& p : registry.trainable()) RIFFLE_TRY(reader.Read(p, &network.weights.values.trainable));
  for (const Parameter& p : registry.statistics()) RIFFLE_TRY(reader.Read(p, &network.weights.values.statistics));
  const Reader::Rest rest = reader.WhatIsLeft();
  if (!rest.unknown.empty()) return Refuse(reader, rest.unknown);

  if (Status status = TakeOrderOfColours(options, source.bgr && !own, &network); !status.ok())
    return std::move(status).In(file.path);
  if (const auto told = std::ranges::count_if(rest.of_training,
                                              [](const std::string& n) { return !n.ends_with("num_batches_tracked"); });
      told > 0)
    network.notes.push_back(fmt::format("Left out: {} of its training, such as {}", Counted(told, "tensor"),
                                        Quoted(*std::ranges::find_if(rest.of_training, [](const std::string& n) {
                                          return !n.ends_with("num_batches_tracked");
                                        }))));
  return network;
}

}  // namespace riffle
