"""The run that Graft left in this folder, for the trainer that continues it: its rows in their order, its rate, its adapter and AdamW's moments.

run.json has the settings, train.jsonl the rows as token ids and labels, and order.jsonl the rows of each step from the run's last step on.
"""

import argparse
import json
import math
import os
import shutil
import time
from pathlib import Path

import torch
import trl
from datasets import Dataset
from peft import PeftModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

HERE = Path(__file__).resolve().parent
RUN = json.loads((HERE / "run.json").read_text("utf-8"))
TRAINED = set()
if (HERE / "trained.safetensors").exists():
    with safe_open(HERE / "trained.safetensors", "pt") as weights:
        TRAINED.update(weights.keys())
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def read_arguments():
    left = max(0, RUN["steps"] - RUN["step"])
    parser = argparse.ArgumentParser(description=f"Continues a run of Graft after step {RUN['step']}.")
    parser.add_argument("--model", required=True, help="the base model: a folder, or a name of the Hugging Face hub")
    parser.add_argument("--out", required=True, help="where to write the adapter and metrics.jsonl")
    parser.add_argument("--steps", type=int, default=left, help=f"how many steps to make (default: {left}, the rest of the run)")
    parser.add_argument("--batch", type=int, default=math.ceil(RUN["batch"] / processes()), help="rows that each process computes at once (default: %(default)s)")
    parser.add_argument("--dtype", choices=DTYPES, default="float32", help="the number format of the base (default: %(default)s)")
    parser.add_argument("--lr", type=float, help="the rate of steps after the end of the run's schedule (default: that of its last step)")
    given = parser.parse_args()
    if given.steps < 1:
        parser.error(f"the run is complete after its {RUN['steps']} steps: say by --steps how many more to make")
    written = len(read_jsonl("order.jsonl"))
    if given.steps > written:
        parser.error(f"order.jsonl has the rows of {written} steps: give at most --steps {written}, and export the run that this makes again")
    if given.batch < 1:
        parser.error("--batch is at least 1")
    if trains_model() and given.dtype != "float32":
        parser.error("the run trains weights of the model, which learn in float32")
    return given


def trains_model():
    return RUN["method"] == "full"


def read_jsonl(name):
    with open(HERE / name, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def processes():
    return int(os.environ.get("WORLD_SIZE", "1"))


def division(batch):
    """How a step's rows are divided: rows that a process computes at once, and how often it does before the step."""
    share = math.ceil(RUN["rows_per_step"] / processes())
    accumulate = math.ceil(share / batch)
    return math.ceil(share / accumulate), accumulate


def ordered(columns, given, blank=None):
    """The rows of all steps, one after the other, as a sequential sampler takes them.

    A step that the processes cannot divide evenly is filled up with `blank`, a row that adds nothing to the loss.
    """
    rows = [{name: row[name] for name in columns} for row in read_jsonl("train.jsonl")]
    at_once, accumulate = division(given.batch)
    lacking = at_once * accumulate * processes() - RUN["rows_per_step"]
    if lacking > 0 and blank is None:
        raise SystemExit(
            f"A step has {RUN['rows_per_step']} rows, which {processes()} processes cannot divide evenly. "
            "Choose --num_processes and --batch so that they do."
        )
    steps = read_jsonl("order.jsonl")[: given.steps]
    places = [place for step in steps for place in [*step, *[len(rows)] * lacking]]
    return Dataset.from_list([*rows, *([blank] if lacking > 0 else [])]).select(places)


def padded(sequences, pad_id):
    """Sequences of (ids, labels) as the trainers of preferences take them: right-padded, with the mask of what is compared."""

    def tensor(rows, value):
        return pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=value)

    return {
        "input_ids": tensor([ids for ids, _ in sequences], pad_id),
        "attention_mask": tensor([[1] * len(ids) for ids, _ in sequences], 0),
        "completion_mask": tensor([[int(label >= 0) for label in labels] for _, labels in sequences], 0),
    }


def load_tokenizer(model):
    tokenizer = AutoTokenizer.from_pretrained(model)
    if tokenizer.pad_token is None:
        # It is only written where nothing is seen or supervised.
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(given):
    base = AutoModelForCausalLM.from_pretrained(given.model, dtype=DTYPES[given.dtype])
    if trains_model():
        return with_weights(base)
    model = PeftModel.from_pretrained(base, str(HERE), is_trainable=True)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return model


def with_weights(model):
    """The base with the weights that the run has trained. Only these learn."""
    left = load_file(HERE / "trained.safetensors")
    for name, parameter in model.named_parameters():
        value = left.pop(graft_name(name), None)
        parameter.requires_grad_(value is not None)
        if value is not None:
            parameter.data.copy_(value)
    if left:
        raise SystemExit(f"The model has no parameter {sorted(left)[0]}: is {RUN['base']} the base that was given?")
    return model


def set_reference(model):
    """Makes TRL compare with the run's reference policy.

    TRL copies the adapter that it is given to an adapter "ref", which is the run at its last step: the reference is the base, without an adapter, or
    the adapter that the run started from.
    """
    if RUN["reference"] == "base":
        if "ref" in model.peft_config:
            model.delete_adapter("ref")
        return
    tensors = load_file(HERE / "reference.safetensors")
    for name, parameter in model.named_parameters():
        if ".ref." in name:
            parameter.data.copy_(tensors[graft_name(name.replace(".ref.", ".default."))])


def rate(step, end_rate=None):
    """The learning rate of a step, which counts from 0, as Graft's schedule has it. After its end the last rate stays."""
    if step >= RUN["steps"] and RUN["schedule"] != "constant":
        return end_rate if end_rate is not None else rate(RUN["steps"] - 1)
    peak, warmup = RUN["lr"], RUN["warmup"]
    if step < warmup:
        return peak * step / max(1, warmup)
    rest = max(1, RUN["steps"] - warmup)
    if RUN["schedule"] == "linear":
        return peak * max(0.0, (RUN["steps"] - step) / rest)
    if RUN["schedule"] == "cosine":
        return peak * max(0.0, 0.5 * (1 + math.cos(math.pi * (step - warmup) / rest)))
    return peak


def graft_name(name):
    """The name of a parameter in the folder of its adapter or of its model, by which Graft kept its moments."""
    plain = name.removeprefix("module.").replace(".default", "")
    if trains_model() and plain not in TRAINED:
        # Some folders leave out the name of the model's trunk.
        return plain.partition(".")[2]
    return plain.removesuffix(".weight") if "lora_magnitude_vector" in plain else plain


def like(value, parameter):
    """A whole tensor as a parameter is: shaped, on its device, and divided where the parameter is divided among processes."""
    value = value.reshape(parameter.shape).to(parameter.device)
    if not isinstance(parameter, DTensor):
        return value
    return distribute_tensor(value, parameter.device_mesh, parameter.placements)


class Moments(TrainerCallback):
    """Gives torch's AdamW the moments of the run, by the names of the parameters, and its count of steps.

    It does so once model and optimiser are prepared: FSDP replaces the parameters until then.
    """

    def on_train_begin(self, args, state, control, model=None, optimizer=None, **_):
        moments = load_file(HERE / "optimiser.safetensors")
        left = {key.partition("/")[2] for key in moments}
        inner = getattr(optimizer, "optimizer", optimizer)
        held = {one for group in inner.param_groups for one in group["params"]}
        for name, parameter in model.named_parameters():
            if parameter not in held:
                continue
            key = graft_name(name)
            left.discard(key)
            inner.state[parameter] = {
                "step": torch.tensor(float(RUN["step"])),
                **{theirs: like(moments[f"{theirs}/{key}"], parameter) for theirs in ("exp_avg", "exp_avg_sq")},
            }
        if left:
            raise SystemExit(f"The model has no parameter {sorted(left)[0]}: is {RUN['base']} the base that was given?")


class Continued:
    """Mixed into a trainer of TRL: the run's optimiser, and the rate at the run's step."""

    given = None

    def create_optimizer(self, *_, **__):
        if self.optimizer is None:
            named = [(name, one) for name, one in self.model.named_parameters() if one.requires_grad]
            faster = [one for name, one in named if ".lora_B." in name]
            usual = [one for name, one in named if ".lora_B." not in name]
            self.optimizer = torch.optim.AdamW(
                [{"params": usual}, {"params": faster, "lr": RUN["lr"] * RUN["lr_ratio"]}],
                lr=RUN["lr"],
                betas=tuple(RUN["betas"]),
                eps=RUN["epsilon"],
                weight_decay=RUN["weight_decay"],
            )
        return self.optimizer

    def create_scheduler(self, num_training_steps, optimizer=None):
        if self.lr_scheduler is None:
            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
                optimizer or self.optimizer, lambda step: rate(RUN["step"] + step, self.given.lr) / RUN["lr"]
            )
        return self.lr_scheduler


class Metrics(TrainerCallback):
    """Writes metrics.jsonl, a line a step, with the names that Graft gives its numbers."""

    def __init__(self, given, names=None):
        self.given = given
        self.names = names or {}
        self.path = Path(given.out) / "metrics.jsonl"
        self.began = None

    def on_train_begin(self, args, state, control, **_):
        if state.is_world_process_zero:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text("")
        self.began = time.perf_counter()

    def on_log(self, args, state, control, logs=None, **_):
        if not state.is_world_process_zero or "loss" not in (logs or {}):
            return
        now = time.perf_counter()
        step = RUN["step"] + state.global_step
        line = {
            "step": step,
            "loss": logs["loss"],
            **{ours: logs[theirs] for theirs, ours in self.names.items() if theirs in logs},
            "lr": rate(step - 1, self.given.lr),
            "grad_norm": logs.get("grad_norm"),
            "seconds": now - self.began,
            "processes": processes(),
        }
        self.began = now
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def settings(given):
    """What every trainer is given. Order, rate and optimiser are the run's own."""
    at_once, accumulate = division(given.batch)
    cpu = not torch.cuda.is_available()
    return {
        "output_dir": given.out,
        "max_steps": given.steps,
        "per_device_train_batch_size": at_once,
        "gradient_accumulation_steps": accumulate,
        "learning_rate": RUN["lr"],
        "max_grad_norm": RUN["clip"],
        "train_sampling_strategy": "sequential",
        "remove_unused_columns": False,
        "gradient_checkpointing": RUN["checkpointing"],
        "bf16": False,
        "fp16": False,
        "use_cpu": cpu,
        "ddp_backend": "gloo" if cpu and processes() > 1 else None,
        "ddp_find_unused_parameters": False,
        "seed": RUN["seed"],
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }


def whole(parameter):
    value = parameter.detach()
    return (value.full_tensor() if isinstance(value, DTensor) else value).cpu().contiguous()


def lineage(out):
    """Where the adapter is from, as Graft reads it: paths are seen from the folder of the file."""
    told = json.loads((HERE / "lineage.json").read_text("utf-8"))

    def moved(path):
        return os.path.relpath(HERE / path, out)

    for name in ("parent", "model", "testData"):
        if name in told:
            told[name] = moved(told[name])
    for task in told["data"]:
        task["path"] = moved(task["path"])
    if "moreData" in told:
        told["moreData"] = [moved(path) for path in told["moreData"]]
    return told


def save_adapter(tensors, out):
    with safe_open(HERE / "adapter_model.safetensors", "pt") as file:
        metadata = file.metadata()
    shutil.copy(HERE / "adapter_config.json", out)
    save_file(tensors, out / "adapter_model.safetensors", metadata)


def finish(trainer, given):
    """Trains, and keeps the adapter as a PEFT folder, or the model, with its lineage."""
    trainer.add_callback(Moments())
    trainer.train()
    # Every process takes part: a divided tensor is put together by all.
    named = trainer.model.named_parameters()
    tensors = {name: whole(one) for name, one in named if one.requires_grad or trains_model()}
    if not trainer.is_world_process_zero():
        return
    out = Path(given.out).resolve()
    if trains_model():
        model = getattr(trainer.model, "module", trainer.model)
        model.save_pretrained(out, state_dict={name.removeprefix("module."): one for name, one in tensors.items()})
        trainer.processing_class.save_pretrained(out)
    else:
        save_adapter({graft_name(name): one for name, one in tensors.items()}, out)
    told = {
        **lineage(out),
        "steps": RUN["step"] + trainer.state.global_step,
        "continued": {"after": RUN["step"], "with": f"TRL {trl.__version__}", "processes": processes()},
    }
    (out / "lineage.json").write_text(json.dumps(told, indent=2) + "\n")
