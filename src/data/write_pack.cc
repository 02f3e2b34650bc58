#include "data/write_pack.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <numeric>

#include "base/descriptor.h"
#include "data/crc32.h"
#include "data/pack_file.h"
#include "picture/encode_jpeg.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

// Pictures of a round are made by all threads, and then written: so many, in so much memory, but one a thread.
constexpr size_t kPicturesPerRound = 256;
constexpr size_t kBytesPerRound = size_t{256} << 20;

/// A thread's memory.
struct Scratch {
  Picture read;
  ResizeScratch resize;
  Picture resized;
};

/// A picture on its way into the file.
struct Made {
  PackedPicture row;
  std::vector<uint8_t> bytes;
  Status error;
};

bool IsGrey(const PictureView& picture) {
  if (picture.channels == 1) return true;
  for (int y = 0; y < picture.height; ++y)
    for (const uint8_t *p = picture.Row(y), *end = p + 3 * int64_t{picture.width}; p != end; p += 3)
      if (p[0] != p[1] || p[0] != p[2]) return false;
  return true;
}

// Rows without gaps, one channel of three if it is grey.
std::vector<uint8_t> RawBytes(const PictureView& picture, int channels) {
  std::vector<uint8_t> bytes(static_cast<size_t>(picture.height) * picture.width * channels);
  uint8_t* to = bytes.data();
  for (int y = 0; y < picture.height; ++y) {
    const uint8_t* from = picture.Row(y);
    if (channels == picture.channels) {
      to = std::copy_n(from, int64_t{picture.width} * channels, to);
      continue;
    }
    for (int x = 0; x < picture.width; ++x) *to++ = from[3 * x];
  }
  return bytes;
}

bool IsJpeg(std::span<const uint8_t> file) { return file.size() > 2 && file[0] == 0xFF && file[1] == 0xD8; }

Status Make(const Dataset& data, int64_t i, const PackForm& form, Scratch& scratch, Made& made) {
  scratch.read.Reshape(0, 0, 1);  // pictures that are no files leave its marks alone
  RIFFLE_TRY(data.Verify(i));
  RIFFLE_ASSIGN(PictureView picture, data.Read(i, scratch.read));
  made.row.incomplete = scratch.read.incomplete ? 1 : 0;
  made.row.bits = static_cast<uint8_t>(scratch.read.bits);
  made.row.levels = static_cast<uint16_t>(scratch.read.levels);
  made.row.orientation = static_cast<uint8_t>(scratch.read.exif_orientation);
  const int shorter = std::min(picture.height, picture.width);
  if (shorter > form.max_side) {
    const int64_t height = int64_t{picture.height} * form.max_side / shorter;
    const int64_t width = int64_t{picture.width} * form.max_side / shorter;
    Resize(picture, height, width, {0, 0, static_cast<int>(height), static_cast<int>(width)}, form.interpolation,
           scratch.resize, scratch.resized);
    picture = scratch.resized.View();
  } else if (form.quality && !scratch.read.incomplete) {
    auto file = data.Encoded(i);
    if (file.ok() && IsJpeg(*file)) made.bytes = std::move(*file);
  }
  const int channels = IsGrey(picture) ? 1 : 3;
  if (made.bytes.empty() && !form.quality) {
    made.bytes = RawBytes(picture, channels);
  } else if (made.bytes.empty()) {
    const std::vector<uint8_t> grey = channels < picture.channels ? RawBytes(picture, 1) : std::vector<uint8_t>();
    if (!grey.empty()) picture = {grey.data(), picture.height, picture.width, 1, picture.width};
    RIFFLE_ASSIGN(made.bytes, EncodeJpeg(picture, *form.quality));
  }
  made.row.height = static_cast<uint32_t>(picture.height);
  made.row.width = static_cast<uint32_t>(picture.width);
  made.row.channels = static_cast<uint8_t>(channels);
  made.row.bytes = static_cast<uint32_t>(made.bytes.size());
  made.row.checksum = Crc32(made.bytes);
  return {};
}

Made MakeOne(const Dataset& data, int64_t i, const PackForm& form, Scratch& scratch) {
  Made made;
  try {
    made.error = Make(data, i, form, scratch, made);
  } catch (const std::bad_alloc&) {
    made.error = IoError("{}: no memory to read it; fewer --threads need less", data.NameOf(i));
  }
  if (!made.error.ok()) made.row.bytes = 0;
  made.row.label = data.label(i);
  return made;
}

// Of the original, not of this machine, where it can be.
std::string OwnName(const Dataset& data, int64_t i) {
  const std::string name = data.NameOf(i), place = data.place().string() + '/';
  return name.starts_with(place) ? name.substr(place.size()) : name;
}

class Writer {
 public:
  explicit Writer(const fs::path& path)
      : path_(path), file_(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
    if (file_.fd < 0) error_ = errno;
  }

  Status WriteAt(uint64_t offset, const void* bytes, size_t size) const {
    if (file_.fd < 0) return Error(error_);
    const auto* from = static_cast<const uint8_t*>(bytes);
    for (size_t done = 0; done < size;) {
      const ssize_t n = pwrite(file_.fd, from + done, size - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno != EINTR) return Error(errno);
      done += n > 0 ? static_cast<size_t>(n) : 0;
    }
    return {};
  }

  Status SetSize(uint64_t bytes) const {
    return ftruncate(file_.fd, static_cast<off_t>(bytes)) == 0 ? Status() : Error(errno);
  }
  Status Flush() const { return fdatasync(file_.fd) == 0 ? Status() : Error(errno); }

 private:
  Status Error(int error) const { return IoError("{}: cannot be written: {}", path_.string(), std::strerror(error)); }

  const fs::path path_;
  const Descriptor file_;
  int error_ = 0;
};

// An error that another try may not meet; what is wrong with a picture itself stays.
bool IsOfTheSystem(const Status& status) { return status.code() == ErrorCode::kIo; }

// Names of the pictures, and places for them in the table.
PackHead HeadOf(const Dataset& data, std::span<const int64_t> chosen, const PackForm& form, const std::string& recipe) {
  PackHead head{.encoding = form.quality ? PackEncoding::kFiles : PackEncoding::kRaw,
                .classes = data.classes(),
                .recipe = recipe,
                .pictures = {},
                .names = {}};
  for (const int64_t i : chosen) {
    head.names += OwnName(data, i);
    head.pictures.push_back({.name_end = static_cast<uint32_t>(head.names.size())});
  }
  return head;
}

Status WriteRound(ThreadPool& pool, const std::vector<Made>& round, const Writer& file) {
  std::vector<Status> written(round.size());
  pool.ParallelFor(static_cast<int64_t>(round.size()), [&](int64_t k) {
    const Made& made = round[k];
    if (made.row.readable()) written[k] = file.WriteAt(made.row.offset, made.bytes.data(), made.bytes.size());
  });
  for (const Status& status : written) RIFFLE_TRY(status);
  return {};
}

// How many pictures as large as those of this one the next round has.
size_t NextRound(const std::vector<Made>& round, size_t threads) {
  size_t largest = 1;
  for (const Made& made : round) largest = std::max(largest, made.bytes.size());
  return std::max(threads, std::min(kPicturesPerRound, kBytesPerRound / largest));
}

}  // namespace

Status WritePack(ThreadPool& pool, const Dataset& data, std::span<const int64_t> chosen, const PackForm& form,
                 const std::string& recipe, const fs::path& path, const PackedSoFar& progress) {
  PackHead head = HeadOf(data, chosen, form, recipe);
  const Writer file(path);
  uint64_t end = AlignedInPack(PackHeadText(head, 0).size());
  std::vector<Scratch> scratch(pool.threads());
  const auto threads = static_cast<size_t>(pool.threads());
  size_t round_size = threads;  // until it is known how large they are
  for (size_t begin = 0; begin < chosen.size();) {
    std::vector<Made> round(std::min(round_size, chosen.size() - begin));
    pool.ParallelForThread(static_cast<int64_t>(round.size()), [&](int64_t k, int thread) {
      round[k] = MakeOne(data, chosen[begin + k], form, scratch[thread]);
    });
    for (size_t k = 0; k < round.size(); ++k) {
      PackedPicture& row = round[k].row;
      if (IsOfTheSystem(round[k].error)) return round[k].error;
      row.offset = end;
      row.name_end = head.pictures[begin + k].name_end;
      end = AlignedInPack(end + row.bytes);
      head.pictures[begin + k] = row;
    }
    RIFFLE_TRY(WriteRound(pool, round, file));
    begin += round.size();
    round_size = NextRound(round, threads);
    RIFFLE_TRY(progress(static_cast<int64_t>(begin)));
  }
  const std::string text = PackHeadText(head, end);
  RIFFLE_TRY(file.SetSize(end));
  RIFFLE_TRY(file.Flush());  // before there is a head
  RIFFLE_TRY(file.WriteAt(0, text.data(), text.size()));
  return file.Flush();
}

bool IsUpToDate(ThreadPool& pool, const Dataset& data, std::span<const int64_t> chosen, const PackForm& form,
                const OpenedPack& pack) {
  constexpr size_t kMadeAgain = 16;
  std::error_code error;
  const fs::file_time_type written = fs::last_write_time(pack.file.path(), error);
  if (error || pack.head.pictures.size() != chosen.size()) return false;
  const size_t step = std::max<size_t>(1, chosen.size() / kMadeAgain);
  std::vector<Scratch> scratch(pool.threads());
  std::atomic<bool> same = true;
  pool.ParallelForThread(static_cast<int64_t>(chosen.size()), [&](int64_t k, int thread) {
    if (!same) return;
    const PackedPicture& row = pack.head.pictures[k];
    const auto bytes = pack.file.Fetch(row.offset, row.bytes);
    std::error_code is_no_file;
    const fs::file_time_type changed = fs::last_write_time(data.NameOf(chosen[k]), is_no_file);
    bool is_same = row.bytes == 0 || (bytes.ok() && Crc32(*bytes) == row.checksum);
    is_same = is_same && (is_no_file || changed <= written);
    if (is_same && k % step == 0) {
      const PackedPicture again = MakeOne(data, chosen[k], form, scratch[thread]).row;
      is_same = again.bytes == row.bytes && again.checksum == row.checksum;
    }
    if (!is_same) same = false;
  });
  return same;
}

Result<double> BytesOfPackedPicture(ThreadPool& pool, const Dataset& data, const PackForm& form) {
  constexpr int64_t kTried = 64;
  const int64_t count = std::min(kTried, data.size());
  std::vector<uint64_t> sizes(count);
  std::vector<Status> errors(count);
  std::vector<Scratch> scratch(pool.threads());
  pool.ParallelForThread(count, [&](int64_t k, int thread) {
    const Made made = MakeOne(data, k * data.size() / count, form, scratch[thread]);
    sizes[k] = AlignedInPack(made.row.bytes);
    if (IsOfTheSystem(made.error)) errors[k] = made.error;
  });
  for (const Status& error : errors) RIFFLE_TRY(error);
  const double bytes = std::accumulate(sizes.begin(), sizes.end(), 0.0);
  return bytes / static_cast<double>(count);
}

}  // namespace riffle
