"""PyTorch: eager and compiled, channels last (its fastest layout on the CPU); in fp32, or in bf16 by its autocast, with
weights that stay fp32."""
import torch
import torch.nn.functional as F

import model

VERSION = torch.__version__


def variants(job):
    torch.set_num_threads(job.threads)
    build = inference if job.mode == "infer" else training
    yield "eager, channels last", lambda: build(job, torch.channels_last, compiled=False)
    if job.batch_size == 1:
        yield "eager, channels first", lambda: build(job, torch.contiguous_format, compiled=False)
    if not job.quick and hasattr(torch, "compile"):
        yield "compiled, channels last", lambda: build(job, torch.channels_last, compiled=True)


def prepared(job, layout, compiled):
    network = model.load(job.exchange).to(memory_format=layout)
    network.train(job.mode == "train")
    pictures = torch.from_numpy(job.exchange.pictures).contiguous(memory_format=layout)
    return network, torch.compile(network) if compiled else network, pictures


def autocast(job):
    return torch.autocast("cpu", torch.bfloat16, enabled=job.precision == "bf16")


def inference(job, layout, compiled):
    _, forward, pictures = prepared(job, layout, compiled)

    def step():
        with torch.inference_mode(), autocast(job):
            return forward(pictures).float().numpy()

    return step


def training(job, layout, compiled):
    network, forward, pictures = prepared(job, layout, compiled)
    e = job.exchange
    labels = torch.from_numpy(e.labels).long()
    optimizer = torch.optim.SGD(network.parameters(), lr=e.lr, momentum=e.momentum, weight_decay=e.weight_decay)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with autocast(job):
            logits = forward(pictures)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=e.label_smoothing)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
