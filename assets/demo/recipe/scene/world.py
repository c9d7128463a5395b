"""What a scene is made of: the closed world of the demo checkpoint, and the types that describe one scene.

Lengths are in pixels of the picture, whose longer side is always :data:`LONG_SIDE`.
"""

from dataclasses import dataclass

LONG_SIDE = 192
"""Longer side of every picture: the input side of the high-resolution encoder, which therefore sees it unresized."""

SHORT_SIDES = (192, 176, 160, 128)
"""Shorter sides in use; 192 is the square picture.

Cutting the padding off rounds down (see ``model.geometry``): with other sides, such as 144, rows of cells that hold a
part of the picture would be cut off with it.
"""

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "orange": (244, 140, 30),
    "yellow": (246, 220, 60),
    "green": (40, 150, 60),
    "blue": (40, 80, 210),
    "purple": (140, 50, 170),
    "white": (246, 246, 246),
    "black": (26, 26, 26),
}

SHAPES = ("circle", "square", "triangle", "diamond", "star", "cross", "ring", "moon")

NUMBERABLE = frozenset({"circle", "square", "diamond"})
"""Shapes with room for a printed number at their centre."""

TEXTURES = ("plain", "striped", "dotted", "checkered")

SIZES = ("small", "large")

RADII: dict[str, tuple[int, ...]] = {"small": (12, 13, 14), "large": (21, 22, 23, 24)}

WORDS = (
    "ANT", "BEE", "CAT", "DOG", "FOX", "OWL", "PIG", "YAK", "CAFE", "EXIT", "GIFT", "HOME",
    "JAZZ", "KIWI", "LAMP", "MILK", "NEWS", "OPEN", "PARK", "QUIZ", "ROAD", "SALE", "TAXI", "VOTE",
)  # fmt: skip
"""What signs say: every letter of the alphabet occurs."""

MAX_OBJECTS = 6

DENSE_OBJECTS, DENSE_SIGNS, DENSE_PAIRS = 11, 3, 3
"""The most things, signs and overlapping pairs in pictures that no questions are asked about."""

TEXT_SCALE = 2
"""Pixels per dot of the printed 5 x 7 letters: small type, near the limit of the low-resolution encoders."""


@dataclass(frozen=True)
class Object:
    """One drawn shape. ``x``, ``y``: centre; ``height``: 1 lies on the ground, 2 floats above it."""

    shape: str
    colour: str
    texture: str
    size: str
    x: int
    y: int
    radius: int
    height: int = 1
    number: int | None = None


@dataclass(frozen=True)
class Sign:
    """A plate with a printed word, centred at ``x``, ``y``."""

    word: str
    x: int
    y: int

    @property
    def half_width(self) -> int:
        """Half the plate's width."""
        return (len(self.word) * 6 * TEXT_SCALE) // 2 + 5

    @property
    def half_height(self) -> int:
        """Half the plate's height."""
        return (7 * TEXT_SCALE) // 2 + 5


@dataclass(frozen=True)
class Scene:
    """A whole picture, in words. Objects are drawn in order, so later ones cover earlier ones.

    ``overlap``: indices (behind, front) of the one pair that overlaps, if there is one. ``backdrop``: seed of the
    background's shade and grain. Scenes that questions are asked about have nothing in ``more_signs`` and
    ``more_overlaps``; they make scenes for the encoders denser.
    """

    width: int
    height: int
    objects: tuple[Object, ...]
    sign: Sign | None
    overlap: tuple[int, int] | None
    backdrop: int
    more_signs: tuple[Sign, ...] = ()
    more_overlaps: tuple[tuple[int, int], ...] = ()

    @property
    def signs(self) -> tuple[Sign, ...]:
        """All signs."""
        return self.more_signs if self.sign is None else (self.sign, *self.more_signs)

    @property
    def overlaps(self) -> tuple[tuple[int, int], ...]:
        """All pairs that overlap, (behind, front)."""
        return self.more_overlaps if self.overlap is None else (self.overlap, *self.more_overlaps)
