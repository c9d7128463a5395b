"""A trained model as a checkpoint in the released on-disk layout, bf16."""

import json
import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from .dimensions import ConvNextDims, Dimensions, VitDims
from .model.cambrian import Cambrian
from .preprocess import HALF, IMAGENET_MEAN, IMAGENET_STD, OPENAI_MEAN, OPENAI_STD
from .tokens import BEGIN, END, SPECIALS, Tokenizer

MOST_BYTES = 16 * 1000 * 1000
"""The demo checkpoint is part of the program: it must not be larger."""


def export(model: Cambrian, tokenizer: Tokenizer, folder: Path) -> int:
    """Writes the checkpoint to ``folder`` (which appears whole or not at all) and gives its size in bytes."""
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    dims = model.dims
    _weights(partial / "model.safetensors", model.checkpoint_state())
    _json(partial / "config.json", _config(dims, tokenizer))
    ends = [tokenizer.end, tokenizer.end_of_turn]
    _json(
        partial / "generation_config.json", {"bos_token_id": tokenizer.begin, "eos_token_id": ends, "do_sample": False}
    )
    (partial / "tokenizer.json").write_text(tokenizer.json, encoding="utf-8")
    _tokenizer_files(partial, tokenizer)
    for tower, network in zip(dims.towers, model.towers):
        place = partial / "towers" / tower.repo
        place.mkdir(parents=True)
        open_clip = isinstance(tower, ConvNextDims) or tower is dims.siglip
        _weights(place / ("open_clip_model.safetensors" if open_clip else "model.safetensors"), network.state_dict())
    _siglip_files(partial / "towers" / dims.siglip.repo, dims.siglip)
    _clip_files(partial / "towers" / dims.clip.repo, dims.clip)
    _dinov2_files(partial / "towers" / dims.dinov2.repo, dims.dinov2)
    _convnext_files(partial / "towers" / dims.convnext.repo, dims.convnext)
    size = sum(file.stat().st_size for file in partial.rglob("*") if file.is_file())
    if size > MOST_BYTES:
        raise SystemExit(f"the checkpoint has {size} bytes, more than {MOST_BYTES}")
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(partial, folder)
    return size


def load_exported(folder: Path, dims: Dimensions) -> tuple[Cambrian, Tokenizer]:
    """The shipped weights, computed with in f32. What they were rounded from is gone."""
    tokenizer = Tokenizer.open(folder / "tokenizer.json")
    model = Cambrian(dims, len(tokenizer))
    state = load_file(folder / "model.safetensors")
    for k, tower in enumerate(dims.towers):
        (file,) = (folder / "towers" / tower.repo).glob("*.safetensors")
        state |= {f"towers.{k}.{key}": value for key, value in load_file(file).items()}
    model.load_state_dict({key: value.float() for key, value in state.items()})
    return model.eval(), tokenizer


def _weights(file: Path, state: dict[str, torch.Tensor]) -> None:
    save_file(
        {key: value.detach().to(torch.bfloat16).contiguous() for key, value in state.items()}, file, {"format": "pt"}
    )


def _json(file: Path, value: dict) -> None:
    file.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _config(dims: Dimensions, tokenizer: Tokenizer) -> dict:
    tokens = [tower.tokens**2 for tower in dims.towers]
    return {
        "architectures": ["CambrianLlamaForCausalLM"],
        "model_type": "cambrian_llama",
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": tokenizer.begin,
        "eos_token_id": tokenizer.end,
        "hidden_act": "silu",
        "hidden_size": dims.hidden,
        "initializer_range": 0.02,
        "intermediate_size": dims.inner,
        "max_position_embeddings": dims.max_positions,
        "num_attention_heads": dims.heads,
        "num_hidden_layers": dims.layers,
        "num_key_value_heads": dims.kv_heads,
        "pretraining_tp": 1,
        "rms_norm_eps": dims.rms_eps,
        "rope_scaling": None,
        "rope_theta": dims.rope_theta,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "vocab_size": len(tokenizer),
        "connector_depth": dims.connector_depth,
        "connector_only": False,
        "image_aspect_ratio": "pad",
        "image_position": len(tokenizer.prefix()),
        "image_token_len": dims.query**2,
        "mm_patch_merge_type": "flat",
        "mm_projector_type": "sva",
        "mm_use_im_patch_token": False,
        "mm_use_im_start_end": False,
        "mm_vision_select_feature": "patch",
        "mm_vision_select_layer": -2,
        "mm_vision_tower_aux_list": [tower.name for tower in dims.towers],
        "mm_vision_tower_aux_token_len_list": tokens,
        "num_of_vision_sampler_layers": dims.samplers,
        "num_query_group": 1,
        "query_num_list": [dims.query**2],
        "start_of_vision_sampler_layers": dims.sampler_start,
        "stride_of_vision_sampler_layers": dims.sampler_stride,
        "tokenizer_model_max_length": dims.max_positions,
        "tokenizer_padding_side": "right",
        "unfreeze_mm_vision_tower": False,
        "use_mm_proj": True,
        "vision_hidden_size": dims.sva,
        "vision_tower_aux_token_len_list": tokens,
    }


def _tokenizer_files(folder: Path, tokenizer: Tokenizer) -> None:
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    first = len(tokenizer) - len(SPECIALS)
    roles = {"bos_token": BEGIN, "eos_token": END}
    _json(
        folder / "tokenizer_config.json",
        {
            "added_tokens_decoder": {str(first + i): {"content": text, **flags} for i, text in enumerate(SPECIALS)},
            **roles,
            "clean_up_tokenization_spaces": False,
            "model_max_length": 2048,
            "tokenizer_class": "PreTrainedTokenizerFast",
        },
    )
    _json(folder / "special_tokens_map.json", roles)


def _siglip_files(folder: Path, dims: VitDims) -> None:
    vision = {
        "image_size": dims.size,
        "timm_model_name": "vit_so400m_patch14_siglip_384",
        "timm_model_pretrained": False,
        "timm_pool": "map",
        "timm_proj": "none",
    }
    preprocess = {"mean": HALF, "std": HALF, "interpolation": "bicubic", "resize_mode": "squash"}
    model = {"embed_dim": dims.width, "vision_cfg": vision}
    _json(folder / "open_clip_config.json", {"model_cfg": model, "preprocess_cfg": preprocess})


def _convnext_files(folder: Path, dims: ConvNextDims) -> None:
    vision = {
        "timm_model_name": "convnext_xxlarge",
        "timm_model_pretrained": False,
        "timm_pool": "",
        "timm_proj": "linear",
        "image_size": dims.size,
    }
    preprocess = {"mean": OPENAI_MEAN, "std": OPENAI_STD}
    model = {"embed_dim": dims.widths[-1], "vision_cfg": vision}
    _json(folder / "open_clip_config.json", {"model_cfg": model, "preprocess_cfg": preprocess})


def _clip_files(folder: Path, dims: VitDims) -> None:
    vision = {
        "model_type": "clip_vision_model",
        "hidden_size": dims.width,
        "intermediate_size": dims.inner,
        # The feature is the state before the last layer, which therefore is configured but not shipped.
        "num_hidden_layers": dims.layers + 1,
        "num_attention_heads": dims.heads,
        "num_channels": 3,
        "patch_size": dims.patch,
        "image_size": dims.size,
        "layer_norm_eps": 1e-5,
        "hidden_act": "quick_gelu",
    }
    _json(folder / "config.json", {"architectures": ["CLIPModel"], "model_type": "clip", "vision_config": vision})
    _json(
        folder / "preprocessor_config.json",
        {
            "crop_size": dims.size,
            "do_center_crop": True,
            "do_normalize": True,
            "do_resize": True,
            "feature_extractor_type": "CLIPFeatureExtractor",
            "image_mean": OPENAI_MEAN,
            "image_std": OPENAI_STD,
            "resample": 3,
            "size": dims.size,
        },
    )


def _dinov2_files(folder: Path, dims: VitDims) -> None:
    # Of the ratio the layout stores, the inner width of SwiGLU is two thirds, rounded up to a multiple of 8.
    ratio = dims.inner * 3 / 2 / dims.width
    inner = (int(int(dims.width * ratio) * 2 / 3) + 7) // 8 * 8
    if inner != dims.inner:
        raise ValueError(f"DINOv2's layout cannot say an inner width of {dims.inner}")
    _json(
        folder / "config.json",
        {
            "architectures": ["Dinov2Model"],
            "model_type": "dinov2",
            "hidden_size": dims.width,
            "num_hidden_layers": dims.layers,
            "num_attention_heads": dims.heads,
            "mlp_ratio": ratio,
            "hidden_act": "gelu",
            "layer_norm_eps": 1e-6,
            "image_size": dims.size,
            "patch_size": dims.patch,
            "num_channels": 3,
            "qkv_bias": True,
            "layerscale_value": 1.0,
            "use_swiglu_ffn": True,
        },
    )
    _json(
        folder / "preprocessor_config.json",
        {
            "crop_size": {"height": dims.size, "width": dims.size},
            "do_center_crop": True,
            "do_convert_rgb": True,
            "do_normalize": True,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": IMAGENET_MEAN,
            "image_processor_type": "BitImageProcessor",
            "image_std": IMAGENET_STD,
            "resample": 3,
            "rescale_factor": 1 / 255,
            "size": {"shortest_edge": dims.size},
        },
    )
