#include "data/shards.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json.h"
#include "data/encoded_dataset.h"
#include "data/readers.h"
#include "data/split_names.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr size_t kHeaderBytes = 512;  // read at a time: pictures are passed over unread
constexpr int64_t kMaxLabelText = 20;

struct Closer {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using Reader = std::unique_ptr<archive, Closer>;

/// A sample is complete when its picture and its class were there.
struct Sample {
  std::string key, picture;  // without and with the ending
  uint64_t offset = 0, bytes = 0;
  std::optional<int32_t> label;
};

// "dir/a.b.jpg": key "dir/a", ending "b.jpg", as WebDataset has it.
std::pair<std::string, std::string> Split(const std::string& name) {
  const size_t base = name.rfind('/') == std::string::npos ? 0 : name.rfind('/') + 1;
  const size_t dot = name.find('.', base);
  if (dot == std::string::npos) return {name, ""};
  return {name.substr(0, dot), name.substr(dot + 1)};
}

Result<int32_t> ReadLabel(const Reader& reader, int64_t bytes, const std::string& name) {
  char text[kMaxLabelText + 1] = {};
  const la_ssize_t got = bytes <= kMaxLabelText ? archive_read_data(reader.get(), text, kMaxLabelText) : -1;
  int32_t label = -1;
  const char* const stop = text + std::max<la_ssize_t>(got, 0);
  const auto [end, error] = std::from_chars(text, stop, label);
  const bool clean = std::all_of(end, stop, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
  if (error != std::errc() || !clean || label < 0)
    return DataLoss("entry {}: the number of a class was expected", Quoted(name));
  return label;
}

Status Damaged(const Reader& reader) {
  const char* text = archive_error_string(reader.get());
  return DataLoss("no tar file, or a damaged one: {}", text ? text : "its headers cannot be read");
}

Status CheckComplete(const Sample& sample) {
  if (sample.picture.empty()) return {};
  return DataLoss("{} has no class: an entry with its key and the ending .cls was expected beside it",
                  Quoted(sample.picture));
}

Status AddEntry(const Reader& reader, archive_entry* entry, uint64_t file_bytes, Sample* sample,
                std::vector<ShardEntry>* entries) {
  const char* path = archive_entry_pathname(entry);
  const std::string name = path ? path : "";
  const auto [key, ending] = Split(name);
  const int64_t bytes = archive_entry_size(entry);
  if (key != sample->key) {
    RIFFLE_TRY(CheckComplete(*sample));
    *sample = {.key = key, .picture = {}, .label = {}};
  }
  if (ending == "cls") {
    RIFFLE_ASSIGN(sample->label, ReadLabel(reader, bytes, name));
  } else if (IsPictureName(name)) {
    // The reader has consumed the file up to the entry's content.
    const uint64_t offset = static_cast<uint64_t>(archive_filter_bytes(reader.get(), -1));
    if (!sample->picture.empty()) return DataLoss("key {} has two pictures", Quoted(key));
    if (bytes < 0 || static_cast<uint64_t>(bytes) > kMaxPictureFileBytes || offset + bytes > file_bytes)
      return DataLoss("entry {}: {} bytes at {} are more than the file has", Quoted(name), bytes, offset);
    sample->picture = name, sample->offset = offset, sample->bytes = static_cast<uint64_t>(bytes);
  }
  if (sample->picture.empty() || !sample->label) return {};
  entries->push_back({sample->picture, sample->offset, sample->bytes, *sample->label});
  *sample = {.key = key, .picture = {}, .label = {}};
  return {};
}

}  // namespace

std::string ToJson(const ShardIndex& index) {
  nlohmann::ordered_json json = {{"classes", index.classes}, {"shards", nlohmann::ordered_json::array()}};
  for (const ShardIndex::Shard& shard : index.shards)
    json["shards"].push_back({{"file", shard.file}, {"pictures", shard.pictures}});
  return json.dump(1) + '\n';
}

Result<ShardIndex> ShardIndexFromJson(std::string_view text) {
  RIFFLE_ASSIGN(const nlohmann::json json, ParseJson(text));
  ShardIndex index;
  try {
    index.classes = json.at("classes").get<std::vector<std::string>>();
    for (const auto& shard : json.at("shards"))
      index.shards.push_back({shard.at("file").get<std::string>(), shard.at("pictures").get<int64_t>()});
  } catch (const nlohmann::json::exception& error) {
    return InvalidArgument("expected classes (names) and shards (file, pictures): {}", error.what());
  }
  for (const ShardIndex::Shard& shard : index.shards)
    if (shard.file.empty() || fs::path(shard.file).filename() != shard.file)
      return InvalidArgument("shard {}: the name of a file beside the index was expected", Quoted(shard.file));
  return index;
}

Result<std::vector<ShardEntry>> ReadShard(const fs::path& file) {
  std::error_code error;
  const uint64_t file_bytes = fs::file_size(file, error);
  if (error) return NotFound("{}: {}", file.string(), error.message());
  const Reader reader(archive_read_new());
  archive_read_support_format_tar(reader.get());
  if (archive_read_open_filename(reader.get(), file.c_str(), kHeaderBytes) != ARCHIVE_OK)
    return Damaged(reader).In(file.string());
  std::vector<ShardEntry> entries;
  Sample sample;
  for (archive_entry* entry = nullptr;;) {
    const int result = archive_read_next_header(reader.get(), &entry);
    if (result == ARCHIVE_EOF) break;
    if (result < ARCHIVE_WARN) return Damaged(reader).In(file.string());
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry)) continue;
    if (Status status = AddEntry(reader, entry, file_bytes, &sample, &entries); !status.ok())
      return std::move(status).In(file.string());
  }
  if (Status status = CheckComplete(sample); !status.ok()) return std::move(status).In(file.string());
  return entries;
}

bool IsShardOf(const fs::path& file, const std::string& split) {
  if (file.extension() != ".tar") return false;
  const std::string stem = file.stem().string();
  const size_t dash = stem.rfind('-');
  if (dash == std::string::npos || dash + 1 == stem.size()) return false;
  if (!std::all_of(stem.begin() + static_cast<int64_t>(dash) + 1, stem.end(),
                   [](unsigned char c) { return std::isdigit(c); }))
    return false;
  const std::string name = stem.substr(0, dash);
  return std::ranges::any_of(NamesOfSplit(split), [&](std::string_view word) {
    return name == word || name.ends_with(fmt::format("-{}", word));
  });
}

}  // namespace riffle
