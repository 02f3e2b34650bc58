// MNIST's IDX format (yann.lecun.com/exdb/mnist): two zero bytes, the type (8: bytes), the number of dimensions, each
// dimension as a big-endian 32-bit number, the values. Files may be gzipped.
#include <zlib.h>

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/text.h"
#include "data/readers.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxBytes = uint64_t{4} << 30;  // unpacked: far above MNIST's 47 MB and its extensions

struct Idx {
  std::vector<uint32_t> dimensions;
  std::vector<uint8_t> bytes;  // the file; the values are its end
  size_t values_at = 0;
};

Result<std::vector<uint8_t>> Gunzip(const std::vector<uint8_t>& packed) {
  std::vector<uint8_t> out;
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) return Unavailable("zlib cannot start");
  stream.next_in = const_cast<uint8_t*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  int code = Z_OK;
  while (code == Z_OK && out.size() < kMaxBytes) {
    const size_t done = out.size(), room = std::max<size_t>(done, 1 << 20);
    out.resize(done + room);
    stream.next_out = out.data() + done;
    stream.avail_out = static_cast<uInt>(std::min<size_t>(room, 1u << 30));
    const size_t offered = stream.avail_out;
    code = inflate(&stream, Z_NO_FLUSH);
    out.resize(done + offered - stream.avail_out);
  }
  inflateEnd(&stream);
  if (code != Z_STREAM_END) return DataLoss("the gzip file is cut off, damaged or too large");
  return out;
}

Result<Idx> ParseIdx(std::vector<uint8_t> bytes, size_t rank) {
  if (bytes.size() >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B) {
    RIFFLE_ASSIGN(bytes, Gunzip(bytes));
  }
  Idx idx;
  idx.values_at = 4 + 4 * rank;
  if (bytes.size() < idx.values_at || bytes[0] != 0 || bytes[1] != 0 || bytes[2] != 8 || bytes[3] != rank)
    return DataLoss("an IDX file of bytes in {} dimension(s) was expected, {} bytes of something else found", rank,
                    bytes.size());
  uint64_t values = 1;
  for (size_t d = 0; d < rank; ++d) {
    const uint8_t* p = bytes.data() + 4 + 4 * d;
    idx.dimensions.push_back(uint32_t{p[0]} << 24 | p[1] << 16 | p[2] << 8 | p[3]);
    if (idx.dimensions.back() == 0 || idx.dimensions.back() > kMaxBytes / values)
      return DataLoss("dimension {} of the header is {}: empty or hostile", d, idx.dimensions.back());
    values *= idx.dimensions.back();
  }
  if (bytes.size() - idx.values_at != values)
    return DataLoss("{} values were expected after the header, {} found; fetch the file again", values,
                    bytes.size() - idx.values_at);
  idx.bytes = std::move(bytes);
  return idx;
}

// The file of that name as one finds it: as published, with a dot (as some unpackers write it), gzipped or not.
fs::path FindFile(const fs::path& folder, std::string_view name) {
  std::string dotted(name);
  dotted[dotted.find("-idx")] = '.';
  std::error_code error;
  for (const std::string& stem : {std::string(name), dotted})
    for (const char* ending : {"", ".gz"})
      if (fs::path path = folder / (stem + ending); fs::is_regular_file(path, error)) return path;
  return {};
}

Result<Idx> ReadIdx(const fs::path& folder, std::string_view name, size_t rank) {
  const fs::path path = FindFile(folder, name);
  if (path.empty()) return NotFound("{}: {} (or {}.gz) is missing", folder.string(), name, name);
  RIFFLE_ASSIGN(std::vector<uint8_t> bytes, ReadFile(path, kMaxBytes));
  Result<Idx> idx = ParseIdx(std::move(bytes), rank);
  if (!idx.ok()) return Status(idx.status()).In(path.string());
  return idx;
}

// The pictures, grey as the file has them, or each value three times.
std::vector<uint8_t> Pixels(const Idx& pictures, int channels) {
  const auto first = pictures.bytes.begin() + static_cast<int64_t>(pictures.values_at);
  if (channels == 1) return {first, pictures.bytes.end()};
  std::vector<uint8_t> pixels;
  pixels.reserve(3 * (pictures.bytes.size() - pictures.values_at));
  for (auto p = first; p != pictures.bytes.end(); ++p) pixels.insert(pixels.end(), 3, *p);
  return pixels;
}

Result<fs::path> FindIdxFolder(const DatasetInfo& info, const SplitInfo& split, const fs::path& data_dir) {
  const auto fits = [&](const fs::path& folder) { return !FindFile(folder, split.files[0]).empty(); };
  // Where the user named no folder, the system's copy comes first: other sets have files of the same names.
  const bool named = !data_dir.empty() && data_dir.lexically_normal() != "." && data_dir.lexically_normal() != "./";
  if (!named && !info.system_folder.empty() && fits(info.system_folder)) return fs::path(info.system_folder);
  return FindFolder(data_dir.empty() ? "." : data_dir,
                    fmt::format("{} (the folder with {} or {}.gz)", info.name, split.files[0], split.files[0]), info,
                    fits);
}

}  // namespace

Result<std::unique_ptr<Dataset>> OpenIdx(const DatasetInfo& info, const SplitInfo& split, const fs::path& data_dir,
                                         int channels) {
  RIFFLE_ASSIGN(const fs::path folder, FindIdxFolder(info, split, data_dir));
  RIFFLE_ASSIGN(const Idx pictures, ReadIdx(folder, split.files[0], 3));
  RIFFLE_ASSIGN(const Idx marks, ReadIdx(folder, split.files[1], 1));
  if (pictures.dimensions[0] != marks.dimensions[0])
    return DataLoss("{}: {} in {}, but {} in {}", folder.string(), Counted(pictures.dimensions[0], "picture"),
                    split.files[0], Counted(marks.dimensions[0], "label"), split.files[1]);
  const int size = info.native_size;
  if (pictures.dimensions[1] != static_cast<uint32_t>(size) || pictures.dimensions[2] != static_cast<uint32_t>(size))
    return DataLoss("{}: {} has pictures of {} × {} pixels, {} has {} × {}", folder.string(), split.files[0],
                    pictures.dimensions[2], pictures.dimensions[1], info.name, size, size);
  std::vector<int32_t> labels(marks.bytes.begin() + static_cast<int64_t>(marks.values_at), marks.bytes.end());
  if (const auto worst = std::max_element(labels.begin(), labels.end()); *worst >= info.num_classes)
    return DataLoss("{}: {} has label {} at {}, there are {} classes", folder.string(), split.files[1], *worst,
                    worst - labels.begin(), info.num_classes);
  const PictureView shape{nullptr, size, size, channels, int64_t{size} * channels};
  return std::unique_ptr<Dataset>(
      std::make_unique<MemoryDataset>(fmt::format("{} {}", info.name, split.name),
                                      std::vector<std::string>(info.class_names.begin(), info.class_names.end()),
                                      std::move(labels), shape, Pixels(pictures, channels)));
}

}  // namespace riffle
