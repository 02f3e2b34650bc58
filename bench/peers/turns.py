"""Takes turns: Riffle and every peer run the same task a short while each, again and again, so that all see the same
changes of a shared machine's clock. Who waits is stopped, so that no thread pool spins beside another's turn."""
import json
import os
import select
import signal
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build"
PREPARE_SECONDS = 1200  # loading, compiling, choosing the fastest variant


@dataclass(frozen=True)
class Task:
    model: str
    mode: str
    batch_size: int
    threads: int


@dataclass
class Entrant:
    """One row of the table: what was measured in each turn."""
    name: str
    precision: str = "fp32"
    version: str = ""
    variant: str = ""
    missing: str = ""
    max_relative_difference: float = None
    resident_bytes: int = None
    images_per_second: list = field(default_factory=list)
    latency_ms: list = field(default_factory=list)
    percent_of_peak: list = field(default_factory=list)

    def add_turn(self, seconds_of_runs, batch_size, percent_of_peak):
        median = statistics.median(seconds_of_runs)
        self.images_per_second.append(batch_size / median)
        self.latency_ms.append(1e3 * median)
        self.percent_of_peak.append(percent_of_peak)


class Riffle:
    def __init__(self, binary):
        self.binary = Path(binary).resolve()
        if not self.binary.exists():
            raise SystemExit(f"no binary at {binary}: build it, or name it with --riffle")

    def bench(self, *words):
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            words = [str(self.binary), "bench", *map(str, words), "--json", file.name]
            done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            if done.returncode:
                raise SystemExit(f"{' '.join(words)}: {done.stderr.strip()}")
            return json.loads(Path(file.name).read_text())

    def run(self, task, seconds, *more):
        return self.bench(task.mode, "--model", task.model, "--batch_size", task.batch_size, "--threads", task.threads,
                          "--seconds", seconds, *more)

    def peak_gflops(self, threads):
        return self.bench("peak", "--threads", threads, "--seconds", 0.2)["peak_gflops"]


def exchange(riffle, environments, task, log):
    """The folder with weights, pictures and results of a task, and for inference the exported networks."""
    folder = BUILD / "peers/work" / f"{task.model}-{task.mode}-b{task.batch_size}"
    riffle.run(task, 0, "--exchange", folder)
    if task.mode == "infer" and "torch" in environments.python:
        sizes = sorted({1, task.batch_size})
        subprocess.run([str(environments.python["torch"]), str(HERE / "export.py"), str(folder), *map(str, sizes)],
                       stdout=log, stderr=log, check=False)
    return folder


class Worker:
    """A peer's process (worker.py)."""

    def __init__(self, peer, precision, python, folder, task, quick, log):
        environment = dict(os.environ, OMP_NUM_THREADS=str(task.threads), PYTHONPATH=str(HERE))
        words = [python, HERE / "worker.py", peer, precision, folder, task.mode, task.batch_size, task.threads,
                 int(quick)]
        self.process = subprocess.Popen([str(w) for w in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=log, text=True, env=environment, start_new_session=True)
        self.ready = self._answer(PREPARE_SECONDS)
        if not isinstance(self.ready, dict):
            self.ready = {"failure": "it ended while it prepared; see the log"}
        if "failure" not in self.ready:
            self._signal(signal.SIGSTOP)

    def _signal(self, number):
        os.killpg(self.process.pid, number)

    def _answer(self, seconds):
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            return None
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def turn(self, seconds):
        """Seconds of each run, or None if the peer has died."""
        self._signal(signal.SIGCONT)
        try:
            print(seconds, file=self.process.stdin, flush=True)
            return self._answer(120 + 10 * seconds)
        except BrokenPipeError:
            return None
        finally:
            if self.process.poll() is None:
                self._signal(signal.SIGSTOP)

    def end(self):
        if self.process.poll() is None:
            self._signal(signal.SIGKILL)
        self.process.wait()


def riffle_turn(riffle, entrant, task, seconds):
    """One turn of Riffle, which measures the peak itself. Returns the GFLOP of one picture."""
    b = riffle.run(task, seconds)
    entrant.images_per_second.append(b["images_per_second"])
    entrant.latency_ms.append(b["latency_ms_median"])
    entrant.percent_of_peak.append(b["percent_of_peak"])
    entrant.resident_bytes = b["resident_bytes"]
    return b["gflops"] / b["images_per_second"]


def peer_turn(riffle, worker, entrant, task, seconds, gflop_per_image):
    before = riffle.peak_gflops(task.threads)
    took = worker.turn(seconds)
    after = riffle.peak_gflops(task.threads)
    if not took:
        entrant.missing = "it ended during the measurement; see the log"
        return
    rate = task.batch_size / statistics.median(took)
    entrant.add_turn(took, task.batch_size, 100 * rate * gflop_per_image / ((before + after) / 2))


def start_workers(environments, peers, precisions, folder, task, quick, log):
    workers, entrants = {}, []
    for peer, precision in ((peer, p) for peer in peers for p in peer.precisions if p in precisions):
        if task.mode not in peer.modes:
            continue
        entrant = Entrant(peer.name if precision == "fp32" else f"{peer.name} {precision}", precision)
        entrants.append(entrant)
        if peer.name in environments.missing:
            entrant.missing = environments.missing[peer.name]
        else:
            print(f"  preparing {entrant.name} ...", end="\r", file=sys.stderr, flush=True)
            worker = Worker(peer.name, precision, environments.python[peer.name], folder, task, quick, log)
            entrant.missing = worker.ready.pop("failure", "")
            for key, value in worker.ready.items():
                setattr(entrant, key, value)
            if entrant.missing:
                worker.end()
            else:
                workers[entrant.name] = worker
    return workers, entrants


def measure(riffle, environments, peers, folder, task, rounds, seconds, quick, log, precisions=("fp32",)):
    """Entrants of one task, Riffle first; a peer has one for each of the precisions that it offers."""
    ours = Entrant("riffle", max_relative_difference=0.0)
    workers, entrants = start_workers(environments, peers, precisions, folder, task, quick, log)
    try:
        for turn in range(rounds):
            print(f"  round {turn + 1} of {rounds}          ", end="\r", file=sys.stderr, flush=True)
            gflop_per_image = riffle_turn(riffle, ours, task, seconds)
            for entrant in entrants:
                if not entrant.missing:
                    peer_turn(riffle, workers[entrant.name], entrant, task, seconds, gflop_per_image)
    finally:
        for worker in workers.values():
            worker.end()
    return [ours, *entrants]
