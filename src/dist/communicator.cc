#include "dist/communicator.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

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
  std::array<int64_t, 1> failures = {own.ok() ? 0 : 1};
  RIFFLE_TRY(Sum(failures));
  if (failures[0] == 0) return {};
  const std::string said = own.ok() ? "" : static_cast<char>('0' + static_cast<int>(own.code())) + own.message();
  RIFFLE_ASSIGN(const std::vector<std::string> all, GatherTexts(said));
  const auto failed = std::ranges::find_if_not(all, &std::string::empty);
  const auto code = static_cast<ErrorCode>(failed->front() - '0');
  if (std::ranges::count(all, *failed) == size()) return {code, failed->substr(1)};
  return {code, fmt::format("{}: {}", NameOf(static_cast<int>(failed - all.begin())), failed->substr(1))};
}

Result<std::vector<std::string>> Communicator::GatherLists(std::span<const std::string> own) {
  constexpr char kEnd = '\0';
  std::string said;
  for (const std::string& text : own) said.append(text).push_back(kEnd);
  RIFFLE_ASSIGN(const std::vector<std::string> all, GatherTexts(said));
  std::vector<std::string> texts;
  for (const std::string& rest : all)
    for (size_t begin = 0, end = 0; begin < rest.size(); begin = end + 1) {
      end = rest.find(kEnd, begin);
      texts.push_back(rest.substr(begin, end - begin));
    }
  return texts;
}

std::unique_ptr<Communicator> OneProcess() { return std::make_unique<Alone>(); }

Communicator& ThisProcess() {
  static Alone alone;
  return alone;
}

}  // namespace riffle
