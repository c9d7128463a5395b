"""The same numbers in PyTorch and in the engine. Needs the program: ``OPABINIA=path/to/opabinia``."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from recipe.dimensions import FULL, QUICK
from recipe.export import export, load_exported
from recipe.generate import answer
from recipe.model.cambrian import NOTHING_OFF, Ablation, Cambrian
from recipe.parity import TOLERANCE
from recipe.preprocess import inputs, normalise, view
from recipe.scene.draw import draw
from recipe.scene.layout import random_scene
from recipe.tokens import Tokenizer, build_for_generator

ENGINE = os.environ.get("OPABINIA")

pytestmark = pytest.mark.skipif(ENGINE is None, reason="OPABINIA does not name the program")

SIZES = {"landscape": (192, 128), "portrait": (160, 192), "square": (192, 192)}


@pytest.fixture(scope="module", params=[QUICK, FULL], ids=["quick", "full"])
def checkpoint(request, tmp_path_factory) -> Path:
    """Random weights large enough that every part of the model matters."""
    torch.manual_seed(0)
    tokenizer = Tokenizer(build_for_generator(0))
    model = Cambrian(request.param, len(tokenizer))
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if parameter.ndim >= 2 and "embed" not in key:
                parameter.normal_(std=1.5 / parameter[0].numel() ** 0.5)
            else:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    folder = tmp_path_factory.mktemp("engine") / "checkpoint"
    export(model, tokenizer, folder)
    (folder.parent / "dims").write_text("full" if request.param is FULL else "quick")
    return folder


def opened(checkpoint: Path) -> tuple[Cambrian, Tokenizer]:
    return load_exported(checkpoint, FULL if (checkpoint.parent / "dims").read_text() == "full" else QUICK)


def engine(*arguments: object) -> str:
    done = subprocess.run([ENGINE, "--quiet", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def traced(checkpoint: Path, picture: Path, question: str, *more: object) -> dict[str, torch.Tensor]:
    out = picture.with_suffix(".safetensors")
    engine(
        "trace", "--model", checkpoint, "--image", picture, "--prompt", question, "--out", out,
        "--tensors", "all", "--weights", "f32", "--device", "cpu", "--max-tokens", 6, *more,
    )  # fmt: skip
    return load_file(out)


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


def picture_of(size: tuple[int, int], folder: Path) -> tuple[Path, np.ndarray]:
    rgb = draw(random_scene(np.random.default_rng(8), size)).rgb
    file = folder / "picture.png"
    Image.fromarray(rgb).save(file)
    return file, rgb


def test_inspect_finds_nothing_missing(checkpoint):
    report = engine("inspect", checkpoint)
    assert "nothing is missing, nothing is unknown" in report and "llama_3" in report


def test_ask_answers(checkpoint, tmp_path):
    file, _ = picture_of((192, 176), tmp_path)
    result = json.loads(engine("ask", "-m", checkpoint, "-i", file, "--json", "--max-tokens", 4, "Is there a sign?"))
    assert isinstance(result["text"], str)


@pytest.mark.parametrize("shape", SIZES)
def test_every_step_is_the_same(checkpoint, tmp_path, shape):
    model, tokenizer = opened(checkpoint)
    file, rgb = picture_of(SIZES[shape], tmp_path)
    trace = traced(checkpoint, file, "How many red circles are there?")
    with torch.no_grad():
        for k, (tower, shown) in enumerate(zip(model.towers, inputs(model.dims))):
            pixels = normalise(torch.from_numpy(view(rgb, shown))[None], shown)
            assert torch.equal(trace[f"tower{k}.pixel_values"], pixels[0]), k
            features = tower(pixels)
            assert relative(trace[f"tower{k}.features"], features[0]) < TOLERANCE, k
            assert relative(trace[f"tower{k}.proj"], model.project(k, features)[0]) < TOLERANCE, k
    ids, logits = answer(model, tokenizer, rgb, "How many red circles are there?", most=6)
    assert trace["generated_ids"].tolist() == ids
    assert relative(trace["logits.steps"], logits) < TOLERANCE


@pytest.mark.parametrize("k", range(4))
def test_encoders_are_switched_off_alike(checkpoint, tmp_path, k):
    model, tokenizer = opened(checkpoint)
    file, rgb = picture_of(SIZES["landscape"], tmp_path)
    trace = traced(checkpoint, file, "What does the sign say?", "--mask-keys-and-context", k)
    _, logits = answer(model, tokenizer, rgb, "What does the sign say?", Ablation(frozenset((k,))), most=1)
    assert relative(trace["logits.steps"][:1], logits) < TOLERANCE
    _, whole = answer(model, tokenizer, rgb, "What does the sign say?", NOTHING_OFF, most=1)
    assert relative(logits, whole) > 10 * TOLERANCE


@pytest.mark.parametrize("question", ["牌子上写着什么？", "Ünïcode <image> <|eot_id|> 漢字 🦀?"])
def test_prompts_are_tokenised_alike(checkpoint, tmp_path, question):
    _, tokenizer = opened(checkpoint)
    file, _ = picture_of(SIZES["square"], tmp_path)
    trace = traced(checkpoint, file, question, "--turn", "Is there a sign?", "yes")
    first, _ = tokenizer.turn("Is there a sign?", "yes", first=True)
    second, _ = tokenizer.turn(question, None, first=False)
    assert trace["input_ids"].tolist() == [*tokenizer.prefix(), -200, *first, *second]
