#include <algorithm>
#include <cstring>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "exchange/pytorch/pickle.h"
#include "exchange/pytorch/pytorch.h"
#include "exchange/pytorch/state_dict.h"
#include "formats/file_format.h"
#include "formats/zip.h"

namespace riffle {
namespace {

using Bytes = std::span<const uint8_t>;
using Kind = PickleValue::Kind;

Status CheckStorageSize(const StorageId& storage, uint64_t found) {
  int64_t expected;
  if (!__builtin_mul_overflow(storage.count, storage.type.bytes, &expected) && static_cast<uint64_t>(expected) == found)
    return {};
  return DataLoss("damaged: storage {} should hold {} numbers of {} bytes, it has {} bytes", Quoted(storage.key),
                  storage.count, storage.type.bytes, found);
}

// ---- zip

std::string NamesOf(const std::vector<ZipEntry>& entries) {
  constexpr size_t kMost = 4;
  std::string names;
  for (size_t i = 0; i < entries.size() && i < kMost; ++i) names += (i ? ", " : "") + Quoted(entries[i].name);
  return names + (entries.size() > kMost ? ", …" : "");
}

// A PyTorch archive: its records by their names within ROOT.
class Archive {
 public:
  /// REQUIRES: entries is not empty.
  explicit Archive(const std::vector<ZipEntry>& entries) {
    const std::string& first = entries.front().name;
    root_ = first.substr(0, first.find('/') + 1);
    for (const ZipEntry& entry : entries)
      if (entry.name.starts_with(root_)) records_.emplace(entry.name.substr(root_.size()), &entry);
  }

  bool Has(std::string_view record) const { return records_.contains(record); }

  /// A record's bytes; of a compressed one, the memory goes to `file`. The same bytes for the same record.
  Result<Bytes> Content(std::string_view record, TensorFile* file) {
    if (const auto known = contents_.find(record); known != contents_.end()) return known->second;
    const auto found = records_.find(record);
    if (found == records_.end()) return DataLoss("damaged: the archive has no {}{}", root_, record);
    const ZipEntry& entry = *found->second;
    Bytes bytes;
    if (entry.deflated) {
      RIFFLE_ASSIGN(AlignedArray<uint8_t> content, Unzip(entry, kMostUnzippedBytes - unzipped_));
      unzipped_ += content.size();
      const AlignedArray<uint8_t>& kept = file->memory.emplace_back(std::move(content));
      bytes = {kept.data(), kept.size()};
    } else {
      RIFFLE_ASSIGN(bytes, StoredContent(entry));
    }
    return contents_.emplace(record, bytes).first->second;
  }

 private:
  std::string root_;
  std::map<std::string, const ZipEntry*, std::less<>> records_;
  std::map<std::string, Bytes, std::less<>> contents_;
  uint64_t unzipped_ = 0;
};

std::string_view TextOf(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

Status ReadArchive(Archive archive, std::string_view key, uint64_t file_bytes, TensorFile* file) {
  if (archive.Has("constants.pkl"))
    return InvalidArgument(
        "a TorchScript archive, which is a program: in Python, write its weights with "
        "torch.save(torch.jit.load(FILE).state_dict(), ANOTHER_FILE)");
  if (archive.Has("byteorder")) {
    RIFFLE_ASSIGN(const Bytes order, archive.Content("byteorder", file));
    if (TextOf(order) != "little")
      return InvalidArgument("its numbers are {}-endian: save it again on a machine that is little-endian",
                             OneLine(TextOf(order.first(std::min<size_t>(order.size(), 16)))));
  }
  RIFFLE_ASSIGN(const Bytes program, archive.Content("data.pkl", file));
  RIFFLE_ASSIGN(const Pickle pickle, Pickle::Parse(program));
  const StorageBytes storage_bytes = [&](const StorageId& storage) -> Result<Bytes> {
    RIFFLE_ASSIGN(const Bytes bytes, archive.Content("data/" + std::string(storage.key), file));
    RIFFLE_TRY(CheckStorageSize(storage, bytes.size()));
    return bytes;
  };
  RIFFLE_TRY(ReadStateDict(pickle, key, storage_bytes, file_bytes, file));
  if (archive.Has("extra/riffle.json")) {
    RIFFLE_ASSIGN(const Bytes extra, archive.Content("extra/riffle.json", file));
    file->metadata[kRiffleRecord] = TextOf(extra);
  }
  return {};
}

// ---- legacy

// Where the storages of a legacy file lie, by their keys, each of a size that the object's references to it tell.
Result<std::map<std::string_view, Bytes>> FindStorages(const Pickle& object, const Pickle& keys, Bytes rest) {
  std::map<std::string_view, StorageId> ids;
  for (const PickleValue& value : object.values()) {
    if (value.kind != Kind::kPersistent) continue;
    RIFFLE_ASSIGN(const std::optional<StorageId> id, StorageIdOf(object, value));
    if (!id) continue;
    const StorageId& first = ids.emplace(id->key, *id).first->second;
    if (first.count != id->count || first.type.bytes != id->type.bytes)
      return DataLoss("damaged: storage {} is of two sizes", Quoted(id->key));
  }
  std::map<std::string_view, Bytes> storages;
  for (const PickleRef ref : keys[keys.root()].items) {
    const auto id = ids.find(keys[ref].text);
    if (keys[ref].kind != Kind::kText || id == ids.end())
      return DataLoss("damaged: the storage {} is not one of the object's", Quoted(keys[ref].text));
    int64_t count;
    if (rest.size() < sizeof count) return DataLoss("truncated before its storage {}", Quoted(id->first));
    std::memcpy(&count, rest.data(), sizeof count);
    rest = rest.subspan(sizeof count);
    int64_t bytes;
    if (count != id->second.count || __builtin_mul_overflow(count, id->second.type.bytes, &bytes))
      return DataLoss("damaged: storage {} should hold {} numbers, it has {}", Quoted(id->first), id->second.count,
                      count);
    if (static_cast<uint64_t>(bytes) > rest.size())
      return DataLoss("truncated: its storage {} should have {} bytes, {} follow. Was the copy interrupted?",
                      Quoted(id->first), bytes, rest.size());
    if (!storages.emplace(id->first, rest.first(static_cast<size_t>(bytes))).second)
      return DataLoss("damaged: the storage {} is there twice", Quoted(id->first));
    rest = rest.subspan(static_cast<size_t>(bytes));
  }
  return storages;
}

// That the system a file was written on had its bytes in our order.
Status CheckSystem(const Pickle& system) {
  const std::vector<PickleRef>& items = system[system.root()].items;
  for (size_t i = 0; i + 1 < items.size(); i += 2)
    if (system[items[i]].text == "little_endian" && system[items[i + 1]].kind == Kind::kBool &&
        system[items[i + 1]].integer == 0)
      return InvalidArgument("its numbers are big-endian: save it again on a machine that is little-endian");
  return {};
}

Status ReadLegacy(Bytes bytes, std::string_view key, TensorFile* file) {
  Bytes rest = bytes;
  const auto next = [&rest]() -> Result<Pickle> {
    RIFFLE_ASSIGN(Pickle pickle, Pickle::Parse(rest));
    rest = rest.subspan(pickle.size());
    return pickle;
  };
  RIFFLE_TRY(next().status());  // the magic number: FormatOf has seen it
  RIFFLE_ASSIGN(const Pickle protocol, next());
  constexpr int64_t kProtocol = 1001;
  if (protocol[protocol.root()].kind != Kind::kInt || protocol[protocol.root()].integer != kProtocol)
    return DataLoss("damaged: expected protocol {} of PyTorch's files", kProtocol);
  RIFFLE_ASSIGN(const Pickle system, next());
  RIFFLE_TRY(CheckSystem(system));
  RIFFLE_ASSIGN(const Pickle object, next());
  RIFFLE_ASSIGN(const Pickle keys, next());
  RIFFLE_ASSIGN(const auto storages, FindStorages(object, keys, rest));
  const StorageBytes storage_bytes = [&storages](const StorageId& storage) -> Result<Bytes> {
    const auto found = storages.find(storage.key);
    if (found == storages.end()) return DataLoss("damaged: there is no storage {}", Quoted(storage.key));
    return found->second;
  };
  return ReadStateDict(object, key, storage_bytes, bytes.size(), file);
}

// ---- either

Result<AlignedArray<uint8_t>> UnzipTheOne(const std::vector<ZipEntry>& entries, uint64_t most_bytes) {
  if (entries.size() != 1)
    return InvalidArgument(
        "a zip archive of {} files ({}), none of PyTorch's: expected one that torch.save wrote, or "
        "one with such a file alone",
        entries.size(), NamesOf(entries));
  return Unzip(entries[0], most_bytes);
}

Status Read(AlignedArray<uint8_t> bytes, std::string_view key, bool may_be_packed, TensorFile* file) {
  const AlignedArray<uint8_t>& kept = file->memory.emplace_back(std::move(bytes));
  const Bytes content(kept.data(), kept.size());
  const FileKind kind = FileKindOf(content);
  if (kind.format == FileFormat::kPyTorch) return ReadLegacy(content, key, file);
  if (kind.format != FileFormat::kZip) return InvalidArgument("no file of torch.save but {}", NameAndAdvice(kind));
  RIFFLE_ASSIGN(const std::vector<ZipEntry> entries, ZipDirectory(content));
  if (!entries.empty())
    if (Archive archive(entries); archive.Has("data.pkl"))
      return ReadArchive(std::move(archive), key, content.size(), file);
  RIFFLE_ASSIGN(AlignedArray<uint8_t> inner, UnzipTheOne(entries, kMostUnzippedBytes));
  if (!may_be_packed) return InvalidArgument("a zip archive in a zip archive: unpack it");
  file->memory.clear();  // what it was packed in
  return Read(std::move(inner), key, false, file);
}

}  // namespace

Result<AlignedArray<uint8_t>> UnzipSingleFile(Bytes zip, uint64_t most_bytes) {
  RIFFLE_ASSIGN(const std::vector<ZipEntry> entries, ZipDirectory(zip));
  return UnzipTheOne(entries, most_bytes);
}

Result<TensorFile> ReadPyTorch(AlignedArray<uint8_t> bytes, std::string path, std::string_view key) {
  TensorFile file;
  file.path = std::move(path);
  file.format = "PyTorch file";
  Status status = Read(std::move(bytes), key, true, &file);
  if (!status.ok()) return std::move(status).In(file.path);
  return file;
}

Result<TensorFile> ReadPyTorch(const std::filesystem::path& path, std::string_view key) {
  RIFFLE_ASSIGN(AlignedArray<uint8_t> bytes, ReadLargeFile(path));
  return ReadPyTorch(std::move(bytes), path.string(), key);
}

}  // namespace riffle
