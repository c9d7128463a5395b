"""What can be asked about a scene, without words: one function per question family.

A :class:`Fact` names a wording template and fills its slots. Every fact is unambiguous for a person who sees the
picture: things are only referred to when the reference fits exactly one, and close calls are left out.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from ..scene.world import COLOURS, SHAPES, Object, Scene


@dataclass(frozen=True)
class Thing:
    """A kind of object, as far as it is said: ``Thing(colour="red")`` is "red object"."""

    size: str | None = None
    colour: str | None = None
    shape: str | None = None


@dataclass(frozen=True)
class Plural:
    """Several of a kind."""

    thing: Thing


@dataclass(frozen=True)
class The:
    """The one object of a kind, or the sign (``thing`` None)."""

    thing: Thing | None


@dataclass(frozen=True)
class A:
    """Some object of a kind, with its article."""

    thing: Thing


@dataclass(frozen=True)
class Borne:
    """A number that one object alone bears."""

    number: int


@dataclass(frozen=True)
class Fact:
    """A question with its answer, still without words.

    ``slots``: values for the template; strings among them are words of the world or literal text. ``balance``: the
    outcome that should come up as often as the template's others.
    """

    family: str
    template: str
    slots: tuple[tuple[str, object], ...]
    balance: str


def _fact(family: str, template: str, balance: str, **slots: object) -> Fact:
    return Fact(family, template, tuple(slots.items()), balance)


def references(scene: Scene) -> dict[int, Thing]:
    """Index of each object that can be told from the others, and the shortest kind that fits it alone."""
    kinds = Counter((o.colour, o.shape) for o in scene.objects)
    sized = Counter((o.size, o.colour, o.shape) for o in scene.objects)
    found = {}
    for index, o in enumerate(scene.objects):
        if kinds[o.colour, o.shape] == 1:
            found[index] = Thing(None, o.colour, o.shape)
        elif sized[o.size, o.colour, o.shape] == 1:
            found[index] = Thing(o.size, o.colour, o.shape)
    return found


def meant(scene: Scene, the: The | Borne) -> int | None:
    """Index of the object that ``the`` refers to; None for the sign."""
    if isinstance(the, Borne):
        return next(i for i, o in enumerate(scene.objects) if o.number == the.number)
    return None if the.thing is None else next(i for i, o in enumerate(scene.objects) if _fits(o, the.thing))


def members(scene: Scene, kind: Thing) -> tuple[int, ...]:
    """Indices of the objects of a kind."""
    return tuple(index for index, o in enumerate(scene.objects) if _fits(o, kind))


def _known(scene: Scene) -> list[tuple[Object, The]]:
    return [(scene.objects[index], The(thing)) for index, thing in references(scene).items()]


def count(scene: Scene, rng: np.random.Generator) -> Iterator[Fact]:
    """How many of a kind; kinds that are there, and kinds that nearly are."""
    objects = scene.objects
    kinds = {Thing(None, o.colour, o.shape) for o in objects} | {Thing(None, None, o.shape) for o in objects}
    kinds |= {Thing(None, o.colour, None) for o in objects} | {Thing(None, None, None)}
    kinds |= {_other(rng, scene) for _ in range(2)}
    for kind in sorted(kinds, key=repr):
        number = str(len(members(scene, kind)))
        template = "count all" if kind == Thing() else "count"
        yield _fact("count", template, number, group=Plural(kind), answer=number)


def _fits(o: Object, kind: Thing) -> bool:
    wanted, given = (kind.size, kind.colour, kind.shape), (o.size, o.colour, o.shape)
    return all(want is None or want == have for want, have in zip(wanted, given))


def _other(rng: np.random.Generator, scene: Scene) -> Thing:
    """A kind that shares its colour or its shape with something in the scene but is not there."""
    while True:
        o = scene.objects[int(rng.integers(len(scene.objects)))]
        if rng.random() < 0.5:
            kind = Thing(None, str(rng.choice(list(COLOURS))), o.shape)
        else:
            kind = Thing(None, o.colour, str(rng.choice(SHAPES)))
        if not any(_fits(other, kind) for other in scene.objects):
            return kind


def colour(scene: Scene, rng: np.random.Generator) -> Iterator[Fact]:
    """The colour of the only object of a shape."""
    shapes = Counter(o.shape for o in scene.objects)
    sized = Counter((o.size, o.shape) for o in scene.objects)
    for o in scene.objects:
        if shapes[o.shape] == 1:
            yield _fact("colour", "colour", o.colour, thing=The(Thing(None, None, o.shape)), answer=o.colour)
        elif sized[o.size, o.shape] == 1:
            yield _fact("colour", "colour", o.colour, thing=The(Thing(o.size, None, o.shape)), answer=o.colour)


def shape(scene: Scene, rng: np.random.Generator) -> Iterator[Fact]:
    """The shape of the only object of a colour."""
    colours = Counter(o.colour for o in scene.objects)
    sized = Counter((o.size, o.colour) for o in scene.objects)
    for o in scene.objects:
        if colours[o.colour] == 1:
            yield _fact("shape", "shape", o.shape, thing=The(Thing(None, o.colour, None)), answer=o.shape)
        elif sized[o.size, o.colour] == 1:
            yield _fact("shape", "shape", o.shape, thing=The(Thing(o.size, o.colour, None)), answer=o.shape)


def texture(scene: Scene, rng: np.random.Generator) -> Iterator[Fact]:
    """The texture of an object."""
    for o, the in _known(scene):
        yield _fact("texture", "texture", o.texture, thing=the, answer=o.texture)


def size(scene: Scene, rng: np.random.Generator) -> Iterator[Fact]:
    """Whether an object is small or large, and which of two is larger."""
    known = _known(scene)
    for o, the in known:
        if the.thing is not None and the.thing.size is None:
            yield _fact("size", "size", o.size, thing=the, answer=o.size)
    for (a, the_a), (b, the_b) in permutations(known, 2):
        named = {the_a.thing.size, the_b.thing.size} if the_a.thing and the_b.thing else set()
        if a.size != b.size and named == {None}:
            answer = "larger" if a.size == "large" else "smaller"
            yield _fact("size", "larger", answer, a=the_a, b=the_b, answer=answer)


def _places(scene: Scene) -> list[tuple[int, int, The]]:
    """Everything that has a place and a name: x, y, name."""
    places = [(o.x, o.y, the) for o, the in _known(scene)]
    if scene.sign is not None:
        places.append((scene.sign.x, scene.sign.y, The(None)))
    return places


CLEAR = 24
"""Pixels by which two things' places must differ to be compared."""


def relation(scene: Scene, rng: np.random.Generator) -> Iterator[Fact]:
    """On which side of another thing something is."""
    for (ax, ay, a), (bx, by, b) in permutations(_places(scene), 2):
        if abs(ax - bx) >= CLEAR:
            side = "left" if ax < bx else "right"
            yield _fact("relation", "across", side, a=a, b=b, answer=side)
        if abs(ay - by) >= CLEAR:
            side = "above" if ay < by else "below"
            yield _fact("relation", "down", side, a=a, b=b, answer=side)


def depth(scene: Scene, rng: np.random.Generator) -> Iterator[Fact]:
    """Which of two overlapping objects is nearer to the viewer."""
    known = references(scene)
    if scene.overlap is None or not set(scene.overlap) <= set(known):
        return
    behind, front = (The(known[index]) for index in scene.overlap)
    yield _fact("depth", "depth", "in front", a=front, b=behind, answer="in front")
    yield _fact("depth", "depth", "behind", a=behind, b=front, answer="behind")


def distance(scene: Scene, rng: np.random.Generator) -> Iterator[Fact]:
    """Which of two things is closer to an edge of the picture."""
    for (ax, ay, a), (bx, by, b) in permutations(_places(scene), 2):
        ways = {"left": bx - ax, "right": ax - bx, "top": by - ay, "bottom": ay - by}
        for edge, closer in ways.items():
            if abs(closer) >= CLEAR:
                answer = "yes" if closer > 0 else "no"
                yield _fact("distance", "distance", f"{edge} {answer}", a=a, b=b, edge=edge, answer=answer)


def word(scene: Scene, rng: np.random.Generator) -> Iterator[Fact]:
    """What the sign says."""
    if scene.sign is not None:
        yield _fact("word", "word", scene.sign.word, answer=scene.sign.word)


def number(scene: Scene, rng: np.random.Generator) -> Iterator[Fact]:
    """The number printed on an object, and what bears a number; nothing that is partly covered."""
    covered = scene.overlap[0] if scene.overlap is not None else None
    numbers = Counter(o.number for o in scene.objects)
    for index, thing in references(scene).items():
        o = scene.objects[index]
        if o.number is None or index == covered:
            continue
        yield _fact("number", "number", str(o.number), thing=The(thing), answer=str(o.number))
        if numbers[o.number] == 1:
            yield _fact("number", "numbered", o.shape, number=Borne(o.number), answer=Thing(None, o.colour, o.shape))


def existence(scene: Scene, rng: np.random.Generator) -> Iterator[Fact]:
    """Whether something is there; what is not there nearly is."""
    for o in scene.objects:
        yield _fact("existence", "existence", "yes", thing=A(Thing(None, o.colour, o.shape)), answer="yes")
    for _ in range(3):
        yield _fact("existence", "existence", "no", thing=A(_other(rng, scene)), answer="no")
    is_sign = "yes" if scene.sign is not None else "no"
    yield _fact("existence", "sign", is_sign, answer=is_sign)


def position(scene: Scene, rng: np.random.Generator) -> Iterator[Fact]:
    """In which quarter of the picture a thing is; not near their borders."""
    for x, y, the in _places(scene):
        across, down = x / scene.width - 0.5, y / scene.height - 0.5
        if min(abs(across), abs(down)) > 0.08:
            place = f"{'top' if down < 0 else 'bottom'} {'left' if across < 0 else 'right'}"
            yield _fact("position", "position", place, thing=the, answer=place)


def describe(scene: Scene, rng: np.random.Generator) -> Iterator[Fact]:
    """A sentence on one object, or on the whole picture."""
    for o, the in _known(scene):
        yield _fact("describe", "describe one", o.texture, thing=the, size=o.size, texture=o.texture)
    number = str(len(scene.objects))
    if scene.sign is None:
        yield _fact("describe", "describe all", number, number=number)
    else:
        yield _fact("describe", "describe sign", number, number=number, word=scene.sign.word)


FAMILIES: dict[str, Callable[[Scene, np.random.Generator], Iterator[Fact]]] = {
    f.__name__: f
    for f in (
        count,
        colour,
        shape,
        texture,
        size,
        relation,
        depth,
        distance,
        word,
        number,
        existence,
        position,
        describe,
    )
}
"""Every question family by its name."""
