"""The whole model: towers, connector, decoder with samplers."""

from dataclasses import dataclass, field

import torch
from torch import nn

from ..dimensions import Dimensions
from ..preprocess import inputs, normalise
from .decoder import DecoderLayer, RmsNorm, rotary
from .geometry import Geometry, geometry, to_cells
from .sva import SvaStack
from .towers import build_towers


@dataclass(frozen=True)
class Ablation:
    """Encoders that are switched off: their keys are masked in every SVA softmax, and with tower 0 goes the context."""

    towers: frozenset[int] = field(default_factory=frozenset)


NOTHING_OFF = Ablation()


@dataclass(frozen=True)
class Seen:
    """A batch of pictures of one size, as the connector and the samplers see it.

    ``tokens``: per tower [b, query², r², c]; ``context`` [b, c]; ``mask`` [query², keys].
    """

    tokens: list[torch.Tensor]
    context: torch.Tensor
    mask: torch.Tensor
    geometry: Geometry


def _bias(allowed: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """What is added to the scores of attention: 0 where ``allowed`` [b, t, n], else -inf [b, 1, t, n]."""
    return torch.zeros_like(allowed, dtype=like.dtype).masked_fill(~allowed, float("-inf"))[:, None]


class _Core(nn.Module):
    """Everything under the key ``model`` of the checkpoint."""

    def __init__(self, dims: Dimensions, vocabulary: int) -> None:
        super().__init__()
        sides = tuple(tower.tokens // dims.query for tower in dims.towers)
        self.embed_tokens = nn.Embedding(vocabulary, dims.hidden)
        nn.init.normal_(self.embed_tokens.weight, std=0.02)
        self.layers = nn.ModuleList(DecoderLayer(dims) for _ in range(dims.layers))
        self.norm = RmsNorm(dims.hidden, dims.rms_eps)
        self.mm_projector = nn.Sequential(
            nn.Linear(dims.sva, dims.hidden), nn.GELU(), nn.Linear(dims.hidden, dims.hidden)
        )
        for k, tower in enumerate(dims.towers):
            projector = nn.Sequential(
                nn.Linear(tower.features, dims.sva), nn.GELU(), nn.Linear(dims.sva, dims.sva), nn.LayerNorm(dims.sva)
            )
            setattr(self, f"mm_projector_aux_{k}", projector)
        self.vision_query = nn.Parameter(torch.randn(1, dims.sva) * 0.1)
        self.image_newline = nn.Parameter(torch.randn(dims.hidden) * 0.02)
        self.vision_sampler_0 = SvaStack(dims.connector_depth, dims.sva, dims.sva, sides)
        self.vision_sampler_layers = nn.ModuleList(
            SvaStack(1, dims.hidden, dims.sva, sides) for _ in range(dims.samplers)
        )


class Cambrian(nn.Module):
    """The demo model. ``towers`` is saved apart from the rest, as in the released checkpoints."""

    def __init__(self, dims: Dimensions, vocabulary: int) -> None:
        super().__init__()
        self.dims = dims
        self.model = _Core(dims, vocabulary)
        self.lm_head = nn.Linear(dims.hidden, vocabulary, bias=False)
        self.towers = build_towers(dims)
        self._initialise()

    def _initialise(self) -> None:
        """Small weights where a sum over layers is written, so that training starts calm."""
        for layer in self.model.layers:
            for weight in (layer.self_attn["o_proj"].weight, layer.mlp["down_proj"].weight):
                nn.init.normal_(weight, std=0.02 / (2 * self.dims.layers) ** 0.5)
        nn.init.normal_(self.lm_head.weight, std=0.02)

    def checkpoint_state(self) -> dict[str, torch.Tensor]:
        """What the checkpoint itself holds: everything but the towers."""
        return {key: value for key, value in self.state_dict().items() if not key.startswith("towers.")}

    def pixels(self, views: list[torch.Tensor]) -> list[torch.Tensor]:
        """Bytes per tower [b, s, s, 3] to the towers' inputs [b, 3, s, s]."""
        return [normalise(view, shown) for view, shown in zip(views, inputs(self.dims))]

    def project(self, k: int, features: torch.Tensor) -> torch.Tensor:
        """Features of tower ``k`` to the aggregator's width."""
        return getattr(self.model, f"mm_projector_aux_{k}")(features)

    def look(self, pixels: list[torch.Tensor]) -> list[torch.Tensor]:
        """Inputs of the towers to their projected features [b, tokens², c]."""
        return [self.project(k, tower(x)) for k, (tower, x) in enumerate(zip(self.towers, pixels))]

    def see(self, projected: list[torch.Tensor], size: tuple[int, int], off: Ablation = NOTHING_OFF) -> Seen:
        """Projected features of pictures of ``size`` = (width, height) as the SVA sees them."""
        place = geometry(self.dims, *size)
        windows = []
        for tower, tokens in zip(self.dims.towers, projected):
            grid = tokens.reshape(tokens.shape[0], tower.tokens, tower.tokens, -1)
            windows.append(to_cells(grid, self.dims.query))
        masks = [mask & (k not in off.towers) for k, mask in enumerate(place.masks)]
        context = projected[0].mean(dim=1)
        if 0 in off.towers:
            context = torch.zeros_like(context)
        return Seen(windows, context, torch.cat(masks, dim=1).to(context.device), place)

    def connect(self, seen: Seen) -> torch.Tensor:
        """The connector: visual tokens of all cells [b, query², h]."""
        query = self.model.vision_query.expand(seen.context.shape[0], self.dims.query**2, -1)
        return self.model.mm_projector(self.model.vision_sampler_0(query, seen.context, seen.tokens, seen.mask))

    def image_tokens(self, visual: torch.Tensor, place: Geometry) -> torch.Tensor:
        """Cells [b, query², h] without padding, with a newline token after every row [b, rows (columns + 1), h]."""
        batch, _, hidden = visual.shape
        cells = visual[:, place.kept].reshape(batch, place.rows, place.columns, hidden)
        newline = self.model.image_newline.expand(batch, place.rows, 1, hidden)
        return torch.cat((cells, newline), dim=2).flatten(1, 2)

    def decode(
        self,
        embeddings: torch.Tensor,
        positions: torch.Tensor,
        allowed: torch.Tensor,
        image: tuple[int, Seen] | None = None,
    ) -> torch.Tensor:
        """The decoder with samplers: ``embeddings`` [b, t, h] to final states [b, t, h].

        ``allowed`` [b, t, t] says what may attend to what. ``image``: index of the first image token, and the picture;
        without it no sampler runs.
        """
        turn, bias, x = self._turn(positions), _bias(allowed, embeddings), embeddings
        for index, layer in enumerate(self.model.layers):
            x, _ = layer(x, turn, bias)
            x = self._sample_after(index, x, image)
        return self.model.norm(x)

    def decode_rows(
        self,
        start: torch.Tensor,
        image: tuple[int, Seen] | None,
        rows: torch.Tensor,
        owner: torch.Tensor,
        positions: torch.Tensor,
        allowed: torch.Tensor,
        wanted: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The decoder on many texts that go on from few beginnings: ``rows`` [r, t, h] to final states [n, h],
        and those of all positions half-way up and before the last layer [r, t, h].

        ``start`` [b, p, h]: the beginnings, which see themselves only; ``image`` as in :meth:`decode`; ``owner`` [r]:
        the beginning of each row; ``positions`` [r, t]; ``allowed`` [r, t, t]: what of its own a row may attend to;
        ``wanted`` [r, t]: the ``n`` positions whose states are. The same as :meth:`decode` on each beginning with its
        row, at a fraction of the cost.
        """
        count, length, _ = start.shape
        device = start.device
        causal = torch.ones(1, length, length, dtype=torch.bool, device=device).tril()
        before = torch.ones(*positions.shape, length, dtype=torch.bool, device=device)
        turns = self._turn(torch.arange(length, device=device).expand(count, -1)), self._turn(positions)
        biases = _bias(causal, start), _bias(torch.cat((before, allowed), dim=2), start)
        half = rows
        for index, layer in enumerate(self.model.layers):
            start, past = layer.mix(start, turns[0], biases[0], None)
            late = rows
            rows, _ = layer.mix(rows, turns[1], biases[1], tuple(t[owner] for t in past))
            if index + 1 == len(self.model.layers):
                return self.model.norm(layer.think(rows[wanted])), half, late
            start, rows = self._sample_after(index, layer.think(start), image), layer.think(rows)
            if 2 * (index + 1) <= len(self.model.layers):
                half = rows
        raise ValueError("a decoder without layers")

    def _turn(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return rotary(positions, self.dims.hidden // self.dims.heads, self.dims.rope_theta)

    def _sample_after(self, index: int, x: torch.Tensor, image: tuple[int, Seen] | None) -> torch.Tensor:
        """``x`` after decoder layer ``index``, through the sampler that follows it, if one does."""
        sampler, rest = divmod(index - self.dims.sampler_start, self.dims.sampler_stride)
        if image is None or rest != 0 or not 0 <= sampler < self.dims.samplers:
            return x
        return self._sample(self.model.vision_sampler_layers[sampler], x, *image)

    def _sample(self, sampler: SvaStack, x: torch.Tensor, first: int, seen: Seen) -> torch.Tensor:
        place = seen.geometry
        batch, _, hidden = x.shape
        length = place.rows * (place.columns + 1)
        grid = x[:, first : first + length].reshape(batch, place.rows, place.columns + 1, hidden)
        cells = grid[:, :, :-1].flatten(1, 2)
        kept = place.kept.to(x.device)
        tokens = [t[:, kept] for t in seen.tokens]
        cells = sampler(cells, seen.context, tokens, seen.mask[kept])
        cells = cells.reshape(batch, place.rows, place.columns, hidden)
        grid = torch.cat((cells, grid[:, :, -1:]), dim=2).flatten(1, 2)
        return torch.cat((x[:, :first], grid, x[:, first + length :]), dim=1)
