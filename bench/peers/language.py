"""llama.cpp at the shapes of a language model, with weights at random: what a user would otherwise run.

    python language.py make FORMAT FILE.gguf    writes a model of the released 3B's shapes (bf16, q8_0 or q4_k)
    python language.py time FILE.gguf THREADS   prints one JSON object of times
"""

import json
import os
import statistics
import sys

LAYERS, WIDTH, INNER, HEADS, VOCABULARY = 32, 3072, 8192, 32, 32064
POSITIONS, TOKENS, FOLLOWING, TIMES = 420, 16, 20, int(os.environ.get("TIMES", "3"))


def make(form: str, path: str) -> None:
    import gguf
    import numpy as np

    kind = {"bf16": "BF16", "q8_0": "Q8_0", "q4_k": "Q4_K"}[form]
    kind = gguf.GGMLQuantizationType[kind]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(4096)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(VOCABULARY)
    words = [b"<unk>", b"<s>", b"</s>"] + [f"<0x{byte:02X}>".encode() for byte in range(256)]
    kinds = [2, 3, 3] + [6] * 256
    words += [f"\u2581w{i}".encode() for i in range(VOCABULARY - len(words))]
    kinds += [1] * (VOCABULARY - len(kinds))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(words)
    writer.add_token_scores([0.0] * VOCABULARY)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    chance = np.random.default_rng(0)

    def half(value: float) -> "np.ndarray":
        return np.frombuffer(np.float16(value).tobytes(), np.uint8)

    def add(name: str, rows: int, columns: int) -> None:
        block, size = gguf.GGML_QUANT_SIZES[kind]
        if form == "bf16":
            numbers = chance.standard_normal(1 << 16, dtype=np.float32) * 0.02
            blocks = (numbers.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8).reshape(-1, size)
        else:
            blocks = chance.integers(0, 256, (1024, size), dtype=np.uint8)
            blocks[:, :2] = half(0.0002)
            if form == "q4_k":
                blocks[:, 2:4] = half(0.0005)
        data = np.resize(blocks, (rows * columns // block, size)).reshape(rows, columns // block * size)
        writer.add_tensor(name, data, raw_shape=data.shape, raw_dtype=kind)

    add("token_embd.weight", VOCABULARY, WIDTH)
    add("output.weight", VOCABULARY, WIDTH)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    for layer in range(LAYERS):
        for norm in ["attn_norm", "ffn_norm"]:
            writer.add_tensor(f"blk.{layer}.{norm}.weight", np.ones(WIDTH, np.float32))
        for name in ["attn_q", "attn_k", "attn_v", "attn_output"]:
            add(f"blk.{layer}.{name}.weight", WIDTH, WIDTH)
        add(f"blk.{layer}.ffn_gate.weight", INNER, WIDTH)
        add(f"blk.{layer}.ffn_up.weight", INNER, WIDTH)
        add(f"blk.{layer}.ffn_down.weight", WIDTH, INNER)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def time(path: str, threads: int) -> None:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = path
    parameters.n_ctx = 1024
    parameters.n_gpu_layers = 0
    parameters.warmup = True
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = threads
    server = xllamacpp.Server(parameters)

    def ask(prompt: list, tokens: int, keep: bool) -> dict:
        given = []
        request = {"prompt": prompt, "n_predict": tokens, "temperature": 0, "ignore_eos": True, "cache_prompt": keep}
        server.handle_completions(request, lambda part: (given.append(part), False)[1])
        last = given[-1]
        last = json.loads(last) if isinstance(last, (str, bytes)) else last
        return last["timings"]

    # No two prompts begin alike, or the second one would be known.
    def prompt(start: int) -> list:
        return [1] + [300 + (start * 1000 + i) % 30000 for i in range(POSITIONS - 1)]

    prefill, speed, following = [], [], []
    for turn in range(TIMES + 1):
        ids = prompt(turn)
        first = ask(ids, TOKENS, True)
        ids = ids + [400 + i for i in range(FOLLOWING)]
        second = ask(ids, 1, True)
        if turn > 0:
            prefill.append(first["prompt_ms"] / 1e3)
            speed.append(first["predicted_per_second"])
            # What was read again beside the 20 tokens counts as theirs, in proportion.
            following.append(second["prompt_ms"] / 1e3 * FOLLOWING / second["prompt_n"])
    middle = statistics.median
    times = {"prefill_s": middle(prefill), "tokens_per_s": middle(speed), "follow_up_s": middle(following)}
    print(json.dumps(times), flush=True)
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], sys.argv[3])
    else:
        time(sys.argv[2], int(sys.argv[3]))
