// For tests of what shows under way: a clock that stands still until told otherwise, and what was written.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <sstream>
#include <string>

namespace riffle {

class ProgressTestBase : public ::testing::Test {
 protected:
  std::function<std::chrono::steady_clock::time_point()> Clock() {
    return [this] { return std::chrono::steady_clock::time_point(std::chrono::milliseconds(now_ms_)); };
  }
  /// What was written since the last call.
  std::string Written() {
    std::string text = out_.str();
    out_.str("");
    return text;
  }

  std::ostringstream out_;
  int64_t now_ms_ = 5000;
};

}  // namespace riffle
