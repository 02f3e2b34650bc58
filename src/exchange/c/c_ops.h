// The ops of a network as C99 functions, one picture at a time. In their texts the network is called "net" and "NET".
#pragma once

#include <string_view>

#include "model/plan.h"

namespace riffle {

/// What the functions of several ops share; stands before them.
std::string_view CSharedFunctions();

/// The function of one op of a folded plan, with the comment that says what it computes; "" for one that folding
/// leaves none of. Maps are [channels][size][size], without gaps.
std::string_view CFunction(Op op);

/// A main that classifies the picture, or the input, of a file; for networks with their weights in the source and in a
/// file of their own (NET_WEIGHT_FLOATS).
std::string_view CMain();

}  // namespace riffle
