"""Writes the pictures in corpus/picture: each flavour of each format that Pillow writes, 8 pixels a side.

    python3 fuzz/make_pictures.py fuzz/corpus/picture
"""
import sys
from pathlib import Path

from PIL import Image

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
rgb = Image.frombytes("RGB", (8, 8), bytes((x * 29 + y * 17 + c * 50) % 256 for y in range(8) for x in range(8) for c in range(3)))
rgba = rgb.copy()
rgba.putalpha(rgb.convert("L"))
exif = Image.Exif()
exif[0x0112] = 6


def save(name, picture, **options):
    picture.save(folder / f"made-{name}", **options)


for name, mode in (("rgb", "RGB"), ("grey", "L"), ("cmyk", "CMYK")):
    save(f"{name}.jpg", rgb.convert(mode), quality=50)
save("progressive.jpg", rgb, progressive=True, quality=50)
save("subsampled.jpg", rgb, subsampling=2, quality=50)
save("restart.jpg", rgb, quality=50, restart_marker_blocks=1)
save("turned.jpg", rgb, exif=exif, quality=50)
for name, mode in (("rgb", "RGB"), ("grey", "L"), ("bit", "1"), ("palette", "P")):
    save(f"{name}.png", rgb.convert(mode))
    save(f"{name}.bmp", rgb.convert(mode))
save("rgba.png", rgba)
save("deep.png", rgb.convert("L").convert("I;16"))
save("transparent.png", rgb.quantize(11), transparency=3)
save("turned.png", rgb, exif=exif)
save("rgba.bmp", rgba)
save("lossy.webp", rgb, quality=50)
save("lossless.webp", rgb, lossless=True)
save("alpha.webp", rgba, quality=50)
save("turned.webp", rgb, exif=exif, lossless=True)
save("moving.webp", rgb, save_all=True, append_images=[rgb.rotate(90)])
save("moving.gif", rgb)
