"""How long, how fast, how large: what can be chosen about a training run."""

from dataclasses import dataclass

from ..dimensions import FULL, QUICK, Dimensions


@dataclass(frozen=True)
class Plan:
    """``steps`` and learning ``rates`` per stage; ``scenes`` in one batch of one process, ``questions`` per scene."""

    dims: Dimensions
    steps: tuple[int, int, int, int, int]
    rates: tuple[float, float, float, float, float]
    scenes: int
    questions: int
    weight_decay: float = 0.05
    clip: float = 1.0
    betas: tuple[float, float] = (0.9, 0.98)
    warm_up: float = 0.03
    final_rate: float = 0.03
    save_seconds: float = 60.0


PLANS = {
    "cpu": Plan(FULL, (2400, 2400, 550, 60, 560), (2.0e-3, 3.0e-3, 2.0e-3, 1.0e-3, 6.0e-4), scenes=16, questions=12),
    "gpu": Plan(
        FULL, (8000, 12000, 3000, 3000, 24000), (2.0e-3, 2.0e-3, 2.0e-3, 2.0e-3, 1.5e-3), scenes=128, questions=12
    ),
    "short": Plan(FULL, (240, 240, 55, 6, 56), (2.0e-3, 3.0e-3, 2.0e-3, 1.0e-3, 6.0e-4), scenes=16, questions=12),
    "smoke": Plan(QUICK, (12, 12, 6, 6, 12), (2.0e-3,) * 5, scenes=4, questions=6),
}
"""``cpu`` and ``gpu`` make the demo checkpoint; ``short`` stops after a tenth of the steps of ``cpu``, which leaves a checkpoint
of the same shape to compare it with; ``smoke`` only shows that every stage runs."""
