// Each rule is one loop over plain arrays, which the compiler makes vectors of: nothing in it depends on its
// neighbours.
#include "train/update/update_rules.h"

#include <algorithm>
#include <cmath>

namespace riffle {
namespace {

using Constants = UpdateConstants;
using Values = UpdateValues;

/// The constants as the loops use them, rounded once.
struct Floats {
  explicit Floats(const Constants& c)
      : lr(static_cast<float>(c.lr)),
        decay(static_cast<float>(c.weight_decay)),
        momentum(static_cast<float>(c.momentum)),
        eps(static_cast<float>(c.eps)) {
    for (size_t i = 0; i < c.betas.size(); ++i) {
      beta[i] = static_cast<float>(c.betas[i]);
      rest[i] = static_cast<float>(1 - c.betas[i]);
    }
  }
  float lr, decay, momentum, eps;
  std::array<float, 3> beta, rest;  // β and 1 − β
};

/// 1 − βᵗ, what divides an average that started at 0.
double BiasCorrection(double beta, int64_t t) { return 1 - std::pow(beta, static_cast<double>(t)); }

// v = μ·v + g + λ·p,  p −= lr·v; MindSpore's Momentum, PyTorch's SGD. Nesterov's form: p −= lr·(g + λ·p + μ·v)
template <bool kNesterov>
void Momentum(const Constants& c, const Values& x) {
  const Floats f(c);
  const float* __restrict g = x.gradient;
  float* __restrict p = x.parameter, * __restrict v = x.slots[0];
  for (int64_t i = 0; i < x.size; ++i) {
    const float gradient = g[i] + f.decay * p[i];
    v[i] = f.momentum * v[i] + gradient;
    p[i] -= f.lr * (kNesterov ? gradient + f.momentum * v[i] : v[i]);
  }
}

// Kingma and Ba, arXiv 1412.6980: m = β₁·m + (1 − β₁)·g,  v = β₂·v + (1 − β₂)·g²,
//   p −= lr · m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + eps)
// AdamW (arXiv 1711.05101) leaves λ·p out of g and shrinks the weight itself: p −= lr·λ·p.
template <Decay kDecay>
void Adam(const Constants& c, const Values& x) {
  const Floats f(c);
  const bool decoupled = kDecay == Decay::kDecoupled;
  const float decay = decoupled ? 0 : f.decay;
  const float keep = static_cast<float>(decoupled ? 1 - c.lr * c.weight_decay : 1);
  const float rate = static_cast<float>(c.lr / BiasCorrection(c.betas[0], c.update));
  const float root = static_cast<float>(1 / std::sqrt(BiasCorrection(c.betas[1], c.update)));
  const float* __restrict g = x.gradient;
  float* __restrict p = x.parameter, * __restrict m = x.slots[0], * __restrict v = x.slots[1];
  for (int64_t i = 0; i < x.size; ++i) {
    const float gradient = g[i] + decay * p[i];
    m[i] = f.beta[0] * m[i] + f.rest[0] * gradient;
    v[i] = f.beta[1] * v[i] + f.rest[1] * gradient * gradient;
    p[i] = keep * p[i] - rate * m[i] / (std::sqrt(v[i]) * root + f.eps);
  }
}

// Dozat's Nadam with his momentum schedule μₜ = β₁·(1 − ½·0.96^(0.004·t)), as in PyTorch:
//   p −= lr · (g·(1 − μₜ)/(1 − Πₜ) + m·μₜ₊₁/(1 − Πₜ₊₁)) / (√(v/(1 − β₂ᵗ)) + eps),  Πₜ = μ₁·…·μₜ
double NadamMomentum(double beta, int64_t t) {
  return beta * (1 - 0.5 * std::pow(0.96, 0.004 * static_cast<double>(t)));
}

void Nadam(const Constants& c, const Values& x) {
  const Floats f(c);
  double product = 1;  // each factor is below 1: after some dozens 1 − product is 1
  for (int64_t t = 1; t <= c.update && product > 1e-20; ++t) product *= NadamMomentum(c.betas[0], t);
  const double now = NadamMomentum(c.betas[0], c.update), next = NadamMomentum(c.betas[0], c.update + 1);
  const float of_gradient = static_cast<float>(c.lr * (1 - now) / (1 - product));
  const float of_mean = static_cast<float>(c.lr * next / (1 - product * next));
  const float root = static_cast<float>(1 / std::sqrt(BiasCorrection(c.betas[1], c.update)));
  const float* __restrict g = x.gradient;
  float* __restrict p = x.parameter, * __restrict m = x.slots[0], * __restrict v = x.slots[1];
  for (int64_t i = 0; i < x.size; ++i) {
    const float gradient = g[i] + f.decay * p[i];
    m[i] = f.beta[0] * m[i] + f.rest[0] * gradient;
    v[i] = f.beta[1] * v[i] + f.rest[1] * gradient * gradient;
    p[i] -= (of_gradient * gradient + of_mean * m[i]) / (std::sqrt(v[i]) * root + f.eps);
  }
}

// Chen et al., arXiv 2302.06675: p −= lr·(sign(β₁·m + (1 − β₁)·g) + λ·p),  m = β₂·m + (1 − β₂)·g
void Lion(const Constants& c, const Values& x) {
  const Floats f(c);
  const float keep = static_cast<float>(1 - c.lr * c.weight_decay);
  const float* __restrict g = x.gradient;
  float* __restrict p = x.parameter, * __restrict m = x.slots[0];
  for (int64_t i = 0; i < x.size; ++i) {
    const float u = f.beta[0] * m[i] + f.rest[0] * g[i];
    const float sign = static_cast<float>(u > 0) - static_cast<float>(u < 0);
    m[i] = f.beta[1] * m[i] + f.rest[1] * g[i];
    p[i] = keep * p[i] - f.lr * sign;
  }
}

// Hinton's RMSProp with momentum, as in PyTorch: s = β·s + (1 − β)·g²,  v = μ·v + g/(√s + eps),  p −= lr·v
void RmsProp(const Constants& c, const Values& x) {
  const Floats f(c);
  const float* __restrict g = x.gradient;
  float* __restrict p = x.parameter, * __restrict s = x.slots[0], * __restrict v = x.slots[1];
  for (int64_t i = 0; i < x.size; ++i) {
    const float gradient = g[i] + f.decay * p[i];
    s[i] = f.beta[0] * s[i] + f.rest[0] * gradient * gradient;
    v[i] = f.momentum * v[i] + gradient / (std::sqrt(s[i]) + f.eps);
    p[i] -= f.lr * v[i];
  }
}

// Duchi et al., as in PyTorch: s += g²,  p −= lr·g/(√s + eps)
void AdaGrad(const Constants& c, const Values& x) {
  const Floats f(c);
  const float* __restrict g = x.gradient;
  float* __restrict p = x.parameter, * __restrict s = x.slots[0];
  for (int64_t i = 0; i < x.size; ++i) {
    const float gradient = g[i] + f.decay * p[i];
    s[i] += gradient * gradient;
    p[i] -= f.lr * gradient / (std::sqrt(s[i]) + f.eps);
  }
}

// You et al., arXiv 1904.00962: u = m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + eps) + λ·p,  p −= lr·(‖p‖/‖u‖)·u, with a ratio of
// 1 where a norm is 0. Norms are those of a whole parameter.
void Lamb(const Constants& c, const Values& x) {
  const Floats f(c);
  const float scale = static_cast<float>(1 / BiasCorrection(c.betas[0], c.update));
  const float root = static_cast<float>(1 / std::sqrt(BiasCorrection(c.betas[1], c.update)));
  const float* __restrict g = x.gradient;
  float* __restrict p = x.parameter, * __restrict m = x.slots[0], * __restrict v = x.slots[1];
  const auto step = [&](int64_t i) { return scale * m[i] / (std::sqrt(v[i]) * root + f.eps) + f.decay * p[i]; };
  double of_weights = 0, of_steps = 0;
  for (int64_t i = 0; i < x.size; ++i) {
    m[i] = f.beta[0] * m[i] + f.rest[0] * g[i];
    v[i] = f.beta[1] * v[i] + f.rest[1] * g[i] * g[i];
    of_weights += static_cast<double>(p[i]) * p[i];
    of_steps += static_cast<double>(step(i)) * step(i);
  }
  const double ratio = of_weights > 0 && of_steps > 0 ? std::sqrt(of_weights / of_steps) : 1;
  const float rate = static_cast<float>(c.lr * ratio);
  for (int64_t i = 0; i < x.size; ++i) p[i] -= rate * step(i);
}

// Xie et al., arXiv 2208.06677, as in their code: with d = g − the gradient before (0 in the first step),
//   m = β₁·m + (1 − β₁)·g,  q = β₂·q + (1 − β₂)·d,  n = β₃·n + (1 − β₃)·(g + β₂·d)²
//   p = (p − lr·(m/(1 − β₁ᵗ) + β₂·q/(1 − β₂ᵗ)) / (√(n/(1 − β₃ᵗ)) + eps)) / (1 + lr·λ)
void Adan(const Constants& c, const Values& x) {
  const Floats f(c);
  const float of_mean = static_cast<float>(c.lr / BiasCorrection(c.betas[0], c.update));
  const float of_difference = static_cast<float>(c.lr * c.betas[1] / BiasCorrection(c.betas[1], c.update));
  const float root = static_cast<float>(1 / std::sqrt(BiasCorrection(c.betas[2], c.update)));
  const float keep = static_cast<float>(1 / (1 + c.lr * c.weight_decay));
  const float has_before = c.update > 1 ? 1 : 0;
  const float* __restrict g = x.gradient;
  float* __restrict p = x.parameter, * __restrict m = x.slots[0], * __restrict q = x.slots[1], * __restrict n = x.slots[2], * __restrict before = x.slots[3];
  for (int64_t i = 0; i < x.size; ++i) {
    const float difference = has_before * (g[i] - before[i]), ahead = g[i] + f.beta[1] * difference;
    m[i] = f.beta[0] * m[i] + f.rest[0] * g[i];
    q[i] = f.beta[1] * q[i] + f.rest[1] * difference;
    n[i] = f.beta[2] * n[i] + f.rest[2] * ahead * ahead;
    p[i] = keep * (p[i] - (of_mean * m[i] + of_difference * q[i]) / (std::sqrt(n[i]) * root + f.eps));
    before[i] = g[i];
  }
}

using enum Decay;

// Usual constants: those of PyTorch or, for what it lacks, of the paper. RMSProp's are MindSpore's.
const std::vector<UpdateRule>& Table() {
  static const std::vector<UpdateRule> table = {
      {"sgd", {"velocity"}, {}, 0, kInGradient, false, true, Momentum<false>},
      {"momentum", {"velocity"}, {}, 0, kInGradient, false, true, Momentum<false>},
      {"nesterov", {"velocity"}, {}, 0, kInGradient, false, true, Momentum<true>},
      {"adam", {"mean", "square"}, {0.9, 0.999}, 1e-8, kInGradient, false, false, Adam<kInGradient>},
      {"adamw", {"mean", "square"}, {0.9, 0.999}, 1e-8, kDecoupled, false, false, Adam<kDecoupled>},
      {"nadam", {"mean", "square"}, {0.9, 0.999}, 1e-8, kInGradient, false, false, Nadam},
      {"lion", {"mean"}, {0.9, 0.99}, 0, kDecoupled, false, false, Lion},
      {"rmsprop", {"square", "velocity"}, {0.9}, 1e-10, kInGradient, false, true, RmsProp},
      {"adagrad", {"square_sum"}, {}, 1e-10, kInGradient, false, false, AdaGrad},
      {"lamb", {"mean", "square"}, {0.9, 0.999}, 1e-6, kDecoupled, true, false, Lamb},
      {"adan",
       {"mean", "difference", "square", "gradient_before"},
       {0.98, 0.92, 0.99},
       1e-8,
       kDecoupled,
       false,
       false,
       Adan},
  };
  return table;
}

}  // namespace

std::span<const UpdateRule> UpdateRules() { return Table(); }

const UpdateRule& FindUpdateRule(std::string_view name) { return *std::ranges::find(Table(), name, &UpdateRule::name); }

}  // namespace riffle
