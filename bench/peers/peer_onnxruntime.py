"""ONNX Runtime: the whole batch on all threads, or picture by picture."""
import onnxruntime

from worker import picture_by_picture

VERSION = onnxruntime.__version__


def session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def runner(path, threads):
    s = session(path, threads)
    return lambda pictures: s.run(None, {"pictures": pictures})[0]


def variants(job):
    def whole():
        run = runner(job.file(f"net-b{job.batch_size}.onnx"), job.threads)
        return lambda: run(job.exchange.pictures)

    yield "whole batch", whole
    if job.batch_size > 1:
        yield "picture by picture", lambda: picture_by_picture(job, lambda: runner(job.file("net-b1.onnx"), 1))
