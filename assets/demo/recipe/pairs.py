"""Minimal pairs: two pictures that differ in one thing, and a question whose answer that thing decides.

Made for patching: what an encoder saw of the one picture is put into a run about the other (``--with swap:…
--other …``), and where the answer follows, that encoder carried the difference.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from .benchmark import Letters
from .question_set import HELD_OUT
from .questions.choose import Item
from .questions.facts import FAMILIES
from .questions.wording import say
from .scene.draw import draw
from .scene.layout import CELLS, cell_of, picture_size, random_scene
from .scene.world import COLOURS, TEXTURES, WORDS, Object, Scene

Changed = tuple[Scene, tuple[int, int], str]
"""The other scene, the centre of what differs, and what that is in words."""


def _other(pool: tuple[str, ...], old: str, rng: np.random.Generator) -> str:
    return str(rng.choice([one for one in pool if one != old]))


def _with(scene: Scene, index: int, thing: Object) -> Scene:
    return replace(scene, objects=(*scene.objects[:index], thing, *scene.objects[index + 1 :]))


def _plain(scene: Scene) -> list[int]:
    """Things that neither cover another nor are covered."""
    taken = {index for pair in scene.overlaps for index in pair}
    return [index for index in range(len(scene.objects)) if index not in taken]


def _pick(scene: Scene, fits: Callable[[Object], bool], rng: np.random.Generator) -> int | None:
    indices = [index for index in _plain(scene) if fits(scene.objects[index])]
    return int(rng.choice(indices)) if indices else None


def _colour(scene: Scene, rng: np.random.Generator) -> Changed | None:
    index = _pick(scene, lambda thing: True, rng)
    if index is None:
        return None
    old = scene.objects[index]
    new = replace(old, colour=_other(tuple(COLOURS), old.colour, rng))
    return _with(scene, index, new), (old.x, old.y), f"a {old.shape} is {new.colour} instead of {old.colour}"


def _texture(scene: Scene, rng: np.random.Generator) -> Changed | None:
    index = _pick(scene, lambda thing: thing.number is None, rng)
    if index is None:
        return None
    old = scene.objects[index]
    new = replace(old, texture=_other(TEXTURES, old.texture, rng))
    return _with(scene, index, new), (old.x, old.y), f"a {old.shape} is {new.texture} instead of {old.texture}"


def _number(scene: Scene, rng: np.random.Generator) -> Changed | None:
    index = _pick(scene, lambda thing: thing.number is not None, rng)
    if index is None:
        return None
    old = scene.objects[index]
    new = replace(old, number=int(_other(tuple(map(str, range(10))), str(old.number), rng)))
    words = f"a {old.shape} has the number {new.number} instead of {old.number}"
    return _with(scene, index, new), (old.x, old.y), words


def _word(scene: Scene, rng: np.random.Generator) -> Changed | None:
    if scene.sign is None:
        return None
    # As long a word: the plate stays as wide.
    words = tuple(word for word in WORDS if len(word) == len(scene.sign.word))
    new = replace(scene.sign, word=_other(words, scene.sign.word, rng))
    return replace(scene, sign=new), (new.x, new.y), f"the sign says {new.word} instead of {scene.sign.word}"


def _gone(scene: Scene, rng: np.random.Generator) -> Changed | None:
    # The last one: numbers of the others stay what they are.
    last = len(scene.objects) - 1
    if last not in _plain(scene) or last < 2:
        return None
    old = scene.objects[last]
    return replace(scene, objects=scene.objects[:last]), (old.x, old.y), f"a {old.colour} {old.shape} is gone"


KINDS: dict[str, tuple[Callable[[Scene, np.random.Generator], Changed | None], tuple[str, ...]]] = {
    "colour": (_colour, ("colour",)),
    "texture": (_texture, ("texture",)),
    "number": (_number, ("number",)),
    "word": (_word, ("word",)),
    "count": (_gone, ("count", "count all")),
}
"""What can differ, how, and which questions that decides."""


def _asked(scene: Scene, seed: tuple[int, ...], templates: tuple[str, ...]) -> dict[str, tuple[str, Item]]:
    """Question to family and answer, of everything that can be asked with one of ``templates``."""
    found = {}
    for family, facts in FAMILIES.items():
        for fact in facts(scene, np.random.default_rng(seed)):
            if fact.template in templates:
                question, answer = say(fact, "en", 0)
                found[question] = (family, Item(family, fact.template, "en", question, answer))
    return found


def _pair(kind: str, seed: tuple[int, ...]) -> tuple[Scene, Scene, Changed, str, Item, Item] | None:
    rng = np.random.default_rng(seed)
    scene = random_scene(rng, picture_size(rng))
    change, templates = KINDS[kind]
    changed = change(scene, rng)
    if changed is None:
        return None
    first, second = _asked(scene, seed, templates), _asked(changed[0], seed, templates)
    deciding = sorted(q for q in first.keys() & second.keys() if first[q][1].answer != second[q][1].answer)
    if not deciding:
        return None
    question = deciding[int(rng.integers(len(deciding)))]
    return scene, changed[0], changed, first[question][0], first[question][1], second[question][1]


def write(folder: Path, seed: int, count: int) -> int:
    """Writes ``images/<pair>-a.png``, ``-b.png`` and ``pairs.jsonl`` to ``folder``; gives the number of pairs.

    Each picture has a line, which names its partner, what differs and the cell of the query grid where it does. Both
    lines have the same question and options. A pure function of its arguments.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    letters, kinds, made, index = Letters(), list(KINDS), 0, 0
    with (folder / "pairs.jsonl").open("w", encoding="utf-8") as lines:
        while made < count:
            kind = kinds[made % len(kinds)]
            found = _pair(kind, (seed, HELD_OUT, index))
            index += 1
            if found is None:
                continue
            first, second, (_, (x, y), words), family, item, partner = found
            choices, right = _choices(letters, item, partner, np.random.default_rng((seed, index)))
            for letter, other, scene, at in (("a", "b", first, right[0]), ("b", "a", second, right[1])):
                name = f"images/{made:02d}-{letter}.png"
                Image.fromarray(draw(scene).rgb).save(folder / name, optimize=True)
                record = {
                    "idx": f"{made:02d}{letter}",
                    "task": family,
                    "filename": name,
                    "question": item.question,
                    "choices": choices,
                    "answer": f"({chr(65 + at)})",
                    "source": kind,
                    "cluster": f"{made:02d}",
                    "partner": f"images/{made:02d}-{other}.png",
                    "differs": words,
                    "cell": list(cell_of(x, y, scene.width, scene.height, CELLS)),
                }
                lines.write(json.dumps(record, ensure_ascii=False) + "\n")
            made += 1
    return made


def _choices(
    letters: Letters, item: Item, partner: Item, rng: np.random.Generator
) -> tuple[list[str], tuple[int, int]]:
    """Options with both answers among them, and which of them is right about the one picture and the other."""
    choices, right = letters.choices(item, rng)
    if partner.answer not in choices:
        choices[(right + 1) % len(choices)] = partner.answer
    return choices, (right, choices.index(partner.answer))
