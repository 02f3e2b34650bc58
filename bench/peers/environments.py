"""The peers, and the Python environments they run in: below build/peers, from PyPI, made once.

MindSpore has an environment of its own, because its requirements and those of the others exclude one another. Where
PyPI cannot be had, PyTorch is taken from Debian (python3-torch) if it is installed. A peer that cannot be installed is
reported with the reason, never left out.

    environments.py [PEER...]     makes those of all peers, or of these (scripts/peers-venv)
"""
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Peer:
    name: str
    environment: str
    packages: tuple  # what pip installs
    module: str  # what must be importable
    modes: tuple
    distribution: str  # whose version is reported
    precisions: tuple = ("fp32",)  # what it can compute in that is measured; a row each


# The exporters that feed the runtimes need torch; it therefore comes first.
PEERS = (
    Peer("torch", "runtimes", ("torch", "numpy", "setuptools"), "torch", ("infer", "train"), "torch",
         ("fp32", "bf16")),
    Peer("onnxruntime", "runtimes", ("onnx", "onnxscript", "onnxruntime"), "onnxruntime", ("infer",), "onnxruntime"),
    Peer("openvino", "runtimes", ("openvino",), "openvino", ("infer",), "openvino", ("fp32", "bf16")),
    Peer("ncnn", "runtimes", ("ncnn", "pnnx"), "ncnn", ("infer",), "ncnn"),
    Peer("mnn", "runtimes", ("MNN",), "MNN", ("infer",), "MNN"),
    Peer("mindspore", "mindspore", ("mindspore", "mindcv", "setuptools"), "mindspore", ("infer", "train"),
         "mindspore"),
)


def last_line(text):
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].strip()[:200] if lines else "no message"


class Environments:
    def __init__(self, folder, log):
        self.folder, self.log = Path(folder), log
        self.missing = {}  # by peer: why
        self.python = {}  # by peer

    def _run(self, *words):
        with self.log.open("a") as log:
            done = subprocess.run([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            log.write(f"$ {' '.join(map(str, words))}\n{done.stdout}\n")
        return done

    def _venv(self, name):
        python = self.folder / name / "bin/python"
        if not python.exists():
            done = self._run(sys.executable, "-m", "venv", self.folder / name)
            if done.returncode:
                raise RuntimeError(f"no virtual environment (python3-venv?): {last_line(done.stdout)}")
        return python

    def _importable(self, python, module):
        return self._run(python, "-c", f"import {module}").returncode == 0

    def _stamp(self, peer):
        return self.folder / peer.environment / f"{peer.name}.installed"

    def _use_debians(self, peer, otherwise):
        """Debian's Python has PyTorch if anything has; else `otherwise` is noted in `missing`."""
        if peer.name == "torch" and self._importable("/usr/bin/python3", "torch"):
            self.python[peer.name] = Path("/usr/bin/python3")
        else:
            self.missing[peer.name] = otherwise

    def use_if_installed(self, peer):
        if self._stamp(peer).exists():
            self.python[peer.name] = self._venv(peer.environment)
        else:
            self._use_debians(peer, "not installed")

    def prepare(self, peer):
        """Installs a peer unless it is there; a failure is noted in `missing`."""
        try:
            python = self._venv(peer.environment)
            stamp = self._stamp(peer)
            if not stamp.exists():
                done = self._run(python, "-m", "pip", "install", "--quiet", *peer.packages)
                if done.returncode:
                    raise RuntimeError(f"pip could not install it: {last_line(done.stdout)}")
                if not self._importable(python, peer.module):
                    raise RuntimeError(f"installed, but 'import {peer.module}' fails; see {self.log}")
                stamp.touch()
            self.python[peer.name] = python
        except RuntimeError as error:
            self._use_debians(peer, str(error))


def main():
    folder = Path(__file__).resolve().parent.parent.parent / "build/peers"
    folder.mkdir(parents=True, exist_ok=True)
    environments = Environments(folder, folder / "environments.log")
    wanted = sys.argv[1:] or [peer.name for peer in PEERS]
    if unknown := set(wanted) - {peer.name for peer in PEERS}:
        sys.exit(f"no peer is called {', '.join(sorted(unknown))}; there are {', '.join(p.name for p in PEERS)}")
    for peer in PEERS:
        if peer.name in wanted:
            environments.prepare(peer)
            print(f"{peer.name:<12} {environments.missing.get(peer.name) or environments.python[peer.name]}")
    return 1 if environments.missing else 0


if __name__ == "__main__":
    sys.exit(main())
