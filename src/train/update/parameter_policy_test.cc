#include "train/update/parameter_policy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "model/plan.h"
#include "model/zoo.h"

namespace riffle {
namespace {

// The policies of a whole network, by the names of its parameters.
std::map<std::string, ParameterPolicy> Policies(const PolicyOptions& options) {
  ModelDescription model = *FindModel("shufflenet_v1_g3_x0_25");
  model.head_bias = true;
  const Plan plan = *MakePlan(model);
  const std::vector<ParameterPolicy> policies = ParameterPolicies(plan.registry, options);
  std::map<std::string, ParameterPolicy> by_name;
  for (size_t i = 0; i < policies.size(); ++i) by_name[plan.registry.trainable()[i].name] = policies[i];
  return by_name;
}

TEST(ParameterPolicy, TheDefaultsTreatAllParametersAlike) {
  for (const auto& [name, policy] : Policies({.weight_decay = 0.5}))
    EXPECT_EQ(policy, (ParameterPolicy{.weight_decay = 0.5, .lr_scale = 1})) << name;
}

TEST(ParameterPolicy, BatchNormAndBiasesCanBeSpared) {
  for (const auto& [name, policy] : Policies({.weight_decay = 0.5, .decays_norms = false})) {
    const bool spared = name.ends_with("gamma") || name.ends_with("beta") || name.ends_with("bias");
    EXPECT_EQ(policy.weight_decay, spared ? 0 : 0.5) << name;
  }
}

TEST(ParameterPolicy, LayerDecayCountsUnitsFromTheHead) {
  auto policies = Policies({.layer_decay = 0.5});
  EXPECT_EQ(policies["head.weight"].lr_scale, 1);
  EXPECT_EQ(policies["head.bias"].lr_scale, 1);
  EXPECT_EQ(policies["stage4.3.conv3.weight"].lr_scale, 0.5);
  EXPECT_EQ(policies["stage4.3.bn1.gamma"].lr_scale, 0.5);
  EXPECT_EQ(policies["stage4.2.conv1.weight"].lr_scale, 0.25);
  EXPECT_EQ(policies["stage2.0.depthwise.weight"].lr_scale, std::exp2(-16)) << "4 + 8 + 4 units";
  EXPECT_EQ(policies["stem.conv.weight"].lr_scale, std::exp2(-17));
  EXPECT_EQ(policies["stem.bn.beta"].lr_scale, std::exp2(-17));
}

TEST(ParameterPolicy, AFrozenBodyLeavesTheHeadAlone) {
  for (const auto& [name, policy] : Policies({.layer_decay = 0.5, .freezes_body = true}))
    EXPECT_EQ(policy.lr_scale, name.starts_with("head.") ? 1 : 0) << name;
}

}  // namespace
}  // namespace riffle
