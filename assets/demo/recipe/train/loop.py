"""The training loop: stage after stage, in one process or several that average their gradients, resumable anywhere.

Each stage keeps its state in a file of its own, ``<stage>.pt``, with the weights it trains; a stage begins with the
weights of all stages before it. Stages that do not need each other run at the same time where there are cores.
"""

import ctypes
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.utils.data import DataLoader

from ..model.cambrian import Cambrian
from ..tokens import Tokenizer, build_for_generator
from .batch import Batch, BatchMaker
from .curves import Curves
from .objectives import Heads
from .optimizer import Optimizer
from .plan import Plan
from .stages import LEVELS, STAGES, losses

LOG_STEPS = 20
"""Steps between two rows of the curves."""


@dataclass(frozen=True)
class Job:
    """Everything that determines a run. ``hours``: time for all stages together; None: the plan's steps instead.

    ``loaders``: processes that make batches ahead of each training process; 0 makes them in it.
    """

    folder: Path
    plan: Plan
    seed: int
    hours: float | None
    device: str
    processes: int
    loaders: int


def train(job: Job) -> None:
    """Runs or resumes ``job``; its weights are in ``job.folder`` afterwards."""
    prepare(job)
    for level in LEVELS:
        if len(level) > 1 and job.processes == len(level) and job.device == "cpu":
            alone = replace(job, processes=1)
            spawn = torch.multiprocessing.get_context("spawn")
            processes = [spawn.Process(target=run_stage, args=(alone, stage)) for stage in level]
            for process in processes:
                process.start()
            for process in processes:
                process.join()
            if any(process.exitcode for process in processes):
                raise SystemExit("a stage of training failed")
        else:
            for stage in level:
                run_stage(job, stage)
    curves(job.folder).draw(job.folder)


def prepare(job: Job) -> None:
    """Makes the folder of ``job`` with its tokenizer."""
    job.folder.mkdir(parents=True, exist_ok=True)
    file = job.folder / "tokenizer.json"
    if not file.exists():
        _replace(file, lambda partial: partial.write_text(build_for_generator(job.seed), encoding="utf-8"))


def run_stage(job: Job, stage: str) -> None:
    """Runs or resumes one stage of ``job``; those before it are done."""
    if job.processes == 1:
        _Trainer(job, stage, 0).run()
    else:
        os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
        os.environ.setdefault("MASTER_PORT", "29517")
        torch.multiprocessing.start_processes(_process, args=(job, stage), nprocs=job.processes, start_method="spawn")


def _process(rank: int, job: Job, stage: str) -> None:
    dist.init_process_group("gloo", rank=rank, world_size=job.processes)
    try:
        _Trainer(job, stage, rank).run()
    finally:
        dist.destroy_process_group()


def _read(folder: Path, stage: str, device: str | torch.device = "cpu") -> dict | None:
    """The state of a stage, if it has begun."""
    file = folder / f"{stage}.pt"
    return torch.load(file, map_location=device, weights_only=True) if file.exists() else None


def curves(folder: Path) -> Curves:
    """The curves of all stages so far, also written to ``folder``."""
    states = [_read(folder, stage) for stage in STAGES]
    found = Curves([row for state in states if state is not None for row in state["curves"]])
    found.write(folder)
    return found


def load_model(folder: Path, plan: Plan) -> tuple[Cambrian, Tokenizer]:
    """The model and the tokenizer of a run, as far as it got."""
    tokenizer = Tokenizer.open(folder / "tokenizer.json")
    model, heads = Cambrian(plan.dims, len(tokenizer)), Heads(plan.dims)
    _restore(folder, tuple(STAGES), model, heads)
    return model.eval(), tokenizer


def _restore(folder: Path, stages: tuple[str, ...], model: Cambrian, heads: Heads) -> None:
    """Gives ``model`` and ``heads`` the weights of ``stages``, the later ones last."""
    parameters = dict([*model.named_parameters(), *heads.named_parameters()])
    for stage in stages:
        state = _read(folder, stage)
        for key, value in ({} if state is None else state["weights"]).items():
            parameters[key].data.copy_(value)


def _replace(file: Path, write: Callable[[Path], object]) -> None:
    """Writes ``file`` whole or not at all."""
    partial = file.with_name(f"{file.name}.partial")
    write(partial)
    os.replace(partial, file)


def _set_up(device: torch.device) -> None:
    """Settings of a process that trains."""
    if device.type != "cpu":
        torch.set_float32_matmul_precision("high")
        return
    torch.set_num_threads(1)
    # Gradients of a softmax are full of denormal numbers, which take a hundred times as long.
    torch.set_flush_denormal(True)
    if hasattr(libc := ctypes.CDLL(None), "mallopt"):
        # Large tensors come from memory that stays with the process instead of fresh pages each time.
        no_mmap, trim = (-4, 0), (-1, 2**31 - 1)
        libc.mallopt(*no_mmap)
        libc.mallopt(*trim)


class _Trainer:
    """One process of a stage."""

    def __init__(self, job: Job, stage: str, rank: int) -> None:
        self.job, self.rank = job, rank
        self.index, self.stage = list(STAGES).index(stage), STAGES[stage]
        self.device = torch.device(job.device)
        _set_up(self.device)
        torch.manual_seed(job.seed)
        self.tokenizer = Tokenizer.open(job.folder / "tokenizer.json")
        self.model = Cambrian(job.plan.dims, len(self.tokenizer))
        self.heads = Heads(job.plan.dims)
        _restore(job.folder, tuple(STAGES)[: self.index + 1], self.model, self.heads)
        self.model, self.heads = self.model.to(self.device), self.heads.to(self.device)
        self.trained = {k: p for k, p in self._parameters() if self.stage.trains(k)}
        for key, parameter in self._parameters():
            parameter.requires_grad_(key in self.trained)
        self.optimizer = Optimizer(self.trained, job.plan.weight_decay, job.plan.betas)
        self.curves = Curves()
        self.step, self.seconds, self.done = 0, 0.0, False
        if (state := _read(job.folder, stage, self.device)) is not None:
            if state["seed"] != job.seed:
                raise SystemExit(f"{job.folder} holds a run with seed {state['seed']}, not {job.seed}")
            self.step, self.seconds, self.done = state["step"], state["seconds"], state["done"]
            self.optimizer.load_state_dict(state["optimizer"])
            self.curves = Curves(state["curves"])

    def run(self) -> None:
        """Trains what is left of the stage."""
        if self.done:
            return
        plan, stage = self.job.plan, self.stage
        maker = BatchMaker(plan.dims, self.tokenizer, self.job.seed, self.index, plan.scenes, plan.questions, stage.mix)
        batches = self._batches(maker)
        begun, saved = time.monotonic() - self.seconds, time.monotonic()
        while (progress := self._progress(time.monotonic() - begun)) < 1:
            rate = plan.rates[self.index] * _schedule(progress, plan.warm_up, plan.final_rate)
            torch.manual_seed(self._seed())
            batch = next(batches).to(self.device)
            parts = losses(stage, progress, self.model, self.heads, self.tokenizer, batch)
            sum(parts.values()).backward()
            self._average()
            nn.utils.clip_grad_norm_(self.trained.values(), plan.clip)
            self.optimizer.step(rate)
            self.step += 1
            self.seconds = time.monotonic() - begun
            self.curves.add({name: float(value.detach()) for name, value in parts.items()})
            if self.step % LOG_STEPS == 0:
                self._log(rate)
            if time.monotonic() - saved > plan.save_seconds:
                self._save()
                saved = time.monotonic()
        self._log(0.0)
        self.done = True
        self._save()

    def _seed(self) -> int:
        """What the random choices of this step depend on: masked patches, encoders left out."""
        words = np.random.SeedSequence((self.job.seed, self.index, self.step, self.rank)).generate_state(2)
        return int(words[0]) << 31 | int(words[1]) >> 1

    def _parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        yield from self.model.named_parameters()
        yield from self.heads.named_parameters()

    def _batches(self, maker: BatchMaker) -> Iterator[Batch]:
        """Endless batches from the current step on; each process takes every ``processes``-th."""
        steps = range(self.step * self.job.processes + self.rank, 1 << 40, self.job.processes)
        if self.job.loaders == 0:
            return map(maker.__getitem__, steps)
        loader = DataLoader(
            maker,
            batch_size=None,
            sampler=steps,
            num_workers=self.job.loaders,
            prefetch_factor=4,
            worker_init_fn=_single_thread,
            pin_memory=False,
        )
        return iter(loader)

    def _progress(self, seconds: float) -> float:
        """How much of the stage is done, the same in all processes."""
        if self.job.hours is None:
            return self.step / self.job.plan.steps[self.index]
        progress = torch.tensor(seconds / (self.job.hours * 3600 * self.stage.share))
        if self.job.processes > 1:
            dist.broadcast(progress, src=0)
        return float(progress)

    def _average(self) -> None:
        """Averages the gradients of all processes; each may have had a batch of another kind."""
        if self.job.processes == 1:
            return
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.trained.values()]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.job.processes
        for parameter, part in zip(self.trained.values(), flat.split([p.numel() for p in self.trained.values()])):
            parameter.grad = part.view_as(parameter)

    def _log(self, rate: float) -> None:
        means = self.curves.flush(self.stage.name, self.step, self.seconds, rate)
        if self.rank == 0 and means:
            shown = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
            pace = self.step / max(self.seconds, 1e-9)
            print(f"{self.stage.name} step {self.step}  {self.seconds:.0f} s  {pace:.2f} steps/s  {shown}", flush=True)

    def _save(self) -> None:
        if self.rank != 0:
            return
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "done": self.done,
            "seed": self.job.seed,
            "weights": {key: parameter.detach() for key, parameter in self.trained.items()},
            "optimizer": self.optimizer.state_dict(),
            "curves": self.curves.rows,
        }
        _replace(self.job.folder / f"{self.stage.name}.pt", lambda partial: torch.save(state, partial))


def _single_thread(_worker: int) -> None:
    torch.set_num_threads(1)


def _schedule(progress: float, warm_up: float, final: float) -> float:
    """Share of the learning rate: a short rise, then half a cosine."""
    if progress < warm_up:
        return (progress + 1e-3) / (warm_up + 1e-3)
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))
