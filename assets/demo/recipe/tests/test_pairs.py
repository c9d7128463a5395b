"""Minimal pairs: one thing differs, it decides the answer, and they are the same every time."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ..pairs import KINDS, write
from ..scene.layout import CELLS
from ..scene.world import LONG_SIDE

COMMITTED = Path(__file__).parents[2] / "pairs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pairs as the command writes them."""
    made = tmp_path_factory.mktemp("pairs")
    assert write(made, 4000, 20) == 20
    return made


def _records(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]


def test_both_of_a_pair_ask_the_same_and_answer_otherwise(folder: Path) -> None:
    records = _records(folder)
    assert Counter(record["source"] for record in records) == dict.fromkeys(KINDS, 8)
    for a, b in zip(records[::2], records[1::2], strict=True):
        assert a["question"] == b["question"] and a["choices"] == b["choices"] and a["answer"] != b["answer"]
        assert len(set(a["choices"])) == len(a["choices"])
        assert (a["partner"], b["partner"]) == (b["filename"], a["filename"])


def test_pictures_differ_in_one_place_alone(folder: Path) -> None:
    for record in _records(folder)[::2]:
        a, b = (np.asarray(Image.open(folder / record[name])).astype(int) for name in ("filename", "partner"))
        rows, columns = np.nonzero(abs(a - b).max(axis=2))
        assert len(rows) > 20, record
        # As large as the largest thing, or a sign as wide as its word.
        assert np.ptp(rows) < 56 and np.ptp(columns) < 64, record
        height, width = a.shape[:2]
        row, column = record["cell"]
        middle = (rows.mean() + (LONG_SIDE - height) // 2, columns.mean() + (LONG_SIDE - width) // 2)
        side = LONG_SIDE / CELLS
        assert abs(middle[0] - (row + 0.5) * side) < side, record
        assert abs(middle[1] - (column + 0.5) * side) < 1.5 * side, record


def test_the_committed_pairs_are_what_the_command_writes(folder: Path) -> None:
    assert _records(folder) == _records(COMMITTED)
    for record in _records(folder):
        made, kept = (np.asarray(Image.open(place / record["filename"])) for place in (folder, COMMITTED))
        assert np.array_equal(made, kept), record["filename"]
