"""ShuffleNetV1 in PyTorch as MindCV defines it, with the weights of a Riffle checkpoint.

Written for speed in the ways that PyTorch offers a user: grouped convolutions, the shuffle as a transpose that the next
convolution makes contiguous, pools whose uneven padding costs no copy. Paper: arXiv 1707.01083.
"""
import json

import torch
import torch.nn.functional as F
from torch import nn

UNITS_OF_STAGE = (4, 8, 4)  # paper, Table 1


def pool(kind, x):
    """3 × 3, stride 2, padded as little as gives ceil(size / 2): nothing before and one after an even size."""
    even = x.shape[-1] % 2 == 0
    padding = {"padding": 0, "ceil_mode": True} if even else {"padding": 1}
    if kind == "max":
        return F.max_pool2d(x, 3, 2, **padding)
    return F.avg_pool2d(x, 3, 2, count_include_pad=False, **padding)


def conv_bn(inputs, outputs, size, groups, stride, eps):
    conv = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs, eps=eps, momentum=0.1))


class Unit(nn.Module):
    """Paper, Figure 2b and 2c."""

    def __init__(self, inputs, outputs, groups, first_groups, stride, eps):
        super().__init__()
        bottleneck = -(-(outputs // 4) // groups) * groups
        self.stride, self.groups = stride, groups
        self.conv1 = conv_bn(inputs, bottleneck, 1, first_groups, 1, eps)
        self.depthwise = conv_bn(bottleneck, bottleneck, 3, bottleneck, stride, eps)
        self.conv3 = conv_bn(bottleneck, outputs - (inputs if stride == 2 else 0), 1, groups, 1, eps)

    def shuffle(self, x):
        """MindCV's direction: channels as (n, groups), transposed."""
        n, c, h, w = x.shape
        return x.reshape(n, c // self.groups, self.groups, h, w).transpose(1, 2).reshape(n, c, h, w)

    def forward(self, x):
        y = self.shuffle(F.relu(self.conv1(x)))
        y = self.conv3(self.depthwise(y))
        if self.stride == 1:
            return F.relu(x + y)
        return torch.cat((pool("average", x), F.relu(y)), 1)


class ShuffleNetV1(nn.Module):
    def __init__(self, description):
        super().__init__()
        d, eps = description, description["bn_eps"]
        self.stem = conv_bn(d["in_channels"], d["stem_channels"], 3, 1, 2, eps)
        channels, inputs = d["stage2_channels"], d["stem_channels"]
        for stage, units in enumerate(UNITS_OF_STAGE, start=2):
            body = []
            for unit in range(units):
                first_groups = 1 if stage == 2 and unit == 0 else d["groups"]
                body.append(Unit(inputs, channels, d["groups"], first_groups, 2 if unit == 0 else 1, eps))
                inputs = channels
            setattr(self, f"stage{stage}", nn.Sequential(*body))
            channels *= 2
        self.head = nn.Linear(inputs, d["num_classes"], bias=False)

    def forward(self, x):
        x = pool("max", F.relu(self.stem(x)))
        x = self.stage4(self.stage3(self.stage2(x)))
        return self.head(x.mean((2, 3)))


def torch_name(name):
    """stage2.0.bn1.gamma → stage2.0.conv1.1.weight: each convolution here is a pair with its batch norm."""
    if name == "head.weight":
        return name
    part, tensor = name.rsplit(".", 1)
    tensors = {"weight": "0.weight", "gamma": "1.weight", "beta": "1.bias",
               "running_mean": "1.running_mean", "running_variance": "1.running_var"}
    cells = {"bn1": "conv1", "bn2": "depthwise", "bn3": "conv3"}
    where, cell = part.rsplit(".", 1)
    prefix = "stem" if where == "stem" else f"{where}.{cells.get(cell, cell)}"
    return f"{prefix}.{tensors[tensor]}"


def load(exchange):
    """The network of an exchange folder, with its weights."""
    description = json.loads(exchange.metadata["model"])
    network = ShuffleNetV1(description)
    state = {torch_name(name): torch.from_numpy(values) for name, values in exchange.weights.items()}
    missing, unexpected = network.load_state_dict(state, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise ValueError(f"weights do not fit the network: missing {missing[:3]}, unexpected {unexpected[:3]}")
    return network
