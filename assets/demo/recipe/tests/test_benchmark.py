"""The lettered questions: right, balanced, and the same every time."""

import json
from collections import Counter
from pathlib import Path

from ..benchmark import _POOLS, write


def _written(folder: Path, scenes: int) -> list[dict]:
    write(folder, 3000, scenes, 5)
    return [json.loads(line) for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()]


def test_every_letter_is_right_as_often(tmp_path: Path) -> None:
    records = _written(tmp_path, 60)
    for count in (2, 4):
        letters = Counter(record["answer"] for record in records if len(record["choices"]) == count)
        assert len(letters) == count and max(letters.values()) - min(letters.values()) <= 1, letters


def test_options_are_different_and_from_the_world(tmp_path: Path) -> None:
    everything = {answer for pool in _POOLS.values() for answer in pool}
    for record in _written(tmp_path, 30):
        choices = record["choices"]
        assert len(set(choices)) == len(choices) and set(choices) <= everything
        assert "ABCD".index(record["answer"][1]) < len(choices)
        assert all(f"({letter}) {choice}" in record["prompt"] for letter, choice in zip("ABCD", choices))


def test_the_committed_set_is_what_the_command_writes(tmp_path: Path) -> None:
    records = _written(tmp_path, 12)
    committed = Path(__file__).parents[2] / "questions" / "questions.jsonl"
    assert records == [json.loads(line) for line in committed.read_text(encoding="utf-8").splitlines()]
