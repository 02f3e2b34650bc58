#include "data/loader.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <system_error>

#include "base/text.h"
#include "data/order.h"

namespace riffle {
namespace {

using Clock = std::chrono::steady_clock;

// A worker takes so many pictures at a time: enough that the lock is not noticed, few enough that all workers share
// each batch.
int PicturesPerClaim(const LoaderOptions& options) {
  return std::clamp(options.batch_size / (4 * std::max(1, options.workers)), 1, 16);
}

int Repeats(const LoaderOptions& options) { return std::max(1, options.aug_repeats); }

int64_t Tolerated(double share, int64_t pictures) {
  return share == 0 ? 0 : std::max<int64_t>(1, static_cast<int64_t>(share * static_cast<double>(pictures)));
}

}  // namespace

Result<std::unique_ptr<Loader>> Loader::Create(const Dataset& dataset, const Transform& transform,
                                               const LoaderOptions& options) {
  if (options.batch_size < 1)
    return InvalidArgument("batch_size: at least 1 was expected, {} found", options.batch_size);
  if (options.ranks < 1 || options.rank < 0 || options.rank >= options.ranks)
    return InvalidArgument("rank {} of {}: there is no such one", options.rank, Counted(options.ranks, "process"));
  if (options.workers < 0 || options.workers > kMaxLoaderWorkers)
    return InvalidArgument("num_parallel_workers: 0 to {} were expected, {} found", kMaxLoaderWorkers, options.workers);
  if (options.prefetch_batches < 2)
    return InvalidArgument("prefetch_batches: at least 2 were expected, {} found", options.prefetch_batches);
  if (options.shuffle_buffer < 0)
    return InvalidArgument("shuffle_buffer: at least 0 was expected, {} found", options.shuffle_buffer);
  if (options.aug_repeats < 0 || options.aug_repeats > 1024)
    return InvalidArgument("aug_repeats: 0 to 1024 were expected, {} found", options.aug_repeats);
  if (!(options.max_unreadable_share >= 0 && options.max_unreadable_share <= 1))
    return InvalidArgument("max_unreadable_share: 0 to 1 was expected, {} found", options.max_unreadable_share);
  if (dataset.size() < 1) return InvalidArgument("the data set is empty");
  if (dataset.size() > UINT32_MAX) return Unavailable("{} pictures; at most 2^32 are supported", dataset.size());
  if (options.drop_remainder && dataset.size() < int64_t{options.batch_size} * options.ranks)
    return InvalidArgument(
        "batch_size {}{} is more than the data set has, {}, and with drop_remainder no batch is left; set "
        "a smaller one, or drop_remainder=False",
        options.batch_size, options.ranks > 1 ? fmt::format(" at each of {} processes", options.ranks) : "",
        Counted(dataset.size(), "picture"));
  return std::unique_ptr<Loader>(new Loader(dataset, transform, options));
}

Loader::Loader(const Dataset& dataset, const Transform& transform, const LoaderOptions& options)
    : dataset_(dataset),
      transform_(transform),
      options_(options),
      claim_size_(PicturesPerClaim(options)),
      tolerated_(Tolerated(options.max_unreadable_share, dataset.size())) {
  const int64_t size = GlobalBatchSize();
  batches_per_epoch_ = options.drop_remainder ? dataset.size() / size : (dataset.size() + size - 1) / size;
  slots_.resize(options.workers == 0 ? 1 : options.prefetch_batches);
}

Loader::~Loader() { Stop(); }

int64_t Loader::ImagesPerEpoch() const { return std::min(batches_per_epoch_ * GlobalBatchSize(), dataset_.size()); }

LoaderPosition Loader::PositionOf(int64_t number) const {
  return {number / batches_per_epoch_, number % batches_per_epoch_};
}

bool Loader::MadeAll() const { return PositionOf(claiming_).epoch >= options_.end_epoch; }

void Loader::Allocate(Slot& slot) {
  Device& device = *options_.device;
  const int64_t size = transform_.image_size();
  if (!DeviceMakes()) {
    if (slot.memory.empty())
      slot.memory = StagingArray<float>(device, transform_.channels() * RowStride(MostImages() * size * size));
    return;
  }
  if (!slot.bytes.empty()) return;
  const int64_t images = MostImages();
  slot.bytes = StagingArray<uint8_t>(device, images * transform_.MostDeviceBytes());
  slot.taps = StagingArray<int32_t>(device, images * 2 * size * PictureSide{.most = kMostTaps}.stride());
  slot.sources = StagingArray<PictureSource>(device, images);
  slot.finishes = StagingArray<PictureFinish>(device, images);
}

// Memory for all slots, once, then the workers.
Status Loader::Start() {
  try {
    for (Slot& slot : slots_) Allocate(slot);
  } catch (const std::bad_alloc&) {
    return Unavailable("no memory for {} of {}; a smaller batch_size or image_resize needs less",
                       Counted(static_cast<int64_t>(slots_.size()), "batch"),
                       BytesText(MostImages() * transform_.MostDeviceBytes()));
  }
  if (DeviceMakes() && !kept_)
    kept_ = std::make_unique<KeptPictures>(dataset_, transform_, *options_.device, options_.kept_bytes);
  workers_.reserve(options_.workers);
  try {
    for (int i = 0; i < options_.workers; ++i) workers_.emplace_back([this] { Work(); });
  } catch (const std::system_error&) {
    const size_t started = workers_.size();
    Stop();
    if (started == 0)
      return Unavailable(
          "no thread can read pictures: the system starts none (limit of processes or memory: ulimit -u, -v)");
    return Unavailable(
        "option num_parallel_workers: {} threads were to read pictures, the system starts only {}; lower "
        "--num_parallel_workers",
        options_.workers, started);
  }
  return {};
}

void Loader::Stop() {
  options_.device->FinishUploads();  // of what lies in the slots
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  room_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
  stopping_ = false;
  if (kept_) kept_->Settle(next_);
}

void Loader::Seek(LoaderPosition position) {
  const int64_t number = position.epoch * batches_per_epoch_ + position.batch;
  if (number == next_ && !failed_) return;
  Stop();
  next_ = held_ = opened_ = claiming_ = number;
}

Loader::Places Loader::GlobalPlacesOf(int64_t batch) const {
  const int64_t begin = batch * GlobalBatchSize();
  return {begin, std::min(begin + GlobalBatchSize(), dataset_.size())};
}

Loader::Places Loader::PlacesOf(int64_t batch) const {
  const Places all = GlobalPlacesOf(batch);
  const auto end_of = [&](int ranks) { return all.begin + all.count() * ranks / options_.ranks; };
  return {end_of(options_.rank), end_of(options_.rank + 1)};
}

std::vector<int64_t> Loader::OrderOf(int64_t epoch) const {
  const bool buffered = options_.shuffle && options_.shuffle_buffer > 0;
  std::vector<int64_t> order =
      buffered ? BufferedOrder(dataset_.size(), dataset_.ShardStarts(), options_.shuffle_buffer, options_.seed, epoch)
               : EpochOrder(dataset_.size(), options_.shuffle, options_.seed, epoch);
  RepeatPictures(Repeats(options_), order);
  return order;
}

// Everything that depends on where a picture stands is decided here, before any is read.
Loader::Place Loader::PlaceOf(int64_t epoch, int64_t place) {
  if (epoch != order_epoch_) {
    order_epoch_ = epoch;
    order_ = OrderOf(order_epoch_);
  }
  const int64_t index = order_[place];
  const auto stream = [&](RandomPurpose purpose, int64_t version) {
    return RandomStream(options_.seed, purpose, static_cast<uint32_t>(epoch), static_cast<uint32_t>(index),
                        static_cast<uint32_t>(version));
  };
  return {.index = index,
          .augmentation = stream(RandomPurpose::kAugmentation, place % Repeats(options_)),
          .replacement = stream(RandomPurpose::kReplacement, 0)};
}

// Gives batch `number` its slot: which pictures, which memory.
void Loader::Open(int64_t number) {
  Slot& slot = slots_[number % static_cast<int64_t>(slots_.size())];
  Batch& batch = slot.batch;
  slot.number = number;
  batch.position = PositionOf(number);
  batch.splits = transform_.splits();
  const Places places = PlacesOf(batch.position.batch);
  batch.images = static_cast<int>(places.count()) * batch.splits;
  batch.images_elsewhere = GlobalPlacesOf(batch.position.batch).count() * batch.splits - batch.images;
  slot.places.clear();
  for (int64_t place = places.begin; place < places.end; ++place)
    slot.places.push_back(PlaceOf(batch.position.epoch, place));
  batch.indices.clear();
  batch.labels.clear();
  for (int split = 0; split < batch.splits; ++split)
    for (const Place& place : slot.places) {
      batch.indices.push_back(place.index);
      batch.labels.push_back(dataset_.label(place.index));
    }
  batch.image_size = transform_.image_size();
  batch.channels = transform_.channels();
  if (!DeviceMakes()) {
    const int64_t pixels = int64_t{batch.images} * batch.image_size * batch.image_size;
    const int64_t stride = RowStride(pixels);
    // The rows' ends: a shorter batch leaves pixels of a longer one there.
    for (int c = 0; c < batch.channels; ++c)
      std::fill(slot.memory.data() + c * stride + pixels, slot.memory.data() + (c + 1) * stride, 0.0f);
    batch.pixels = {slot.memory.data(), stride};
  }
  slot.used_bytes = slot.used_taps = slot.to_keep_bytes = 0;
  slot.to_keep.clear();
  slot.claimed = slot.done = 0;
  slot.status = Status();
  slot.unreadable.clear();
  slot.flawed.clear();
}

std::optional<Loader::Claim> Loader::ClaimPictures() {
  if (MadeAll() || claiming_ >= held_ + static_cast<int64_t>(slots_.size())) return std::nullopt;
  if (claiming_ == opened_) Open(opened_++);
  Slot& slot = slots_[claiming_ % static_cast<int64_t>(slots_.size())];
  const int begin = slot.claimed;
  slot.claimed = std::min(begin + claim_size_, slot.batch.samples());
  if (slot.claimed == slot.batch.samples()) ++claiming_;
  return Claim{&slot, begin, slot.claimed};
}

void Loader::Finish(const Claim& claim, int failed_at, Status status) {
  Slot& slot = *claim.slot;
  if (!status.ok() && (slot.status.ok() || failed_at < slot.failed_at)) {
    slot.failed_at = failed_at;
    slot.status = std::move(status);
  }
  slot.done += claim.end - claim.begin;
  if (slot.done == slot.batch.samples()) ready_.notify_one();
}

// What is needed of picture `index`, of the file or of what is kept of it.
Result<Region> Loader::ReadFor(Slot& slot, int64_t index, RandomStream& random, Picture& picture) {
  const auto choose = [&](int height, int width) { return transform_.Choose(height, width, random); };
  if (kept_) {
    if (const std::optional<PictureView> whole = kept_->WholeFor(index, slot.number)) {
      const CropBox box = choose(whole->height, whole->width).box;
      return Region::Whole(whole->Crop(box.top, box.left, box.height, box.width));
    }
    if (const std::optional<Region> region = ReadToKeep(slot, index, random, picture)) return *region;
  }
  RIFFLE_ASSIGN(Region region, dataset_.ReadRegion(index, choose, picture));
  if (const std::string flaw = FlawOf(picture); !flaw.empty()) {
    if (picture.incomplete && !options_.allow_incomplete)
      return DataLoss("{}: cut off or damaged after some of its pixels (--allow_incomplete uses it as far as it goes)",
                      dataset_.NameOf(index));
    const std::lock_guard lock(mutex_);
    slot.flawed.emplace(index, fmt::format("{}: {}", dataset_.NameOf(index), flaw));
  }
  return region;
}

// All of the picture is decoded, and kept; none, and nothing was drawn: it is no such picture, or something is wrong
// with it, which is told where no more of it is decoded than is needed.
std::optional<Region> Loader::ReadToKeep(Slot& slot, int64_t index, RandomStream& random, Picture& picture) {
  if (!kept_->Wants(index)) return std::nullopt;
  bool fits = false;
  RandomStream drawn = random;
  CropBox box;
  const auto choose = [&](int height, int width) {
    const Need need = transform_.Choose(height, width, drawn);
    fits = transform_.LeavesWholeToDevice(height, width);
    box = need.box;
    return fits ? Need::Whole(height, width) : Need{.box = {0, 0, 1, 1}};
  };
  const Result<Region> whole = dataset_.ReadRegion(index, choose, picture);
  const bool is_sound = whole.ok() && whole->pixels.channels == transform_.channels() && FlawOf(picture).empty();
  if (!fits || !is_sound) kept_->Refuse(index);
  std::optional<PictureView> place;
  if (fits && is_sound) place = kept_->MakeRoom(index, slot.number, whole->pixels);
  if (!place) return std::nullopt;
  uint8_t* pixels = nullptr;
  {
    const std::lock_guard lock(mutex_);
    slot.to_keep_bytes += BytesOf(*place);
    pixels = slot.bytes.data() + MostImages() * transform_.MostDeviceBytes() - slot.to_keep_bytes;
    slot.to_keep.push_back({index, pixels});
  }
  CopyRows(pixels, whole->pixels);
  random = drawn;
  return Region::Whole(place->Crop(box.top, box.left, box.height, box.width));
}

// Puts picture `index` in place i of the batch.
Status Loader::MakePicture(Slot& slot, int i, int64_t index, TransformScratch& scratch, Picture& picture) {
  RandomStream random = slot.places[i].augmentation;
  RIFFLE_ASSIGN(const Region region, ReadFor(slot, index, random, picture));
  Status status = WritePicture(slot, i, index, region, random, scratch);
  return status.ok() ? Status() : std::move(status).In(dataset_.NameOf(index));
}

// All versions of it.
Status Loader::WritePicture(Slot& slot, int i, int64_t index, const Region& region, RandomStream& random,
                            TransformScratch& scratch) {
  if (DeviceMakes()) {
    transform_.Draw(random, scratch.draw);
    return transform_.ForDevice(region, scratch.draw, scratch, [&](int version, const DevicePicture& picture) {
      PutUnmade(slot, int64_t{version} * slot.batch.samples() + i, index, picture);
    });
  }
  const int64_t picture_size = int64_t{transform_.image_size()} * transform_.image_size();
  return transform_.Apply(region, random, scratch, slot.memory.data() + i * picture_size, slot.batch.pixels.stride,
                          slot.batch.samples() * picture_size);
}

// Pictures lie in the order in which they are ready; nothing but `sources` knows it.
void Loader::PutUnmade(Slot& slot, int64_t n, int64_t index, const DevicePicture& picture) {
  PictureSource& source = slot.sources.data()[n];
  const auto& [view, rows, columns, finish] = picture;
  const std::optional<KeptPictures::Place> kept = kept_->PlaceOf(index, view);
  const auto row_taps = static_cast<int64_t>(rows.taps.size()), column_taps = static_cast<int64_t>(columns.taps.size());
  int64_t taps = 0;
  {
    const std::lock_guard lock(mutex_);
    taps = std::exchange(slot.used_taps, slot.used_taps + row_taps + column_taps);
    source.pixels = kept ? kept->begin : std::exchange(slot.used_bytes, slot.used_bytes + picture.source_bytes());
  }
  source.is_kept = kept.has_value();
  source.row_bytes = kept ? kept->row_bytes : int64_t{view.width} * view.channels;
  source.rows = {.taps = taps, .most = rows.most};
  source.columns = {.taps = taps + row_taps, .most = columns.most};
  std::ranges::copy(rows.taps, slot.taps.data() + source.rows.taps);
  std::ranges::copy(columns.taps, slot.taps.data() + source.columns.taps);
  if (!kept) CopyRows(slot.bytes.data() + source.pixels, view);
  slot.finishes.data()[n] = finish;
}

// Where picture i of the batch is unreadable, the next readable one from a random one on takes its place; after
// tolerated_ such there are more than are tolerated.
Status Loader::MakeOrReplace(Slot& slot, int i, TransformScratch& scratch, Picture& picture) {
  const int64_t own = slot.places[i].index, size = dataset_.size();
  Status status = MakePicture(slot, i, own, scratch, picture);
  if (status.ok() || tolerated_ == 0) return status;
  RandomStream random = slot.places[i].replacement;
  int64_t index = own, candidate = random.Below(static_cast<uint32_t>(size));
  for (int64_t tries = 0; !status.ok() && tries <= tolerated_ && tries < size; ++tries) {
    {
      const std::lock_guard lock(mutex_);
      slot.unreadable.emplace(index, status.message());
    }
    if (candidate == own) candidate = (candidate + 1) % size;
    index = candidate;
    candidate = (candidate + 1) % size;
    status = MakePicture(slot, i, index, scratch, picture);
  }
  if (!status.ok()) return status;
  Batch& batch = slot.batch;
  for (int version = i; version < batch.images; version += batch.samples()) {
    batch.indices[version] = index;
    batch.labels[version] = dataset_.label(index);
  }
  return {};
}

void Loader::Make(const Claim& claim, TransformScratch& scratch, Picture& picture) {
  Status first;
  int failed_at = 0;
  for (int i = claim.begin; i < claim.end && first.ok(); ++i) {
    failed_at = i;
    try {
      first = MakeOrReplace(*claim.slot, i, scratch, picture);
    } catch (const std::exception&) {  // nothing else throws than what finds no memory
      first = Unavailable("{}: no memory to read it", dataset_.NameOf(claim.slot->places[i].index));
    }
  }
  const std::lock_guard lock(mutex_);
  Finish(claim, failed_at, std::move(first));
}

void Loader::Work() {
  TransformScratch scratch;
  Picture picture;
  while (true) {
    std::optional<Claim> claim;
    {
      std::unique_lock lock(mutex_);
      room_.wait(lock, [&] { return stopping_ || (claim = ClaimPictures()); });
      if (stopping_) return;
    }
    Make(*claim, scratch, picture);
  }
}

Status Loader::Note(Slot& slot) {
  const auto note = [](const std::map<int64_t, std::string>& met, std::map<int64_t, std::string>& known,
                       std::vector<std::string>& news) {
    news.clear();
    for (const auto& [index, text] : met)
      if (known.emplace(index, text).second) news.push_back(text);
  };
  note(slot.flawed, flawed_, slot.batch.flawed);
  note(slot.unreadable, unreadable_, slot.batch.unreadable);
  return CheckTolerated();
}

Status Loader::CheckTolerated() const {
  if (static_cast<int64_t>(unreadable_.size()) <= tolerated_) return {};
  return DataLoss(
      "{} of {} cannot be read, and max_unreadable_share {} tolerates {}; one of them is {}; 'riffle data "
      "check' lists all",
      unreadable_.size(), Counted(dataset_.size(), "picture"), options_.max_unreadable_share, tolerated_,
      unreadable_.begin()->second);
}

// Each rank says what it has met: for a picture its index before the text.
Status Loader::CheckUnreadable(Communicator& world) {
  std::vector<std::string> own;
  for (const auto& [index, text] : unreadable_) own.push_back(fmt::format("{} {}", index, text));
  RIFFLE_ASSIGN(const std::vector<std::string> all, world.GatherLists(own));
  for (const std::string_view said : all) {
    const size_t space = said.find(' ');
    unreadable_.emplace(*ParseNumber<int64_t>(said.substr(0, space)), std::string(said.substr(space + 1)));
  }
  return CheckTolerated();
}

UnmadePictures Loader::UnmadeOf(const Slot& slot) const {
  const auto images = static_cast<size_t>(slot.batch.images);
  return {.bytes = {slot.bytes.data(), static_cast<size_t>(slot.used_bytes)},
          .kept = kept_->base(),
          .taps = {slot.taps.data(), static_cast<size_t>(slot.used_taps)},
          .sources = {slot.sources.data(), images},
          .finishes = {slot.finishes.data(), images},
          .options = transform_.DeviceOptions()};
}

Result<const Batch*> Loader::Next() {
  options_.device->FinishUploads();  // of the batch that the caller has, whose slot is free from here on
  const Clock::time_point begin = Clock::now();
  if (PositionOf(next_).epoch >= options_.end_epoch) return nullptr;
  failed_ = true;
  if (workers_.empty()) RIFFLE_TRY(Start());
  Slot& slot = slots_[next_ % static_cast<int64_t>(slots_.size())];
  {
    const std::lock_guard lock(mutex_);
    held_ = next_;
  }
  room_.notify_all();
  if (options_.workers == 0) {
    while (claiming_ == next_) Make(*ClaimPictures(), own_scratch_, own_picture_);
  } else {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return opened_ > next_ && slot.done == slot.batch.samples(); });
  }
  waited_seconds_ += std::chrono::duration<double>(Clock::now() - begin).count();
  RIFFLE_TRY(Note(slot));
  if (!slot.status.ok()) return slot.status;
  failed_ = false;
  ++next_;
  if (!DeviceMakes()) return &slot.batch;
  for (const auto& [index, pixels] : slot.to_keep) kept_->Upload(index, pixels);
  if (!slot.to_keep.empty()) kept_->Join();
  slot.batch.unmade = UnmadeOf(slot);
  return &slot.batch;
}

}  // namespace riffle
