#include "backend/target.h"

#include <fmt/ranges.h>
#include <hwy/targets.h>

#include <cstdlib>
#include <mutex>

#include "base/text.h"

namespace riffle {
namespace {

// Of `forced`, and of Highway's own record of what is supported.
std::mutex mutex;
// Whether the program has chosen one by ForceTarget.
bool forced = false;

// What users call Highway's targets; one that is not named here goes by Highway's own name, in our spelling: "sse4",
// "avx512_zen4".
std::string Name(int64_t target) {
  switch (target) {
#if HWY_ARCH_X86
    case HWY_AVX3:
      return "avx512";
    case HWY_AVX2:
      return "avx2";
#elif HWY_ARCH_ARM
    case HWY_NEON:
      return "neon";
#endif
    case HWY_EMU128:
    case HWY_SCALAR:
      return "baseline";
    default:
      break;
  }
  if (target == HWY_STATIC_TARGET) return "baseline";  // newer Highways have SSE2 there
  const std::string name = Lowercase(hwy::TargetName(target));
  return name.starts_with("avx3") ? fmt::format("avx512{}", name.substr(4)) : name;
}

// The best target first, as Highway orders its bits. Asked for once, before anything is forced.
const std::vector<int64_t>& Targets() {
  static const std::vector<int64_t> targets = hwy::SupportedAndGeneratedTargets();
  return targets;
}

Status Use(std::string_view name) {
  for (const int64_t target : Targets()) {
    if (name != Name(target) && !name.empty()) continue;
    hwy::SetSupportedTargetsForTest(name.empty() ? 0 : target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    return {};
  }
  return InvalidArgument("unknown instruction set '{}': this build on this machine has {}", name,
                         fmt::join(AvailableTargets(), ", "));
}

}  // namespace

std::vector<std::string> AvailableTargets() {
  std::vector<std::string> names;
  for (const int64_t target : Targets()) names.push_back(Name(target));
  return names;
}

std::string ActiveTarget() {
  Targets();
  return Name(hwy::SupportedAndGeneratedTargets().front());
}

Status ForceTarget(std::string_view name) {
  const std::lock_guard lock(mutex);
  RIFFLE_TRY(Use(name));
  forced = !name.empty();
  return {};
}

Status UseTargetOfEnvironment() {
  const char* name = std::getenv("RIFFLE_TARGET");
  const std::lock_guard lock(mutex);
  if (forced || !name || !*name) return {};
  return Use(name).In("RIFFLE_TARGET");
}

}  // namespace riffle
