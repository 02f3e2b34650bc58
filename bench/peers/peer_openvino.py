"""OpenVINO: the whole batch for latency, or single pictures in its throughput mode."""
import numpy as np
import openvino

VERSION = openvino.__version__


def compiled(path, threads, hint):
    return openvino.Core().compile_model(path, "CPU", {
        "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": hint,
        "NUM_STREAMS": threads if hint == "THROUGHPUT" else 1, "INFERENCE_PRECISION_HINT": "f32"})


def variants(job):
    def whole():
        network = compiled(job.file(f"net-b{job.batch_size}.onnx"), job.threads, "LATENCY")
        return lambda: network(job.exchange.pictures)[0]

    def throughput():
        network = compiled(job.file("net-b1.onnx"), job.threads, "THROUGHPUT")
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
