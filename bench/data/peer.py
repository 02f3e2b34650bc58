"""The peer of bench/data/run: decodes and transforms a folder's training pictures for so many seconds; prints JSON."""
import io
import json
import math
import random
import sys
import time
from pathlib import Path

from PIL import Image

SIZE, MEAN, STD = 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def with_torchvision():
    import torch
    import torchvision
    from torchvision import transforms
    torch.set_num_threads(1)
    steps = transforms.Compose([transforms.RandomResizedCrop(SIZE), transforms.RandomHorizontalFlip(),
                                transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    return f"torchvision {torchvision.__version__}, Pillow {Image.__version__}", steps


def with_pillow():
    import numpy
    mean, std = (numpy.array(v, numpy.float32).reshape(3, 1, 1) for v in (MEAN, STD))

    def steps(image):
        width, height = image.size
        for _ in range(10):
            area = width * height * random.uniform(0.08, 1)
            shape = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
            w, h = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if 0 < w <= width and 0 < h <= height:
                break
        else:
            w = h = min(width, height)
        left, top = random.randint(0, width - w), random.randint(0, height - h)
        image = image.crop((left, top, left + w, top + h)).resize((SIZE, SIZE), Image.BILINEAR)
        if random.random() < 0.5:
            image = image.transpose(Image.FLIP_LEFT_RIGHT)
        planes = numpy.ascontiguousarray(numpy.asarray(image).transpose(2, 0, 1))
        return (planes.astype(numpy.float32) / 255 - mean) / std

    return f"Pillow {Image.__version__}, numpy {numpy.__version__}", steps


def main():
    folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
    try:
        name, steps = with_torchvision()
    except ImportError:
        name, steps = with_pillow()
    files = sorted(f for f in (folder / "train").glob("*/*") if f.suffix.lower() in (".jpg", ".jpeg"))
    if not files:
        sys.exit(f"{folder}/train: no JPEG file in a folder below")
    files = [f.read_bytes() for f in files[::max(1, len(files) // 512)]]
    decode = transform = 0.0
    pictures = 0
    while pictures == 0 or decode + transform < seconds:
        for file in files:
            start = time.perf_counter()
            image = Image.open(io.BytesIO(file)).convert("RGB")
            middle = time.perf_counter()
            steps(image)
            decode += middle - start
            transform += time.perf_counter() - middle
            pictures += 1
    print(json.dumps({"name": name, "decode": pictures / decode, "transform": pictures / transform,
                      "pipeline": pictures / (decode + transform)}))


main()
