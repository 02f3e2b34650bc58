// Python's pickles: every reference is to a value that is there.
#include "exchange/pytorch/pickle.h"

#include "exchange/pytorch/state_dict.h"
#include "exchange/testing/torch_files.h"
#include "fuzz/tensors.h"

namespace riffle {
namespace {

void Check(std::string_view input) {
  const auto pickle = Pickle::Parse(BytesOf(input));
  if (!IsFine(pickle, input)) return;
  Require(pickle->size() <= input.size(), "a pickle ends within its bytes");
  const auto is_there = [&](PickleRef ref) { return ref < pickle->values().size(); };
  Require(is_there(pickle->root()), "the root is there");
  for (const PickleValue& value : pickle->values()) {
    for (const PickleRef item : value.items) Require(is_there(item), "an item is there");
    if (value.kind == PickleValue::Kind::kCall) Require(is_there(value.callee), "what is called is there");
    if (value.kind == PickleValue::Kind::kCall || value.kind == PickleValue::Kind::kPersistent)
      Require(is_there(value.arguments), "arguments are there");
  }
  static const std::vector<uint8_t> numbers(4096, 1);  // of every storage
  const auto bytes = [](const StorageId& id) -> Result<std::span<const uint8_t>> {
    if (id.count < 0 || id.count > static_cast<int64_t>(numbers.size()) / id.type.bytes) return DataLoss("too many");
    return std::span(numbers).first(static_cast<size_t>(id.count * id.type.bytes));
  };
  TensorFile file;
  const Status read = ReadStateDict(*pickle, "", bytes, numbers.size(), &file);
  if (IsFine(read, input)) CheckTensors(std::move(file), input);
}

std::vector<std::string> Seeds() {
  using namespace torch_files;  // NOLINT: its names are those of pickles
  using namespace std::string_literals;
  return {
      Program(Dict({{"w", SmallTensor()}})),
      Program(List({Int(1), "K\x05", "M\x00\x01"s, "J\x01\x00\x00\x00"s, "G\x3f\xf0\x00\x00\x00\x00\x00\x00"s, "N"})),
      "\x80\x04\x95\x0e\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01\x61\x94]\x94(K\x01K\x02\x65s."s,
      Program(Global("collections", "OrderedDict") + ")R(" + Str("a") + "\x88u}b"),
      Program("]q\x00h\x00\x61"s),          // a list in itself
      "\x80\x05\x8f\x94(K\x01K\x02\x90."s,  // a set
      "\x80\x05\x96\x02\x00\x00\x00\x00\x00\x00\x00"
      "ab."s};  // a bytearray
}

std::vector<std::string> Words() {
  return {"\x80\x02",
          "\x80\x04",
          "\x80\x05",
          "\x8c",
          "\x94",
          "\x93",
          "\x8a\x08",
          "\x85",
          "\x86",
          "\x87",
          "\x81",
          "\x92",
          "ctorch._utils\n_rebuild_tensor_v2\n",
          "ctorch\nFloatStorage\n",
          "ccollections\nOrderedDict\n",
          "Q",
          "R",
          "b"};
}

}  // namespace

FuzzTarget PickleTarget() {
  return {.name = "pickle", .reads = "a pickle of Python's", .check = Check, .seeds = Seeds, .words = Words};
}

}  // namespace riffle
