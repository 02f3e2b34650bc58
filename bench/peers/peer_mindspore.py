"""MindSpore with MindCV's own definition of the network: the original system, in graph mode."""
import json
import os

os.environ.setdefault("GLOG_v", "3")
# Its oneDNN has no fast AVX-512 kernel for channel counts such as these and falls back to plain loops: 250 ms for a
# picture instead of 10 with AVX2 (MindSpore 2.10, shufflenet_v1_g3_10).
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")

import mindcv
import mindspore
import numpy as np
from mindspore import Tensor, nn

VERSION = mindspore.__version__


def variants(job):
    mindspore.set_context(mode=mindspore.GRAPH_MODE, device_target="CPU", runtime_num_threads=job.threads)
    yield "graph mode", lambda: inference(job) if job.mode == "infer" else training(job)


def mindcv_name(name):
    """stage2.0.conv1.weight → features.0.branch_main_1.0.weight: units are numbered through all stages."""
    part, tensor = name.rsplit(".", 1)
    tensor = {"running_mean": "moving_mean", "running_variance": "moving_variance"}.get(tensor, tensor)
    outside = {"stem.conv": "first_conv.0", "stem.bn": "first_conv.1", "head": "classifier"}
    if part in outside:
        return f"{outside[part]}.{tensor}"
    stage, unit, cell = part.split(".")
    number = {"stage2": 0, "stage3": 4, "stage4": 12}[stage] + int(unit)
    cells = {"conv1": "branch_main_1.0", "bn1": "branch_main_1.1", "depthwise": "branch_main_2.0",
             "bn2": "branch_main_2.1", "conv3": "branch_main_2.2", "bn3": "branch_main_2.3"}
    return f"features.{number}.{cells[cell]}.{tensor}"


def load(exchange):
    family, width = json.loads(exchange.metadata["model"])["name"].rsplit("_x", 1)  # shufflenet_v1_g3_x0_5
    classes = exchange.weights["head.weight"].shape[0]
    network = mindcv.create_model(f"{family}_{width.replace('_', '')}", num_classes=classes)
    theirs = network.parameters_dict()
    for ours, values in exchange.weights.items():
        target = mindcv_name(ours)
        parts = [target]
        if target not in theirs:  # newer MindCV keeps a convolution for each group
            parts = sorted((k for k in theirs if k.startswith(target.replace(".weight", ".convs."))),
                           key=lambda k: int(k.split(".")[-2]))
        if not parts:
            raise ValueError(f"MindCV's network has no {target}")
        for part, piece in zip(parts, np.split(values, len(parts))):
            theirs[part].set_data(Tensor(piece))
    return network


def inference(job):
    network = load(job.exchange).set_train(False)
    pictures = Tensor(job.exchange.pictures)
    return lambda: network(pictures).asnumpy()


def training(job):
    e = job.exchange
    network = load(e).set_train(True)
    loss = nn.CrossEntropyLoss(label_smoothing=e.label_smoothing)
    # One group of parameters: without it MindSpore would leave batch norm out of the weight decay.
    optimizer = nn.Momentum([{"params": network.trainable_params()}], e.lr, e.momentum, e.weight_decay)
    step = nn.TrainOneStepCell(nn.WithLossCell(network, loss), optimizer).set_train(True)
    pictures, labels = Tensor(e.pictures), Tensor(e.labels)
    return lambda: float(step(pictures, labels).asnumpy())
