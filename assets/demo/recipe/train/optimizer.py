"""The optimiser: orthogonalised momentum ("Muon") for the matrices inside the networks, AdamW for everything else.

For these small networks the first needs about half the steps.
"""

import torch
import torch.distributed as dist
from torch import nn


def _orthogonal(momentum: torch.Tensor) -> torch.Tensor:
    """Roughly the nearest matrices [n, a, b] with orthonormal rows or columns, by five Newton-Schulz steps."""
    x = momentum / (momentum.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    for _ in range(5):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.mT if tall else x


class _Muon(torch.optim.Optimizer):
    """The update is scaled to the size AdamW's would have."""

    def __init__(self, parameters: list[nn.Parameter], momentum: float, weight_decay: float) -> None:
        super().__init__(parameters, {"lr": 0.0, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            ahead = []
            for parameter in parameters:
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
                ahead.append(parameter.grad.lerp(state["momentum"], group["momentum"]))
            for parameter, step in zip(parameters, self._steps(ahead)):
                scale = group["lr"] * 0.5 * max(parameter.shape) ** 0.5
                parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(step, alpha=-scale)

    @staticmethod
    def _steps(ahead: list[torch.Tensor]) -> list[torch.Tensor]:
        """All of ``ahead`` made orthogonal, matrices of one shape together; processes share the work."""
        processes, rank = (dist.get_world_size(), dist.get_rank()) if dist.is_initialized() else (1, 0)
        steps = [torch.zeros_like(matrix) for matrix in ahead]
        alike: dict[torch.Size, list[int]] = {}
        for index, matrix in enumerate(ahead):
            alike.setdefault(matrix.shape, []).append(index)
        for indices in alike.values():
            if mine := indices[rank::processes]:
                for index, step in zip(mine, _orthogonal(torch.stack([ahead[index] for index in mine]))):
                    steps[index] = step
        if processes == 1:
            return steps
        flat = torch.cat([step.flatten() for step in steps])
        dist.all_reduce(flat)
        return [part.view_as(step) for part, step in zip(flat.split([step.numel() for step in steps]), steps)]


INSIDE = (".layers.", ".layer.", ".blocks.", "mm_projector", "vision_sampler")
"""Parts of the keys of matrices inside the networks."""


class Optimizer:
    """Both, under one learning rate."""

    def __init__(self, named: dict[str, nn.Parameter], weight_decay: float, betas: tuple[float, float]) -> None:
        inside = {
            key: parameter
            for key, parameter in named.items()
            if parameter.ndim == 2 and any(part in key for part in INSIDE) and "pos_" not in key
        }
        rest = [p for k, p in named.items() if k not in inside]
        decayed, free = [p for p in rest if p.ndim >= 2], [p for p in rest if p.ndim < 2]
        groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
        self._parts: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=0.0, betas=betas)]
        if inside:
            self._parts.append(_Muon(list(inside.values()), 0.95, weight_decay))

    def step(self, rate: float) -> None:
        """One step at learning rate ``rate``; gradients are cleared."""
        for part in self._parts:
            for group in part.param_groups:
                group["lr"] = rate
            part.step()
            part.zero_grad(set_to_none=True)

    def state_dict(self) -> list[dict]:
        """What training goes on from."""
        return [part.state_dict() for part in self._parts]

    def load_state_dict(self, states: list[dict]) -> None:
        """Goes on from ``states``."""
        for part, state in zip(self._parts, states):
            part.load_state_dict(state)
