"""What `riffle bench --exchange FOLDER` wrote: weights, pictures, and what Riffle computed from them."""
import json
from pathlib import Path

import numpy as np

TYPES = {"F32": np.float32, "F64": np.float64, "I32": np.int32}


def read_safetensors(path):
    data = Path(path).read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    body = memoryview(data)[8 + length :]
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(body[begin:end], TYPES[entry["dtype"]]).reshape(entry["shape"]).copy()
    return tensors, metadata


class Exchange:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.weights, self.metadata = read_safetensors(self.folder / "weights.safetensors")
        batch, options = read_safetensors(self.folder / "batch.safetensors")
        self.pictures, self.labels = batch["pictures"], batch["labels"]  # [N, C, H, W], [N]
        self.logits, self.losses = batch.get("logits"), batch.get("losses")
        self.lr, self.momentum, self.weight_decay, self.label_smoothing = (
            float(options[key]) for key in ("lr", "momentum", "weight_decay", "label_smoothing"))


def relative_difference(ours, theirs):
    """The largest difference as a share of the largest value."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if ours.shape != theirs.shape:
        raise ValueError(f"expected results of shape {ours.shape}, found {theirs.shape}")
    return float(np.abs(ours - theirs).max() / np.abs(ours).max())
