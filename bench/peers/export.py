"""Writes the network of an exchange folder in the formats of the runtimes, beside the weights:

    export.py FOLDER BATCH_SIZE...    net-b1.onnx, net-b1.mnn, net-b32.onnx, ..., net.ncnn.param, net.ncnn.bin
"""
import shutil
import subprocess
import sys
from pathlib import Path

import torch

import model
from exchange import Exchange


def tool(name):
    """A program of this environment."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)


def export_onnx(network, pictures, path):
    # PyTorch's exporters: the one by tracing where there still is one gives the plainest graph.
    arguments = dict(input_names=["pictures"], output_names=["logits"])
    try:
        torch.onnx.export(network, (pictures,), str(path), dynamo=False, **arguments)
    except TypeError:  # PyTorch 1 knows tracing only
        torch.onnx.export(network, (pictures,), str(path), **arguments)


def export_mnn(onnx, path):
    if tool("mnnconvert"):
        subprocess.run([tool("mnnconvert"), "-f", "ONNX", "--modelFile", onnx, "--MNNModel", path, "--bizCode", "peer"],
                       check=False)


def export_ncnn(network, pictures, folder):
    if not tool("pnnx"):
        return
    traced = folder / "net.pt"
    torch.jit.trace(network, pictures).save(str(traced))
    shape = ",".join(map(str, pictures.shape))
    subprocess.run([tool("pnnx"), traced.name, f"inputshape=[{shape}]", "fp16=0"], cwd=folder, check=False)


def main():
    folder = Path(sys.argv[1])
    exchange = Exchange(folder)
    network = model.load(exchange).eval()
    with torch.no_grad():
        for batch_size in map(int, sys.argv[2:]):
            pictures = torch.from_numpy(exchange.pictures[:batch_size])
            onnx = folder / f"net-b{batch_size}.onnx"
            export_onnx(network, pictures, onnx)
            export_mnn(onnx, folder / f"net-b{batch_size}.mnn")
        export_ncnn(network, torch.from_numpy(exchange.pictures[:1]), folder)


main()
