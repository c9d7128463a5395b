"""Scenes to pictures: antialiased shapes from signed distances, textures, shadows, printed text.

Shapes lie at whole pixels, so the mask of a shape depends on its kind and radius alone and is computed once. The
canvas is kept as three planes [3, h, w], which keeps numpy's inner loops long.
"""

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from .glyphs import printed
from .world import COLOURS, LONG_SIDE, TEXT_SCALE, Object, Scene, Sign

PERIOD = 12
"""Period of the textures in pixels: still 6 pixels for an encoder that sees the picture at 96."""

RIM = 1.5
"""Width in pixels of the rim of a shape, in the second shade: what is in front has a whole rim."""

MARGIN = 6
"""Pixels around a shape that its mask and its shadow may touch."""

SIGN_LABEL = 127
"""Value of ``Drawing.things`` on the sign."""


@dataclass(frozen=True)
class Drawing:
    """A drawn scene.

    ``rgb`` [h, w, 3] u8; ``things`` [h, w] i8: index of the visible object plus one, 0 for the background,
    :data:`SIGN_LABEL` for the sign; ``characters`` [h, w] u8: label of the printed character there (see ``glyphs``).
    """

    rgb: np.ndarray
    things: np.ndarray
    characters: np.ndarray


def draw(scene: Scene) -> Drawing:
    """Draws ``scene``; the same scene always gives the same pixels."""
    canvas = _backdrop(scene)
    things = np.zeros((scene.height, scene.width), dtype=np.int8)
    characters = np.zeros((scene.height, scene.width), dtype=np.uint8)
    for sign in scene.signs:
        _draw_sign(canvas, things, characters, sign)
    for index, thing in enumerate(scene.objects):
        _draw_object(canvas, things, characters, thing, index + 1)
    np.clip(canvas, 0, 255, out=canvas)
    rgb = np.ascontiguousarray((canvas + 0.5).astype(np.uint8).transpose(1, 2, 0))
    return Drawing(rgb, things, characters)


@lru_cache(maxsize=1)
def _grain() -> np.ndarray:
    """A large tile of noise; every backdrop is a window into it."""
    return np.random.default_rng(0).normal(0, 2.5, (512, 512)).astype(np.float32)


def _backdrop(scene: Scene) -> np.ndarray:
    """A dull shade that differs from every colour of the world, brighter towards one side, with some grain."""
    rng = np.random.default_rng(scene.backdrop)
    shade = rng.uniform(120, 185) + rng.uniform(-14, 14, 3)
    across, down = rng.uniform(-18, 18, 2)
    top, left = rng.integers(0, 512 - LONG_SIDE, 2)
    ramp = (
        np.linspace(-across, across, scene.width, dtype=np.float32)[None, :]
        + np.linspace(-down, down, scene.height, dtype=np.float32)[:, None]
    )
    grain = _grain()[top : top + scene.height, left : left + scene.width]
    ramp += grain
    return shade.astype(np.float32)[:, None, None] + ramp


def _distance(shape: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Signed distance (negative inside) of points to a shape of radius one, up to the rounding of corners."""
    r = np.hypot(x, y)
    match shape:
        case "circle":
            return r - 1
        case "square":
            return np.maximum(abs(x), abs(y)) - 0.84
        case "triangle":
            return np.maximum(y - 0.62, abs(x) * 0.8575 - y * 0.5145 - 0.515)
        case "diamond":
            return (abs(x) * 1.25 + abs(y) - 1) * 0.6247
        case "star":
            sector = 2 * np.pi / 5
            angle = np.arctan2(x, -y)
            folded = abs(angle - sector * np.round(angle / sector))
            px, py = r * np.cos(folded), r * np.sin(folded)
            inner = 0.52
            ex, ey = inner * np.cos(sector / 2) - 1, inner * np.sin(sector / 2)
            return ((px - 1) * ey - py * ex) / np.hypot(ex, ey)
        case "cross":
            wide = np.maximum(abs(x) - 1, abs(y) - 0.38)
            tall = np.maximum(abs(x) - 0.38, abs(y) - 1)
            return np.minimum(wide, tall)
        case "ring":
            return abs(r - 0.68) - 0.32
        case "moon":
            return np.maximum(r - 1, 0.8 - np.hypot(x - 0.62, y + 0.26))
    raise ValueError(f"no such shape: {shape}")


@cache
def _mask(shape: str, radius: int, softness: float, inset: float = 0) -> np.ndarray:
    """How much of each pixel around a shape's centre it covers [2 (radius + margin) + 1 squared], ``inset`` smaller."""
    reach = radius + MARGIN
    line = np.arange(-reach, reach + 1, dtype=np.float32) / radius
    distance = _distance(shape, line[None, :], line[:, None]) * radius
    return np.clip(0.5 - (distance + inset) / softness, 0, 1).astype(np.float32)


@cache
def _pattern(texture: str, radius: int) -> np.ndarray:
    """How much of the second shade each pixel of a texture has, on the same grid as :func:`_mask`."""
    reach = radius + MARGIN
    line = np.arange(-reach, reach + 1)
    x, y = line[None, :], line[:, None]
    half = PERIOD // 2
    match texture:
        case "striped":
            on = (y + half // 2) % PERIOD < half
        case "checkered":
            on = ((x // 8) + (y // 8)) % 2 == 0
        case "dotted":
            dx, dy = (x + half) % PERIOD - half, (y + half) % PERIOD - half
            on = dx * dx + dy * dy <= 13
        case _:
            on = np.zeros((line.size, line.size), dtype=bool)
    return np.broadcast_to(on, (line.size, line.size)).astype(np.float32)


def _shades(colour: str) -> tuple[np.ndarray, np.ndarray]:
    """A colour, and the one its textures are drawn in: darker, or lighter where it is dark already."""
    first = np.array(COLOURS[colour], dtype=np.float32)
    second = first * 0.45 if first.sum() > 200 else first * 0.4 + 110
    return first, second


def _window(array: np.ndarray, x: int, y: int, reach: int) -> tuple[tuple, tuple]:
    """The part of ``array`` [..., h, w] within ``reach`` of (x, y), and the same part of a patch centred there."""
    height, width = array.shape[-2:]
    top, bottom = max(y - reach, 0), min(y + reach + 1, height)
    left, right = max(x - reach, 0), min(x + reach + 1, width)
    whole = (..., slice(top, bottom), slice(left, right))
    patch = (slice(top - y + reach, bottom - y + reach), slice(left - x + reach, right - x + reach))
    return whole, patch


def _draw_object(canvas: np.ndarray, things: np.ndarray, characters: np.ndarray, thing: Object, label: int) -> None:
    reach = thing.radius + MARGIN
    # The higher a thing, the farther and softer its shadow.
    offset = 1 + 3 * (thing.height - 1)
    whole, patch = _window(canvas, thing.x + offset, thing.y + offset, reach)
    canvas[whole] *= 1 - 0.45 * _mask(thing.shape, thing.radius, 2.0 + 2.0 * thing.height)[patch]

    whole, patch = _window(canvas, thing.x, thing.y, reach)
    mask = _mask(thing.shape, thing.radius, 1.0)[patch]
    first, second = (shade[:, None, None] for shade in _shades(thing.colour))
    rim = 1 - _mask(thing.shape, thing.radius, 1.0, RIM)[patch]
    paint = first + (second - first) * np.maximum(_pattern(thing.texture, thing.radius)[patch], rim)
    canvas[whole] += (paint - canvas[whole]) * mask
    solid = mask > 0.5
    things[whole][solid] = label
    characters[whole][solid] = 0
    if thing.number is not None:
        red, green, blue = COLOURS[thing.colour]
        bright = 0.3 * red + 0.59 * green + 0.11 * blue > 120
        _print(canvas, characters, str(thing.number), thing.x, thing.y, 0.0 if bright else 255.0)


def _print(canvas: np.ndarray, characters: np.ndarray, text: str, x: int, y: int, ink: float) -> None:
    """Prints ``text`` centred at (x, y)."""
    dots, labels = printed(text, TEXT_SCALE)
    height, width = dots.shape
    place = (slice(y - height // 2, y - height // 2 + height), slice(x - width // 2, x - width // 2 + width))
    canvas[:, *place][:, dots] = ink
    characters[place] = labels


def _draw_sign(canvas: np.ndarray, things: np.ndarray, characters: np.ndarray, sign: Sign) -> None:
    top, left = sign.y - sign.half_height, sign.x - sign.half_width
    bottom, right = sign.y + sign.half_height, sign.x + sign.half_width
    frame, plate = (np.array(colour, dtype=np.float32)[:, None, None] for colour in ((90, 70, 50), (238, 228, 200)))
    canvas[:, top + 2 : bottom + 2, left + 2 : right + 2] *= 0.6
    canvas[:, top:bottom, left:right] = frame
    canvas[:, top + 1 : bottom - 1, left + 1 : right - 1] = plate
    things[top:bottom, left:right] = SIGN_LABEL
    _print(canvas, characters, sign.word, sign.x, sign.y, 20.0)
