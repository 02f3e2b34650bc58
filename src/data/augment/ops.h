// The table of named operations that policies choose from, and how strong each is at which magnitude.
#pragma once

#include <span>
#include <string_view>

#include "base/random.h"
#include "data/augment/affine.h"
#include "picture/picture.h"

namespace riffle {

/// What an operation is given beside its argument.
struct AugmentContext {
  Interpolation interpolation = Interpolation::kBilinear;  ///< of rotation, shear and translation
  Color3 fill = {};                                        ///< what these show beyond the picture's border
};

/// How chance enters an argument.
enum class ArgumentKind {
  kNone,       ///< the operation takes none
  kFixed,      ///< start + span · strength
  kInteger,    ///< start + span · strength, the product cut off towards zero
  kSigned,     ///< start ± |span · strength|, either as likely
  kUniformTo,  ///< uniform from start to start + span · strength
};

/// One operation at every strength: a magnitude's share of the usual greatest, so that 1 is strong.
struct AugmentOp {
  std::string_view name;  ///< timm's, where timm has it
  void (*apply)(Picture& picture, double argument, const AugmentContext& context, Picture& scratch);
  ArgumentKind kind = ArgumentKind::kNone;
  double start = 0;
  double span = 0;
  double least = -1e9;  ///< arguments below are raised to it
};

/// The argument at that strength; draws from `random` where the kind says so.
double ArgumentOf(const AugmentOp& op, double strength, RandomStream& random);

std::span<const AugmentOp> AugmentOps();

/// REQUIRES: there is one of that name.
const AugmentOp& AugmentOpNamed(std::string_view name);

}  // namespace riffle
