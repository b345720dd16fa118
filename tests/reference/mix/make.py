"""Makes the numbers of this folder with PEFT: LoRA adapters of a tiny random model, and what `add_weighted_adapter` makes of them.

    pip install torch transformers peft
    python tests/reference/mix/make.py

Nothing of Graft runs here. mixed.safetensors has the matrices of each case of cases.json as CASE/PATH.lora_A and CASE/PATH.lora_B. DARE is here only
with a density of 1: below it PEFT draws a mask from torch's own generator. spectra.json has torch's singular values of ΔW for each layer of each
adapter, and the relative Frobenius error of the best approximation by rank 2.
"""

import json
import shutil
import warnings
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

HERE = Path(__file__).parent
CONFIG = dict(
    model_type="llama", hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2,
    num_key_value_heads=1, vocab_size=32, max_position_embeddings=32, tie_word_embeddings=True,
)
ADAPTERS = {
    "a": dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"], alpha_pattern={"q_proj": 3}),
    "b": dict(r=4, lora_alpha=6, target_modules=["q_proj", "v_proj"], use_rslora=True),
    "c": dict(r=2, lora_alpha=4, target_modules=["q_proj", "down_proj"], rank_pattern={"down_proj": 3}),
    "d": dict(r=4, lora_alpha=4, target_modules=["q_proj", "v_proj"]),
}
CASES = {
    "linear": dict(adapters=["a", "b"], weights=[0.7, 0.3], combination_type="linear"),
    "linear, negative": dict(adapters=["b", "a"], weights=[0.7, -0.4], combination_type="linear"),
    "cat": dict(adapters=["a", "c"], weights=[0.7, 0.3], combination_type="cat"),
    "svd": dict(adapters=["a", "b", "c"], weights=[0.5, 0.3, -0.2], combination_type="svd"),
    "svd, rank 3": dict(adapters=["a", "b"], weights=[0.5, 0.5], combination_type="svd", svd_rank=3),
    "ties": dict(adapters=["a", "b", "d"], weights=[0.5, 0.8, 0.4], combination_type="ties", density=0.6),
    "ties, frequency": dict(
        adapters=["a", "b", "d"], weights=[0.5, 0.8, 0.4], combination_type="ties", density=0.6, majority_sign_method="frequency"
    ),
    "magnitude-prune": dict(adapters=["a", "b"], weights=[0.7, 0.3], combination_type="magnitude_prune", density=0.45),
    "dare-linear": dict(adapters=["a", "b"], weights=[0.7, 0.3], combination_type="dare_linear", density=1.0),
    "dare-ties": dict(adapters=["a", "b", "d"], weights=[0.7, 0.3, 0.2], combination_type="dare_ties", density=1.0),
    "ties-svd": dict(
        adapters=["a", "b", "c"], weights=[0.5, 0.8, 0.4], combination_type="ties_svd", density=0.6, svd_rank=6
    ),
    "ties-svd, frequency": dict(
        adapters=["a", "b", "c"], weights=[0.5, -0.8, 0.4], combination_type="ties_svd", density=0.6, majority_sign_method="frequency"
    ),
    "magnitude-prune-svd": dict(adapters=["a", "c"], weights=[0.7, 0.3], combination_type="magnitude_prune_svd", density=0.45),
    "dare-linear-svd": dict(adapters=["a", "c"], weights=[0.7, 0.3], combination_type="dare_linear_svd", density=1.0),
    "dare-ties-svd": dict(
        adapters=["a", "b", "d"], weights=[0.7, 0.3, 0.2], combination_type="dare_ties_svd", density=1.0, svd_rank=5
    ),
}


def main():
    warnings.filterwarnings("ignore", message="The density")
    torch.manual_seed(1)
    base = AutoModelForCausalLM.from_config(AutoConfig.for_model(**CONFIG), dtype=torch.float32)
    base.config.to_json_file(HERE / "config.json", use_diff=False)
    mixing = None
    for name, settings in ADAPTERS.items():
        # Random B, too: a new adapter would change nothing.
        config = LoraConfig(task_type="CAUSAL_LM", init_lora_weights=False, **settings)
        if mixing is None:
            mixing = get_peft_model(base, config, name)
        else:
            mixing.add_adapter(name, config)
    for name in ADAPTERS:
        shutil.rmtree(HERE / name, ignore_errors=True)
    mixing.save_pretrained(HERE, selected_adapters=list(ADAPTERS))
    (HERE / "README.md").unlink(missing_ok=True)
    for name in ADAPTERS:
        (HERE / name / "README.md").unlink(missing_ok=True)
    spectra = {}
    for name in ADAPTERS:
        for path, module in mixing.base_model.model.named_modules():
            if hasattr(module, "lora_A") and name in module.lora_A:
                change = module.get_delta_weight(name).detach().double()
                u, s, vh = torch.linalg.svd(change, full_matrices=False)
                error = torch.linalg.norm(change - u[:, :2] @ torch.diag(s[:2]) @ vh[:2]) / torch.linalg.norm(change)
                rank = module.lora_A[name].weight.shape[0]
                spectra.setdefault(name, {})[path] = {"values": s[:rank].tolist(), "error_at_rank_2": error.item()}
    (HERE / "spectra.json").write_text(json.dumps(spectra, indent=1) + "\n")
    tensors = {}
    for at, (name, case) in enumerate(CASES.items()):
        mixing.add_weighted_adapter(adapter_name=f"mixed{at}", **case)
        for path, module in mixing.base_model.model.named_modules():
            if hasattr(module, "lora_A") and f"mixed{at}" in module.lora_A:
                tensors[f"{name}/{path}.lora_A"] = module.lora_A[f"mixed{at}"].weight.detach().contiguous()
                tensors[f"{name}/{path}.lora_B"] = module.lora_B[f"mixed{at}"].weight.detach().contiguous()
    save_file(tensors, HERE / "mixed.safetensors")
    (HERE / "cases.json").write_text(json.dumps(CASES, indent=1) + "\n")


main()
