"""The command line: ``python -m recipe make`` and its parts."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .model.cambrian import Cambrian
    from .tokens import Tokenizer

# Each process computes in one thread; set before numpy and torch are loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="recipe", description="Makes the demo checkpoint of Opabinia.")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name, help=text, description=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter
        )

    def run_options(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--out", type=Path, required=True, help="folder of the run")
        sub.add_argument("--plan", choices=("cpu", "gpu", "short", "smoke"), help="default: what the device is made for")

    make = command("make", "Train (or go on training), export and evaluate: everything.")
    run_options(make)
    make.add_argument(
        "--hours", type=float, help="time for training; without it the plan's steps, which reproduce exactly"
    )
    make.add_argument("--device", default="auto", help="auto, cpu or cuda")
    make.add_argument("--processes", type=int, default=0, help="training processes; 0: one on a GPU, one per core else")
    make.add_argument("--loaders", type=int, default=-1, help="processes that draw, per training process; -1: as fits")
    make.add_argument("--only", help="the name of a stage: run that one and stop")
    make.add_argument("--seed", type=int, default=20)
    make.add_argument("--scenes", type=int, default=2000, help="held-out scenes to evaluate on")

    judge = command("evaluate", "Evaluate an exported checkpoint and write the tables.")
    run_options(judge)
    judge.add_argument("--seed", type=int, default=1000)
    judge.add_argument("--scenes", type=int, default=2000)
    judge.add_argument("--questions", type=int, default=8)

    parity = command("parity", "Record PyTorch's logits of the exported weights; compare the engine's, if it is given.")
    run_options(parity)
    parity.add_argument("--seed", type=int, default=2000)
    parity.add_argument("--items", type=int, default=500)
    parity.add_argument("--engine", type=Path, help="the opabinia program")

    write = command("write-set", "Write a set of questions with pictures, like CV-Bench.")
    write.add_argument("--out", type=Path, required=True)
    write.add_argument("--seed", type=int, default=1000)
    write.add_argument("--scenes", type=int, default=2000)
    write.add_argument("--questions", type=int, default=8, help="per scene, at most")

    bench = command("write-benchmark", "Write a set of lettered questions for `opabinia eval`, like CV-Bench.")
    bench.add_argument("--out", type=Path, required=True)
    bench.add_argument("--seed", type=int, default=3000)
    bench.add_argument("--scenes", type=int, default=600)
    bench.add_argument("--questions", type=int, default=5, help="per scene, at most")

    pairs = command("write-pairs", "Write minimal pairs of pictures, which differ in one thing, for patching.")
    pairs.add_argument("--out", type=Path, required=True)
    pairs.add_argument("--seed", type=int, default=4000)
    pairs.add_argument("--pairs", type=int, default=20)
    return parser.parse_args()


def _make(options: argparse.Namespace) -> None:
    import torch

    from .export import export, load_exported
    from .train.loop import Job, load_model, prepare, run_stage, train
    from .train.plan import PLANS

    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    name = options.plan or ("gpu" if device.startswith("cuda") else "cpu")
    plan, cores = PLANS[name], os.cpu_count() or 1
    processes = options.processes or (1 if device.startswith("cuda") else cores)
    loaders = options.loaders if options.loaders >= 0 else (max(1, cores - 1) if device.startswith("cuda") else 0)
    job = Job(options.out, plan, options.seed, options.hours, device, processes, loaders)
    if options.only:
        prepare(job)
        run_stage(job, options.only)
        return
    train(job)
    model, tokenizer = load_model(options.out, plan)
    size = export(model, tokenizer, options.out / "checkpoint")
    print(f"{options.out / 'checkpoint'}: {size / 1e6:.2f} MB", flush=True)
    model, tokenizer = load_exported(options.out / "checkpoint", plan.dims)
    _tables(model.to(device), tokenizer, options.out, 1000, options.scenes, 8)


def _tables(model: "Cambrian", tokenizer: "Tokenizer", out: Path, seed: int, scenes: int, questions: int) -> None:
    from .evaluate import evaluate

    print(evaluate(model, tokenizer, out / "evaluation.md", seed, scenes, questions, batch=16))


def _exported(options: argparse.Namespace) -> tuple["Cambrian", "Tokenizer"]:
    from .export import load_exported
    from .train.plan import PLANS

    return load_exported(options.out / "checkpoint", PLANS[options.plan or "cpu"].dims)


def _parity(options: argparse.Namespace) -> None:
    from . import parity

    folder = options.out / "parity"
    model, tokenizer = _exported(options)
    print(parity.record(model, tokenizer, folder, options.seed, options.items))
    if options.engine is None:
        return
    found = parity.compare(folder, options.out / "checkpoint", options.engine)
    worst = max(found, key=lambda one: one.relative)
    same = sum(one.same_ids for one in found)
    print(f"{same} of {len(found)} answers are the same; largest relative difference of logits {worst.relative:.2e}")
    if same < len(found) or worst.relative > parity.TOLERANCE:
        raise SystemExit(f"the engine differs: {worst}")


def main() -> None:
    """Runs one command."""
    options = _arguments()
    match options.command:
        case "make":
            _make(options)
        case "evaluate":
            _tables(*_exported(options), options.out, options.seed, options.scenes, options.questions)
        case "parity":
            _parity(options)
        case "write-set":
            from .question_set import write

            print(write(options.out, options.seed, options.scenes, options.questions), "questions")
        case "write-benchmark":
            from .benchmark import write

            print(write(options.out, options.seed, options.scenes, options.questions), "questions")
        case "write-pairs":
            from .pairs import write

            print(write(options.out, options.seed, options.pairs), "pairs")


if __name__ == "__main__":
    main()
