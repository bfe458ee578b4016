"""What a model's classes are called: COCO's 80 categories, or those that the model or its manifest names.

Both are in the order of the network's scores without the background: entry 0 is score 1.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from typing import Any

# Where OpenVINO's model zoo keeps them in an IR: a list with spaces between, those in a name as underscores.
LABELS = ("model_info", "labels")

CATEGORIES: tuple[tuple[int, str], ...] = (
    (1, "person"), (2, "bicycle"), (3, "car"), (4, "motorcycle"), (5, "airplane"),
    (6, "bus"), (7, "train"), (8, "truck"), (9, "boat"), (10, "traffic light"),
    (11, "fire hydrant"), (13, "stop sign"), (14, "parking meter"), (15, "bench"), (16, "bird"),
    (17, "cat"), (18, "dog"), (19, "horse"), (20, "sheep"), (21, "cow"),
    (22, "elephant"), (23, "bear"), (24, "zebra"), (25, "giraffe"), (27, "backpack"),
    (28, "umbrella"), (31, "handbag"), (32, "tie"), (33, "suitcase"), (34, "frisbee"),
    (35, "skis"), (36, "snowboard"), (37, "sports ball"), (38, "kite"), (39, "baseball bat"),
    (40, "baseball glove"), (41, "skateboard"), (42, "surfboard"), (43, "tennis racket"), (44, "bottle"),
    (46, "wine glass"), (47, "cup"), (48, "fork"), (49, "knife"), (50, "spoon"),
    (51, "bowl"), (52, "banana"), (53, "apple"), (54, "sandwich"), (55, "orange"),
    (56, "broccoli"), (57, "carrot"), (58, "hot dog"), (59, "pizza"), (60, "donut"),
    (61, "cake"), (62, "chair"), (63, "couch"), (64, "potted plant"), (65, "bed"),
    (67, "dining table"), (70, "toilet"), (72, "tv"), (73, "laptop"), (74, "mouse"),
    (75, "remote"), (76, "keyboard"), (77, "cell phone"), (78, "microwave"), (79, "oven"),
    (80, "toaster"), (81, "sink"), (82, "refrigerator"), (84, "book"), (85, "clock"),
    (86, "vase"), (87, "scissors"), (88, "teddy bear"), (89, "hair drier"), (90, "toothbrush"),
)  # fmt: skip

CATEGORY_IDS: tuple[int, ...] = tuple(category_id for category_id, _ in CATEGORIES)
NAMES_BY_ID: dict[int, str] = dict(CATEGORIES)


def category_ids(classes: int) -> tuple[int, ...]:
    """Category ids in the order of the scores, for a network with so many outputs a prior, background included.

    81 outputs are COCO's 80 categories with COCO's ids; any other number C has the ids 1 to C - 1.
    """
    return CATEGORY_IDS if classes == len(CATEGORY_IDS) + 1 else tuple(range(1, classes))


def names_of(manifest: Mapping[str, Any]) -> dict[int, str]:
    """Names by category id, as a model's manifest lists them under `categories`; COCO's if it lists none.

    Raises ValueError if the list is not one of {"id": int, "name": str}.
    """
    listed = manifest.get("categories")
    if listed is None:
        return NAMES_BY_ID
    try:
        return {int(one["id"]): str(one["name"]) for one in listed}
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(
            f"manifest: categories is {listed!r}; expected a list of {{'id': number, 'name': text}}"
        ) from error


def to_labels(names: Sequence[str]) -> str:
    """Names in the order of the scores as an IR keeps them, see LABELS."""
    return " ".join(name.replace(" ", "_") for name in names)


def names_in_ir(xml: str) -> dict[int, str]:
    """Names by category id, as the IR's .xml, given as text, keeps them; COCO's if it keeps none."""
    found = ElementTree.fromstring(xml).find("rt_info/" + "/".join(LABELS))
    labels = "" if found is None else found.get("value", "")
    if not labels:
        return NAMES_BY_ID
    names = [label.replace("_", " ") for label in labels.split()]
    return dict(zip(category_ids(len(names) + 1), names))
