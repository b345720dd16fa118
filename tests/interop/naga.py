"""
Runs the dispatches that recorded-gpu.ts kept on wgpu, whose compiler is naga, and compares what they write. Firefox has the same compiler.

    python naga.py FOLDER     prints a line of JSON for each pipeline: {"label", "error"}, or {"label", "refused"} with naga's message

`error` is the largest difference, relative to the largest number of its tensor, or null if two integers differ. naga may panic, which ends the process:
the last line of standard error then names the pipeline.
"""
import json
import re
import sys

import numpy
import wgpu

SIZES = ("max-compute-workgroup-storage-size", "max-compute-invocations-per-workgroup", "max-compute-workgroup-size-x", "max-storage-buffers-per-shader-stage")


def open_device():
    adapters = [a for a in wgpu.gpu.enumerate_adapters_sync() if a.info["backend_type"] == "Vulkan"]
    if not adapters:
        sys.exit(3)
    adapter = adapters[0]
    features = [name for name in ("shader-f16", "subgroup") if name in adapter.features]
    limits = {name: value for name, value in adapter.limits.items() if name in SIZES}
    return adapter.request_device_sync(required_features=features, required_limits=limits)


def element_type(code, binding):
    """The numbers of a binding, by its declaration: arrays of scalars, of vectors, or of aliases of these."""
    declared = re.search(rf"@binding\({binding}\)\s*var<[^>]*>\s*\w+\s*:\s*([^;]+);", code).group(1)
    aliases = dict(re.findall(r"^alias (\w+) = ([^;]+);", code, re.M))
    for _ in range(4):
        declared = re.sub(r"\b(\w+)\b", lambda word: aliases.get(word.group(1), word.group(1)), declared)
    if "f16" in declared:
        return numpy.float16
    return numpy.uint32 if re.search(r"u32|vec\du|i32|atomic", declared) else numpy.float32


def difference(expected, found):
    if expected.dtype == numpy.uint32:
        if (expected == found).all():
            return 0.0
        # Some tensors carry the bits of floats.
        expected, found = expected.view(numpy.float32), found.view(numpy.float32)
        if not numpy.isfinite(expected).all():
            return None
    expected, found = expected.astype(numpy.float64), found.astype(numpy.float64)
    same = (expected == found) | (numpy.isnan(expected) & numpy.isnan(found))
    if same.all():
        return 0.0
    scale = numpy.abs(expected[numpy.isfinite(expected)]).max(initial=0)
    return float(numpy.abs(numpy.where(same, 0, expected - found)).max() / max(scale, 1e-30))


def run(device, data, kept):
    # naga has the functions of subgroups without this line, and does not know it.
    module = device.create_shader_module(code=kept["code"].replace("enable subgroups;", ""))
    layout = device.create_bind_group_layout(
        entries=[{"binding": b["binding"], "visibility": wgpu.ShaderStage.COMPUTE, "buffer": {"type": b["type"]}} for b in kept["bindings"]]
    )
    pipeline = device.create_compute_pipeline(
        layout=device.create_pipeline_layout(bind_group_layouts=[layout]), compute={"module": module, "entry_point": kept["entry"]}
    )
    buffers = []
    for b in kept["bindings"]:
        start, size = b["before"]
        usage = wgpu.BufferUsage.UNIFORM if b["type"] == "uniform" else wgpu.BufferUsage.STORAGE
        buffers.append(device.create_buffer_with_data(data=data[start : start + size], usage=usage | wgpu.BufferUsage.COPY_SRC))
    group = device.create_bind_group(
        layout=layout,
        entries=[
            {"binding": b["binding"], "resource": {"buffer": buffer, "offset": 0, "size": buffer.size}}
            for b, buffer in zip(kept["bindings"], buffers)
        ],
    )
    encoder = device.create_command_encoder()
    dispatch = encoder.begin_compute_pass()
    dispatch.set_pipeline(pipeline)
    dispatch.set_bind_group(0, group)
    dispatch.dispatch_workgroups(*kept["workgroups"])
    dispatch.end()
    device.queue.submit([encoder.finish()])
    errors = []
    for b, buffer in zip(kept["bindings"], buffers):
        if b.get("after"):
            start, size = b["after"]
            kind = element_type(kept["code"], b["binding"])
            expected = numpy.frombuffer(data[start : start + size], kind)
            errors.append(difference(expected, numpy.frombuffer(device.queue.read_buffer(buffer), kind)))
    for buffer in buffers:
        buffer.destroy()
    return None if None in errors else max(errors, default=0.0)


def main(folder):
    device = open_device()
    with open(f"{folder}/data.bin", "rb") as file:
        data = file.read()
    with open(f"{folder}/index.json") as file:
        index = json.load(file)
    for kept in index:
        print(kept["label"], file=sys.stderr, flush=True)
        try:
            print(json.dumps({"label": kept["label"], "error": run(device, data, kept)}), flush=True)
        except wgpu.GPUError as error:
            print(json.dumps({"label": kept["label"], "refused": str(error)}), flush=True)


main(sys.argv[1])
