// For the tests of this folder: what opening a data set says.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "data/dataset.h"

namespace riffle {

/// The error of a set that cannot be opened.
inline std::string Error(const DatasetOptions& options) {
  const auto dataset = OpenDataset(options);
  EXPECT_FALSE(dataset.ok());
  return dataset.ok() ? "" : dataset.status().message();
}

inline bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace riffle
