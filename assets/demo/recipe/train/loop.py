"""The training loop: stage after stage, in one process or several that average their gradients, resumable anywhere."""

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
from .plan import Plan
from .stages import STAGES, Stage, losses

STATE = "state.pt"
"""File in the run's folder from which training goes on."""

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
    job.folder.mkdir(parents=True, exist_ok=True)
    tokenizer_file = job.folder / "tokenizer.json"
    if not tokenizer_file.exists():
        _replace(tokenizer_file, lambda partial: partial.write_text(build_for_generator(job.seed), encoding="utf-8"))
    if job.processes == 1:
        _Trainer(job, 0).run()
    else:
        os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
        os.environ.setdefault("MASTER_PORT", "29517")
        torch.multiprocessing.start_processes(_process, args=(job,), nprocs=job.processes, start_method="spawn")


def _process(rank: int, job: Job) -> None:
    dist.init_process_group("gloo", rank=rank, world_size=job.processes)
    try:
        _Trainer(job, rank).run()
    finally:
        dist.destroy_process_group()


def load_model(folder: Path, plan: Plan) -> tuple[Cambrian, Tokenizer]:
    """The model and the tokenizer of a run, as far as it got."""
    tokenizer = Tokenizer.open(folder / "tokenizer.json")
    model = Cambrian(plan.dims, len(tokenizer))
    model.load_state_dict(torch.load(folder / STATE, map_location="cpu", weights_only=True)["model"])
    return model.eval(), tokenizer


def _replace(file: Path, write: Callable[[Path], object]) -> None:
    """Writes ``file`` whole or not at all."""
    partial = file.with_name(f"{file.name}.partial")
    write(partial)
    os.replace(partial, file)


class _Trainer:
    """One process of a run."""

    def __init__(self, job: Job, rank: int) -> None:
        self.job, self.rank = job, rank
        self.device = torch.device(job.device)
        if self.device.type == "cpu":
            torch.set_num_threads(1)
        else:
            torch.set_float32_matmul_precision("high")
        torch.manual_seed(job.seed)
        self.tokenizer = Tokenizer.open(job.folder / "tokenizer.json")
        self.model = Cambrian(job.plan.dims, len(self.tokenizer)).to(self.device)
        self.heads = Heads(job.plan.dims).to(self.device)
        self.curves = Curves()
        self.stage, self.step, self.seconds = 0, 0, 0.0
        self.optimizer_state: dict | None = None
        if (job.folder / STATE).exists():
            self._load()

    def run(self) -> None:
        """Trains what is left of all stages."""
        while self.stage < len(STAGES):
            self._run_stage(STAGES[self.stage])
            self.stage, self.step, self.seconds, self.optimizer_state = self.stage + 1, 0, 0.0, None
            self._save(None)
            if self.rank == 0:
                self.curves.draw(self.job.folder)

    def _run_stage(self, stage: Stage) -> None:
        plan = self.job.plan
        trained = {k: p for k, p in self._parameters() if stage.trains(k)}
        for key, parameter in self._parameters():
            parameter.requires_grad_(key in trained)
        optimizer = self._optimizer(list(trained.values()))
        maker = BatchMaker(plan.dims, self.tokenizer, self.job.seed, self.stage, plan.scenes, plan.questions, stage.mix)
        batches = self._batches(maker)
        begun, saved = time.monotonic() - self.seconds, time.monotonic()
        while (progress := self._progress(stage, time.monotonic() - begun)) < 1:
            rate = plan.rates[self.stage] * _schedule(progress, plan.warm_up, plan.final_rate)
            for group in optimizer.param_groups:
                group["lr"] = rate
            torch.manual_seed(self._seed())
            batch = next(batches).to(self.device)
            parts = losses(stage, progress, self.model, self.heads, self.tokenizer, batch)
            optimizer.zero_grad(set_to_none=True)
            sum(parts.values()).backward()
            self._average(trained)
            nn.utils.clip_grad_norm_(trained.values(), plan.clip)
            optimizer.step()
            self.step += 1
            self.seconds = time.monotonic() - begun
            self.curves.add({name: float(value.detach()) for name, value in parts.items()})
            if self.step % LOG_STEPS == 0:
                self._log(stage, rate)
            if time.monotonic() - saved > plan.save_seconds:
                self._save(optimizer)
                saved = time.monotonic()
        self._log(stage, 0.0)

    def _seed(self) -> int:
        """What the random choices of this step depend on: masks, tokens compared with captions, encoders left out."""
        words = np.random.SeedSequence((self.job.seed, self.stage, self.step, self.rank)).generate_state(2)
        return int(words[0]) << 31 | int(words[1]) >> 1

    def _parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        yield from self.model.named_parameters()
        yield from self.heads.named_parameters()

    def _optimizer(self, parameters: list[nn.Parameter]) -> torch.optim.AdamW:
        plan = self.job.plan
        groups = [
            {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": plan.weight_decay},
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=plan.rates[self.stage], betas=plan.betas)
        if self.optimizer_state is not None:
            optimizer.load_state_dict(self.optimizer_state)
        return optimizer

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

    def _progress(self, stage: Stage, seconds: float) -> float:
        """How much of ``stage`` is done, the same in all processes."""
        if self.job.hours is None:
            return self.step / self.job.plan.steps[self.stage]
        progress = torch.tensor(seconds / (self.job.hours * 3600 * stage.share))
        if self.job.processes > 1:
            dist.broadcast(progress, src=0)
        return float(progress)

    def _average(self, trained: dict[str, nn.Parameter]) -> None:
        """Averages the gradients of all processes; each may have had a batch of another kind."""
        if self.job.processes == 1:
            return
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in trained.values()]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.job.processes
        for parameter, part in zip(trained.values(), flat.split([p.numel() for p in trained.values()])):
            parameter.grad = part.view_as(parameter)

    def _log(self, stage: Stage, rate: float) -> None:
        means = self.curves.flush(stage.name, self.step, self.seconds, rate)
        if self.rank == 0 and means:
            shown = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
            pace = self.step / max(self.seconds, 1e-9)
            print(f"{stage.name} step {self.step}  {self.seconds:.0f} s  {pace:.2f} steps/s  {shown}", flush=True)

    def _save(self, optimizer: torch.optim.AdamW | None) -> None:
        if self.rank != 0:
            return
        state = {
            "stage": self.stage,
            "step": self.step,
            "seconds": self.seconds,
            "seed": self.job.seed,
            "model": self.model.state_dict(),
            "heads": self.heads.state_dict(),
            "optimizer": None if optimizer is None else optimizer.state_dict(),
            "curves": self.curves.rows,
        }
        _replace(self.job.folder / STATE, lambda partial: torch.save(state, partial))
        self.curves.write(self.job.folder)

    def _load(self) -> None:
        state = torch.load(self.job.folder / STATE, map_location=self.device, weights_only=True)
        if state["seed"] != self.job.seed:
            raise SystemExit(f"{self.job.folder} holds a run with seed {state['seed']}, not {self.job.seed}")
        self.model.load_state_dict(state["model"])
        self.heads.load_state_dict(state["heads"])
        self.stage, self.step, self.seconds = state["stage"], state["step"], state["seconds"]
        self.optimizer_state, self.curves = state["optimizer"], Curves(state["curves"])


def _single_thread(_worker: int) -> None:
    torch.set_num_threads(1)


def _schedule(progress: float, warm_up: float, final: float) -> float:
    """Share of the learning rate: a short rise, then half a cosine."""
    if progress < warm_up:
        return (progress + 1e-3) / (warm_up + 1e-3)
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))
