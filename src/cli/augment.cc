// `riffle augment`: a sheet of pictures as training sees them, for a person to look at.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <span>

#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/data_options.h"
#include "cli/download.h"
#include "cli/own_number.h"
#include "data/order.h"
#include "picture/draw/draw.h"
#include "report/log.h"
#include "settings/run_notes.h"

namespace riffle {
namespace {

constexpr int kDefaultPictures = 6, kDefaultVersions = 7;
const Limits kRowsOrColumns = {.low = 1, .high = 100};
constexpr int kMaxSheetSide = 30000;  // pixels

// The sheet, in pixels.
constexpr int kMargin = 24;
constexpr int kGap = 8;           // between versions
constexpr int kAside = 3 * kGap;  // between validation's view and the versions
constexpr int kRowGap = 18;       // between a row and the next one's label
constexpr int kLabelGap = 6;      // between a text and what it belongs to
constexpr int kTitleGap = 14;     // below the title
constexpr int kTitleZoom = 3, kTextZoom = 2;
constexpr int kGoodCell = 128;  // small pictures are enlarged to about this
constexpr int kTextHeight = kGlyphHeight * kTextZoom, kTitleHeight = kGlyphHeight * kTitleZoom;
constexpr Color3 kPaper = {250, 249, 246}, kInk = {34, 38, 46}, kFaint = {128, 134, 144}, kFrame = {205, 204, 200};

/// What training does to a picture, in a few words each.
std::vector<std::string> Describe(const Options& o, const Augmentation& a) {
  std::vector<std::string> parts = {fmt::format("{} x {} pixels", o.image_resize, o.image_resize)};
  if (a.crop == TrainCrop::kPadded) parts.push_back(fmt::format("random crop, padded by {}", a.padding));
  if (a.crop == TrainCrop::kRandomResized)
    parts.push_back(fmt::format("random resized crop, scale {:.4g} to {:.4g}", a.scale[0], a.scale[1]));
  if (a.hflip > 0) parts.push_back(fmt::format("hflip {:.4g}", a.hflip));
  if (a.vflip > 0) parts.push_back(fmt::format("vflip {:.4g}", a.vflip));
  if (a.policy) parts.push_back(o.auto_augment);
  if (a.color_jitter > 0) parts.push_back(fmt::format("color jitter {:.4g}", a.color_jitter));
  if (a.erasing.probability > 0) parts.push_back(fmt::format("random erasing {:.4g}", a.erasing.probability));
  parts.push_back(fmt::format("seed {}", o.seed));
  return parts;
}

/// What a person calls the set: class folders by the folder that holds them.
std::string SetName(const DatasetInfo& info, const Options& o) {
  if (info.layout != DatasetLayout::kFolder) return std::string(info.name);
  const std::filesystem::path folder = std::filesystem::path(o.data_dir).lexically_normal();
  const std::string name = (folder.has_filename() ? folder : folder.parent_path()).filename().string();
  return name.empty() || name == "." || name == ".." ? std::string(info.name) : name;
}

/// A file's name without its folders; "#17" where the pictures have only numbers.
std::string PictureName(const std::string& name) {
  const size_t number = name.rfind(" #");
  return number == std::string::npos ? std::filesystem::path(name).filename().string() : name.substr(number + 1);
}

/// The parts in lines no wider than `width`, as far as that goes.
std::vector<std::string> Wrap(const std::vector<std::string>& parts, int width) {
  std::vector<std::string> lines;
  for (const std::string& part : parts) {
    const std::string longer = lines.empty() ? "" : lines.back() + " | " + part;
    if (!lines.empty() && TextWidth(longer, kTextZoom) <= width)
      lines.back() = longer;
    else
      lines.push_back(part);
  }
  return lines;
}

/// Draws pictures as the network sees them.
class Viewer {
 public:
  Viewer(const Dataset& data, const Preprocessing& preprocessing, const Transform& training,
         const Transform& evaluation, uint64_t seed)
      : data_(data), preprocessing_(preprocessing), training_(training), evaluation_(evaluation), seed_(seed) {}

  /// Picture `index` as validation sees it.
  Result<PictureView> ForValidation(int64_t index) { return See(evaluation_, index, 0); }
  /// As epoch `epoch` of training sees it. The view holds until the next call.
  Result<PictureView> ForTraining(int64_t index, int epoch) { return See(training_, index, epoch); }

 private:
  Result<PictureView> See(const Transform& transform, int64_t index, int epoch) {
    RIFFLE_ASSIGN(const PictureView picture, data_.Read(index, read_));
    const int size = transform.image_size(), channels = transform.channels();
    const int64_t pixels = int64_t{size} * size;
    values_.resize(static_cast<size_t>(channels * pixels));
    RandomStream random(seed_, RandomPurpose::kAugmentation, static_cast<uint32_t>(epoch),
                        static_cast<uint32_t>(index));  // as the loader's
    Status status = transform.Apply(picture, random, scratch_, values_.data(), pixels);
    if (!status.ok()) return std::move(status).In(data_.NameOf(index));
    seen_.Reshape(size, size, channels);
    for (int c = 0; c < channels; ++c)
      for (int64_t i = 0; i < pixels; ++i) {
        const float value = values_[c * pixels + i] * preprocessing_.std[c] + preprocessing_.mean[c];
        seen_.pixels[i * channels + c] = static_cast<uint8_t>(std::clamp(std::nearbyint(value), 0.0f, 255.0f));
      }
    return seen_.View();
  }

  const Dataset& data_;
  const Preprocessing& preprocessing_;
  const Transform &training_, &evaluation_;
  const uint64_t seed_;
  Picture read_, seen_;
  TransformScratch scratch_;
  std::vector<float> values_;
};

/// Where everything goes.
struct Layout {
  int pictures, versions, zoom, cell, header_lines;

  int Left(int column) const { return kMargin + column * (cell + kGap) + (column > 0 ? kAside - kGap : 0); }
  int Width() const { return Left(versions) + cell + kMargin; }
  int HeadingTop() const {
    return kMargin + kTitleHeight + kTitleGap + header_lines * (kTextHeight + kLabelGap) + kRowGap;
  }
  int RuleTop() const { return HeadingTop() + kTextHeight + kLabelGap; }
  int LabelTop(int row) const { return RuleTop() + kRowGap + row * (kTextHeight + kLabelGap + cell + kRowGap); }
  int CellTop(int row) const { return LabelTop(row) + kTextHeight + kLabelGap; }
  int Height() const { return CellTop(pictures - 1) + cell + kMargin; }
};

void DrawCell(Picture& sheet, const Layout& layout, int row, int column, const PictureView& picture) {
  const int top = layout.CellTop(row), left = layout.Left(column);
  DrawRectangle(sheet, top - 1, left - 1, layout.cell + 2, layout.cell + 2, kFrame);
  Draw(sheet, top, left, picture, layout.zoom);
}

void DrawHeader(Picture& sheet, const Layout& layout, const std::string& title, const std::vector<std::string>& lines) {
  int top = kMargin;
  DrawText(sheet, top, kMargin, title, kInk, kTitleZoom);
  top += kTitleHeight + kTitleGap;
  for (const std::string& line : lines) {
    DrawText(sheet, top, kMargin, line, kFaint, kTextZoom);
    top += kTextHeight + kLabelGap;
  }
  DrawRectangle(sheet, layout.RuleTop(), kMargin, 1, layout.Width() - 2 * kMargin, kFrame);
  for (int column = 0; column <= layout.versions; ++column) {
    std::string heading = column == 0 ? "validation" : fmt::format("epoch {}", column);
    if (TextWidth(heading, kTextZoom) > layout.cell) heading = column == 0 ? "val" : fmt::format("{}", column);
    DrawText(sheet, layout.HeadingTop(), layout.Left(column), heading, kInk, kTextZoom);
  }
}

void DrawLabel(Picture& sheet, const Layout& layout, int row, const std::string& class_name, const std::string& name) {
  const int top = layout.LabelTop(row);
  DrawText(sheet, top, kMargin, class_name, kInk, kTextZoom);
  const int left = kMargin + TextWidth(class_name + "  ", kTextZoom);
  DrawText(sheet, top, left, name, kFaint, kTextZoom);
}

/// The first `wanted` pictures of the order that can be read, as training finds others for those that cannot; each of
/// the latter is named, and what is wrong with the former. Errors: that of the last one, where none can be read.
Result<std::vector<int64_t>> Readable(const Dataset& data, std::span<const int64_t> order, int wanted, Log& log) {
  std::vector<int64_t> chosen;
  Picture scratch;
  Status last;
  for (const int64_t index : order) {
    if (static_cast<int>(chosen.size()) == wanted) break;
    scratch.Reshape(0, 0, 1);  // pictures in memory leave it alone
    const Result<PictureView> picture = data.Read(index, scratch);
    if (!picture.ok()) {
      last = picture.status();
      log.Line(Skipped(last.message()));
      continue;
    }
    if (const std::string flaw = FlawOf(scratch); !flaw.empty())
      log.Line(fmt::format("{}: {}", data.NameOf(index), flaw));
    chosen.push_back(index);
  }
  if (chosen.empty()) return last;
  return chosen;
}

Status Run(const Invocation& invocation, const Console& console) {
  const std::string* path = invocation.Own("out");
  if (path == nullptr)
    return InvalidArgument("option out: expected the picture file to write, found nothing; add --out=grid.png");
  RIFFLE_ASSIGN(const int wanted, OwnNumber(invocation, "num", kDefaultPictures, kRowsOrColumns));
  RIFFLE_ASSIGN(const int versions, OwnNumber(invocation, "versions", kDefaultVersions, kRowsOrColumns));
  Settings settings = invocation.settings;
  Options& options = settings.options;
  RIFFLE_ASSIGN(const DatasetInfo* info, FindDataset(options.dataset));
  UseDefaultsOf(*info, settings);
  RIFFLE_ASSIGN(const Preprocessing preprocessing, PreprocessingFrom(options));
  RIFFLE_ASSIGN(Augmentation augmentation, AugmentationFrom(options, *info));
  augmentation.splits = 1;  // each epoch shows one version
  Preprocessing trained_on = preprocessing;
  trained_on.image_size = options.image_resize;  // val_resize is for validation
  RIFFLE_ASSIGN(const Transform training, Transform::ForTraining(trained_on, augmentation));
  RIFFLE_ASSIGN(const Transform evaluation, Transform::ForEvaluation(preprocessing));
  Log log(console.out, console.terminal_width);
  if (const std::string note = PixelScaleNote(settings); !note.empty()) log.Line(note);
  RIFFLE_TRY(DownloadIfAsked(options, log));
  RIFFLE_ASSIGN(const std::unique_ptr<Dataset> data, OpenDataset(TrainDataset(options)));
  for (const std::string& note : NotesOn(*data, options.train_split, options.image_resize, options.crop_pct))
    log.Line(note);

  const auto order = EpochOrder(data->size(), options.shuffle, static_cast<uint64_t>(options.seed), 0);
  RIFFLE_ASSIGN(const std::vector<int64_t> shown, Readable(*data, order, wanted, log));
  const int pictures = static_cast<int>(shown.size());
  const int zoom = std::max(1, (kGoodCell + options.image_resize / 2) / options.image_resize);
  Layout layout = {.pictures = pictures,
                   .versions = versions,
                   .zoom = zoom,
                   .cell = zoom * std::max(options.image_resize, preprocessing.image_size)};
  const std::vector<std::string> parts = Describe(options, augmentation);
  const std::vector<std::string> lines = Wrap(parts, layout.Width() - 2 * kMargin);
  layout.header_lines = static_cast<int>(lines.size());
  if (layout.Width() > kMaxSheetSide || layout.Height() > kMaxSheetSide)
    return InvalidArgument("a sheet of {} × {} pixels is too large; lower --num, --versions or --image_resize",
                           layout.Width(), layout.Height());

  Picture sheet = Canvas(layout.Height(), layout.Width(), kPaper);
  const std::string set = fmt::format("{} {}", SetName(*info, options), options.train_split);
  DrawHeader(sheet, layout, set, lines);
  Viewer viewer(*data, preprocessing, training, evaluation, static_cast<uint64_t>(options.seed));
  for (int row = 0; row < pictures; ++row) {
    const int64_t index = shown[row];
    DrawLabel(sheet, layout, row, data->classes()[data->label(index)], PictureName(data->NameOf(index)));
    RIFFLE_ASSIGN(const PictureView clean, viewer.ForValidation(index));
    DrawCell(sheet, layout, row, 0, clean);
    for (int epoch = 0; epoch < versions; ++epoch) {
      RIFFLE_ASSIGN(const PictureView version, viewer.ForTraining(index, epoch));
      DrawCell(sheet, layout, row, epoch + 1, version);
    }
  }
  RIFFLE_ASSIGN(const std::string png, EncodePng(sheet.View()));
  RIFFLE_TRY(WriteFileAtomically(*path, png));
  console.out << fmt::format("{}: {} of {} of {}, as validation and {} of training see them\n", OneLine(*path),
                             pictures, Counted(data->size(), "picture"), set, Counted(versions, "epoch"));
  for (const std::string& part : parts) console.out << "  " << part << '\n';
  return {};
}

}  // namespace

Command AugmentCommand() {
  using enum OptionGroup;
  return {
      .name = "augment",
      .summary = "draws a sheet of pictures as training sees them",
      .options = {.groups = {kDataset, kDownload, kTrainPictures, kPreprocessing, kCrops, kAugmentation, kErasing},
                  .names = {"config", "seed", "in_channels"}},
      .own_options = {{.name = "out",
                       .value_name = "FILE",
                       .help = "the PNG file to write",
                       .short_name = 'o',
                       .value = OwnValue::kOutput},
                      {.name = "num", .value_name = "N", .help = "pictures, one in each row; 6 unless set"},
                      {.name = "versions",
                       .value_name = "N",
                       .help = "epochs that each is shown in, beside the view of validation; 7 unless set"}},
      .examples = {{"augment --dataset=cifar10 --data_dir=data --image_resize=32 --auto_augment=randaug-m7-n2-mstd0.5 "
                    "--out=grid.png",
                    "what RandAugment does to CIFAR-10"},
                   {"augment -c configs/cifar10/shufflenet_v1_g3_x0_5.yaml --data_dir=data --out=grid.png",
                    "the pictures that a recipe trains on, to the pixel"}},
      .run = Run,
  };
}

}  // namespace riffle
