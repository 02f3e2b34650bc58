"""OpenVINO: the whole batch for latency, or single pictures in its throughput mode; in fp32, or in bf16, which it takes by
itself where the processor multiplies matrices of it (AMX)."""
import numpy as np
import openvino

VERSION = openvino.__version__


PRECISIONS = {"fp32": openvino.Type.f32, "bf16": openvino.Type.bf16}


def compiled(path, job, hint):
    wanted = PRECISIONS[job.precision]
    network = openvino.Core().compile_model(path, "CPU", {
        "INFERENCE_NUM_THREADS": job.threads, "PERFORMANCE_HINT": hint,
        "NUM_STREAMS": job.threads if hint == "THROUGHPUT" else 1, "INFERENCE_PRECISION_HINT": wanted})
    used = network.get_property("INFERENCE_PRECISION_HINT")
    if used != wanted:
        raise RuntimeError(f"asked for {job.precision}, it computes in {used}")
    return network


def variants(job):
    def whole():
        network = compiled(job.file(f"net-b{job.batch_size}.onnx"), job, "LATENCY")
        return lambda: network(job.exchange.pictures)[0]

    def throughput():
        network = compiled(job.file("net-b1.onnx"), job, "THROUGHPUT")
        logits = np.empty_like(job.exchange.logits)
        queue = openvino.AsyncInferQueue(network)
        queue.set_callback(lambda request, n: logits.__setitem__(n, request.get_output_tensor(0).data[0]))

        def step():
            for n in range(job.batch_size):
                queue.start_async(job.exchange.pictures[n : n + 1], n)
            queue.wait_all()
            return logits

        return step

    yield "latency mode", whole
    if job.batch_size > 1:
        yield "throughput mode", throughput
