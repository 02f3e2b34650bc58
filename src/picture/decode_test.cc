#include "picture/decode.h"

#include <png.h>

#include <cstdio>
// clang-format off: jpeglib.h needs <cstdio> before it
#include <jpeglib.h>
// clang-format on

#include <algorithm>

#include "picture/testing/pictures.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

// Pillow writes a file of each kind that it can write.
constexpr char kWrite[] = R"(
import sys
from PIL import Image
folder = sys.argv[1]
w, h = 61, 45
rgb = Image.frombytes('RGB', (w, h), open(folder + '/rgb.raw', 'rb').read())
alpha = rgb.getchannel(1)
rgba = rgb.copy(); rgba.putalpha(alpha)
la = rgb.convert('L'); la.putalpha(alpha)
def save(name, im, **more): im.save(f'{folder}/{name}', **more)
for sampling in (0, 1, 2): save(f'sampling{sampling}.jpg', rgb, quality=90, subsampling=sampling)
save('progressive.jpg', rgb, progressive=True)
save('grey.jpg', rgb.convert('L'))
save('cmyk.jpg', rgb.convert('CMYK'), quality=95)
save('rgb.png', rgb); save('grey.png', rgb.convert('L')); save('rgba.png', rgba); save('la.png', la)
save('bit.png', rgb.convert('1')); save('palette.png', rgb.convert('P')); save('few.png', rgb.quantize(11))
save('transparent.png', rgb.quantize(100), transparency=3)
save('lossy.webp', rgb, quality=80); save('lossless.webp', rgb, lossless=True); save('alpha.webp', rgba, lossless=True, exact=True)
save('bit.bmp', rgb.convert('1')); save('grey.bmp', rgb.convert('L')); save('palette.bmp', rgb.convert('P'))
save('rgb.bmp', rgb); save('rgba.bmp', rgba)
)";

// Pillow reads every picture in the folder.
constexpr char kRead[] = R"(
import glob, sys
from PIL import Image
for ending in ('jpg', 'png', 'webp', 'bmp'):
    for name in glob.glob(f'{sys.argv[1]}/*.{ending}'):
        for mode in ('RGB', 'L'):
            open(f'{name}.{mode}', 'wb').write(Image.open(name).convert(mode).tobytes())
)";

const std::vector<std::string> kNames = {
    "sampling0.jpg", "sampling1.jpg", "sampling2.jpg",   "progressive.jpg", "grey.jpg",    "cmyk.jpg",
    "ycck.jpg",      "rgb.png",       "grey.png",        "rgba.png",        "la.png",      "bit.png",
    "palette.png",   "few.png",       "transparent.png", "interlaced.png",  "deep.png",    "lossy.webp",
    "lossless.webp", "alpha.webp",    "bit.bmp",         "grey.bmp",        "palette.bmp", "rgb.bmp",
    "rgba.bmp",      "nibble.bmp",    "os2.bmp",         "top_down.bmp",    "rgb555.bmp",  "rgb565.bmp"};

// PNG as Pillow cannot write it: interlaced, or with 16 bits a value.
void WritePng(const fs::path& path, const Picture& picture, bool interlaced, bool deep) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_init_io(png, file);
  png_set_IHDR(png, info, picture.width, picture.height, deep ? 16 : 8, PNG_COLOR_TYPE_RGB,
               interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < picture.pixels.size(); ++i) {
    bytes.push_back(picture.pixels[i]);
    if (deep) bytes.push_back(static_cast<uint8_t>(i * 37));
  }
  std::vector<png_bytep> rows;
  for (int y = 0; y < picture.height; ++y) rows.push_back(bytes.data() + y * picture.RowBytes() * (deep ? 2 : 1));
  png_write_image(png, rows.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  std::fclose(file);
}

// JPEG with inverted CMYK inks stored as luma and chroma, as Photoshop writes it.
void WriteYcck(const fs::path& path, int height, int width) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  jpeg_stdio_dest(&info, file);
  info.image_height = height, info.image_width = width, info.input_components = 4, info.in_color_space = JCS_CMYK;
  jpeg_set_defaults(&info);
  jpeg_set_colorspace(&info, JCS_YCCK);
  jpeg_start_compress(&info, TRUE);
  const Picture inks = SomePicture(height, width * 4, 1);
  for (int y = 0; y < height; ++y) {
    JSAMPROW row = const_cast<uint8_t*>(inks.View().Row(y));
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::fclose(file);
}

// A bitmap with a header of the given size; `body` begins with masks or palette, `pixels_after` bytes before the
// pixels.
void WriteBmp(const fs::path& path, uint32_t header, int32_t height, int32_t width, uint32_t bits, uint32_t compression,
              uint32_t pixels_after, const std::vector<uint8_t>& body) {
  std::vector<uint8_t> file = {'B', 'M'};
  const auto put = [&](int64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) file.push_back(static_cast<uint8_t>(value >> (8 * i)));
  };
  put(14 + header + body.size(), 4), put(0, 4), put(14 + header + pixels_after, 4), put(header, 4);
  const int wide = header == 12 ? 2 : 4;
  put(width, wide), put(height, wide), put(1, 2), put(bits, 2);
  if (header != 12) put(compression, 4), put(0, 4), put(0, 4), put(0, 4), put(0, 4), put(0, 4);
  file.insert(file.end(), body.begin(), body.end());
  WriteBytes(path, file);
}

void WriteBitmaps(const fs::path& folder) {
  const auto noise = [](size_t count) { return SomePicture(1, static_cast<int>(count), 1).pixels; };
  const auto after = [&](std::vector<uint8_t> start, size_t count) {
    const std::vector<uint8_t> rest = noise(count);
    start.insert(start.end(), rest.begin(), rest.end());
    return start;
  };
  WriteBmp(folder / "nibble.bmp", 40, 9, 13, 4, 0, 64, noise(64 + 9 * 8));
  WriteBmp(folder / "os2.bmp", 12, 9, 13, 24, 0, 0, noise(9 * 40));
  WriteBmp(folder / "top_down.bmp", 40, -9, 13, 24, 0, 0, noise(9 * 40));
  WriteBmp(folder / "rgb555.bmp", 40, 9, 13, 16, 0, 0, noise(9 * 28));
  WriteBmp(folder / "rgb565.bmp", 40, 9, 13, 16, 3, 12, after({0, 0xF8, 0, 0, 0xE0, 7, 0, 0, 0x1F, 0, 0, 0}, 9 * 28));
}

// One file of every kind, made once, removed at the end.
struct PictureFiles {
  fs::path folder = TestFolder();

  PictureFiles() {
    WriteBytes(folder / "rgb.raw", SomePicture(45, 61, 3).pixels);
    RunPython(kWrite, {folder.string()});
    WritePng(folder / "interlaced.png", SomePicture(45, 61, 3), true, false);
    WritePng(folder / "deep.png", SomePicture(45, 61, 3), false, true);
    WriteYcck(folder / "ycck.jpg", 45, 61);
    WriteBitmaps(folder);
    RunPython(kRead, {folder.string()});
  }
};

const fs::path& Files() {
  static const PictureFiles files;
  return files.folder;
}

TEST(Decode, EqualsPillowForEveryKindOfFile) {
  for (const std::string& name : kNames) {
    const std::vector<uint8_t> file = ReadBytes(Files() / name);
    for (int channels : {3, 1}) {
      Picture picture;
      const Status status = Decode(file, channels, picture);
      ASSERT_TRUE(status.ok()) << name << ": " << status.message();
      EXPECT_FALSE(picture.incomplete) << name;
      EXPECT_EQ(picture.channels, channels);
      EXPECT_EQ(picture.pixels, ReadBytes(Files() / (name + (channels == 3 ? ".RGB" : ".L")))) << name;
    }
  }
}

TEST(Decode, SixteenBitGreyKeepsItsHighByte) {  // Pillow 9 clips such values instead
  const auto folder = TestFolder();
  RunPython(R"(
import sys
from PIL import Image
Image.frombytes('I;16', (4, 2), bytes(range(16))).save(sys.argv[1] + '/deep.png')
)",
            {folder.string()});
  Picture picture;
  ASSERT_TRUE(Decode(ReadBytes(folder / "deep.png"), 1, picture).ok());
  EXPECT_EQ(picture.pixels, (std::vector<uint8_t>{1, 3, 5, 7, 9, 11, 13, 15}));
}

TEST(Decode, SixteenBitsOfWhichFewLevelsAreUsedAreSaidToVanish) {
  const auto folder = TestFolder();
  RunPython(R"(
import struct, sys
from PIL import Image
for largest in (255, 1023, 4095, 4096, 65535):
    Image.frombytes('I;16', (2, 2), struct.pack('<4H', 0, 1, 77, largest)).save(f'{sys.argv[1]}/{largest}.png')
)",
            {folder.string()});
  for (const auto& [largest, levels] : {std::pair{255, 1}, {1023, 4}, {4095, 16}, {4096, 17}, {65535, 256}}) {
    Picture picture;
    ASSERT_TRUE(Decode(ReadBytes(folder / fmt::format("{}.png", largest)), 3, picture).ok());
    EXPECT_EQ(picture.bits, 16);
    EXPECT_EQ(picture.levels, levels);
    EXPECT_EQ(picture.vanished(), largest < 4096) << largest;
    const std::string taken = fmt::format("{} of 256 levels", levels);
    EXPECT_EQ(FlawOf(picture).find(taken) != std::string::npos, largest < 4096) << FlawOf(picture);
    ASSERT_TRUE(Decode(ReadBytes(Files() / "grey.png"), 3, picture).ok());
    EXPECT_EQ(picture.bits, 8) << "the marks are those of the last file";
    EXPECT_FALSE(picture.vanished());
  }
}

// Every length of every format: a picture or an error, never a crash (run this under the address sanitizer), and never
// a picture that claims to be whole though most of it is missing.
TEST(Decode, AnyTruncationIsAPictureOrAnError) {
  for (const std::string& name : kNames) {
    const std::vector<uint8_t> whole = ReadBytes(Files() / name);
    const size_t step = std::max<size_t>(1, whole.size() / 300);
    Picture picture;
    for (size_t length = 0; length < whole.size(); length += step) {
      const std::vector<uint8_t> cut(whole.begin(), whole.begin() + length);  // of its own: reads beyond are seen
      const Status status = Decode(cut, 3, picture);
      if (status.ok() && length < whole.size() / 2) {
        EXPECT_TRUE(picture.incomplete) << name << " cut to " << length;
      } else if (!status.ok()) {
        EXPECT_EQ(status.code(), ErrorCode::kDataLoss) << name << " cut to " << length << ": " << status.message();
      }
    }
  }
}

TEST(Decode, DamagedBytesAreAPictureOrAnError) {
  RandomStream random(3, RandomPurpose::kTest, 0, 0);
  for (const std::string& name : kNames) {
    const std::vector<uint8_t> whole = ReadBytes(Files() / name);
    Picture picture;
    for (int round = 0; round < 60; ++round) {
      std::vector<uint8_t> damaged = whole;
      // The first bytes hold the sizes: damage there more often.
      const uint32_t reach = round % 2 == 0 ? 64 : static_cast<uint32_t>(whole.size());
      for (int i = 0; i < 3; ++i)
        damaged[random.Below(std::min<uint32_t>(reach, whole.size()))] = static_cast<uint8_t>(random.Bits());
      if (Decode(damaged, 3, picture).ok()) {
        EXPECT_EQ(picture.pixels.size(), static_cast<size_t>(picture.height) * picture.width * 3);
      }
    }
  }
}

TEST(Decode, WhatIsLeftOfACutFileIsRight) {
  for (const char* name : {"sampling2.jpg", "rgb.png", "lossless.webp", "rgb.bmp"}) {
    const std::vector<uint8_t> whole = ReadBytes(Files() / name);
    Picture full, part;
    ASSERT_TRUE(Decode(whole, 3, full).ok());
    ASSERT_TRUE(Decode({whole.data(), whole.size() * 3 / 4}, 3, part).ok()) << name;
    EXPECT_TRUE(part.incomplete) << name;
    // The first eight rows; a bitmap's first rows are its last.
    const int64_t begin = std::string(name) == "rgb.bmp" ? full.pixels.size() - 8 * full.RowBytes() : 0;
    EXPECT_TRUE(std::equal(full.pixels.begin() + begin, full.pixels.begin() + begin + 8 * full.RowBytes(),
                           part.pixels.begin() + begin))
        << name;
    EXPECT_NE(full.pixels, part.pixels) << name;
  }
}

TEST(Decode, NoPictureAndHostileSizesAreClearErrors) {
  Picture picture;
  const std::string page = "<html>404</html>";
  const Status html = Decode({reinterpret_cast<const uint8_t*>(page.data()), page.size()}, 3, picture);
  EXPECT_EQ(html.message(),
            "not a JPEG, PNG, WebP or BMP picture but an HTML page, perhaps of a failed download: fetch the picture "
            "again");
  EXPECT_EQ(Decode({}, 3, picture).code(), ErrorCode::kDataLoss);
  const auto folder = TestFolder();
  WriteBmp(folder / "huge.bmp", 40, 60000, 60000, 24, 0, 0, std::vector<uint8_t>(1000));
  const Status huge = Decode(ReadBytes(folder / "huge.bmp"), 3, picture);
  EXPECT_NE(huge.message().find("60000 × 60000"), std::string::npos) << huge.message();
  WriteBmp(folder / "rle.bmp", 40, 6, 6, 8, 1, 0, std::vector<uint8_t>(1000));
  EXPECT_EQ(Decode(ReadBytes(folder / "rle.bmp"), 3, picture).code(), ErrorCode::kUnavailable);
  std::vector<uint8_t> jpeg = ReadBytes(Files() / "grey.jpg");
  const uint8_t start_of_frame[] = {0xFF, 0xC0};
  const auto frame = std::search(jpeg.begin(), jpeg.end(), start_of_frame, start_of_frame + 2);
  ASSERT_NE(frame, jpeg.end());
  std::fill_n(frame + 5, 4, uint8_t{0xFE});  // 65278 × 65278 pixels
  EXPECT_NE(Decode(jpeg, 3, picture).message().find("65278 × 65278"), std::string::npos);
}

// Headers that promise 60,000 × 60,000 pixels, over ten gigabytes, in files of some hundred bytes.
TEST(Decode, APictureThatPromisesTooMuchIsRefusedInEachFormatBeforeThereIsMemoryForIt) {
  const auto folder = TestFolder();
  RunPython(R"(
import io, struct, sys, zlib
from PIL import Image
SIZE = 60000
def save(name, data): open(f'{sys.argv[1]}/{name}', 'wb').write(data)
def encoded(**how):
    file = io.BytesIO()
    Image.new('RGB', (64, 64), (200, 10, 10)).save(file, **how)
    return bytearray(file.getvalue())
for name, frame, progressive in ('baseline.jpg', b'\xff\xc0', False), ('progressive.jpg', b'\xff\xc2', True):
    jpeg = encoded(format='JPEG', progressive=progressive)
    at = jpeg.index(frame) + 5
    jpeg[at:at + 4] = struct.pack('>HH', SIZE, SIZE)
    save(name, jpeg)
for interlaced in 0, 1:
    png = encoded(format='PNG')
    png[16:29] = struct.pack('>IIBBBBB', SIZE, SIZE, 8, 2, 0, 0, interlaced)
    png[29:33] = struct.pack('>I', zlib.crc32(png[12:29]))
    save(f'{interlaced}.png', png)
bmp = encoded(format='BMP')
bmp[18:26] = struct.pack('<ii', SIZE, SIZE)
save('plain.bmp', bmp)
bmp[18:26] = struct.pack('<ii', SIZE, -SIZE)
save('top_down.bmp', bmp)
webp = encoded(format='WEBP')
canvas = b'VP8X' + struct.pack('<II', 10, 0) + struct.pack('<I', SIZE - 1)[:3] * 2
save('extended.webp', webp[:4] + struct.pack('<I', len(webp) - 8 + len(canvas)) + b'WEBP' + canvas + webp[12:])
)",
            {folder.string()});
  int files = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".py") continue;
    Picture picture;
    const Status status = Decode(ReadBytes(entry.path()), 3, picture);
    EXPECT_EQ(status.code(), ErrorCode::kDataLoss) << entry.path();
    EXPECT_NE(status.message().find("of 60000 × 60000 pixels: more than the 268435456 that are allowed"),
              std::string::npos)
        << entry.path() << ": " << status.message();
    EXPECT_LT(picture.pixels.capacity(), size_t{1} << 20) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, 7);
}

TEST(Decode, RealPhotographsEqualPillow) {
  if (TestData() == nullptr) GTEST_SKIP() << "RIFFLE_TEST_DATA is not set";
  const fs::path ants = fs::path(TestData()) / "hymenoptera/val/ants";
  ASSERT_TRUE(fs::is_directory(ants)) << ants;
  const auto folder = TestFolder();
  for (const auto& entry : fs::directory_iterator(ants)) fs::copy(entry.path(), folder / entry.path().filename());
  ASSERT_NO_FATAL_FAILURE(RunPython(kRead, {folder.string()}));
  int compared = 0;
  for (const auto& entry : fs::directory_iterator(ants)) {
    Picture picture;
    ASSERT_TRUE(Decode(ReadBytes(entry.path()), 3, picture).ok()) << entry.path();
    EXPECT_EQ(picture.pixels, ReadBytes(folder / (entry.path().filename().string() + ".RGB"))) << entry.path();
    ++compared;
  }
  EXPECT_EQ(compared, 40);
}

}  // namespace
}  // namespace riffle
