"""ncnn: one picture at a time, on all threads or one a thread (it knows no batches)."""
import ncnn
import numpy as np

from worker import picture_by_picture

VERSION = ncnn.__version__


def runner(job, threads):
    net = ncnn.Net()
    net.opt.num_threads = threads
    # fp32, as all others compute here.
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    net.load_param(job.file("net.ncnn.param"))
    net.load_model(job.file("net.ncnn.bin"))

    def run(picture):
        extractor = net.create_extractor()
        extractor.input("in0", ncnn.Mat(picture[0]))
        return np.array(extractor.extract("out0")[1])[None]

    return run


def variants(job):
    def all_threads_on_each():
        run = runner(job, job.threads)
        return lambda: np.concatenate([run(job.exchange.pictures[n : n + 1]) for n in range(job.batch_size)])

    yield "all threads on each picture", all_threads_on_each
    if job.batch_size > 1 and job.threads > 1:
        yield "picture by picture", lambda: picture_by_picture(job, lambda: runner(job, 1))
