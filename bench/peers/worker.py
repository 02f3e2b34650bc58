"""One peer at one task, in a process of its own: prepares, says that it is ready, then runs on demand.

    worker.py PEER PRECISION FOLDER MODE BATCH_SIZE THREADS QUICK

Standard output carries one JSON object a line, first what is ready: version, variant, max_relative_difference. Each
line on standard input is a number of seconds; the answer is the seconds that each run took. A peer offers several
variants (a whole batch or picture by picture, eager or compiled); the fastest that gives the right results is kept.
"""
import importlib
import json
import os
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

MODULES = {"torch": "peer_torch", "onnxruntime": "peer_onnxruntime", "openvino": "peer_openvino", "ncnn": "peer_ncnn",
           "mnn": "peer_mnn", "mindspore": "peer_mindspore"}
TOLERANCE = {"fp32": 1e-3, "bf16": 1e-1}  # of a result, by precision: a bf16 has 8 significant bits
TRIAL_SECONDS = 0.5


@dataclass
class Job:
    exchange: object
    precision: str  # a key of TOLERANCE
    mode: str
    batch_size: int
    threads: int
    quick: bool  # leave out variants that take minutes to prepare

    def file(self, name):
        path = self.exchange.folder / name
        if not path.exists():
            raise FileNotFoundError(f"{path.name} could not be exported")
        return str(path)


def picture_by_picture(job, make_runner):
    """A step that runs the batch's pictures one by one, side by side on the job's threads. make_runner() gives a
    function from one picture [1, C, H, W] to its logits; each thread has its own."""
    import numpy as np
    pictures = [job.exchange.pictures[n : n + 1] for n in range(job.batch_size)]
    if job.threads == 1:
        runner = make_runner()
        return lambda: np.concatenate([runner(p) for p in pictures])
    runners = [make_runner() for _ in range(job.threads)]
    pool = ThreadPoolExecutor(job.threads)

    def share(i):
        return [runners[i](p) for p in pictures[i :: job.threads]]

    def step():
        logits = [None] * len(pictures)
        for i, part in enumerate(pool.map(share, range(job.threads))):
            logits[i :: job.threads] = part
        return np.concatenate(logits)

    return step


def run_for(step, seconds):
    """Seconds of each run; at least two runs."""
    took, start = [], time.perf_counter()
    while len(took) < 2 or time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        step()
        took.append(time.perf_counter() - begin)
    return took


def lacks(precision):
    """What the processor lacks to compute in a precision, which programs would then only imitate; "" if nothing."""
    instructions = {"fp32": set(), "bf16": {"avx512_bf16", "amx_bf16", "bf16"}}[precision]  # of x86-64 and Arm
    found = set(Path("/proc/cpuinfo").read_text().split())
    return f"this processor has no instructions for {precision}" if instructions and not instructions & found else ""


def difference(job, step):
    from exchange import relative_difference
    if job.mode == "infer":
        return relative_difference(job.exchange.logits, step())
    return relative_difference(job.exchange.losses, [step() for _ in job.exchange.losses])


def fastest(job, variants):
    """(variant, step, difference) of the fastest variant; those that fail or compute something else are named."""
    best, faults = None, []
    for name, build in variants:
        try:
            step = build()
            apart = difference(job, step)
            if not apart <= TOLERANCE[job.precision]:
                faults.append(f"{name}: results differ by {apart:.1e}")
                continue
            run_for(step, 0)
            took = min(run_for(step, TRIAL_SECONDS))
        except Exception as error:  # a peer may fail in any way; the others go on
            faults.append(f"{name}: {type(error).__name__}: {' '.join(str(error).split())}"[:300])
            continue
        if best is None or took < best[0]:
            best = (took, name, step, apart)
    if best is None:
        raise SystemExit("; ".join(faults))
    for fault in faults:
        print(fault, file=sys.stderr)
    return best[1:]


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the peer prints must not stand among the answers
    peer, precision, folder, mode, batch_size, threads, quick = sys.argv[1:]
    try:
        if lack := lacks(precision):
            raise SystemExit(lack)
        from exchange import Exchange
        job = Job(Exchange(folder), precision, mode, int(batch_size), int(threads), quick == "1")
        module = importlib.import_module(MODULES[peer])
        variant, step, apart = fastest(job, module.variants(job))
    except SystemExit as failure:
        print(json.dumps({"failure": str(failure)}), file=answers, flush=True)
        return
    resident = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ready = {"version": module.VERSION, "variant": variant, "max_relative_difference": apart, "resident_bytes": resident}
    print(json.dumps(ready), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(run_for(step, float(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
