// What differs between two descriptions, for messages.
#pragma once

#include <string>

#include "checkpoint/checkpoint.h"
#include "model/description.h"

namespace riffle {

/// "num_classes is 10 there and 2 here, stem is ...": what differs; empty if nothing does, as far as both say.
std::string Differences(const ModelDescription& there, const ModelDescription& here);
std::string Differences(ValidationSetup there, ValidationSetup here);

}  // namespace riffle
