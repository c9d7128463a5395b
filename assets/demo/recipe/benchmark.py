"""A CV-Bench of our own: lettered questions about drawn scenes, several a picture, with types and sources.

The world's questions have closed answers, so that options can be drawn from the answers of others. Every letter is right
equally often, and so is every answer of a template (``questions.choose``): guessing does not pay.
"""

import json
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from .question_set import HELD_OUT
from .questions.choose import Balancer, Item
from .scene.draw import draw
from .scene.layout import picture_size, random_scene
from .scene.world import COLOURS, SHAPES, SIZES, TEXTURES, WORDS, Scene

OPTIONS = 4
"""Options of a question, where there are as many answers."""

_PLACES = ("top left", "top right", "bottom left", "bottom right")

_POOLS: dict[str, tuple[str, ...]] = {
    "count": tuple(map(str, range(7))),
    "count all": tuple(map(str, range(1, 7))),
    "colour": tuple(COLOURS),
    "shape": SHAPES,
    "texture": TEXTURES,
    "size": SIZES,
    "larger": ("larger", "smaller"),
    "across": ("left", "right"),
    "down": ("above", "below"),
    "depth": ("in front", "behind"),
    "distance": ("yes", "no"),
    "word": WORDS,
    "number": tuple(map(str, range(10))),
    "numbered": tuple(f"{'an' if c[0] in 'aeiou' else 'a'} {c} {s}" for c in COLOURS for s in SHAPES),
    "existence": ("yes", "no"),
    "sign": ("yes", "no"),
    "position": _PLACES,
}
"""Per template: everything that can be answered. Templates that are not here are asked for sentences."""

_THREE_D = frozenset({"depth", "distance"})
"""Families that stand for CV-Bench's 3D half."""


class Letters:
    """Deals options so that every letter is right equally often among questions with as many options."""

    def __init__(self) -> None:
        self._right: Counter[tuple[int, int]] = Counter()

    def choices(self, item: Item, rng: np.random.Generator) -> tuple[list[str], int]:
        """The options of ``item``, and which of them is right."""
        others = [answer for answer in _POOLS[item.template] if answer != item.answer]
        if item.template in ("count", "count all", "number"):
            # Numbers nearby: 0 beside 9 would give itself away.
            others.sort(key=lambda other: (abs(int(other) - int(item.answer)), rng.random()))
        else:
            others = [others[i] for i in rng.permutation(len(others))]
        wrong = others[: OPTIONS - 1]
        wrong = [wrong[i] for i in rng.permutation(len(wrong))]
        count = len(wrong) + 1
        right = min(range(count), key=lambda at: (self._right[count, at], rng.random()))
        self._right[count, right] += 1
        return [*wrong[:right], item.answer, *wrong[right:]], right


def source(scene: Scene, family: str) -> str:
    """Where a question is from: two sources of 2D questions, one of 3D questions, as in CV-Bench."""
    if family in _THREE_D:
        return "Stacked"
    return "Sparse" if len(scene.objects) <= 3 else "Crowded"


def _record(index: int, name: str, scene: Scene, item: Item, choices: list[str], right: int) -> dict[str, object]:
    options = "\n".join(f"({chr(65 + at)}) {choice}" for at, choice in enumerate(choices))
    return {
        "idx": index,
        "type": "3D" if item.family in _THREE_D else "2D",
        "task": item.family,
        "filename": name,
        "question": item.question,
        "choices": choices,
        "answer": f"({chr(65 + right)})",
        "prompt": f"{item.question} Select from the following choices.\n{options}",
        "source": source(scene, item.family),
        "cluster": name,
    }


def write(folder: Path, seed: int, scenes: int, questions: int) -> int:
    """Writes ``images/<scene>.png`` and ``questions.jsonl`` to ``folder``; gives the number of questions.

    A pure function of its arguments. Of each scene up to ``questions`` questions are kept that are asked for no sentence.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    balancer, letters, count = Balancer(chinese=0.0), Letters(), 0
    with (folder / "questions.jsonl").open("w", encoding="utf-8") as lines:
        for index in range(scenes):
            rng = np.random.default_rng((seed, HELD_OUT, index))
            scene = random_scene(rng, picture_size(rng))
            rgb = draw(scene).rgb
            asked = [item for item in balancer.choose(scene, rng, questions + 1) if item.template in _POOLS][:questions]
            name = f"images/{index:06d}.png"
            Image.fromarray(rgb).save(folder / name, optimize=True)
            for item in asked:
                choices, right = letters.choices(item, rng)
                lines.write(json.dumps(_record(count, name, scene, item, choices, right), ensure_ascii=False) + "\n")
                count += 1
    return count
