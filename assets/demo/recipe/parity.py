"""The shipped weights in PyTorch and in the engine: the same answers, the same logits."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from .generate import answer
from .model.cambrian import Cambrian
from .question_set import held_out
from .tokens import Tokenizer

TOLERANCE = 5e-5
"""Largest difference of logits, as a part of the largest logit."""


@dataclass(frozen=True)
class Difference:
    """One question in both. ``relative``: largest difference of logits over the largest logit."""

    question: str
    picture: tuple[int, int]
    same_ids: bool
    relative: float


def record(model: Cambrian, tokenizer: Tokenizer, folder: Path, seed: int, items: int) -> Path:
    """Writes ``items`` questions, their pictures and PyTorch's f32 ``logits`` and ``ids`` to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    lines, tensors = [], {}
    for index, asked in enumerate(held_out(seed, items, 1)):
        Image.fromarray(asked.rgb).save(folder / f"{index:04d}.png")
        item = asked.items[0]
        ids, logits = answer(model, tokenizer, asked.rgb, item.question)
        tensors |= {f"{index:04d}.ids": torch.tensor(ids), f"{index:04d}.logits": logits}
        height, width = asked.rgb.shape[:2]
        line = {"index": index, "width": width, "height": height, "question": item.question, "answer": item.answer}
        lines.append(line | {"generated": tokenizer.decode(ids)})
    save_file(tensors, folder / "parity.safetensors")
    file = folder / "parity.jsonl"
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return file


def compare(folder: Path, checkpoint: Path, engine: Path) -> list[Difference]:
    """Asks ``engine`` (the opabinia program) what :func:`record` recorded."""
    expected, found = load_file(folder / "parity.safetensors"), []
    trace = folder / "trace.safetensors"
    for line in (folder / "parity.jsonl").read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        name = f"{item['index']:04d}"
        command = [engine, "--quiet", "trace", "--model", checkpoint, "--image", folder / f"{name}.png"]
        command += ["--prompt", item["question"], "--weights", "f32", "--device", "cpu", "--max-tokens", "64"]
        subprocess.run([*command, "--tensors", "all", "--out", trace], check=True, stdout=subprocess.DEVNULL)
        actual = load_file(trace)
        ids, logits = expected[f"{name}.ids"], expected[f"{name}.logits"]
        same = actual["generated_ids"].tolist() == ids.tolist()
        steps = min(len(logits), len(actual["logits.steps"]))
        difference = (actual["logits.steps"][:steps] - logits[:steps]).abs().max() / logits.abs().max()
        found.append(Difference(item["question"], (item["width"], item["height"]), same, float(difference)))
    trace.unlink(missing_ok=True)
    return found
