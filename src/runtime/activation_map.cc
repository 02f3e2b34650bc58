#include "runtime/activation_map.h"

#include <algorithm>

namespace riffle {

ActivationMap ActivationMaps::Of(int64_t image, int class_index) const {
  const int64_t area = maps_.height * maps_.width;
  std::vector<double> sums(area);
  for (int64_t c = 0; c < maps_.channels; ++c) {
    const double weight = head_weight_[class_index * maps_.channels + c];
    const float* row = maps_.values.data() + (c * maps_.images + image) * area;
    for (int64_t place = 0; place < area; ++place) sums[place] += weight * row[place];
  }
  return {.height = maps_.height, .width = maps_.width, .values = {sums.begin(), sums.end()}};
}

HotRegion HottestRegion(const ActivationMap& map) {
  const auto [lowest, hottest] = std::ranges::minmax(map.values);
  const float middle = lowest + (hottest - lowest) / 2;
  const int64_t first = std::ranges::find(map.values, hottest) - map.values.begin();
  int64_t top = map.height, left = map.width, bottom = -1, right = -1;
  std::vector<bool> seen(map.values.size());
  std::vector<int64_t> waiting = {first};
  seen[first] = true;
  while (!waiting.empty()) {
    const int64_t place = waiting.back(), y = place / map.width, x = place % map.width;
    waiting.pop_back();
    top = std::min(top, y), bottom = std::max(bottom, y);
    left = std::min(left, x), right = std::max(right, x);
    const auto visit = [&](int64_t next_y, int64_t next_x) {
      if (next_y < 0 || next_x < 0 || next_y == map.height || next_x == map.width) return;
      const int64_t next = next_y * map.width + next_x;
      if (seen[next] || map.values[next] <= middle) return;
      seen[next] = true;
      waiting.push_back(next);
    };
    visit(y - 1, x);
    visit(y + 1, x);
    visit(y, x - 1);
    visit(y, x + 1);
  }
  const auto rows = static_cast<double>(map.height), columns = static_cast<double>(map.width);
  const int64_t first_row = first / map.width;
  return {.y = (static_cast<double>(first_row) + 0.5) / rows,
          .x = (static_cast<double>(first % map.width) + 0.5) / columns,
          .top = static_cast<double>(top) / rows,
          .left = static_cast<double>(left) / columns,
          .height = static_cast<double>(bottom - top + 1) / rows,
          .width = static_cast<double>(right - left + 1) / columns};
}

}  // namespace riffle
