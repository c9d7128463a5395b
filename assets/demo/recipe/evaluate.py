"""How good a checkpoint is: accuracy per family, beside guessing, without the picture, without each encoder."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from .model.cambrian import NOTHING_OFF, Ablation, Cambrian, Seen
from .preprocess import inputs, view
from .question_set import Asked, held_out
from .questions.choose import Item
from .tokens import Tokenizer
from .train.batch import IGNORED, Text, pack
from .train.objectives import decode_packed

NAMES = ("SigLIP", "CLIP", "DINOv2", "ConvNeXt")

BOOTSTRAPS = 2000


@dataclass(frozen=True)
class Results:
    """Per question: what it was, which scene it was about, and whether each way of answering was right.

    ``right`` has the columns all encoders, no picture, and one for each encoder switched off.
    """

    items: list[Item]
    scenes: np.ndarray
    right: np.ndarray


@torch.no_grad()
def run(model: Cambrian, tokenizer: Tokenizer, seed: int, scenes: int, questions: int, batch: int) -> Results:
    """Answers ``scenes`` held-out scenes greedily, each question in a conversation of its own."""
    device = model.lm_head.weight.device
    pending: dict[tuple[int, int], list[tuple[int, Asked]]] = defaultdict(list)
    for index, asked in enumerate(held_out(seed, scenes, questions)):
        if asked.items:
            pending[asked.rgb.shape[:2]].append((index, asked))
    items, owners, right = [], [], []
    groups = [same[i : i + batch] for same in pending.values() for i in range(0, len(same), batch)]
    for group in groups:
        indices, asked = zip(*group)
        columns = _answer(model, tokenizer, list(asked), device)
        for row, (index, one) in enumerate(zip(indices, asked)):
            for turn, item in enumerate(one.items):
                items.append(item)
                owners.append(index)
                right.append([column[row, turn] for column in columns])
    return Results(items, np.array(owners), np.array(right, dtype=bool))


def _answer(model: Cambrian, tokenizer: Tokenizer, asked: list[Asked], device: torch.device) -> list[np.ndarray]:
    """For each way of answering: which questions [scene, question] of pictures of one size are answered right.

    The greedy answer is the right one, end of turn included, exactly if every token of the right answer is the most
    likely one after those before it; so one pass over all conversations is enough.
    """
    text = pack(tokenizer, [[[item] for item in one.items] for one in asked]).to(device)
    most = max(len(one.items) for one in asked)

    def judge(image: torch.Tensor | None, seen: Seen | None) -> np.ndarray:
        return answered(model, tokenizer, text, image, seen, most)

    views = [
        torch.from_numpy(np.stack([view(one.rgb, shown) for one in asked])).to(device) for shown in inputs(model.dims)
    ]
    projected = model.look(model.pixels(views))
    height, width = asked[0].rgb.shape[:2]
    results = []
    for off in (NOTHING_OFF, *(Ablation(frozenset((k,))) for k in range(len(NAMES)))):
        seen = model.see(projected, (width, height), off)
        results.append(judge(model.image_tokens(model.connect(seen), seen.geometry), seen))
    results.insert(1, judge(None, None))
    return results


def answered(
    model: Cambrian, tokenizer: Tokenizer, text: Text, image: torch.Tensor | None, seen: Seen | None, most: int
) -> np.ndarray:
    """Which of the packed conversations are answered right [scene, conversation], of up to ``most`` about a scene."""
    states, *_ = decode_packed(model, tokenizer, text, image, seen)
    predicted = model.lm_head(states).argmax(dim=-1)
    places = text.targets != IGNORED
    wrong = torch.zeros_like(places)
    wrong[places] = predicted != text.targets[places]
    row, column = wrong.nonzero(as_tuple=True)
    right = np.ones((text.scenes, most), dtype=bool)
    right[text.owner[row].cpu().numpy(), text.segments[row, column].cpu().numpy() - 1] = False
    return right


def interval(scenes: np.ndarray, difference: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the mean of ``difference``, drawing whole scenes (questions about one go together)."""
    _, owner = np.unique(scenes, return_inverse=True)
    totals, sizes = np.bincount(owner, weights=difference), np.bincount(owner)
    rng = np.random.default_rng(seed)
    picks = (rng.integers(len(sizes), size=len(sizes)) for _ in range(BOOTSTRAPS))
    means = [totals[pick].sum() / sizes[pick].sum() for pick in picks]
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def majority(items: list[Item]) -> float:
    """Accuracy of the most frequent answer to each template in each language."""
    answers: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for item in items:
        answers[item.template, item.language][item.answer] += 1
    return sum(count.most_common(1)[0][1] for count in answers.values()) / len(items)


def tables(results: Results) -> str:
    """The results as two Markdown tables."""
    families = sorted({item.family for item in results.items})
    groups = [(family, np.array([item.family == family for item in results.items])) for family in families]
    groups += [("in Chinese", np.array([item.language == "zh" for item in results.items]))]
    groups += [("all", np.ones(len(results.items), dtype=bool))]
    groups = [(name, chosen) for name, chosen in groups if chosen.any()]

    lines = ["| questions | n | right % | majority % | no picture % |", "| --- | --: | --: | --: | --: |"]
    for name, chosen in groups:
        right, blind = 100 * results.right[chosen, 0].mean(), 100 * results.right[chosen, 1].mean()
        guess = 100 * majority([item for item, one in zip(results.items, chosen) if one])
        lines.append(f"| {name} | {chosen.sum()} | {right:.1f} | {guess:.1f} | {blind:.1f} |")

    head = " | ".join(f"without {name}" for name in NAMES)
    lines += ["", "Points lost when an encoder is switched off (keys and context), with 95 % intervals:", ""]
    lines += [f"| questions | {head} |", "| --- |" + " --: |" * len(NAMES)]
    for name, chosen in groups:
        cells = []
        for k in range(len(NAMES)):
            lost = results.right[chosen, 0].astype(float) - results.right[chosen, 2 + k]
            low, high = interval(results.scenes[chosen], lost)
            cells.append(f"{100 * lost.mean():.1f} [{100 * low:.1f}, {100 * high:.1f}]")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def evaluate(
    model: Cambrian, tokenizer: Tokenizer, file: Path, seed: int, scenes: int, questions: int, batch: int
) -> str:
    """Evaluates and writes the tables to ``file``."""
    results = run(model, tokenizer, seed, scenes, questions, batch)
    text = f"{scenes} held-out scenes (seed {seed}), {len(results.items)} questions, exact match of greedy answers.\n\n"
    text += tables(results)
    file.write_text(text, encoding="utf-8")
    return text
