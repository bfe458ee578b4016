"""What a file is by its bytes: one rule for every engine, before any decoder has its say.

Decoders disagree about damaged files (Spark's image reader decodes a truncated JPEG partially without a word), so
the status of a row comes from here: the container format is walked to its end, and a PNG's data inflated; pixels are
not decoded.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import List, Optional, Tuple

from cluster_app.contract.memory import MAX_MEGAPIXELS

OK, CORRUPT, UNSUPPORTED = "ok", "corrupt", "unsupported"

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_STANDALONE_MARKERS = {0x01, *range(0xD0, 0xD8)}
_START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
# Baseline, extended sequential and progressive, Huffman-coded.
_DECODABLE_FRAMES = {0xC0, 0xC1, 0xC2}
# Samples a pixel, by a PNG's colour type: grey, colour, palette, grey with alpha, colour with alpha.
_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Of Adam7's passes: first column and row, step across and down.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_INFLATED_AT_ONCE = 1 << 20
_OTHER_FORMATS = ((b"GIF8", "GIF"), (b"II*\0", "TIFF"), (b"MM\0*", "TIFF"), (b"BM", "BMP"))


@dataclass(frozen=True)
class Inspection:
    """status: ok, corrupt or unsupported; error: why, for the last two; width and height in pixels, where known;
    deep: more than 8 bits a sample.
    """

    status: str
    error: Optional[str] = None
    width: Optional[int] = None
    height: Optional[int] = None
    deep: bool = False


def inspect(data: bytes) -> Inspection:
    """Classifies a whole file. JPEG (1 or 3 components) and PNG are supported."""
    if not data:
        return Inspection(CORRUPT, "the file is empty")
    if data.startswith(_JPEG):
        return _inspect_jpeg(data)
    if data.startswith(_PNG):
        return _inspect_png(data)
    name = next((name for magic, name in _OTHER_FORMATS if data.startswith(magic)), None)
    if name is None and data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        name = "WebP"
    if name is not None:
        return Inspection(UNSUPPORTED, f"{name} is not supported; JPEG and PNG are")
    return Inspection(UNSUPPORTED, "not an image by its bytes; JPEG and PNG are supported")


def _inspect_jpeg(data: bytes) -> Inspection:
    """Walks the segments: a frame header, at least one scan with data, and the end marker (ITU T.81, annex B)."""
    position, width, height, components, bits, scanned, coding = 2, None, None, 0, 8, False, 0
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            return Inspection(CORRUPT, f"no JPEG marker at byte {position}", width, height)
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker == 0xD9:
            break
        if marker in _STANDALONE_MARKERS:
            position += 2
            continue
        length = struct.unpack(">H", data[position + 2 : position + 4])[0]
        segment = data[position + 4 : position + 2 + length]
        if marker in _START_OF_FRAME and len(segment) >= 6:
            coding = marker
            bits, height, width, components = struct.unpack(">BHHB", segment[:6])
        position += 2 + length
        if marker == 0xDA:
            end = _end_of_scan(data, position)
            position, scanned = end, scanned or end > position
    if not width or not height:
        return Inspection(CORRUPT, "the JPEG has no frame header")
    if not scanned:
        return Inspection(CORRUPT, "the JPEG has a header and no image data", width, height)
    if data[position : position + 2] != b"\xff\xd9":
        return Inspection(CORRUPT, "the JPEG is truncated: its end marker is missing", width, height)
    if coding not in _DECODABLE_FRAMES:
        return Inspection(
            UNSUPPORTED, "a lossless or arithmetic-coded JPEG; Huffman-coded ones are supported", width, height
        )
    if components not in (1, 3):
        return Inspection(
            UNSUPPORTED, f"a JPEG of {components} components (CMYK); 1 and 3 are supported", width, height
        )
    if bits != 8:
        return Inspection(UNSUPPORTED, f"a JPEG of {bits} bits a sample; 8 are supported", width, height)
    return _unless_too_large(Inspection(OK, None, width, height))


def _unless_too_large(seen: Inspection) -> Inspection:
    pixels = (seen.width or 0) * (seen.height or 0)
    if pixels <= MAX_MEGAPIXELS * 1_000_000:
        return seen
    limit = f"the image has {pixels / 1e6:,.0f} megapixels; at most {MAX_MEGAPIXELS} are supported"
    return Inspection(UNSUPPORTED, limit, seen.width, seen.height)


def _end_of_scan(data: bytes, position: int) -> int:
    """Where the next marker stands that is neither a restart nor a stuffed byte; else the end of the data."""
    while True:
        position = data.find(b"\xff", position)
        if position < 0 or position + 1 >= len(data):
            return len(data)
        following = data[position + 1]
        if following != 0 and following not in _STANDALONE_MARKERS and following != 0xFF:
            return position
        position += 1 if following == 0xFF else 2


def _inspect_png(data: bytes) -> Inspection:
    """Walks the chunks with their check sums up to IEND (PNG specification, section 5)."""
    position, header, pieces = len(_PNG), b"", []
    while position + 12 <= len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        kind = data[position + 4 : position + 8]
        body = data[position + 8 : position + 8 + length]
        check = data[position + 8 + length : position + 12 + length]
        if len(check) < 4:
            break
        if struct.unpack(">I", check)[0] != zlib.crc32(kind + body):
            return Inspection(
                CORRUPT, f"the check sum of the PNG's chunk {kind.decode('latin-1')} is wrong", *_png_size(header)
            )
        if kind == b"IHDR" and length >= 13:
            header = body
        elif kind == b"IDAT" and length > 0:
            pieces.append(body)
        elif kind == b"IEND":
            return _inspect_png_data(header, pieces)
        position += 12 + length
    return Inspection(CORRUPT, "the PNG is truncated: its end chunk is missing", *_png_size(header))


def _png_size(header: bytes) -> Tuple[Optional[int], Optional[int]]:
    return struct.unpack(">II", header[:8]) if header else (None, None)


def _inspect_png_data(header: bytes, pieces: List[bytes]) -> Inspection:
    """Inflates the image data, and throws it away: decoders differ in what they make of a stream that ends early."""
    width, height = _png_size(header)
    if not width or not height or not pieces:
        return Inspection(CORRUPT, "the PNG has no image data", width, height)
    bits, colour, interlaced = header[8], header[9], header[12]
    seen = _unless_too_large(Inspection(OK, None, width, height, deep=bits > 8))
    if seen.status != OK:
        return seen
    if colour not in _PNG_SAMPLES:
        return Inspection(CORRUPT, f"the PNG has the colour type {colour}, which there is not", width, height)
    wanted = _raw_size(width, height, bits * _PNG_SAMPLES[colour], interlaced != 0)
    problem = _problem_of_stream(pieces, wanted)
    return Inspection(CORRUPT, f"the PNG's image data {problem}", width, height) if problem else seen


def _problem_of_stream(pieces: List[bytes], wanted: int) -> Optional[str]:
    """What is wrong with a zlib stream that should hold `wanted` bytes."""
    inflater, size = zlib.decompressobj(), 0
    try:
        for piece in pieces:
            rest = piece
            while rest and size < wanted:
                size += len(inflater.decompress(rest, _INFLATED_AT_ONCE))
                rest = inflater.unconsumed_tail
    except zlib.error:
        return "cannot be inflated"
    return None if size >= wanted else "ends too early"


def _raw_size(width: int, height: int, bits: int, interlaced: bool) -> int:
    """Bytes of a PNG's rows before compression, each with its filter byte (PNG specification, sections 7 and 8)."""
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    size = 0
    for left, top, across, down in passes:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            size += rows * (1 + (columns * bits + 7) // 8)
    return size
