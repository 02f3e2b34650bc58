#include "dist/communicator.h"

#include <fmt/format.h>

#include <algorithm>

namespace riffle {
namespace {

class Alone : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  int local_rank() const override { return 0; }
  int local_size() const override { return 1; }
  Status Sum(std::span<float>) override { return {}; }
  Status Sum(std::span<double>) override { return {}; }
  Status Sum(std::span<int64_t>) override { return {}; }
  Status Broadcast(std::span<std::byte>) override { return {}; }
  Status Gather(std::span<const std::byte> own, std::span<std::byte> all) override {
    std::ranges::copy(own, all.begin());
    return {};
  }
  Result<std::vector<std::string>> GatherTexts(std::string_view own) override { return std::vector{std::string(own)}; }
  Result<std::unique_ptr<Communicator>> Duplicate() override { return OneProcess(); }
  std::string NameOf(int) const override { return "this process"; }
};

}  // namespace

// A code of one character before the message: what is gathered is one text a rank.
Status Communicator::Agree(const Status& own) {
  if (size() == 1) return own;
  const std::string said = own.ok() ? "" : static_cast<char>('0' + static_cast<int>(own.code())) + own.message();
  RIFFLE_ASSIGN(const std::vector<std::string> all, GatherTexts(said));
  const auto failed = std::ranges::find_if_not(all, &std::string::empty);
  if (failed == all.end()) return {};
  return {static_cast<ErrorCode>(failed->front() - '0'),
          fmt::format("{}: {}", NameOf(static_cast<int>(failed - all.begin())), failed->substr(1))};
}

std::unique_ptr<Communicator> OneProcess() { return std::make_unique<Alone>(); }

}  // namespace riffle
