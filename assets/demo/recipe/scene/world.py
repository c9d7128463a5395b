"""What a scene is made of: the closed world of the demo checkpoint, and the types that describe one scene.

Lengths are in pixels of the picture, whose longer side is always :data:`LONG_SIDE`.
"""

from dataclasses import dataclass

LONG_SIDE = 256
"""Longer side of every picture: the input side of the high-resolution encoder, which therefore sees it unresized."""

SHORT_SIDES = (256, 224, 192, 176, 160)
"""Shorter sides in use; 256 is the square picture.

Cutting the padding off rounds down (see ``model.geometry``): with other sides, such as 208, rows of cells that hold a
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

NUMBERABLE = frozenset({"circle", "square", "diamond", "star", "cross"})
"""Shapes with room for a printed number at their centre."""

TEXTURES = ("plain", "striped", "dotted", "checkered")

SIZES = ("small", "large")

RADII: dict[str, tuple[int, ...]] = {"small": (14, 15, 16, 17), "large": (24, 26, 28, 30)}

WORDS = (
    "ANT", "BEE", "CAT", "COW", "DOG", "EEL", "FOX", "HEN", "OWL", "PIG", "RAT", "YAK",
    "CAFE", "EXIT", "FISH", "GIFT", "HOME", "JAZZ", "KIWI", "LAMP", "MILK", "NEWS", "OPEN", "PARK",
    "QUIZ", "ROAD", "SALE", "TAXI", "TOWN", "UNIT", "VOTE", "WAVE", "YARD", "ZERO", "ZOO",
)  # fmt: skip
"""What signs say: every letter of the alphabet occurs."""

MAX_OBJECTS = 7

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
    background's shade and grain.
    """

    width: int
    height: int
    objects: tuple[Object, ...]
    sign: Sign | None
    overlap: tuple[int, int] | None
    backdrop: int
