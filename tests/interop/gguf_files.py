"""Model folders → GGUF files with gguf-py, as llama.cpp's converter does it. Reads a list of {"folder", "out", "type"} as JSON on standard input.

Names come from gguf-py's own map; keys and changes of numbers follow llama.cpp's conversion/*.py (permute, norm_shift, transpose, rope_freqs).
"""

import json
import math
import sys
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file

ARCHITECTURES = {"mistral": "llama", "gemma3_text": "gemma3"}
PERMUTED = ("llama", "smollm3", "granite")


def permute(weights, heads):
    return weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)


def rope_factors(rope, dim):
    low = rope["original_max_position_embeddings"] / rope["low_freq_factor"]
    high = rope["original_max_position_embeddings"] / rope["high_freq_factor"]
    factors = []
    for frequency in 1.0 / rope["rope_theta"] ** (np.arange(0, dim, 2, dtype=np.float32) / dim):
        wavelength = 2 * math.pi / frequency
        if wavelength < high:
            factors.append(1)
        elif wavelength > low:
            factors.append(rope["factor"])
        else:
            smooth = (rope["original_max_position_embeddings"] / wavelength - rope["low_freq_factor"]) / (
                rope["high_freq_factor"] - rope["low_freq_factor"]
            )
            factors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(factors, dtype=np.float32)


def add_metadata(writer, config, family):
    heads = config.get("num_attention_heads", config.get("n_head"))
    channels = config.get("hidden_size", config.get("n_embd"))
    writer.add_context_length(config.get("max_position_embeddings", config.get("n_positions")))
    writer.add_embedding_length(channels)
    writer.add_block_count(config.get("num_hidden_layers", config.get("n_layer")))
    width = config.get("intermediate_size") or config.get("n_inner") or 4 * channels
    if config.get("block_auto_adjust_ff_dim"):
        multiple = config["block_multiple_of"]
        width = multiple * math.ceil(int(config["block_ffn_dim_multiplier"] * int(2 * width / 3)) / multiple)
    writer.add_feed_forward_length(width)
    writer.add_head_count(heads)
    writer.add_eos_token_id(config["eos_token_id"])
    if family == "gpt2":
        writer.add_layer_norm_eps(config["layer_norm_epsilon"])
        return
    if family == "lfm2":
        kinds = config["layer_types"]
        writer.add_head_count_kv([config["num_key_value_heads"] if kind == "full_attention" else 0 for kind in kinds])
        writer.add_layer_norm_rms_eps(config["norm_eps"])
        writer.add_shortconv_l_cache(config["conv_L_cache"])
        writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
        return
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    head = config.get("head_dim", channels // heads)
    if "head_dim" in config:
        writer.add_key_length(head)
        writer.add_value_length(head)
    rope = config["rope_parameters"]
    writer.add_rope_freq_base(rope.get("full_attention", rope)["rope_theta"])
    writer.add_rope_dimension_count(int(head * config.get("partial_rotary_factor", 1)))
    if config.get("sliding_window"):
        writer.add_sliding_window(config["sliding_window"])
    if rope.get("rope_type") == "llama3":
        writer.add_tensor("rope_freqs.weight", rope_factors(rope, head))
    if family == "granite":
        writer.add_attention_scale(config["attention_multiplier"])
        writer.add_embedding_scale(config["embedding_multiplier"])
        writer.add_residual_scale(config["residual_multiplier"])
        writer.add_logit_scale(config["logits_scaling"])


def changed(name, tensor, config, family):
    if family in PERMUTED and ".q_proj." in name:
        return permute(tensor, config["num_attention_heads"])
    if family in PERMUTED and ".k_proj." in name:
        return permute(tensor, config["num_key_value_heads"])
    if family == "gemma3" and name.endswith("norm.weight"):
        return tensor + 1
    if family == "gpt2" and name.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
        return tensor.transpose()
    if ".conv.conv." in name:
        return tensor.squeeze(1)
    return tensor


def convert(folder, out, kind):
    config = json.loads((Path(folder) / "config.json").read_text())
    family = ARCHITECTURES.get(config["model_type"], config["model_type"])
    architecture = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == family)
    names = gguf.get_tensor_name_map(architecture, config.get("num_hidden_layers", config.get("n_layer")))
    writer = gguf.GGUFWriter(out, family)
    add_metadata(writer, config, family)
    for name, tensor in load_file(Path(folder) / "model.safetensors").items():
        data = np.ascontiguousarray(changed(name, tensor.astype(np.float32), config, family))
        type = gguf.GGMLQuantizationType[kind] if data.ndim == 2 and data.shape[1] % 32 == 0 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight", ".bias")), gguf.quantize(data, type), raw_dtype=type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


for question in json.load(sys.stdin):
    convert(question["folder"], question["out"], question["type"])
