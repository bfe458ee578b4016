"""A folder of the files that people have beside plain photographs, with the status that each is owed."""

from __future__ import annotations

import io
import shutil
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

# A name for each character that some layer (URL, glob, CSV, shell, partition folder) gives a meaning.
NAMES = (
    "a space.jpg",
    "grün é 写真.jpg",
    "br[a]ck{e}t*s?.jpg",
    "comma,semi;colon's.jpg",
    "100%25 percent.jpg",
    "back\\slash.jpg",
    "plus+and&equals=.jpg",
    "year=2024/same.jpg",
    "nested/deeper/same.jpg",
)
STATUSES = {
    **dict.fromkeys(NAMES, "ok"),
    "bilevel.png": "ok",
    "colour-16.png": "ok",
    "exif-rotated.jpg": "ok",
    "grey-16.png": "ok",
    "grey-alpha.png": "ok",
    "grey.jpg": "ok",
    "grey.png": "ok",
    "interlaced.png": "ok",
    "large.jpg": "ok",
    "palette-transparent.png": "ok",
    "palette.png": "ok",
    "progressive.jpg": "ok",
    "rgba.png": "ok",
    "broken-stream.png": "corrupt",
    "empty.jpg": "corrupt",
    "no-tables.jpg": "corrupt",
    "stream-too-short.png": "corrupt",
    "truncated.jpg": "corrupt",
    "cmyk.jpg": "unsupported",
    "huge.png": "unsupported",
    "picture.gif": "unsupported",
    "text.png": "unsupported",
}


def write_odd_inputs(folder: Path, photograph: Path) -> None:
    """Writes the files of STATUSES, made from one photograph, and two that are no input for their names."""
    folder.mkdir(parents=True)
    photo = Image.open(photograph).convert("RGB").resize((160, 120))
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        photo.save(folder / name)
    for name, mode in (("bilevel", "1"), ("grey-alpha", "LA"), ("grey", "L"), ("palette", "P"), ("rgba", "RGBA")):
        picture = photo.convert(mode)
        if mode in ("LA", "RGBA"):
            picture.putalpha(photo.convert("L"))
        picture.save(folder / f"{name}.png")
    photo.convert("P").save(folder / "palette-transparent.png", transparency=3)
    photo.convert("L").save(folder / "grey.jpg")
    photo.save(folder / "progressive.jpg", progressive=True)
    photo.resize((5000, 4000)).save(folder / "large.jpg")
    photo.convert("CMYK").save(folder / "cmyk.jpg")
    photo.convert("P").save(folder / "picture.gif")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    photo.save(folder / "exif-rotated.jpg", exif=exif)
    deep = np.asarray(photo)[:, :, ::-1].astype(np.uint16) * 256 + 255
    cv2.imwrite(str(folder / "colour-16.png"), deep)
    cv2.imwrite(str(folder / "grey-16.png"), deep[:, :, 1])

    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.png").write_text("not an image\n")
    (folder / "truncated.jpg").write_bytes((folder / "progressive.jpg").read_bytes()[:-500])
    rows = b"".join(b"\0" + np.asarray(photo)[row].tobytes() for row in range(photo.height))
    stream = zlib.compress(rows)
    size = (photo.width, photo.height)
    (folder / "broken-stream.png").write_bytes(png(size, 8, stream[:200] + b"\xff" * 50 + stream[250:]))
    (folder / "stream-too-short.png").write_bytes(png(size, 8, zlib.compress(rows[: len(rows) // 2])))
    (folder / "huge.png").write_bytes(png((11_000, 10_000), 1, zlib.compress(bytes(10_000 * (1 + 11_000 // 8)), 9)))
    (folder / "interlaced.png").write_bytes(interlaced(photo))
    # Whole by its segments, and no decoder can do anything with it.
    (folder / "no-tables.jpg").write_bytes(without_quantisation((folder / "a space.jpg").read_bytes()))
    shutil.copyfile(folder / "a space.jpg", folder / "_underscore.jpg")
    shutil.copyfile(folder / "a space.jpg", folder / ".dot.jpg")


def png(size: tuple[int, int], bits: int, stream: bytes, interlace: int = 0) -> bytes:
    """A PNG with good check sums around any stream: colour for 8 bits, grey for others."""
    header = struct.pack(">IIBBBBB", *size, bits, 2 if bits == 8 else 0, 0, 0, interlace)
    chunks = ((b"IHDR", header), (b"IDAT", stream), (b"IEND", b""))
    packed = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def without_quantisation(jpeg: bytes) -> bytes:
    """A JPEG whose segments with the quantisation tables are left out."""
    while (place := jpeg.find(b"\xff\xdb")) >= 0:
        length = struct.unpack(">H", jpeg[place + 2 : place + 4])[0]
        jpeg = jpeg[:place] + jpeg[place + 2 + length :]
    return jpeg


def interlaced(photo: Image.Image) -> bytes:
    """The picture as a PNG of seven passes, which Pillow does not write."""
    pixels = np.asarray(photo)
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    stream = io.BytesIO()
    for left, top, across, down in passes:
        for row in pixels[top::down, left::across]:
            stream.write(b"\0" + row.tobytes())
    return png(photo.size, 8, zlib.compress(stream.getvalue()), interlace=1)
