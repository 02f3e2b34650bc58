// The option class_weights: how much each class counts in the loss.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"

namespace riffle {

/// What the text says: one number for each class, separated by commas; '' is no weights, an empty vector.
/// InvalidArgument if they are not `classes` numbers of at least 0 with one above, among others for 'balanced', which
/// stands for BalancedClassWeights of the data.
Result<std::vector<float>> ParseClassWeights(const std::string& text, int classes);

/// The text for pictures / (classes · pictures of the class), where `classes` are those that have pictures: the mean
/// weight of a picture is 1 (scikit-learn's "balanced"). A class without pictures weighs 1.
std::string BalancedClassWeights(std::span<const int64_t> pictures_of_class);

}  // namespace riffle
