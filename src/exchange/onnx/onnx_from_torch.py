"""ShuffleNetV1 as its publishers write it in PyTorch, exported by torch.onnx: what Riffle has to read.

    onnx_from_torch.py FOLDER     NAME.onnx, NAME.input.bin, NAME.output.bin (float32): what PyTorch computes of it

Names that begin with "other_" are networks that Riffle has to refuse. Exit code 3 if there is no PyTorch.
"""
import sys
from pathlib import Path

try:
    import torch
    from torch import nn
    import torch.nn.functional as F
except ImportError as error:
    print(error)
    sys.exit(3)

SIZE, STEM, STAGE2, CLASSES = 64, 6, 72, 7
UNITS = (4, 8, 4)


def conv_bn(inputs, outputs, kernel, groups=1, stride=1, bias=False):
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=bias),
                         nn.BatchNorm2d(outputs, eps=1e-3 if bias and kernel == 1 else 1e-5))


def shuffle_paper(x, groups):
    """As MMPretrain and pytorchcv."""
    batch_size, channels, height, width = x.size()
    x = x.view(batch_size, groups, channels // groups, height, width)
    x = torch.transpose(x, 1, 2).contiguous()
    return x.view(batch_size, -1, height, width)


def shuffle_inverse(x, groups):
    """As Megvii and MindCV."""
    batch_size, channels, height, width = x.data.size()
    x = x.reshape(batch_size, channels // groups, groups, height, width)
    return x.permute(0, 2, 1, 3, 4).reshape(batch_size, channels, height, width)


class Unit(nn.Module):
    def __init__(self, style, inputs, outputs, groups, first_groups, stride):
        super().__init__()
        middle = outputs // 4
        self.style, self.groups, self.stride = style, groups, stride
        self.conv1 = conv_bn(inputs, middle, 1, first_groups, bias=style.bias)
        self.depthwise = conv_bn(middle, middle, 3, middle, stride, bias=style.bias)
        own = outputs - inputs if stride == 2 and not style.projection else outputs
        self.conv3 = conv_bn(middle, own, 1, groups, bias=style.bias)
        if style.projection and stride == 2:
            self.projection = conv_bn(inputs, outputs, 1)

    def forward(self, x):
        style = self.style
        y = F.relu(self.conv1(x))
        if style.before:
            y = style.shuffle(y, self.groups)
        y = self.depthwise(y)
        if not style.before and self.groups > 1:
            y = style.shuffle(y, self.groups)
        y = self.conv3(y)
        if self.stride == 1:
            return F.relu(x + y)
        if style.projection:
            return F.relu(F.avg_pool2d(self.projection(x), 3, 2, 1) + y)
        shortcut = style.pool(x)
        if style.unit_first:  # ReLU of both
            return F.relu(torch.cat((y, shortcut), dim=1))
        return torch.cat((shortcut, F.relu(y)), 1)


class Style:
    """MindCV's, unless told otherwise."""
    shuffle = staticmethod(shuffle_inverse)
    before, unit_first, head_bias, bias, projection = True, False, False, False, False
    units = UNITS

    @staticmethod
    def pool(x):
        return F.avg_pool2d(x, 3, 2, ceil_mode=True, count_include_pad=False)

    @staticmethod
    def max_pool(x):
        return F.max_pool2d(x, 3, 2, ceil_mode=True)

    @staticmethod
    def head_pool(x):
        return x.mean((2, 3))


class Symmetric(Style):
    @staticmethod
    def pool(x):
        return F.avg_pool2d(x, 3, 2, 1)

    @staticmethod
    def max_pool(x):
        return F.max_pool2d(x, 3, 2, 1)


class Megvii(Symmetric):
    before = False

    @staticmethod
    def head_pool(x):
        return F.avg_pool2d(x, SIZE // 32).contiguous().view(-1, STAGE2 * 4)


class MMPretrain(Symmetric):
    shuffle = staticmethod(shuffle_paper)
    before, head_bias = False, True

    @staticmethod
    def head_pool(x):
        return F.adaptive_avg_pool2d(x, (1, 1)).view(x.size(0), -1)


class Pytorchcv(Symmetric):
    shuffle = staticmethod(shuffle_paper)
    unit_first, head_bias = True, True

    @staticmethod
    def head_pool(x):
        x = F.avg_pool2d(x, kernel_size=SIZE // 32, stride=1)
        return F.dropout(x.view(x.size(0), -1), training=False)


class Biases(Megvii):
    """Each convolution has one, and batch norms differ in epsilon: the same functions as without."""
    bias = True


class Projection(Symmetric):
    projection = True


class FewerUnits(Megvii):
    units = (3, 7, 3)


class NoShuffle(Megvii):
    shuffle = staticmethod(lambda x, groups: x)


class ShuffleNetV1(nn.Module):
    def __init__(self, style, groups):
        super().__init__()
        self.style = style
        self.stem = conv_bn(3, STEM, 3, stride=2, bias=style.bias)
        inputs, outputs, body = STEM, STAGE2, []
        for stage, units in enumerate(style.units):
            for unit in range(units):
                first_groups = 1 if stage == 0 and unit == 0 else groups
                body.append(Unit(style, inputs, outputs, groups, first_groups, 2 if unit == 0 else 1))
                inputs = outputs
            outputs *= 2
        self.body = nn.Sequential(*body)
        self.head = nn.Linear(inputs, CLASSES, bias=style.head_bias)

    def forward(self, x):
        x = self.style.max_pool(F.relu(self.stem(x)))
        x = self.style.head_pool(self.body(x))
        return self.head(x.flatten(1))


def network(style, groups):
    torch.manual_seed(groups)
    made = ShuffleNetV1(style, groups)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight.data, module.running_var):
                values.uniform_(0.5, 1.5)
            for values in (module.bias.data, module.running_mean):
                values.uniform_(-0.5, 0.5)
    return made.eval()


def export(made, pictures, path, dynamic, keep_norms):
    names = dict(input_names=["input"], output_names=["output"])
    if dynamic:
        names["dynamic_axes"] = {"input": {0: "n"}, "output": {0: "n"}}
    if keep_norms:
        names.update(do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE)
    try:
        torch.onnx.export(made, (pictures,), str(path), dynamo=False, **names)
    except TypeError:  # PyTorch 1 knows tracing only
        torch.onnx.export(made, (pictures,), str(path), **names)


def main():
    folder = Path(sys.argv[1])
    for style, groups in ((Style, 3), (Megvii, 3), (MMPretrain, 3), (Pytorchcv, 3), (Pytorchcv, 1), (Style, 2), (Biases, 3),
                          (Projection, 3), (FewerUnits, 3), (NoShuffle, 3)):
        made = network(style, groups)
        pictures = torch.randn(2, 3, SIZE, SIZE)
        with torch.no_grad():
            logits = made(pictures)
            kinds = {"fixed": (False, False), "dynamic": (True, False), "norms": (False, True)}
            for kind, options in kinds.items():
                other = "other_" if style in (Projection, FewerUnits, NoShuffle) else ""
                name = f"{other}{style.__name__.lower()}_g{groups}_{kind}"
                export(made, pictures, folder / f"{name}.onnx", *options)
                pictures.numpy().tofile(folder / f"{name}.input.bin")
                logits.numpy().tofile(folder / f"{name}.output.bin")
            if hasattr(torch.onnx, "ONNXProgram") and style in (Style, MMPretrain) and groups == 3:  # PyTorch 2's exporter, where it has what it needs
                try:
                    program = torch.onnx.export(made, (pictures,), dynamo=True, verbose=False, external_data=False,
                                                input_names=["input"], output_names=["output"])
                except Exception as error:
                    print(f"no dynamo export: {error}")
                    continue
                name = f"{style.__name__.lower()}_g{groups}_dynamo"
                program.save(str(folder / f"{name}.onnx"), external_data=False)
                pictures.numpy().tofile(folder / f"{name}.input.bin")
                logits.numpy().tofile(folder / f"{name}.output.bin")


main()
