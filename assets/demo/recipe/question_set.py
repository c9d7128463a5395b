"""Sets of questions about drawn scenes, in the manner of CV-Bench: a folder of pictures, a JSON line per question."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from .questions.choose import Balancer, Item
from .scene.draw import draw
from .scene.layout import picture_size, random_scene
from .scene.world import Scene

HELD_OUT = 0x5E7
"""Keeps the scenes of sets apart from those of training, whatever the seeds."""


@dataclass(frozen=True)
class Asked:
    """A scene, its picture [h, w, 3] u8 and what is asked about it."""

    scene: Scene
    rgb: np.ndarray
    items: list[Item]


def held_out(seed: int, scenes: int, questions: int) -> Iterator[Asked]:
    """``scenes`` scenes that no training has seen, with balanced questions. A pure function of its arguments."""
    balancer = Balancer()
    for index in range(scenes):
        rng = np.random.default_rng((seed, HELD_OUT, index))
        scene = random_scene(rng, picture_size(rng))
        yield Asked(scene, draw(scene).rgb, balancer.choose(scene, rng, questions))


def write(folder: Path, seed: int, scenes: int, questions: int) -> int:
    """Writes ``images/<scene>.png`` and ``questions.jsonl`` to ``folder``; gives the number of questions."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    count = 0
    with (folder / "questions.jsonl").open("w", encoding="utf-8") as lines:
        for index, asked in enumerate(held_out(seed, scenes, questions)):
            name = f"images/{index:06d}.png"
            Image.fromarray(asked.rgb).save(folder / name)
            for item in asked.items:
                record = {
                    "idx": count,
                    "filename": name,
                    "task": item.family,
                    "template": item.template,
                    "language": item.language,
                    "question": item.question,
                    "answer": item.answer,
                }
                lines.write(json.dumps(record, ensure_ascii=False) + "\n")
                count += 1
    return count
