"""What PEFT's add_weighted_adapter makes of adapters, and what PEFT reads in folders that Graft mixed from them.

Standard input: {"config": config.json, "adapters": {name: folder}, "cases": [{"mix": {arguments of add_weighted_adapter}, "folder": Graft's}, ...]}
→ [{"expected": {path: ΔW as a list}, "found": {...}}, ...] by case.
"""

import json
import sys

import torch
from peft import PeftModel
from transformers import AutoConfig, AutoModelForCausalLM

asked = json.load(sys.stdin)
base = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(asked["config"]), dtype=torch.float32)
model = None
folders = {**asked["adapters"], **{f"graft{i}": case["folder"] for i, case in enumerate(asked["cases"])}}
for name, folder in folders.items():
    if model is None:
        model = PeftModel.from_pretrained(base, folder, adapter_name=name)
    else:
        model.load_adapter(folder, adapter_name=name)


def deltas(adapter):
    return {
        path: module.get_delta_weight(adapter).flatten().tolist()
        for path, module in model.base_model.model.named_modules()
        if hasattr(module, "lora_A") and adapter in module.lora_A
    }


answers = []
for i, case in enumerate(asked["cases"]):
    model.add_weighted_adapter(adapter_name=f"peft{i}", **case["mix"])
    answers.append({"expected": deltas(f"peft{i}"), "found": deltas(f"graft{i}")})
print(json.dumps(answers))
