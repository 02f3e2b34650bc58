#include "exchange/pytorch/state_dict.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/json.h"

namespace riffle {
namespace {

using Kind = PickleValue::Kind;

// Where checkpoints have their state dict, the likeliest first.
constexpr std::string_view kStateDictKeys[] = {"state_dict", "model_state_dict", "model", "model_state",
                                               "net",        "network",          "params"};
constexpr std::string_view kParallelPrefix = "module.";

struct Function {
  std::string_view module, name;
};
// Their first arguments are storage, offset, sizes and strides. The last two have storages that are not read, and say
// so.
constexpr Function kRebuildTensor[] = {{"torch._utils", "_rebuild_tensor"},
                                       {"torch._utils", "_rebuild_tensor_v2"},
                                       {"torch._utils", "_rebuild_tensor_v3"},
                                       {"torch._utils", "_rebuild_qtensor"}};
// Their first argument is the tensor.
constexpr Function kWrapTensor[] = {{"torch._utils", "_rebuild_parameter"},
                                    {"torch._utils", "_rebuild_parameter_with_state"},
                                    {"torch.nn.parameter", "Parameter"}};

bool IsOneOf(const Pickle& pickle, PickleRef ref, std::span<const Function> functions) {
  return std::ranges::any_of(functions, [&](const Function& f) { return pickle.IsGlobal(ref, f.module, f.name); });
}

bool IsText(const PickleValue& value) { return value.kind == Kind::kText; }
bool IsInt(const PickleValue& value) { return value.kind == Kind::kInt && value.text.empty(); }

// The arguments of _rebuild_tensor(storage, offset, sizes, strides, ...), whatever is wrapped around it; null if the
// value is no tensor. Arguments are older than their call: this comes to an end.
const std::vector<PickleRef>* TensorArguments(const Pickle& pickle, PickleRef ref) {
  for (;;) {
    const PickleValue& value = pickle[ref];
    if (value.kind != Kind::kCall) return nullptr;
    const std::vector<PickleRef>& arguments = pickle[value.arguments].items;
    if (IsOneOf(pickle, value.callee, kRebuildTensor)) return &arguments;
    if (!IsOneOf(pickle, value.callee, kWrapTensor) || arguments.empty()) return nullptr;
    ref = arguments[0];
  }
}

bool IsDict(const Pickle& pickle, PickleRef ref) {
  const PickleValue& value = pickle[ref];
  return value.kind == Kind::kDict ||
         (value.kind == Kind::kCall && pickle.IsGlobal(value.callee, "collections", "OrderedDict"));
}

// Key, value, key, value, ... of a dictionary. An OrderedDict of Python 2 has a list of pairs as its argument.
std::vector<PickleRef> ItemsOf(const Pickle& pickle, PickleRef dict) {
  const PickleValue& value = pickle[dict];
  std::vector<PickleRef> items = value.items;
  if (value.kind == Kind::kDict) return items;
  const std::vector<PickleRef>& arguments = pickle[value.arguments].items;
  if (arguments.empty() || pickle[arguments[0]].kind != Kind::kList) return items;
  for (const PickleRef pair : pickle[arguments[0]].items)
    if (pickle[pair].items.size() == 2) items.insert(items.end(), pickle[pair].items.begin(), pickle[pair].items.end());
  return items;
}

// For a message: "a dictionary with "epoch" and ...", "a list", "an object of models.resnet.ResNet".
std::string Describe(const Pickle& pickle, PickleRef ref) {
  const PickleValue& value = pickle[ref];
  if (TensorArguments(pickle, ref) != nullptr) return "a tensor without a name";
  if (IsDict(pickle, ref)) {
    constexpr size_t kMostKeys = 5;
    std::string keys;
    const std::vector<PickleRef> items = ItemsOf(pickle, ref);
    for (size_t i = 0; i < items.size() && i < 2 * kMostKeys; i += 2) {
      const PickleValue& key = pickle[items[i]];
      keys += (keys.empty() ? "" : ", ") + (IsText(key)  ? Quoted(key.text)
                                            : IsInt(key) ? fmt::to_string(key.integer)
                                                         : "…");
    }
    if (items.size() > 2 * kMostKeys) keys += ", …";
    return keys.empty() ? "an empty dictionary" : "a dictionary of " + keys;
  }
  if (value.kind == Kind::kCall && pickle[value.callee].kind == Kind::kGlobal) {
    const PickleValue& function = pickle[value.callee];
    return fmt::format("an object of the class {}", Quoted(fmt::format("{}.{}", function.module, function.text)));
  }
  if (value.kind == Kind::kList || value.kind == Kind::kTuple) return fmt::format("a list of {}", value.items.size());
  return "a value";
}

// The whole numbers of a tuple: a tensor's sizes, or its strides.
Result<std::vector<int64_t>> Integers(const Pickle& pickle, PickleRef ref) {
  constexpr size_t kMostDimensions = 64;  // as PyTorch has it
  const PickleValue& tuple = pickle[ref];
  if (tuple.kind != Kind::kTuple || tuple.items.size() > kMostDimensions)
    return DataLoss("expected at most {} sizes and strides", kMostDimensions);
  std::vector<int64_t> integers;
  for (const PickleRef item : tuple.items) {
    if (!IsInt(pickle[item])) return DataLoss("expected whole numbers as sizes and strides");
    integers.push_back(pickle[item].integer);
  }
  return integers;
}

// A tensor as its call describes it.
struct Layout {
  StorageId storage;
  int64_t offset = 0;  // in numbers, as strides are
  std::vector<int64_t> sizes, strides;
};

Result<Layout> ReadLayout(const Pickle& pickle, const std::vector<PickleRef>& arguments) {
  if (arguments.size() < 4 || pickle[arguments[0]].kind != Kind::kPersistent || !IsInt(pickle[arguments[1]]))
    return DataLoss("damaged: expected storage, offset, sizes and strides");
  Layout layout;
  RIFFLE_ASSIGN(const std::optional<StorageId> storage, StorageIdOf(pickle, pickle[arguments[0]]));
  if (!storage) return DataLoss("damaged: expected a storage");
  layout.storage = *storage;
  layout.offset = pickle[arguments[1]].integer;
  RIFFLE_ASSIGN(layout.sizes, Integers(pickle, arguments[2]));
  RIFFLE_ASSIGN(layout.strides, Integers(pickle, arguments[3]));
  if (layout.sizes.size() != layout.strides.size())
    return DataLoss("damaged: {} sizes, but {} strides", layout.sizes.size(), layout.strides.size());
  return layout;
}

// Whether the numbers lie one after another as in rows.
bool IsContiguous(const Layout& layout) {
  int64_t expected = 1;
  for (size_t i = layout.sizes.size(); i-- > 0;) {
    if (layout.sizes[i] != 1 && layout.strides[i] != expected) return false;
    expected *= layout.sizes[i];  // of a tensor within its storage: does not overflow
  }
  return true;
}

// That every number of the tensor is one of the storage's. REQUIRES: no dimension is 0, or negative
Status CheckWithinStorage(const Layout& layout) {
  const int64_t count = layout.storage.view_count;
  int64_t last = layout.offset;
  bool inside = last >= 0;
  for (size_t i = 0; i < layout.sizes.size() && inside; ++i) {
    int64_t span;
    inside = layout.strides[i] >= 0 && !__builtin_mul_overflow(layout.sizes[i] - 1, layout.strides[i], &span) &&
             !__builtin_add_overflow(last, span, &last);
  }
  if (inside && last < count) return {};
  return DataLoss("damaged: {} from number {} with strides {} lies beyond its storage of {} numbers",
                  ShapeText(layout.sizes), layout.offset, ShapeText(layout.strides), count);
}

// The numbers of a tensor with strides, into rows.
void CopyRows(const Layout& layout, const uint8_t* from, AlignedArray<uint8_t>* to) {
  const auto bytes = static_cast<size_t>(layout.storage.type.bytes);
  std::vector<int64_t> index(layout.sizes.size());
  for (uint8_t* out = to->begin(); out != to->end(); out += bytes) {
    int64_t at = 0;
    for (size_t i = 0; i < index.size(); ++i) at += index[i] * layout.strides[i];
    std::memcpy(out, from + at * static_cast<int64_t>(bytes), bytes);
    for (size_t i = index.size(); i-- > 0;) {
      if (++index[i] < layout.sizes[i]) break;
      index[i] = 0;
    }
  }
}

class StateDictReader {
 public:
  StateDictReader(const Pickle& pickle, const StorageBytes& storage_bytes, uint64_t file_bytes, TensorFile* file)
      : pickle_(pickle), storage_bytes_(storage_bytes), most_copied_(kMostCopies * file_bytes), file_(*file) {}

  Status Read(std::string_view asked) {
    const PickleRef root = pickle_.root();
    std::vector<Candidate> candidates;
    if (IsDict(pickle_, root)) {
      const std::vector<Candidate> inner = DictionariesIn(root);
      for (const Candidate& each : inner)
        if (!asked.empty() && each.key == asked) candidates = {each};
      if (candidates.empty()) {
        for (const std::string_view key : kStateDictKeys)
          std::ranges::copy_if(inner, std::back_inserter(candidates), [&](const Candidate& c) { return c.key == key; });
        candidates.push_back({"", root});
      }
      ReadTexts(ItemsOf(pickle_, root), "");
    }
    for (const Candidate& candidate : candidates) {
      seen_.clear();
      RIFFLE_TRY(Collect(candidate.dict, "", 0));
      if (file_.tensors.empty()) continue;
      RIFFLE_TRY(FinishNames());
      file_.key = candidate.key;
      if (asked.empty() && candidate.dict != root) NoteOthers(candidate.dict);
      return {};
    }
    return InvalidArgument(
        "it holds {}, and no tensors with names: in Python, write a network's with "
        "torch.save(network.state_dict(), FILE)",
        Describe(pickle_, root));
  }

 private:
  static constexpr uint64_t kMostCopies = 4;  // of all that the file has
  static constexpr int kMostDepth = 32;
  static constexpr size_t kMostNameBytes = 1024, kMostTextBytes = 4096, kMostTexts = 64;

  struct Candidate {
    std::string_view key;
    PickleRef dict;
  };
  std::vector<Candidate> DictionariesIn(PickleRef root) const {
    std::vector<Candidate> inner;
    const std::vector<PickleRef> items = ItemsOf(pickle_, root);
    for (size_t i = 0; i < items.size(); i += 2)
      if (IsText(pickle_[items[i]]) && IsDict(pickle_, items[i + 1]))
        inner.push_back({pickle_[items[i]].text, items[i + 1]});
    return inner;
  }

  // Dictionaries beside the one that was read which have a tensor of the same name: averages, other networks.
  void NoteOthers(PickleRef taken) {
    const std::string name = file_.tensors[0].name, parallel = std::string(kParallelPrefix) + name;
    for (const Candidate& other : DictionariesIn(pickle_.root())) {
      if (other.dict == taken) continue;
      const std::vector<PickleRef> items = ItemsOf(pickle_, other.dict);
      for (size_t i = 0; i < items.size(); i += 2) {
        const PickleValue& key = pickle_[items[i]];
        if (!IsText(key) || (key.text != name && key.text != parallel)) continue;
        if (TensorArguments(pickle_, items[i + 1]) != nullptr) file_.other_keys.emplace_back(other.key);
      }
    }
  }

  // Texts beside the state dict, and within "meta".
  void ReadTexts(const std::vector<PickleRef>& items, const std::string& prefix) {
    for (size_t i = 0; i < items.size() && file_.metadata.size() < kMostTexts; i += 2) {
      const PickleValue &key = pickle_[items[i]], &value = pickle_[items[i + 1]];
      if (!IsText(key) || key.text.size() > kMostNameBytes) continue;
      if (IsText(value) && value.text.size() <= kMostTextBytes)
        file_.metadata.emplace(prefix + AsUtf8(key.text), AsUtf8(value.text));
      if (prefix.empty() && key.text == "meta" && IsDict(pickle_, items[i + 1]))
        ReadTexts(ItemsOf(pickle_, items[i + 1]), "meta.");
    }
  }

  Status Collect(PickleRef dict, const std::string& prefix, int depth) {
    if (!seen_.insert(dict).second || depth == kMostDepth)
      return DataLoss("damaged: the dictionary {} stands in two places, in itself, or too deep", Quoted(prefix));
    const std::vector<PickleRef> items = ItemsOf(pickle_, dict);
    for (size_t i = 0; i < items.size(); i += 2) {
      const PickleValue& key = pickle_[items[i]];
      const std::vector<PickleRef>* tensor = TensorArguments(pickle_, items[i + 1]);
      const bool is_dict = IsDict(pickle_, items[i + 1]);
      if (!IsText(key) || (tensor == nullptr && !is_dict)) continue;
      if (prefix.size() + key.text.size() > kMostNameBytes)
        return DataLoss("damaged: a name of more than {} bytes", kMostNameBytes);
      std::string name = prefix + std::string(key.text);
      if (is_dict) {
        RIFFLE_TRY(Collect(items[i + 1], name + '.', depth + 1));
        continue;
      }
      Result<TensorView> view = ReadTensor(*tensor);
      if (!view.ok()) return Status(view.status()).In("tensor " + Quoted(name));
      view->name = std::move(name);
      file_.tensors.push_back(std::move(*view));
    }
    return {};
  }

  Result<TensorView> ReadTensor(const std::vector<PickleRef>& arguments) {
    RIFFLE_ASSIGN(const Layout layout, ReadLayout(pickle_, arguments));
    const StorageId& storage = layout.storage;
    if (!storage.type.dtype) return DataLoss("its numbers are in a torch.{}, which is not read", storage.type.name);
    const Result<int64_t> bytes = ByteCount(*storage.type.dtype, layout.sizes);
    if (!bytes.ok()) return DataLoss("damaged: {}", bytes.status().message());
    TensorView view = {.name = {}, .dtype = *storage.type.dtype, .shape = layout.sizes, .bytes = {}};
    if (*bytes == 0) return view;
    RIFFLE_TRY(CheckWithinStorage(layout));
    RIFFLE_ASSIGN(std::span<const uint8_t> numbers, storage_bytes_(storage));
    numbers = numbers.subspan(static_cast<size_t>((storage.view_begin + layout.offset) * storage.type.bytes));
    const auto count = static_cast<size_t>(*bytes);
    if (IsContiguous(layout)) {
      view.bytes = numbers.first(count);
      return view;
    }
    copied_ += count;
    if (copied_ > most_copied_)
      return DataLoss("{} with strides {}: copies of such views would be more than {} times the file",
                      ShapeText(layout.sizes), ShapeText(layout.strides), kMostCopies);
    AlignedArray<uint8_t>& rows = file_.memory.emplace_back(count);
    CopyRows(layout, numbers.data(), &rows);
    view.bytes = {rows.data(), rows.size()};
    return view;
  }

  Status FinishNames() {
    std::vector<TensorView>& tensors = file_.tensors;
    if (std::ranges::all_of(tensors, [](const TensorView& t) { return t.name.starts_with(kParallelPrefix); }))
      for (TensorView& tensor : tensors) tensor.name.erase(0, kParallelPrefix.size());
    std::set<std::string_view> names;
    for (const TensorView& tensor : tensors)
      if (!names.insert(tensor.name).second) return DataLoss("damaged: two tensors are called {}", Quoted(tensor.name));
    return {};
  }

  const Pickle& pickle_;
  const StorageBytes& storage_bytes_;
  const uint64_t most_copied_;
  TensorFile& file_;
  uint64_t copied_ = 0;
  std::unordered_set<PickleRef> seen_;  // dictionaries
};

}  // namespace

Result<std::optional<StorageId>> StorageIdOf(const Pickle& pickle, const PickleValue& persistent) {
  const std::vector<PickleRef>& parts = pickle[persistent.arguments].items;
  if (parts.empty() || !IsText(pickle[parts[0]]) || pickle[parts[0]].text != "storage")
    return std::optional<StorageId>();
  if (parts.size() < 5 || pickle[parts[1]].kind != Kind::kGlobal || !IsText(pickle[parts[2]]) ||
      !IsInt(pickle[parts[4]]) || pickle[parts[4]].integer < 0)
    return DataLoss("damaged: expected the type, key and size of a storage");
  const PickleValue& type_name = pickle[parts[1]];
  const StorageType* type = type_name.module.starts_with("torch") ? FindStorageType(type_name.text) : nullptr;
  if (type == nullptr)
    return DataLoss("a storage of the unknown type {}", Quoted(fmt::format("{}.{}", type_name.module, type_name.text)));
  StorageId id = {.key = pickle[parts[2]].text, .type = *type, .count = pickle[parts[4]].integer};
  id.view_count = id.count;
  if (parts.size() > 5 && pickle[parts[5]].kind == Kind::kTuple) {
    const std::vector<PickleRef>& view = pickle[parts[5]].items;  // key, offset, size
    if (view.size() != 3 || !IsInt(pickle[view[1]]) || !IsInt(pickle[view[2]]))
      return DataLoss("damaged: expected the key, offset and size of a storage's view");
    id.view_begin = pickle[view[1]].integer;
    id.view_count = pickle[view[2]].integer;
    if (id.view_begin < 0 || id.view_count < 0 || id.view_begin > id.count || id.view_count > id.count - id.view_begin)
      return DataLoss("damaged: a view of {} numbers from {} lies beyond its storage of {}", id.view_count,
                      id.view_begin, id.count);
  }
  return std::optional(id);
}

Status ReadStateDict(const Pickle& pickle, std::string_view key, const StorageBytes& storage_bytes, uint64_t file_bytes,
                     TensorFile* file) {
  return StateDictReader(pickle, storage_bytes, file_bytes, file).Read(key);
}

}  // namespace riffle
