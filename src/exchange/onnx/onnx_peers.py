"""Runs exported networks in the programs that read ONNX, and compares with the test vectors beside them.

    onnx_peers.py PEER FOLDER     PEER: onnx (its checker), onnxruntime, openvino, ncnn (converted by pnnx)

Every *.onnx of the folder whose test vector the peer can take. Prints each file's largest difference, relative to the
largest output. Exit code 1 if one is above 1e-4 or fails, 3 if the peer is not installed here.
"""
import json
import subprocess
import sys
from pathlib import Path

TYPES = {"float32, little-endian": "<f4", "uint8": "u1"}


class TestVector:
    def __init__(self, path):
        import numpy
        about = json.loads(path.with_name(path.stem + ".test.json").read_text())
        read = lambda part: numpy.fromfile(path.parent / part["file"], TYPES[part["type"]]).reshape(part["shape"])
        self.input, self.output = read(about["input"]), read(about["output"])
        self.name = about["output"]["name"]


def onnx(path, vector):
    import onnx
    model = onnx.load(str(path))
    onnx.checker.check_model(model, full_check=True)
    assert [output.name for output in model.graph.output] == [vector.name]
    assert len({node.name for node in model.graph.node}) == len(model.graph.node), "two nodes of one name"


def onnxruntime(path, vector):
    """The picture, and where the batch is free three of it."""
    import numpy
    import onnxruntime
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feed = session.get_inputs()[0]
    yield session.run([vector.name], {feed.name: vector.input})[0], vector.output
    if feed.shape[0] == "batch":
        three = session.run([vector.name], {feed.name: numpy.repeat(vector.input, 3, 0)})[0]
        yield three, numpy.repeat(vector.output, 3, 0)


def openvino(path, vector):
    import openvino
    network = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    yield network(vector.input)[0], vector.output


def ncnn(path, vector):
    """ncnn knows neither batches nor uint8 inputs."""
    import ncnn
    import numpy
    if vector.input.shape[0] > 1 or vector.input.dtype != numpy.float32:
        return
    shape = ",".join(map(str, vector.input.shape))
    tool = Path(sys.executable).parent / "pnnx"
    done = subprocess.run([tool, path.name, f"inputshape=[{shape}]", "fp16=0"], cwd=path.parent, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    written = path.with_suffix(".ncnn")
    if not Path(f"{written}.param").exists():
        raise RuntimeError(f"pnnx wrote nothing: {done.stdout[-300:]}")
    if "Permute" in Path(f"{written}.param").read_text():
        raise ValueError("pnnx did not see a shuffle in the nodes of one")
    net = ncnn.Net()
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = net.opt.use_bf16_storage = False
    if net.load_param(f"{written}.param") or net.load_model(f"{written}.bin"):
        raise ValueError("ncnn does not know all layers that pnnx wrote")
    extractor = net.create_extractor()
    extractor.input("in0", ncnn.Mat(vector.input[0]))
    yield numpy.array(extractor.extract("out0")[1])[None], vector.output


PEERS = {"onnx": onnx, "onnxruntime": onnxruntime, "openvino": openvino, "ncnn": ncnn}


def difference(found, expected):
    import numpy
    if found.shape != expected.shape:
        raise ValueError(f"expected outputs of shape {expected.shape}, found {found.shape}")
    found, expected = found.astype(numpy.float64), expected.astype(numpy.float64)
    return float(numpy.abs(found - expected).max() / numpy.abs(expected).max())


def main():
    peer, folder = sys.argv[1], Path(sys.argv[2])
    try:
        __import__(peer)
    except ImportError as error:
        print(error)
        return 3
    paths = sorted(folder.glob("*.onnx"))
    failed = not paths
    for path in paths:
        try:
            differences = [difference(*pair) for pair in PEERS[peer](path, TestVector(path)) or ()]
            bad = any(not d <= 1e-4 for d in differences)
            failed |= bad
            print(f"{'BAD ' if bad else 'ok  '}{path.name} {' '.join(f'{d:.1e}' for d in differences)}", flush=True)
        except Exception as error:  # each file is told of
            failed = True
            print(f"BAD {path.name} {type(error).__name__}: {error}", flush=True)
    return int(failed)


sys.exit(main())
