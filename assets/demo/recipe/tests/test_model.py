"""The model's structure, and what training does with it."""

from dataclasses import replace

import pytest
import torch
from safetensors import safe_open

from recipe.dimensions import FULL, QUICK, Dimensions
from recipe.evaluate import interval, tables
from recipe.export import MOST_BYTES, export, load_exported
from recipe.model.cambrian import Ablation, Cambrian, Seen
from recipe.model.geometry import geometry, padding, to_cells, valid
from recipe.scene.world import LONG_SIDE, SHORT_SIDES
from recipe.tokens import Tokenizer, build, pieces_of
from recipe.train import loop
from recipe.train.batch import IGNORED, BatchMaker
from recipe.train.loop import Job, load_model, train
from recipe.train.objectives import Heads, decode_packed
from recipe.train.plan import PLANS
from recipe.train.stages import STAGES, losses

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(build(pieces_of(["How many red circles are there?"])))


def specified(dims: Dimensions, vocabulary: int) -> tuple[dict[str, list[int]], list[dict[str, list[int]]]]:
    """Keys and shapes of the checkpoint and of its towers, written from the specification's tables."""
    h, c, f, size = dims.hidden, dims.sva, dims.inner, dims.hidden // dims.heads
    main = {"model.embed_tokens.weight": [vocabulary, h], "lm_head.weight": [vocabulary, h], "model.norm.weight": [h]}
    for i in range(dims.layers):
        layer = f"model.layers.{i}"
        main |= {f"{layer}.input_layernorm.weight": [h], f"{layer}.post_attention_layernorm.weight": [h]}
        main |= {f"{layer}.self_attn.{p}_proj.weight": [dims.kv_heads * size, h] for p in "kv"}
        main |= {f"{layer}.self_attn.q_proj.weight": [h, h], f"{layer}.self_attn.o_proj.weight": [h, h]}
        main |= {f"{layer}.mlp.{p}_proj.weight": [f, h] for p in ("gate", "up")}
        main |= {f"{layer}.mlp.down_proj.weight": [h, f]}
    main |= {"model.mm_projector.0.weight": [h, c], "model.mm_projector.0.bias": [h]}
    main |= {"model.mm_projector.2.weight": [h, h], "model.mm_projector.2.bias": [h]}
    main |= {"model.vision_query": [1, c], "model.image_newline": [h]}
    for k, tower in enumerate(dims.towers):
        aux = f"model.mm_projector_aux_{k}"
        main |= {f"{aux}.0.weight": [c, tower.features], f"{aux}.0.bias": [c], f"{aux}.2.weight": [c, c]}
        main |= {f"{aux}.2.bias": [c], f"{aux}.3.weight": [c], f"{aux}.3.bias": [c]}
    layers = [(f"model.vision_sampler_0.layers.{j}", c) for j in range(dims.connector_depth)]
    layers += [(f"model.vision_sampler_layers.{n}.layers.0", h) for n in range(dims.samplers)]
    for layer, query in layers:
        main |= {f"{layer}.proj_context.weight": [c, c], f"{layer}.proj_in.weight": [c, query + c]}
        main |= {f"{layer}.norm.weight": [c], f"{layer}.norm.bias": [c]}
        main |= {f"{layer}.proj_out.linear_1.weight": [c, c], f"{layer}.proj_out.linear_2.weight": [query, c]}
        attention = f"{layer}.cross_attn"
        main |= {f"{attention}.o_proj.weight": [c, c]}
        names = ["q_proj", *(f"{p}_proj_{k}" for p in "kv" for k in range(4))]
        for name in names:
            main |= {f"{attention}.{name}.0.weight": [c], f"{attention}.{name}.0.bias": [c]}
            main |= {f"{attention}.{name}.1.weight": [c, c]}
        for k, tower in enumerate(dims.towers):
            if (r := tower.tokens // dims.query) > 1:
                main |= {f"{layer}.pos_embed_{k}": [r * r, c]}

    def linear(name: str, before: int, after: int) -> dict[str, list[int]]:
        return {f"{name}.weight": [after, before], f"{name}.bias": [after]}

    def norm(name: str, width: int) -> dict[str, list[int]]:
        return {f"{name}.weight": [width], f"{name}.bias": [width]}

    d, trunk = dims.siglip, "visual.trunk"
    siglip = {
        f"{trunk}.patch_embed.proj.weight": [d.width, 3, d.patch, d.patch],
        f"{trunk}.patch_embed.proj.bias": [d.width],
    }
    siglip |= {f"{trunk}.pos_embed": [1, d.grid**2, d.width]} | norm(f"{trunk}.norm", d.width)
    for b in range(d.layers):
        block = f"{trunk}.blocks.{b}"
        siglip |= norm(f"{block}.norm1", d.width) | norm(f"{block}.norm2", d.width)
        siglip |= linear(f"{block}.attn.qkv", d.width, 3 * d.width) | linear(f"{block}.attn.proj", d.width, d.width)
        siglip |= linear(f"{block}.mlp.fc1", d.width, d.inner) | linear(f"{block}.mlp.fc2", d.inner, d.width)

    d = dims.clip
    clip = {"vision_model.embeddings.patch_embedding.weight": [d.width, 3, d.patch, d.patch]}
    clip |= {"vision_model.embeddings.class_embedding": [d.width]} | norm("vision_model.pre_layrnorm", d.width)
    clip |= {"vision_model.embeddings.position_embedding.weight": [d.grid**2 + 1, d.width]}
    for i in range(d.layers):
        layer = f"vision_model.encoder.layers.{i}"
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            clip |= linear(f"{layer}.self_attn.{name}", d.width, d.width)
        clip |= norm(f"{layer}.layer_norm1", d.width) | norm(f"{layer}.layer_norm2", d.width)
        clip |= linear(f"{layer}.mlp.fc1", d.width, d.inner) | linear(f"{layer}.mlp.fc2", d.inner, d.width)

    d = dims.dinov2
    dinov2 = {"embeddings.cls_token": [1, 1, d.width], "embeddings.mask_token": [1, d.width]}
    dinov2 |= {"embeddings.position_embeddings": [1, d.grid**2 + 1, d.width]} | norm("layernorm", d.width)
    dinov2 |= {"embeddings.patch_embeddings.projection.weight": [d.width, 3, d.patch, d.patch]}
    dinov2 |= {"embeddings.patch_embeddings.projection.bias": [d.width]}
    for i in range(d.layers):
        layer = f"encoder.layer.{i}"
        for name in ("attention.query", "attention.key", "attention.value", "output.dense"):
            dinov2 |= linear(f"{layer}.attention.{name}", d.width, d.width)
        dinov2 |= norm(f"{layer}.norm1", d.width) | norm(f"{layer}.norm2", d.width)
        dinov2 |= {f"{layer}.layer_scale{n}.lambda1": [d.width] for n in (1, 2)}
        dinov2 |= linear(f"{layer}.mlp.weights_in", d.width, 2 * d.inner)
        dinov2 |= linear(f"{layer}.mlp.weights_out", d.inner, d.width)

    convnext, before = {}, None
    for s, (w, depth) in enumerate(zip(dims.convnext.widths, dims.convnext.depths)):
        stage = f"{trunk}.stages.{s}"
        if before is None:
            convnext |= {f"{trunk}.stem.0.weight": [w, 3, 4, 4], f"{trunk}.stem.0.bias": [w]} | norm(
                f"{trunk}.stem.1", w
            )
        else:
            convnext |= norm(f"{stage}.downsample.0", before)
            convnext |= {f"{stage}.downsample.1.weight": [w, before, 2, 2], f"{stage}.downsample.1.bias": [w]}
        for b in range(depth):
            block = f"{stage}.blocks.{b}"
            convnext |= {f"{block}.conv_dw.weight": [w, 1, 7, 7], f"{block}.conv_dw.bias": [w], f"{block}.gamma": [w]}
            convnext |= norm(f"{block}.norm", w)
            convnext |= linear(f"{block}.mlp.fc1", w, 4 * w) | linear(f"{block}.mlp.fc2", 4 * w, w)
        before = w
    return main, [siglip, clip, dinov2, convnext]


@pytest.mark.parametrize("dims", [FULL, QUICK])
def test_the_exported_files_are_the_specified_ones(tmp_path, tokenizer, dims):
    model = Cambrian(dims, len(tokenizer))
    size = export(model, tokenizer, tmp_path / "checkpoint")
    assert size <= MOST_BYTES
    main, towers = specified(dims, len(tokenizer))
    names = ("open_clip_model", "model", "model", "open_clip_model")
    files = [tmp_path / "checkpoint" / "model.safetensors"]
    files += [
        tmp_path / "checkpoint" / "towers" / tower.repo / f"{name}.safetensors"
        for tower, name in zip(dims.towers, names)
    ]
    for file, expected in zip(files, (main, *towers)):
        with safe_open(file, "pt") as tensors:
            found = {key: tensors.get_slice(key) for key in tensors.keys()}
            assert {key: one.get_shape() for key, one in found.items()} == expected
            assert {one.get_dtype() for one in found.values()} == {"BF16"}
    for repo, names in (
        ("", {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"}),
        (dims.siglip.repo, {"open_clip_config.json"}),
        (dims.clip.repo, {"config.json", "preprocessor_config.json"}),
        (dims.dinov2.repo, {"config.json", "preprocessor_config.json"}),
        (dims.convnext.repo, {"open_clip_config.json"}),
    ):
        place = tmp_path / "checkpoint" / ("towers" if repo else "") / repo
        assert names <= {file.name for file in place.iterdir()}
    loaded, _ = load_exported(tmp_path / "checkpoint", dims)
    for key, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value.bfloat16().float()), key


def test_padding_is_the_specified_one():
    assert padding(160, 80, 6) == (1, True) and padding(160, 80, 24) == (6, True)
    assert padding(80, 160, 6) == (1, False) and padding(100, 100, 8) == (0, False)
    cells = to_cells(valid(160, 80, 24)[..., None], 6)[..., 0].reshape(6, 6, 16)
    assert not cells[0].any() and cells[1].sum(dim=-1).tolist() == [8] * 6 and cells[2].all()


def test_cells_without_keys_may_attend_to_everything():
    place = geometry(FULL, 192, 128)
    assert all(mask.any(dim=1).all() for mask in place.masks)
    assert (place.rows, place.columns) == (4, 6) and len(place.kept) == 24


@pytest.mark.parametrize("short", SHORT_SIDES)
def test_no_part_of_a_picture_is_cut_off_with_the_padding(short):
    place = geometry(FULL, LONG_SIDE, short)
    assert place.columns == FULL.query and place.rows * LONG_SIDE / FULL.query >= short
    assert geometry(FULL, short, LONG_SIDE).columns == place.rows


def batch_of(kind: str, tokenizer: Tokenizer):
    return BatchMaker(QUICK, tokenizer, 3, 0, 3, 4, ((kind, 1.0),))[5]


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.name)
def test_each_stage_changes_exactly_what_it_may(tokenizer, stage):
    torch.manual_seed(0)
    model, heads = Cambrian(QUICK, len(tokenizer)), Heads(QUICK)
    for layer in model.modules():  # samplers start as the identity, which stops gradients
        if hasattr(layer, "proj_out"):
            torch.nn.init.normal_(layer.proj_out["linear_2"].weight, std=0.1)
    parameters = dict([*model.named_parameters(), *heads.named_parameters()])
    for key, parameter in parameters.items():
        parameter.requires_grad_(stage.trains(key))
    for kind, _ in stage.mix:
        for turn in range(8):  # in each, ConvNeXt and one of the other encoders are asked
            torch.manual_seed(turn)
            sum(losses(stage, 0.0, model, heads, tokenizer, batch_of(kind, tokenizer)).values()).backward()
    idle = {key for key, p in parameters.items() if stage.trains(key) and (p.grad is None or not p.grad.any())}
    # A bias of keys adds the same to all scores of a query, which a softmax does not notice.
    assert not {key for key in idle if not key.endswith(("k_proj.bias", "key.bias"))}, idle
    assert all(p.grad is None for key, p in parameters.items() if not stage.trains(key))


def test_packed_rows_are_decoded_like_single_conversations(tokenizer):
    torch.manual_seed(2)
    model, batch = Cambrian(QUICK, len(tokenizer)).eval(), batch_of("answers", tokenizer)
    for layer in model.modules():
        if hasattr(layer, "proj_out"):
            torch.nn.init.normal_(layer.proj_out["linear_2"].weight, std=0.3)
    text = batch.text
    with torch.no_grad():
        seen = model.see(model.look(model.pixels(batch.views)), batch.size)
        image = model.image_tokens(model.connect(seen), seen.geometry)
        packed, *_ = decode_packed(model, tokenizer, text, image, seen)
        embed, prefix = model.model.embed_tokens, torch.tensor([tokenizer.prefix()])
        wanted, found = text.targets != IGNORED, torch.zeros(*text.ids.shape, QUICK.hidden)
        for row in range(len(text.ids)):
            scene = int(text.owner[row])
            one = Seen(
                [t[scene : scene + 1] for t in seen.tokens], seen.context[scene : scene + 1], seen.mask, seen.geometry
            )
            for segment in text.segments[row].unique():
                here = text.segments[row] == segment
                parts = (embed(prefix), image[scene : scene + 1], embed(text.ids[row, here])[None])
                embeddings = torch.cat(parts, dim=1)
                length = embeddings.shape[1]
                causal = torch.ones(1, length, length, dtype=torch.bool).tril()
                states = model.decode(embeddings, torch.arange(length)[None], causal, (prefix.shape[1], one))
                found[row, here] = states[0, -int(here.sum()) :]
    assert torch.allclose(packed, found[wanted], atol=1e-5)


def test_batches_depend_on_their_step_alone(tokenizer):
    first, again = batch_of("answers", tokenizer), batch_of("answers", tokenizer)
    assert all(torch.equal(a, b) for a, b in zip(first.views, again.views))
    assert torch.equal(first.text.ids, again.text.ids)
    other = BatchMaker(QUICK, tokenizer, 3, 0, 3, 4, (("answers", 1.0),))[6]
    assert other.size != first.size or not torch.equal(other.views[0], first.views[0])


def test_switching_an_encoder_off_hides_it(tokenizer):
    torch.manual_seed(1)
    model, batch = Cambrian(QUICK, len(tokenizer)).eval(), batch_of("answers", tokenizer)
    for layer in model.model.vision_sampler_0.layers:
        torch.nn.init.normal_(layer.proj_out["linear_2"].weight, std=0.3)
    with torch.no_grad():
        projected = model.look(model.pixels(batch.views))
        for k in range(4):
            changed = list(projected)
            changed[k] = torch.randn_like(changed[k])
            off = Ablation(frozenset((k,)))
            before, after = (model.connect(model.see(p, batch.size, off)) for p in (projected, changed))
            assert torch.allclose(before, after, atol=1e-6)
            assert not torch.allclose(model.connect(model.see(projected, batch.size)), before, atol=1e-4)


def test_a_run_that_was_stopped_ends_like_one_that_was_not(tmp_path, monkeypatch, tokenizer):
    plan = replace(PLANS["smoke"], steps=(2, 2, 1, 1, 3), scenes=2, questions=3, save_seconds=0.0)
    whole, broken = (Job(tmp_path / name, plan, 4, None, "cpu", 1, 0) for name in ("whole", "broken"))
    for job in (whole, broken):
        job.folder.mkdir()
        (job.folder / "tokenizer.json").write_text(tokenizer.json, encoding="utf-8")
    train(whole)
    real, calls = loop.losses, iter(range(100))

    def failing(*arguments):
        if next(calls) == 6:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(loop, "losses", failing)
    with pytest.raises(KeyboardInterrupt):
        train(broken)
    train(broken)
    a, b = (load_model(job.folder, plan)[0].state_dict() for job in (whole, broken))
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert (tmp_path / "whole" / "curves.csv").read_text().startswith("stage,step")
    assert (tmp_path / "whole" / "curves.png").stat().st_size > 1000


def test_intervals_hold_the_mean():
    import numpy as np

    rng = np.random.default_rng(0)
    scenes, difference = np.repeat(np.arange(200), 4), rng.normal(0.1, 0.3, 800)
    low, high = interval(scenes, difference)
    assert low < difference.mean() < high and 0.01 < high - low < 0.08


def test_tables_show_every_family():
    import numpy as np

    from recipe.evaluate import Results
    from recipe.questions.choose import Item

    items = [Item("count", "count", "en", "q", answer) for answer in "1223"] + [Item("word", "word", "zh", "q", "A")]
    right = np.array([[1, 0, 1, 1, 0, 1]] * 5, dtype=bool)
    text = tables(Results(items, np.arange(5), right))
    assert "| count | 4 | 100.0 | 50.0 | 0.0 |" in text and "| in Chinese | 1 |" in text
    assert "| word | 0.0 [0.0, 0.0] | 0.0 [0.0, 0.0] | 100.0 [100.0, 100.0] | 0.0 [0.0, 0.0] |" in text
