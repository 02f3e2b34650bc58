// The update rules, each for one value: one function that all backends share. p is a weight, g its gradient, λ the
// weight decay, t the step of the run; what else a rule changes are its slots, in the order of its arguments.
#pragma once

#include <cmath>
#include <cstddef>

#include "ops/scalar.h"
#include "ops/update/update.h"

namespace riffle::rules {

/// The constants as the rules use them, rounded once. Of what depends on the rule only its own is set.
template <class T>
struct Constants {
  T lr, decay, momentum, eps;
  std::array<T, 3> beta, rest;  ///< β and 1 − β
  T keep = 1;                   ///< what decoupled weight decay leaves of a weight
  T rate = 0;                   ///< of the mean
  T rate_ahead = 0;             ///< of what is added to the mean: Nadam's gradient, Adan's difference
  T mean_scale = 1;             ///< 1 / (1 − β₁ᵗ)
  T root_scale = 1;             ///< 1 / √(1 − βᵗ) of the squares
  T past = 1;                   ///< 0 in the first step, which has no gradient before it

  constexpr Constants(const UpdateStep& s, const UpdateRange& range) {
    const double step_lr = s.lr * range.lr_scale, pull = step_lr * range.weight_decay;
    lr = T(step_lr);
    decay = T(range.weight_decay);
    momentum = T(s.momentum);
    eps = T(s.eps);
    for (size_t i = 0; i < s.betas.size(); ++i) {
      beta[i] = T(s.betas[i]);
      rest[i] = T(1 - s.betas[i]);
    }
    switch (s.kind) {
      case UpdateKind::kMomentum:
      case UpdateKind::kNesterov:
      case UpdateKind::kRmsProp:
      case UpdateKind::kAdaGrad:
        break;
      case UpdateKind::kAdamW:
        decay = 0;
        keep = T(1 - pull);
        [[fallthrough]];
      case UpdateKind::kAdam:
        rate = T(step_lr / s.corrections[0]);
        root_scale = T(1 / std::sqrt(s.corrections[1]));
        break;
      case UpdateKind::kNadam:
        rate_ahead = T(step_lr * (1 - s.nadam_now) / (1 - s.nadam_product));
        rate = T(step_lr * s.nadam_next / (1 - s.nadam_product * s.nadam_next));
        root_scale = T(1 / std::sqrt(s.corrections[1]));
        break;
      case UpdateKind::kLion:
        keep = T(1 - pull);
        break;
      case UpdateKind::kLamb:
        mean_scale = T(1 / s.corrections[0]);
        root_scale = T(1 / std::sqrt(s.corrections[1]));
        break;
      case UpdateKind::kAdan:
        rate = T(step_lr / s.corrections[0]);
        rate_ahead = T(step_lr * s.betas[1] / s.corrections[1]);
        root_scale = T(1 / std::sqrt(s.corrections[2]));
        keep = T(1 / (1 + pull));
        past = T(s.is_first ? 0 : 1);
        break;
    }
  }
};

/// v = μ·v + g + λ·p,  p −= lr·v; MindSpore's Momentum, PyTorch's SGD.
struct Momentum {
  static constexpr size_t kSlots = 1;
  template <class T>
  static constexpr void Apply(const Constants<T>& c, T g, T& p, T& v) {
    v = c.momentum * v + (g + c.decay * p);
    p -= c.lr * v;
  }
};

/// Nesterov's form of it: p −= lr·(g + λ·p + μ·v)
struct Nesterov {
  static constexpr size_t kSlots = 1;
  template <class T>
  static constexpr void Apply(const Constants<T>& c, T g, T& p, T& v) {
    const T gradient = g + c.decay * p;
    v = c.momentum * v + gradient;
    p -= c.lr * (gradient + c.momentum * v);
  }
};

/// Kingma and Ba, arXiv 1412.6980: m = β₁·m + (1 − β₁)·g,  v = β₂·v + (1 − β₂)·g²,
///   p −= lr · m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + eps)
/// AdamW (arXiv 1711.05101) leaves λ·p out of g and shrinks the weight itself: p −= lr·λ·p.
struct Adam {
  static constexpr size_t kSlots = 2;
  template <class T>
  static constexpr void Apply(const Constants<T>& c, T g, T& p, T& m, T& v) {
    const T gradient = g + c.decay * p;
    m = c.beta[0] * m + c.rest[0] * gradient;
    v = c.beta[1] * v + c.rest[1] * gradient * gradient;
    p = c.keep * p - c.rate * m / (sqrt(v) * c.root_scale + c.eps);
  }
};

/// Dozat's Nadam with his momentum schedule μₜ = β₁·(1 − ½·0.96^(0.004·t)), as in PyTorch:
///   p −= lr · (g·(1 − μₜ)/(1 − Πₜ) + m·μₜ₊₁/(1 − Πₜ₊₁)) / (√(v/(1 − β₂ᵗ)) + eps),  Πₜ = μ₁·…·μₜ
struct Nadam {
  static constexpr size_t kSlots = 2;
  template <class T>
  static constexpr void Apply(const Constants<T>& c, T g, T& p, T& m, T& v) {
    const T gradient = g + c.decay * p;
    m = c.beta[0] * m + c.rest[0] * gradient;
    v = c.beta[1] * v + c.rest[1] * gradient * gradient;
    p -= (c.rate_ahead * gradient + c.rate * m) / (sqrt(v) * c.root_scale + c.eps);
  }
};

/// Chen et al., arXiv 2302.06675: p −= lr·(sign(β₁·m + (1 − β₁)·g) + λ·p),  m = β₂·m + (1 − β₂)·g
struct Lion {
  static constexpr size_t kSlots = 1;
  template <class T>
  static constexpr void Apply(const Constants<T>& c, T g, T& p, T& m) {
    const auto u = RealPart(c.beta[0] * m + c.rest[0] * g);
    const T sign = static_cast<T>(u > 0) - static_cast<T>(u < 0);
    m = c.beta[1] * m + c.rest[1] * g;
    p = c.keep * p - c.lr * sign;
  }
};

/// Hinton's RMSProp with momentum, as in PyTorch: s = β·s + (1 − β)·g²,  v = μ·v + g/(√s + eps),  p −= lr·v
struct RmsProp {
  static constexpr size_t kSlots = 2;
  template <class T>
  static constexpr void Apply(const Constants<T>& c, T g, T& p, T& s, T& v) {
    const T gradient = g + c.decay * p;
    s = c.beta[0] * s + c.rest[0] * gradient * gradient;
    v = c.momentum * v + gradient / (sqrt(s) + c.eps);
    p -= c.lr * v;
  }
};

/// Duchi et al., as in PyTorch: s += g²,  p −= lr·g/(√s + eps)
struct AdaGrad {
  static constexpr size_t kSlots = 1;
  template <class T>
  static constexpr void Apply(const Constants<T>& c, T g, T& p, T& s) {
    const T gradient = g + c.decay * p;
    s += gradient * gradient;
    p -= c.lr * gradient / (sqrt(s) + c.eps);
  }
};

/// Xie et al., arXiv 2208.06677, as in their code: with d = g − the gradient before (0 in the first step),
///   m = β₁·m + (1 − β₁)·g,  q = β₂·q + (1 − β₂)·d,  n = β₃·n + (1 − β₃)·(g + β₂·d)²
///   p = (p − lr·(m/(1 − β₁ᵗ) + β₂·q/(1 − β₂ᵗ)) / (√(n/(1 − β₃ᵗ)) + eps)) / (1 + lr·λ)
struct Adan {
  static constexpr size_t kSlots = 4;
  template <class T>
  static constexpr void Apply(const Constants<T>& c, T g, T& p, T& m, T& q, T& n, T& before) {
    const T difference = c.past * (g - before), ahead = g + c.beta[1] * difference;
    m = c.beta[0] * m + c.rest[0] * g;
    q = c.beta[1] * q + c.rest[1] * difference;
    n = c.beta[2] * n + c.rest[2] * ahead * ahead;
    p = c.keep * (p - (c.rate * m + c.rate_ahead * q) / (sqrt(n) * c.root_scale + c.eps));
    before = g;
  }
};

/// You et al., arXiv 1904.00962: u = m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + eps) + λ·p,  p −= lr·(‖p‖/‖u‖)·u, with a ratio of
/// 1 where a norm is 0. Norms are those of a whole parameter, summed in double precision: Remember goes over all values
/// before Apply does.
struct Lamb {
  /// Σ p² and Σ u², in the order of the values.
  struct Norms {
    double weights = 0, steps = 0;
    constexpr double ratio() const { return weights > 0 && steps > 0 ? std::sqrt(weights / steps) : 1; }
  };

  template <class T>
  static constexpr T Step(const Constants<T>& c, T p, T m, T v) {
    return c.mean_scale * m / (sqrt(v) * c.root_scale + c.eps) + c.decay * p;
  }
  template <class T>
  static constexpr void Remember(const Constants<T>& c, T g, T p, T& m, T& v, Norms& norms) {
    m = c.beta[0] * m + c.rest[0] * g;
    v = c.beta[1] * v + c.rest[1] * g * g;
    const double weight = RealPart(p), step = RealPart(Step(c, p, m, v));
    norms.weights += weight * weight;
    norms.steps += step * step;
  }
  /// The share of a step that is taken.
  template <class T>
  static constexpr T Rate(const UpdateStep& step, const UpdateRange& range, const Norms& norms) {
    return T(step.lr * range.lr_scale * norms.ratio());
  }
  template <class T>
  static constexpr void Apply(const Constants<T>& c, T rate, T& p, T m, T v) {
    p -= rate * Step(c, p, m, v);
  }
};

/// Calls use(rule) with the rule of this kind. REQUIRES: not kLamb, which is two passes.
template <class F>
void WithRule(UpdateKind kind, const F& use) {
  switch (kind) {
    case UpdateKind::kMomentum:
      return use(Momentum());
    case UpdateKind::kNesterov:
      return use(Nesterov());
    case UpdateKind::kAdam:
    case UpdateKind::kAdamW:
      return use(Adam());
    case UpdateKind::kNadam:
      return use(Nadam());
    case UpdateKind::kLion:
      return use(Lion());
    case UpdateKind::kRmsProp:
      return use(RmsProp());
    case UpdateKind::kAdaGrad:
      return use(AdaGrad());
    case UpdateKind::kAdan:
      return use(Adan());
    case UpdateKind::kLamb:
      return;
  }
}

}  // namespace riffle::rules
