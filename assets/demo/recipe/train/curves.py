"""Training curves: rows of numbers in a CSV file, and a picture of them."""

import csv
import os
from collections import defaultdict
from pathlib import Path

FIELDS = ("stage", "step", "seconds", "rate", "loss", "value")


class Curves:
    """Losses over time. Each row is the mean of one loss over the steps since the last row of its name."""

    def __init__(self, rows: list[tuple] | None = None) -> None:
        self.rows: list[tuple] = rows or []
        self._sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0])

    def add(self, losses: dict[str, float]) -> None:
        """Takes the losses of one step."""
        for name, value in losses.items():
            self._sums[name][0] += value
            self._sums[name][1] += 1

    def flush(self, stage: str, step: int, seconds: float, rate: float) -> dict[str, float]:
        """Writes down the means, which it returns, and begins anew."""
        means = {name: total / count for name, (total, count) in self._sums.items()}
        self.rows += [(stage, step, round(seconds, 1), f"{rate:.3e}", n, round(v, 5)) for n, v in means.items()]
        self._sums.clear()
        return means

    def write(self, folder: Path) -> None:
        """Writes ``curves.csv``."""
        partial = folder / "curves.csv.partial"
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(FIELDS)
            writer.writerows(self.rows)
        os.replace(partial, folder / "curves.csv")

    def draw(self, folder: Path) -> None:
        """Draws ``curves.png``."""
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        stages = list(dict.fromkeys(row[0] for row in self.rows))
        if not stages:
            return
        figure, axes = pyplot.subplots(1, len(stages), figsize=(4.2 * len(stages), 3.6), squeeze=False)
        for axis, stage in zip(axes[0], stages):
            lines: dict[str, list[tuple[int, float]]] = defaultdict(list)
            for row in self.rows:
                if row[0] == stage:
                    lines[row[4]].append((row[1], row[5]))
            for name, points in lines.items():
                axis.plot(*zip(*points), label=name, linewidth=1)
            axis.set(title=stage, xlabel="step", ylabel="loss", yscale="log")
            axis.legend(fontsize=7)
        figure.tight_layout()
        partial = folder / "curves.partial.png"
        figure.savefig(partial, dpi=110)
        pyplot.close(figure)
        os.replace(partial, folder / "curves.png")
