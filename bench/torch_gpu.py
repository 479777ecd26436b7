#!/usr/bin/env python3
"""The PyTorch side of bench/gpu.sh: the step of bench_torch.py with what PyTorch has for GPUs, and the table of all runs.

  torch_gpu.py time BENCH_TORCH SIZE f32|bf16 eager|compile DEVICE STEPS WARMUP   one JSON line: seconds of each step
  torch_gpu.py peak DEVICE                                                        one JSON line: TFLOP/s of a large matrix product
  torch_gpu.py table RUNS                                                         Markdown, of the lines that the other two and gpu.sh wrote

Attention is scaled_dot_product_attention, AdamW is fused, the teacher's update is one operator over all parameters, bf16 is autocast
with float32 weights, and `compile` compiles the losses (forward and backward).
"""
import contextlib, importlib.util, json, statistics, sys, time
from pathlib import Path


def synchronize(device):
    import torch

    if device != "cpu":
        torch.cuda.synchronize()


def load(path):
    spec = importlib.util.spec_from_file_location("bench_torch", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ATTN = "sdpa"
    return module


def model_gflop(bench, model, teacher, batch, noise):
    """As bench_torch.py counts: student passes three times (forward and backward), the teacher's pass once."""
    import torch

    with torch.no_grad():
        bench.FL[0] = 0
        teacher.encode(batch["image"], batch["ids"], batch["tmask"])
        once = bench.FL[0]
        bench.FL[0] = 0
        bench.losses(model, teacher, batch, noise)
        return (3 * (bench.FL[0] - once) + once) / 1e9


def time_steps(path, size, precision, mode, device, steps, warmup):
    import torch

    bench = load(path)
    settings = dict(bench.SIZES[size], drop=0.0)
    settings["max_pos"] = settings["text_len"] + 2
    torch.manual_seed(0)
    model, teacher = (bench.Model(settings).to(device) for _ in range(2))
    model.train(), teacher.train()
    teacher.requires_grad_(False)
    groups = bench.optimiser(model, 1e-5, 0.01, 5, 5).param_groups
    plain = [{key: group[key] for key in ("params", "lr", "weight_decay")} for group in groups]
    optimiser = torch.optim.AdamW(plain, lr=1e-5, eps=1e-8, betas=(0.9, 0.98), fused=True)
    batch = {name: value.to(device) for name, value in bench.make_batch(settings).items()}
    patches = (settings["image_size"] // settings["patch"]) ** 2
    averages, values = list(teacher.parameters()), list(model.parameters())
    gflop = model_gflop(bench, model, teacher, batch, torch.rand(settings["batch"], patches, device=device))
    losses = torch.compile(bench.losses) if mode == "compile" else bench.losses
    cast = torch.autocast(torch.device(device).type, torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()

    def step():
        # A compiled function is compiled again when a global that it reads has changed.
        bench.FL[0] = 0
        noise = torch.rand(settings["batch"], patches, device=device)
        optimiser.zero_grad(set_to_none=True)
        with cast:
            total = losses(model, teacher, batch, noise)["total"]
        total.backward()
        optimiser.step()
        with torch.no_grad():
            torch._foreach_lerp_(averages, values, 0.005)
        return total

    for _ in range(warmup):
        step()
    seconds = []
    for _ in range(steps):
        synchronize(device)
        began = time.perf_counter()
        total = step()
        synchronize(device)
        seconds.append(time.perf_counter() - began)
    run = dict(engine=f"PyTorch {mode}", size=size, precision=precision, batch=settings["batch"], gflop=gflop, loss=float(total.detach()))
    return dict(run, seconds=dict(median=statistics.median(seconds), min=min(seconds), max=max(seconds)))


def peak(device):
    """The fastest of some products: what a step can at best reach of this machine in each precision."""
    import torch

    n = 8192 if device != "cpu" else 1024
    rates = {}
    for precision, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16)):
        a, b = (torch.randn(n, n, device=device, dtype=dtype) for _ in range(2))
        fastest = float("inf")
        for _ in range(10):
            synchronize(device)
            began = time.perf_counter()
            torch.mm(a, b)
            synchronize(device)
            fastest = min(fastest, time.perf_counter() - began)
        rates[precision] = 2 * n**3 / fastest / 1e12
    name = torch.cuda.get_device_name(device) if device != "cpu" else "CPU"
    return dict(peak=rates, product=n, device=name, torch=torch.__version__)


def unidiag(run):
    """A line of gpu.sh, which holds what `unidiag bench step --json` printed, in the form of `time_steps`."""
    step = run["unidiag"]
    seconds = {name: step[f"{name}Seconds"] for name in ("median", "min", "max")}
    return dict(engine="UniDiag", size=step["preset"], precision=step["precision"], batch=step["batch"], seconds=seconds)


def table(lines):
    runs = [unidiag(run) if "unidiag" in run else run for run in lines]
    timed = [run for run in runs if "seconds" in run]
    rows, rates = {}, {}
    for run in runs:
        if "peak" in run:
            rates = run["peak"]
            what = ", ".join(f"{rate:.2f} TFLOP/s in {precision}" for precision, rate in rates.items())
            yield f"{run['device']}, PyTorch {run['torch']}; a matrix product of {run['product']} x {run['product']}: {what}\n"
    for run in timed:
        rows.setdefault((run["size"], run["precision"], run["engine"]), []).append(run)
    middle = {key: statistics.median(run["seconds"]["median"] for run in group) for key, group in rows.items()}
    yield "| size | precision | engine | seconds a step (fastest, slowest) | runs | samples/s | model TFLOP/s | model FLOP utilisation | time over PyTorch eager's |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for (size, precision, engine), group in rows.items():
        median = middle[size, precision, engine]
        # The arithmetic of the model, whoever computes it: what an engine saves or adds is part of its speed.
        gflop = next((run["gflop"] for run in timed if run["size"] == size and "gflop" in run), None)
        rate = gflop and gflop / 1000 / median
        eager = middle.get((size, precision, "PyTorch eager"))
        fastest, slowest = min(run["seconds"]["min"] for run in group), max(run["seconds"]["max"] for run in group)
        cells = [size, precision, engine, f"{median:.5f} ({fastest:.5f}, {slowest:.5f})", len(group), f"{group[0]['batch'] / median:.1f}"]
        cells += [f"{rate:.3f}" if rate else "", f"{100 * rate / rates[precision]:.1f} %" if rate and rates else ""]
        yield "| " + " | ".join(str(cell) for cell in [*cells, f"{median / eager:.2f}" if eager else ""]) + " |"
    failed = [run["failed"] for run in runs if "failed" in run]
    if failed:
        yield "\nFailed: " + "; ".join(failed)


if __name__ == "__main__":
    what, *rest = sys.argv[1:] or ["--help"]
    if what == "time":
        print(json.dumps(time_steps(*rest[:5], int(rest[5]), int(rest[6]))))
    elif what == "peak":
        print(json.dumps(peak(*rest)))
    elif what == "table":
        print("\n".join(table([json.loads(line) for line in Path(rest[0]).read_text().splitlines()])))
    else:
        sys.exit(__doc__)
