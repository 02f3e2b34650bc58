#include <algorithm>
#include <set>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "exchange/pytorch/pytorch.h"
#include "exchange/pytorch/storage_type.h"
#include "formats/zip.h"

namespace riffle {
namespace {

constexpr std::string_view kRoot = "archive/";
constexpr uint64_t kAlignment = 64;  // as PyTorch has it, for those who map the file

// A pickle of protocol 2, as torch.save writes it but without a memo: every value stands where it is used.
class PickleWriter {
 public:
  PickleWriter() { out_ = "\x80\x02"; }

  std::string Finish() && { return std::move(out_) + '.'; }

  void Op(std::string_view bytes) { out_ += bytes; }
  void Global(std::string_view module, std::string_view name) {
    out_.append("c").append(module).append("\n").append(name).append("\n");
  }
  void Text(std::string_view text) {
    out_ += 'X';
    Little(text.size(), 4);
    out_ += text;
  }
  void Integer(int64_t number) {  // LONG1 of eight bytes, or fewer where they are enough
    if (number >= 0 && number < 256) {
      out_ += 'K';
      Little(static_cast<uint64_t>(number), 1);
    } else {
      out_.append("\x8a\x08");
      Little(static_cast<uint64_t>(number), 8);
    }
  }
  void Tuple(std::span<const int64_t> numbers) {
    out_ += '(';
    for (const int64_t number : numbers) Integer(number);
    out_ += 't';
  }

 private:
  void Little(uint64_t number, int bytes) {
    for (int i = 0; i < bytes; ++i) out_ += static_cast<char>(number >> (8 * i));
  }
  std::string out_;
};

std::vector<int64_t> RowStrides(std::span<const int64_t> shape) {
  std::vector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= std::max<int64_t>(shape[i], 1);
  }
  return strides;
}

Status CheckInput(std::span<const TensorView> tensors, const Metadata& extra) {
  std::set<std::string_view> names;
  for (const TensorView& tensor : tensors) {
    const std::string name = Quoted(tensor.name);
    if (!IsUtf8(tensor.name)) return InvalidArgument("tensor {}: names must be UTF-8", name);
    if (!names.insert(tensor.name).second) return InvalidArgument("tensor {}: the name stands twice", name);
    if (FindStorageType(tensor.dtype) == nullptr)
      return InvalidArgument("tensor {}: PyTorch's files have no {} values", name, NameOf(tensor.dtype));
    const Result<int64_t> expected = ByteCount(tensor.dtype, tensor.shape);
    if (!expected.ok()) return Status(expected.status()).In("tensor " + name);
    if (static_cast<uint64_t>(*expected) != tensor.bytes.size())
      return InvalidArgument("tensor {}: {} {} needs {} bytes, {} were given", name, NameOf(tensor.dtype),
                             ShapeText(tensor.shape), *expected, tensor.bytes.size());
  }
  for (const auto& [key, value] : extra)
    if (!IsUtf8(key) || !IsUtf8(value)) return InvalidArgument("the record {}: texts must be UTF-8", Quoted(key));
  return {};
}

// OrderedDict() filled with name: _rebuild_tensor_v2(storage, 0, sizes, strides, False, OrderedDict()).
std::string StateDictPickle(std::span<const TensorView> tensors) {
  PickleWriter pickle;
  const auto empty_dict = [&pickle] {
    pickle.Global("collections", "OrderedDict");
    pickle.Op(")R");
  };
  empty_dict();
  pickle.Op("(");
  for (size_t i = 0; i < tensors.size(); ++i) {
    const TensorView& tensor = tensors[i];
    const StorageType& type = *FindStorageType(tensor.dtype);
    pickle.Text(tensor.name);
    pickle.Global("torch._utils", "_rebuild_tensor_v2");
    pickle.Op("((");
    pickle.Text("storage");
    pickle.Global("torch", type.name);
    pickle.Text(std::to_string(i));
    pickle.Text("cpu");
    pickle.Integer(static_cast<int64_t>(tensor.bytes.size()) / type.bytes);
    pickle.Op("tQ");
    pickle.Integer(0);
    pickle.Tuple(tensor.shape);
    pickle.Tuple(RowStrides(tensor.shape));
    pickle.Op("\x89");
    empty_dict();
    pickle.Op("tR");
  }
  pickle.Op("u");
  return std::move(pickle).Finish();
}

std::span<const uint8_t> BytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

Status WritePyTorch(const std::filesystem::path& path, std::span<const TensorView> tensors, const Metadata& extra) {
  if (Status status = CheckInput(tensors, extra); !status.ok()) return std::move(status).In(path.string());
  const std::string pickle = StateDictPickle(tensors), record = nlohmann::json(extra).dump();
  std::vector<ZipContent> contents;
  const auto add = [&contents](std::string_view name, std::span<const uint8_t> content) {
    contents.push_back({std::string(kRoot).append(name), content});
  };
  add("data.pkl", BytesOf(pickle));
  add("byteorder", BytesOf("little"));
  for (size_t i = 0; i < tensors.size(); ++i) add("data/" + std::to_string(i), tensors[i].bytes);
  if (!extra.empty()) add("extra/riffle.json", BytesOf(record));
  add("version", BytesOf("3\n"));
  const Result<ZipParts> zip = ZipParts::Make(contents, kAlignment);
  if (!zip.ok()) return Status(zip.status()).In(path.string());
  return WriteFileAtomically(path, zip->parts());
}

}  // namespace riffle
