"""What a file is by its bytes: every kind of image that people have, and every way a file gets damaged."""

from __future__ import annotations

import io
import random
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from cluster_app.pipeline.images import CORRUPT, OK, UNSUPPORTED, Inspection, inspect

WIDTH, HEIGHT = 37, 23


def picture(mode: str) -> Image.Image:
    """A picture with detail in it, so that its encoded data is not all the same byte."""
    dots = random.Random(5)
    plain = Image.new("RGB", (WIDTH, HEIGHT))
    plain.putdata([(dots.randrange(256), dots.randrange(256), dots.randrange(256)) for _ in range(WIDTH * HEIGHT)])
    return plain.convert(mode)


def encoded(mode: str, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture(mode).save(buffer, kind, **options)
    return buffer.getvalue()


GOOD = {
    "jpeg": encoded("RGB", "JPEG"),
    "jpeg-grey": encoded("L", "JPEG"),
    "jpeg-progressive": encoded("RGB", "JPEG", progressive=True),
    "jpeg-restart-markers": encoded("RGB", "JPEG", restart_marker_blocks=1),
    "jpeg-comment": encoded("RGB", "JPEG", comment=b"\xff\xd9 is no end inside a segment"),
    "png": encoded("RGB", "PNG"),
    "png-grey": encoded("L", "PNG"),
    "png-grey-alpha": encoded("LA", "PNG"),
    "png-bilevel": encoded("1", "PNG"),
    "png-palette": encoded("P", "PNG"),
    "png-rgba": encoded("RGBA", "PNG"),
}
NEVER_OK = {
    "cmyk": encoded("CMYK", "JPEG"),
    "gif": encoded("P", "GIF"),
    "webp": encoded("RGB", "WEBP"),
    "bmp": encoded("RGB", "BMP"),
    "tiff": encoded("RGB", "TIFF"),
}
REAL = {**GOOD, **NEVER_OK}


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.parametrize("name", GOOD)
def test_a_whole_image_is_ok_and_has_its_size(name: str) -> None:
    assert inspect(GOOD[name]) == Inspection(OK, None, WIDTH, HEIGHT)


def test_the_samples_are_what_their_names_say() -> None:
    assert b"\xff\xc2" in GOOD["jpeg-progressive"]
    assert b"\xff\xd0" in GOOD["jpeg-restart-markers"]
    assert b"\xff\xd0" not in GOOD["jpeg"]
    assert b"PLTE" in GOOD["png-palette"]


@pytest.mark.parametrize("name", GOOD)
def test_bytes_after_the_end_do_no_harm(name: str) -> None:
    for trailing in (b"\0", b"\n" * 7, GOOD[name], random.Random(1).randbytes(300)):
        assert inspect(GOOD[name] + trailing).status == OK


@pytest.mark.parametrize("name", GOOD)
def test_no_truncation_of_an_image_is_ok(name: str) -> None:
    whole = GOOD[name]
    offsets = {*range(1, min(len(whole), 700)), *range(max(1, len(whole) - 60), len(whole)), *range(1, len(whole), 13)}
    wrong = [offset for offset in sorted(offsets) if inspect(whole[:offset]).status == OK]
    assert wrong == []
    # Past its signature, a cut image is a damaged one and not another kind of file.
    kinds = {inspect(whole[:offset]).status for offset in offsets if offset >= 8}
    assert kinds == {CORRUPT}


@pytest.mark.parametrize("name", ["jpeg", "jpeg-progressive", "png"])
def test_a_truncated_image_says_so_and_keeps_its_size(name: str) -> None:
    found = inspect(GOOD[name][:-20])
    assert (found.status, found.width, found.height) == (CORRUPT, WIDTH, HEIGHT)
    assert "truncated" in str(found.error)


def test_a_progressive_image_cut_after_its_first_scan_is_corrupt() -> None:
    whole = GOOD["jpeg-progressive"]
    second = whole.index(b"\xff\xda", whole.index(b"\xff\xda") + 2)
    assert inspect(whole[:second]).status == CORRUPT


def test_an_image_that_is_its_header_only_is_corrupt() -> None:
    jpeg, png = GOOD["jpeg"], GOOD["png"]
    header = inspect(jpeg[: jpeg.index(b"\xff\xda")])
    assert header == Inspection(CORRUPT, "the JPEG has a header and no image data", WIDTH, HEIGHT)
    closed = inspect(jpeg[: jpeg.index(b"\xff\xda")] + b"\xff\xd9")
    assert closed.status == CORRUPT
    start = png.index(b"IDAT") - 4
    assert inspect(png[:start] + chunk(b"IEND", b"")) == Inspection(CORRUPT, "the PNG has no image data", WIDTH, HEIGHT)


def test_a_jpeg_without_a_frame_is_corrupt() -> None:
    assert inspect(b"\xff\xd8\xff\xd9").status == CORRUPT
    assert "no frame header" in str(inspect(b"\xff\xd8\xff\xd9").error)


def test_a_changed_byte_in_a_png_is_found() -> None:
    png = GOOD["png"]
    middle = png.index(b"IDAT") + 40
    damaged = png[:middle] + bytes([png[middle] ^ 1]) + png[middle + 1 :]
    found = inspect(damaged)
    assert found.status == CORRUPT
    assert "check sum of the PNG's chunk IDAT" in str(found.error)


def test_garbage_between_the_segments_of_a_jpeg_is_found_where_it_stands() -> None:
    jpeg = GOOD["jpeg"]
    place = 4 + struct.unpack(">H", jpeg[4:6])[0]
    found = inspect(jpeg[:place] + b"garbage" + jpeg[place:])
    assert found == Inspection(CORRUPT, f"no JPEG marker at byte {place}")


def test_fill_bytes_before_a_marker_are_allowed() -> None:
    jpeg = GOOD["jpeg"]
    place = 4 + struct.unpack(">H", jpeg[4:6])[0]
    assert inspect(jpeg[:place] + b"\xff\xff" + jpeg[place:]).status == OK


def test_a_jpeg_of_four_components_is_not_supported() -> None:
    found = inspect(NEVER_OK["cmyk"])
    assert (found.status, found.width, found.height) == (UNSUPPORTED, WIDTH, HEIGHT)
    assert "4 components" in str(found.error)
    assert inspect(NEVER_OK["cmyk"][:-30]).status == CORRUPT


@pytest.mark.parametrize(("name", "said"), [("gif", "GIF"), ("webp", "WebP"), ("bmp", "BMP"), ("tiff", "TIFF")])
def test_other_formats_are_named(name: str, said: str) -> None:
    found = inspect(NEVER_OK[name])
    assert found == Inspection(UNSUPPORTED, f"{said} is not supported; JPEG and PNG are")


def test_big_endian_tiff_is_one_too() -> None:
    assert "TIFF" in str(inspect(b"MM\0*" + bytes(20)).error)


@pytest.mark.parametrize("data", [b"a text\n", b"RIFF\0\0\0\0WAVEfmt ", b"\xff\xd8", b"\x89PNG", b"%PDF-1.4", b"\0"])
def test_what_is_no_image_is_unsupported(data: bytes) -> None:
    found = inspect(data)
    assert found.status == UNSUPPORTED
    assert "not an image" in str(found.error)


def test_an_empty_file_is_corrupt() -> None:
    assert inspect(b"") == Inspection(CORRUPT, "the file is empty")


def test_whatever_is_not_ok_says_why() -> None:
    for data in [b"", b"text", *NEVER_OK.values(), *(whole[:-3] for whole in GOOD.values())]:
        assert inspect(data).error


def test_random_bytes_never_raise() -> None:
    source = random.Random(7)
    for _ in range(400):
        data = source.randbytes(source.randrange(200))
        for start in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF"):
            assert inspect(start + data).status in (OK, CORRUPT, UNSUPPORTED)


@pytest.mark.parametrize("name", REAL)
def test_damaged_bytes_never_raise(name: str) -> None:
    source, whole = random.Random(11), REAL[name]
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(source.randrange(1, 6)):
            data[source.randrange(len(data))] = source.randrange(256)
        assert inspect(bytes(data)).status in (OK, CORRUPT, UNSUPPORTED)


# The data of a PNG, and sizes


def png(width: int, height: int, stream: bytes, bits: int = 8, colour: int = 2, interlaced: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", stream) + chunk(b"IEND", b"")


ROWS = random.Random(3).randbytes(HEIGHT * (1 + 3 * WIDTH))
STREAM = zlib.compress(ROWS)


def test_a_stream_of_the_right_length_is_ok() -> None:
    assert inspect(png(WIDTH, HEIGHT, STREAM)) == Inspection(OK, None, WIDTH, HEIGHT)
    # More than enough does no harm.
    assert inspect(png(WIDTH, HEIGHT, zlib.compress(ROWS + ROWS))).status == OK


def test_a_stream_in_many_pieces_is_ok() -> None:
    whole = png(WIDTH, HEIGHT, STREAM)
    place = whole.index(b"IDAT") - 4
    pieces = b"".join(chunk(b"IDAT", STREAM[begin : begin + 7]) for begin in range(0, len(STREAM), 7))
    assert inspect(whole[:place] + pieces + chunk(b"IEND", b"")).status == OK


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (STREAM[:100] + b"\xff" * 40 + STREAM[140:], "cannot be inflated"),
        (b"no zlib stream at all", "cannot be inflated"),
        (STREAM[:-200], "ends too early"),
        (zlib.compress(ROWS[:-1]), "ends too early"),
    ],
)
def test_a_broken_stream_behind_good_check_sums_is_corrupt(stream: bytes, said: str) -> None:
    found = inspect(png(WIDTH, HEIGHT, stream))
    assert (found.status, found.width, found.height) == (CORRUPT, WIDTH, HEIGHT)
    assert said in str(found.error)


@pytest.mark.parametrize(
    ("bits", "colour", "row"), [(1, 0, 5), (4, 3, 19), (8, 0, 37), (8, 4, 74), (16, 0, 74), (16, 2, 222), (16, 6, 296)]
)
def test_rows_are_as_long_as_their_samples_say(bits: int, colour: int, row: int) -> None:
    exact = zlib.compress(bytes(HEIGHT * (1 + row)))
    assert inspect(png(WIDTH, HEIGHT, exact, bits, colour)).status == OK
    short = zlib.compress(bytes(HEIGHT * (1 + row) - 1))
    assert inspect(png(WIDTH, HEIGHT, short, bits, colour)).status == CORRUPT


@pytest.mark.parametrize(("width", "height", "size"), [(1, 1, 2), (4, 1, 7), (8, 8, 79), (5, 5, 36)])
def test_interlaced_rows(width: int, height: int, size: int) -> None:
    """Sizes counted by hand, grey of 8 bits: a filter byte for each row of each pass that is not empty."""
    assert inspect(png(width, height, zlib.compress(bytes(size)), 8, 0, 1)).status == OK
    assert inspect(png(width, height, zlib.compress(bytes(size - 1)), 8, 0, 1)).status == CORRUPT


def test_a_colour_type_that_there_is_not() -> None:
    assert "colour type 5" in str(inspect(png(WIDTH, HEIGHT, STREAM, colour=5)).error)


def test_sixteen_bits_are_noted() -> None:
    assert inspect(png(WIDTH, HEIGHT, zlib.compress(bytes(HEIGHT * 223)), 16, 2)).deep
    assert not inspect(GOOD["png"]).deep


def test_more_than_a_hundred_megapixels_are_not_decoded() -> None:
    row = 1 + 10_000 // 8
    most = png(10_000, 10_000, zlib.compress(bytes(10_000 * row)), 1, 0)
    over = png(10_000, 10_001, zlib.compress(bytes(10_001 * row)), 1, 0)
    assert inspect(most).status == OK
    found = inspect(over)
    assert (found.status, found.width, found.height) == (UNSUPPORTED, 10_000, 10_001)
    assert "at most 100 are supported" in str(found.error)


def test_a_large_jpeg_is_refused_by_its_header() -> None:
    jpeg = GOOD["jpeg"]
    place = jpeg.index(b"\xff\xc0") + 5
    large = jpeg[:place] + struct.pack(">HH", 60_000, 60_000) + jpeg[place + 4 :]
    assert inspect(large).status == UNSUPPORTED
    assert "3,600 megapixels" in str(inspect(large).error)


def test_a_jpeg_of_twelve_bits_is_not_supported() -> None:
    jpeg = GOOD["jpeg"]
    place = jpeg.index(b"\xff\xc0") + 4
    assert "12 bits a sample" in str(inspect(jpeg[:place] + b"\x0c" + jpeg[place + 1 :]).error)
