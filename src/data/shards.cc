#include "data/shards.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "data/crc32.h"
#include "data/encoded_dataset.h"
#include "data/left_out.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBlockBytes = 512;  // of a header, and read at a time: pictures are passed over unread
constexpr uint64_t kMaxLabelText = 20;
constexpr int kMaxLinks = 40;  // as the system follows

/// An entry of the tar file: a file, or a link to one.
struct Member {
  std::string name;
  uint64_t offset = 0, bytes = 0;
  std::optional<std::string> link;  // the name of the entry that it leads to
  bool sparse = false;              // its content does not lie in one piece
};

/// Its headers, one after the other, and its bytes.
class TarFile {
 public:
  explicit TarFile(Descriptor file) : reader_(archive_read_new()), file_(std::move(file)) {}
  TarFile(const TarFile&) = delete;
  TarFile& operator=(const TarFile&) = delete;
  ~TarFile() { archive_read_free(reader_); }

  Result<std::vector<Member>> List() {
    const off_t end = lseek(file_.fd, 0, SEEK_END);
    if (end < 0) return IoError("cannot be read: {}", std::strerror(errno));
    if (end == 0) return DataLoss("the file is empty");
    bytes_ = static_cast<uint64_t>(end);
    lseek(file_.fd, 0, SEEK_SET);
    archive_read_support_format_tar(reader_);
    archive_read_set_options(reader_, "read_concatenated_archives");
    // To tell compressed files from damaged ones.
    for (const auto known : {archive_read_support_filter_gzip, archive_read_support_filter_bzip2,
                             archive_read_support_filter_xz, archive_read_support_filter_zstd})
      known(reader_);
    if (archive_read_open_fd(reader_, file_.fd, kBlockBytes) != ARCHIVE_OK) return Damaged();
    if (archive_filter_code(reader_, 0) != ARCHIVE_FILTER_NONE)
      return DataLoss("it is compressed ({}), and pictures are read by their place in a tar file: unpack it",
                      archive_filter_name(reader_, 0));
    std::vector<Member> members;
    for (archive_entry* entry = nullptr;;) {
      const int result = archive_read_next_header(reader_, &entry);
      if (result == ARCHIVE_EOF) break;
      if (result < ARCHIVE_WARN) return Damaged();
      RIFFLE_TRY(AddMember(entry, &members));
    }
    std::array<char, kBlockBytes> last{};  // two blocks of zeros end a tar file
    RIFFLE_TRY(ReadAt(bytes_ - std::min<uint64_t>(bytes_, kBlockBytes), last));
    if (std::ranges::any_of(last, [](char c) { return c != 0; }))
      return DataLoss("cut off: the zeros that end a tar file are not there");
    return members;
  }

  /// Fills `to` from there on. REQUIRES: List() has been called
  Status ReadAt(uint64_t offset, std::span<char> to) const {
    const ssize_t got = pread(file_.fd, to.data(), to.size(), static_cast<off_t>(offset));
    if (got < 0) return IoError("cannot be read: {}", std::strerror(errno));
    if (static_cast<size_t>(got) < to.size()) return DataLoss("cut off at {} bytes", offset + got);
    return {};
  }

 private:
  Status Damaged() const {
    const char* text = archive_error_string(reader_);
    return DataLoss("no tar file, or a damaged one: {}", text ? text : "its headers cannot be read");
  }

  Status AddMember(archive_entry* entry, std::vector<Member>* members) const {
    const char* const path = archive_entry_pathname(entry);
    Member member{.name = path ? path : "", .link = {}};
    if (const char* const hard = archive_entry_hardlink(entry)) {
      member.link = fs::path(hard).lexically_normal().string();
    } else if (archive_entry_filetype(entry) == AE_IFLNK) {
      const char* const target = archive_entry_symlink(entry);
      member.link = (fs::path(member.name).parent_path() / (target ? target : "")).lexically_normal().string();
    } else if (archive_entry_filetype(entry) == AE_IFREG) {
      // The reader has consumed the file up to the entry's content.
      member.offset = static_cast<uint64_t>(archive_filter_bytes(reader_, -1));
      const int64_t bytes = archive_entry_size(entry);
      if (bytes < 0 || member.offset > bytes_ || static_cast<uint64_t>(bytes) > bytes_ - member.offset)
        return DataLoss("entry {}: {} bytes at {} are more than the file has", Quoted(member.name), bytes,
                        member.offset);
      member.bytes = static_cast<uint64_t>(bytes);
      member.sparse = archive_entry_sparse_count(entry) > 0;
    } else {
      return {};
    }
    members->push_back(std::move(member));
    return {};
  }

  archive* reader_;
  const Descriptor file_;
  uint64_t bytes_ = 0;
};

/// Finds what links lead to.
class Links {
 public:
  explicit Links(const std::vector<Member>& members) : members_(members) {}

  /// The file that `member` is or leads to.
  Result<const Member*> Follow(const Member& member) {
    const Member* at = &member;
    for (int followed = 0; at->link; ++followed) {
      if (followed == kMaxLinks) return DataLoss("entry {}: its links lead in a circle", Quoted(member.name));
      RIFFLE_ASSIGN(at, Find(member, *at->link));
    }
    if (at->sparse)
      return DataLoss("entry {}: it is stored with holes (sparse), which is not read: pack it without --sparse",
                      Quoted(member.name));
    return at;
  }

 private:
  Result<const Member*> Find(const Member& from, const std::string& name) {
    if (by_name_.empty())
      for (const Member& member : members_) by_name_[fs::path(member.name).lexically_normal().string()] = &member;
    const auto it = by_name_.find(name);
    if (it == by_name_.end())
      return DataLoss("entry {}: it is a link to {}, which is not in this tar file", Quoted(from.name), Quoted(name));
    return it->second;
  }

  const std::vector<Member>& members_;
  std::unordered_map<std::string, const Member*> by_name_;  // filled when the first link is followed
};

/// The entries that follow one another with the same key.
struct Sample {
  std::string key;
  std::vector<const Member*> pictures, classes;
  std::vector<const Member*> dotted_pictures;  // "KEY.seg.png": another picture of the key, or a name with a dot
  std::vector<const Member*> others;
  bool dotted = false;  // a name has a dot before its ending
};

// "dir/a.b.JPG": key "dir/a", ending "b.jpg", as WebDataset has it.
std::pair<std::string, std::string> Split(const std::string& name) {
  const size_t base = name.rfind('/') == std::string::npos ? 0 : name.rfind('/') + 1;
  const size_t dot = name.find('.', base);
  if (dot == std::string::npos) return {name, ""};
  return {name.substr(0, dot), Lowercase(name.substr(dot + 1))};
}

/// Goes through the members and keeps those that are pictures with a class.
class Samples {
 public:
  Samples(const TarFile& file, const std::vector<Member>& members) : file_(file), members_(members), links_(members) {}

  Result<ShardContents> Collect() {
    for (const Member& member : members_) {
      if (fs::path(member.name).filename().native().starts_with('.')) {  // macOS puts a "._NAME" before each file
        left_out_.AddByName(member.name);
        continue;
      }
      const auto [key, ending] = Split(member.name);
      if (key != sample_.key) {
        RIFFLE_TRY(Finish());
        sample_ = {.key = key, .pictures = {}, .classes = {}, .dotted_pictures = {}, .others = {}};
      }
      const bool dotted = ending.find('.') != std::string::npos;
      sample_.dotted |= dotted;
      if (ending == "cls")
        sample_.classes.push_back(&member);
      else if (IsPictureName(member.name))
        (dotted ? sample_.dotted_pictures : sample_.pictures).push_back(&member);
      else
        sample_.others.push_back(&member);
    }
    RIFFLE_TRY(Finish());
    contents_.left_out = left_out_.Kinds();
    return std::move(contents_);
  }

 private:
  Status Finish() {
    if (sample_.pictures.empty()) std::swap(sample_.pictures, sample_.dotted_pictures);
    for (const Member* const other : sample_.dotted_pictures)
      left_out_.Add("further pictures of a key, which ends at the first dot of a name", other->name);
    if (sample_.pictures.empty()) {
      LeaveOutIncomplete();
      return {};
    }
    const Member& picture = *sample_.pictures.front();
    if (sample_.pictures.size() > 1)
      return DataLoss("key {} has two pictures, {} and {}{}", Quoted(sample_.key), Quoted(picture.name),
                      Quoted(sample_.pictures[1]->name), AboutDots());
    if (sample_.classes.empty()) return WithoutClass(picture);
    RIFFLE_ASSIGN(const int32_t label, LabelOf(*sample_.classes.front()));
    for (const Member* const again : sample_.classes) {
      RIFFLE_ASSIGN(const int32_t other, LabelOf(*again));
      if (other != label) return DataLoss("key {} has two classes, {} and {}", Quoted(sample_.key), label, other);
    }
    if (!keys_.insert(sample_.key).second)
      return DataLoss("key {} is there twice, with other keys in between, the second time as {}: pack anew",
                      Quoted(sample_.key), Quoted(picture.name));
    RIFFLE_ASSIGN(const Member* const content, links_.Follow(picture));
    if (content->bytes > kMaxPictureFileBytes)
      return DataLoss("entry {}: {} bytes are no picture", Quoted(picture.name), content->bytes);
    contents_.entries.push_back({picture.name, content->offset, content->bytes, label});
    return {};
  }

  // No picture that is read: there is one of another kind, or none.
  void LeaveOutIncomplete() {
    LeftOutFiles others;
    for (const Member* const other : sample_.others) others.AddByName(other->name);
    if (!sample_.classes.empty() && WithoutHarmless(others.Kinds()).empty())
      left_out_.Add("classes without a picture", sample_.classes.front()->name);
    else
      left_out_.Add(others.Kinds());
  }

  Status WithoutClass(const Member& picture) const {
    if (!sample_.dotted &&
        std::ranges::none_of(members_, [](const Member& m) { return Split(m.name).second == "cls"; }))
      return DataLoss(
          "{} has no class: a shard has an entry KEY.cls beside KEY.jpg, and this tar file has none; if it holds a "
          "folder of pictures, unpack it",
          Quoted(picture.name));
    return DataLoss("{} has no class: an entry {} was expected beside it{}", Quoted(picture.name),
                    Quoted(sample_.key + ".cls"), AboutDots());
  }

  std::string_view AboutDots() const {
    return sample_.dotted ? "; a key ends at the first dot of a name: rename them without dots" : "";
  }

  Result<int32_t> LabelOf(const Member& member) {
    RIFFLE_ASSIGN(const Member* const content, links_.Follow(member));
    std::array<char, kMaxLabelText> text{};
    const std::span<char> read(text.data(), std::min(content->bytes, kMaxLabelText));
    RIFFLE_TRY(file_.ReadAt(content->offset, read));
    const std::string_view found(read.data(), read.size());
    const auto label = ParseNumber<int32_t>(found.substr(0, found.find_last_not_of("\n\r ") + 1));
    if (!(label >= 0) || content->bytes > kMaxLabelText)
      return DataLoss("entry {}: the number of a class was expected, found {}", Quoted(member.name), Quoted(found));
    return *label;
  }

  const TarFile& file_;
  const std::vector<Member>& members_;
  Links links_;
  Sample sample_;
  std::unordered_set<std::string> keys_;  // of all pictures so far
  ShardContents contents_;
  LeftOutFiles left_out_;
};

}  // namespace

uint32_t ChecksumOf(const std::vector<ShardEntry>& entries) {
  std::string list;
  for (const ShardEntry& entry : entries)
    list += fmt::format("{}\n{} {} {}\n", entry.key, entry.offset, entry.bytes, entry.label);
  return Crc32({reinterpret_cast<const uint8_t*>(list.data()), list.size()});
}

Result<ShardContents> ReadShard(const fs::path& path) {
  RIFFLE_ASSIGN(Descriptor opened, OpenToRead(path));
  TarFile file(std::move(opened));
  const Result<std::vector<Member>> members = file.List();
  if (!members.ok()) return Status(members.status()).In(path.string());
  Result<ShardContents> contents = Samples(file, *members).Collect();
  if (!contents.ok()) return Status(contents.status()).In(path.string());
  return contents;
}

}  // namespace riffle
