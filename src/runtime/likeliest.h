// From logits to answers: probabilities, and the likeliest classes by name.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "riffle/riffle.hpp"

namespace riffle {

/// The network's answers as shares of 1, in double precision.
std::vector<double> Softmax(std::span<const float> logits);

/// The name of a class; "class 17" where a checkpoint has no `names`.
std::string ClassNameOf(const std::vector<std::string>& names, int index);

/// The `count` likeliest of all classes under softmax(logits), equal ones by index. `names` as for ClassNameOf.
std::vector<ClassProbability> Likeliest(std::span<const float> logits, const std::vector<std::string>& names,
                                        size_t count);

}  // namespace riffle
