"""The photographs of the demo's input: where each comes from, whose it is, and what is done to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels of the source


@dataclass(frozen=True)
class Source:
    """A photograph as a package ships it: the distribution, the file's path in it, and whose it is."""

    package: str
    path: str
    credit: str


@dataclass(frozen=True)
class Photograph:
    """One file of the set: its source, and what was done to it. Without a change the bytes are the package's.

    box is cut out first; the cut is then brought to `side` pixels on its longer side, converted to Pillow's `mode`,
    and written in the format of the name's suffix.
    """

    name: str
    source: str
    box: Box | None = None
    side: int | None = None
    mode: str | None = None

    @property
    def shipped(self) -> bool:
        return self.box is None and self.side is None and self.mode is None

    @property
    def change(self) -> str:
        """What was done, in words."""
        parts = []
        if self.box:
            parts.append("cut out at ({}, {}) to ({}, {})".format(*self.box))
        if self.side:
            parts.append(f"scaled to {self.side} px on the longer side")
        if self.mode:
            parts.append(_MODES[self.mode])
        return ", ".join(parts) or "as shipped"


def _skimage(name: str, credit: str) -> Source:
    return Source("scikit-image", f"skimage/data/{name}", credit)


def _sklearn(name: str, credit: str) -> Source:
    return Source("scikit-learn", f"sklearn/datasets/images/{name}", credit)


# Credits and terms as the packages state them (docstrings of skimage.data, README of scikit-learn's images).
SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "astronaut": _skimage("astronaut.png", "Eileen Collins; NASA Great Images database; public domain"),
        "camera": _skimage("camera.png", "Camera; photograph by Lav Varshney; CC0"),
        "chelsea": _skimage("chelsea.png", "Chelsea the cat; photograph by Stefan van der Walt; CC0"),
        "coffee": _skimage("coffee.png", "Coffee cup, Pikolo Espresso Bar; photograph by Rachel Michetti; CC0"),
        "coins": _skimage("coins.png", "Greek coins from Pompeii; Brooklyn Museum; no known copyright restrictions"),
        "hubble": _skimage("hubble_deep_field.jpg", "Hubble eXtreme Deep Field; NASA; public domain"),
        "motorcycle-left": _skimage(
            "motorcycle_left.png",
            "Motorcycle, left view; Scharstein et al., Middlebury 2014 stereo benchmark; no licence stated",
        ),
        "motorcycle-right": _skimage(
            "motorcycle_right.png",
            "Motorcycle, right view; Scharstein et al., Middlebury 2014 stereo benchmark; no licence stated",
        ),
        "retina": _skimage("retina.jpg", "Fundus photograph of a left eye; Mikael Häggström; CC0"),
        "rocket": _skimage("rocket.jpg", "Falcon 9 with DSCOVR; SpaceX; public domain"),
        "china": _sklearn("china.jpg", "Summer Palace, China; photograph by danielbuechele (Flickr); CC BY 2.0"),
        "flower": _sklearn(
            "flower.jpg",
            "Flower; photograph by vultilion (Flickr; scikit-learn's README links that page and names "
            "danielbuechele); CC BY 2.0",
        ),
    }
)

_MODES: Mapping[str, str] = MappingProxyType(
    {
        "L": "converted to grey",
        "P": "reduced to a palette of 64 colours",
        "RGBA": "given an alpha channel that is opaque in an ellipse only",
    }
)

PHOTOGRAPHS = (
    Photograph("astronaut.png", "astronaut"),
    Photograph("camera.png", "camera"),
    Photograph("cats/chelsea.png", "chelsea"),
    Photograph("china.jpg", "china"),
    Photograph("coffee cup.png", "coffee"),
    Photograph("coins.png", "coins"),
    Photograph("flower.jpg", "flower"),
    Photograph("hubble.jpg", "hubble"),
    Photograph("motorcycle/left.png", "motorcycle-left"),
    Photograph("motorcycle/right.png", "motorcycle-right"),
    Photograph("rocket.jpg", "rocket"),
    Photograph("retina.jpg", "retina", side=900),
    Photograph("astronaut-large.jpg", "astronaut", side=1000),
    Photograph("astronaut-portrait.jpg", "astronaut", box=(120, 0, 400, 300)),
    Photograph("camera-tall.jpg", "camera", box=(110, 40, 350, 512)),
    Photograph("cats/chelsea-grey.jpg", "chelsea", mode="L"),
    Photograph("cats/chelsea-eyes.png", "chelsea", box=(100, 50, 350, 180), side=600),
    Photograph("china-palette.png", "china", side=480, mode="P"),
    Photograph("china-roof.jpg", "china", box=(100, 150, 560, 330)),
    Photograph("coffee-cut-out.png", "coffee", box=(90, 10, 570, 370), mode="RGBA"),
    Photograph("coins-small.jpg", "coins", side=192),
    Photograph("hubble-middle.png", "hubble", box=(250, 250, 750, 600)),
    Photograph("flower-close.png", "flower", box=(200, 60, 480, 400)),
    Photograph("motorcycle/engine.jpg", "motorcycle-left", box=(150, 100, 600, 430), side=800),
    Photograph("rocket-tower.jpg", "rocket", box=(240, 60, 420, 427)),
)


def credits_of(images: Iterable[str]) -> dict[str, str]:
    """Image path relative to the input -> whose photograph it is and what was done to it; names not of the set
    are left out."""
    photographs = {one.name: one for one in PHOTOGRAPHS}
    known = (photographs[image] for image in images if image in photographs)
    return {one.name: f"{SOURCES[one.source].credit}; {one.change}" for one in known}
