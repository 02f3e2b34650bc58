"""MNN: the whole batch on all threads, or picture by picture."""
import MNN
import numpy as np

from worker import picture_by_picture

VERSION = MNN.version()


def runner(path, threads, pictures):
    manager = MNN.nn.create_runtime_manager(({"backend": "CPU", "precision": "high", "numThread": threads},))
    net = MNN.nn.load_module_from_file(path, ["pictures"], ["logits"], runtime_manager=manager)
    given = MNN.expr.placeholder(list(pictures.shape), MNN.expr.NCHW, MNN.numpy.float32)

    def run(values):
        given.write(values)
        return np.array(net.forward([given])[0].read()).reshape(len(values), -1)

    return run


def variants(job):
    pictures = job.exchange.pictures

    def whole():
        run = runner(job.file(f"net-b{job.batch_size}.mnn"), job.threads, pictures)
        return lambda: run(pictures)

    yield "whole batch", whole
    if job.batch_size > 1:
        yield "picture by picture", lambda: picture_by_picture(
            job, lambda: runner(job.file("net-b1.mnn"), 1, pictures[:1]))
