"""A fingerprint tells inputs apart, whatever became of their order."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from cluster_app.pipeline import fingerprint, images
from cluster_app.pipeline.fingerprint import WrongRows
from cluster_app.tasks.yolact.adapter import YolactTask

RANDOM = np.random.default_rng(0)


def tensor(size: int = 192) -> np.ndarray:
    return RANDOM.normal(size=(1, 3, size, size)).astype(np.float32)


def print_of(seed: int) -> bytes:
    return fingerprint.of_tensor(np.random.default_rng(seed).normal(size=(1, 3, 64, 64))).tobytes()


@pytest.mark.parametrize(("size", "squares"), [(64, 16), (192, 16), (550, 16), (191, 17)])
def test_means_over_a_grid(size: int, squares: int) -> None:
    value = tensor(size)
    found = fingerprint.of_tensor(value).reshape(3, squares, squares)
    side = size // 16
    assert found[2, 1, 3] == pytest.approx(value[0, 2, side : 2 * side, 3 * side : 4 * side].mean(), abs=1e-6)


def test_arithmetic_and_decoders_may_differ_a_little() -> None:
    value = tensor()
    other = value + RANDOM.normal(scale=0.05, size=value.shape).astype(np.float32)
    assert not fingerprint.differs(*(fingerprint.of_tensor(one).tobytes() for one in (value, other)))


def test_another_input_differs() -> None:
    value = tensor()
    moved = value.copy()
    # Nothing but what is in one square.
    moved[0, :, 24:36, 24:36] += 0.1
    found, other = (fingerprint.of_tensor(one).tobytes() for one in (value, moved))
    assert fingerprint.differs(found, other)
    assert fingerprint.differs(found, b"")
    assert fingerprint.differs(b"", b"")
    assert fingerprint.differs(found, np.full(768, np.nan, np.float32).tobytes())


def test_a_swapped_row_is_named_with_what_it_carries() -> None:
    owed = {f"{number}.jpg": print_of(number) for number in range(4)}
    assert fingerprint.check(list(owed.items()), owed) == 4
    swapped = {**owed, "1.jpg": owed["2.jpg"], "2.jpg": owed["1.jpg"]}
    with pytest.raises(WrongRows) as caught:
        fingerprint.check(list(swapped.items()), owed)
    message = str(caught.value)
    assert "verify: 2 rows carry results of another input" in message
    assert "1.jpg (it carries that of 2.jpg)" in message
    assert "2.jpg (it carries that of 1.jpg)" in message


def test_a_row_without_fingerprint_or_without_file_is_wrong() -> None:
    owed = {"a.jpg": print_of(1)}
    with pytest.raises(WrongRows, match=r"1 row carries the result of another input than the image named: a\.jpg"):
        fingerprint.check([("a.jpg", b"")], owed)
    with pytest.raises(WrongRows, match=r"b\.jpg"):
        fingerprint.check([("b.jpg", print_of(2))], owed)


def test_a_message_names_a_few_images() -> None:
    with pytest.raises(WrongRows, match=r"8 rows .*, and 3 more;"):
        fingerprint.refuse([f"{number}.jpg" for number in range(8)], {})
    fingerprint.refuse([], {})


def test_what_a_file_owes_comes_from_its_own_bytes() -> None:
    picture = Image.fromarray(RANDOM.integers(0, 256, (30, 40, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    content, task = buffer.getvalue(), YolactTask()
    pixels = np.asarray(picture)[:, :, ::-1]
    expected = fingerprint.of_tensor(task.preprocess(np.ascontiguousarray(pixels), 64)).tobytes()
    assert fingerprint.of_file(content, images.inspect(content), task, 64) == expected
    assert fingerprint.of_file(b"no image", images.Inspection(images.OK, None, 2, 2), task, 64) == b""
