"""The engine against an independent GPT-2 in PyTorch, in double precision: gpt_torch.py PEER_DRIVER

Same weights, same tokens: the logits of every position, the loss, the gradient of every parameter and the weights after
each of three AdamW steps. The reference knows no cache: for every thought the whole sequence so far is run again and its
last hidden state (after the final layer norm) is appended as an input embedding, as in Coconut (Hao et al. 2024).

Tolerances. The engine computes in single precision (unit roundoff 6e-8); errors are those of sums of up to about 1000
terms, so everything is compared relative to the largest magnitude of its tensor:
  logits    5e-6 x max |logits|            loss   2e-7 x loss
  gradient  1e-5 x max |gradient of the tensor|, or 1e-6 x max |any gradient| for tensors whose gradient nearly vanishes
  weights   1e-3 x lr x step, absolute (an AdamW step moves a weight by about lr)
The biases of the keys have no gradient at all (softmax is invariant), so AdamW would divide rounding errors by
themselves; eps is 1e-4 in these cases, well above the rounding of a gradient and below its usual size.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
    import torch.nn.functional as F
except ImportError as missing:
    print(f"peers: skipped: {missing}")
    sys.exit(0)

STEPS, LR, DECAY, EPS = 3, 1e-2, 0.1, 1e-4
TOLERANCE = {"logits": 5e-6, "loss": 2e-7, "gradient": 1e-5, "vanishing": 1e-6, "weights": 1e-3}


def write_safetensors(path, tensors, metadata):
    header, blobs, end = {"__metadata__": metadata}, [], 0
    for name, array in tensors.items():
        blob = np.ascontiguousarray(array, dtype="<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [end, end + len(blob)]}
        end += len(blob)
        blobs.append(blob)
    text = json.dumps(header).encode()
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def read_safetensors(path):
    with open(path, "rb") as f:
        data = f.read()
    n = struct.unpack("<Q", data[:8])[0]
    found = {}
    for name, entry in json.loads(data[8 : 8 + n]).items():
        begin, end = entry["data_offsets"]
        found[name] = np.frombuffer(data[8 + n + begin : 8 + n + end], dtype="<f4").reshape(entry["shape"])
    return found


def draw_weights(config, rng):
    """A fresh model with nothing at a special value: gains around 1, biases away from 0."""
    V, T, C = config["vocab"], config["context"], config["width"]

    def normal(*shape, std=0.1, mean=0.0):
        return (mean + std * rng.standard_normal(shape)).astype("f4")

    w = {"wte.weight": normal(V, C)}
    for i in range(1, config["channels"]):
        w[f"wxe.{i}.weight"] = normal(config[f"channel_vocab_{i}"], C)
    w["wpe.weight"] = normal(T, C)
    matrix = 1.0 / C**0.5
    for h in range(config["layers"]):
        for norm in ("ln_1", "ln_2"):
            w[f"h.{h}.{norm}.weight"], w[f"h.{h}.{norm}.bias"] = normal(C, mean=1.0), normal(C)
        for name, rows, cols in (
            ("attn.c_attn", C, 3 * C),
            ("attn.c_proj", C, C),
            ("mlp.c_fc", C, 4 * C),
            ("mlp.c_proj", 4 * C, C),
        ):
            w[f"h.{h}.{name}.weight"] = normal(rows, cols, std=matrix)
            w[f"h.{h}.{name}.bias"] = normal(cols)
    w["ln_f.weight"], w["ln_f.bias"] = normal(C, mean=1.0), normal(C)
    if not config["tied"]:
        w["lm_head.weight"] = normal(V, C)
    if config["projection"]:
        for i in (1, 3):
            w[f"prj.{i}.weight"], w[f"prj.{i}.bias"] = normal(C, C, std=matrix), normal(C)
        w["prj.ln.weight"], w["prj.ln.bias"] = normal(C, mean=0.3), normal(C)
    return w


class Reference:
    def __init__(self, config, weights):
        self.c = config
        self.w = {k: torch.tensor(v, dtype=torch.float64, requires_grad=True) for k, v in weights.items()}

    def norm(self, name, x):
        return F.layer_norm(x, x.shape[-1:], self.w[name + ".weight"], self.w[name + ".bias"], eps=1e-5)

    def linear(self, name, x):
        return x @ self.w[name + ".weight"] + self.w[name + ".bias"]

    def hidden(self, x, start):
        """States after the final norm for input embeddings [B, t, C]; positions before start[b] are unseen."""
        B, n, C = x.shape
        heads = self.c["heads"]
        at = torch.arange(n)
        seen = (at[None, None, :] <= at[None, :, None]) & (at[None, None, :] >= start[:, None, None])
        seen = (seen | torch.eye(n, dtype=torch.bool))[:, None]  # padding sees itself, to stay finite
        for h in range(self.c["layers"]):
            qkv = self.linear(f"h.{h}.attn.c_attn", self.norm(f"h.{h}.ln_1", x))
            q, k, v = (part.reshape(B, n, heads, C // heads).transpose(1, 2) for part in qkv.split(C, dim=2))
            score = (q @ k.transpose(2, 3) / (C // heads) ** 0.5).masked_fill(~seen, float("-inf"))
            mixed = (score.softmax(-1) @ v).transpose(1, 2).reshape(B, n, C)
            x = x + self.linear(f"h.{h}.attn.c_proj", mixed)
            inner = F.gelu(self.linear(f"h.{h}.mlp.c_fc", self.norm(f"h.{h}.ln_2", x)), approximate="tanh")
            x = x + self.linear(f"h.{h}.mlp.c_proj", inner)
        return self.norm("ln_f", x)

    def embed(self, tokens, first, start):
        x = self.w["wte.weight"][tokens[:, :, 0]]
        for i in range(1, self.c["channels"]):
            extra = tokens[:, :, i]
            x = x + self.w[f"wxe.{i}.weight"][extra.clamp(min=0)] * (extra >= 0)[:, :, None]
        return x + self.position(torch.arange(first, first + tokens.shape[1])[None, :] - start[:, None])

    def position(self, index):
        return self.w["wpe.weight"][index.clamp(min=0)]

    def logits(self, case):
        start = case["start"]
        x = self.embed(case["question"], 0, start)
        for _ in range(case["thoughts"]):
            u = self.hidden(x, start)[:, -1]
            if case["feed"] == "projected":
                u = self.norm("prj.ln", self.linear("prj.3", F.gelu(self.linear("prj.1", u), approximate="tanh")))
            x = torch.cat([x, (u + self.position(x.shape[1] - start))[:, None]], dim=1)
        if case["tail"].shape[1] > 0:
            x = torch.cat([x, self.embed(case["tail"], x.shape[1], start)], dim=1)
        return self.hidden(x, start) @ self.w["wte.weight" if self.c["tied"] else "lm_head.weight"].T

    def loss(self, case):
        logits = self.logits(case)
        target = case["target"]
        return logits, F.cross_entropy(logits[target >= 0], target[target >= 0])


def draw_case(config, rng, B, Q, K, R, feed):
    channels = config["channels"]
    sizes = [config["vocab"]] + [config[f"channel_vocab_{i}"] for i in range(1, channels)]

    def tokens(n):
        t = np.stack([rng.integers(0 if i == 0 else -1, size, (B, n)) for i, size in enumerate(sizes)], axis=2)
        return torch.tensor(t.astype(np.int64))

    start = torch.tensor([b % 3 for b in range(B)])
    target = torch.tensor(rng.integers(0, config["vocab"], (B, Q + K + R)))
    at = torch.arange(Q + K + R)[None, :]
    target[(at < start[:, None]) | ((at >= Q) & (at < Q + K - 1))] = -1  # nothing is predicted between thoughts
    return {"question": tokens(Q), "tail": tokens(R), "start": start, "target": target, "thoughts": K, "feed": feed}


class Report:
    def __init__(self):
        self.failed, self.worst = [], {}

    def check(self, kind, what, got, expected, allowed):
        """got (engine) against expected, both arrays; allowed is absolute."""
        error = float(np.max(np.abs(np.asarray(got, dtype="f8") - expected), initial=0.0))
        ratio = error / allowed
        self.worst[kind] = max(self.worst.get(kind, 0.0), ratio)
        if not ratio <= 1.0:
            self.failed.append(f"{what}: error {error:.3g}, allowed {allowed:.3g}")


def compare(driver, folder, config, case, clip):
    rng = np.random.default_rng(7)
    weights = draw_weights(config, rng)
    paths = [os.path.join(folder, name) for name in ("model.safetensors", "case.safetensors", "result.safetensors")]
    write_safetensors(paths[0], weights, {"spillover.config": json.dumps(config)})
    arrays = {k: case[k].numpy() for k in ("question", "tail", "start", "target")}
    numbers = {"thoughts": case["thoughts"], "steps": STEPS, "lr": LR, "weight_decay": DECAY, "clip": clip, "eps": EPS}
    write_safetensors(paths[1], arrays, {"feed": case["feed"], **{k: str(v) for k, v in numbers.items()}})
    subprocess.run([driver, *paths], check=True)
    got = read_safetensors(paths[2])

    report, model = Report(), Reference(config, weights)
    real = torch.arange(case["target"].shape[1])[None, :] >= case["start"][:, None]
    groups = [
        {"params": [w for w in model.w.values() if w.dim() == 2], "weight_decay": DECAY},
        {"params": [w for w in model.w.values() if w.dim() == 1], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=LR, betas=(0.9, 0.95), eps=EPS)
    clipped = 0
    for step in range(1, STEPS + 1):
        optimiser.zero_grad()
        logits, loss = model.loss(case)
        loss.backward()
        # a tensor that no path reaches has no gradient in PyTorch and a zero one in the engine
        for w in model.w.values():
            w.grad = torch.zeros_like(w) if w.grad is None else w.grad
        if step == 1:
            expected = logits[real].detach().numpy()
            report.check("logits", "logits", got["logits"], expected, TOLERANCE["logits"] * np.abs(expected).max())
            report.check("loss", "loss", got["loss"], loss.item(), TOLERANCE["loss"] * loss.item())
            top = max(float(w.grad.abs().max()) for w in model.w.values())
            for name, w in model.w.items():
                allowed = max(TOLERANCE["gradient"] * float(w.grad.abs().max()), TOLERANCE["vanishing"] * top)
                g = got["grad." + name].reshape(w.shape)
                report.check("gradient", "gradient of " + name, g, w.grad.numpy(), allowed)
        norm = float(torch.sqrt(sum((w.grad**2).sum() for w in model.w.values())))
        if 0 < clip < norm:
            clipped += 1
            for w in model.w.values():
                w.grad *= clip / norm
        optimiser.step()
        for name, w in model.w.items():
            stepped = got[f"step.{step}.{name}"].reshape(w.shape)
            what = f"{name} after step {step}"
            report.check("weights", what, stepped, w.detach().numpy(), TOLERANCE["weights"] * LR * step)
    if clip > 0 and clipped == 0:
        report.failed.append("clipping never took place: the case does not test it")
    return report


def main(driver):
    torch.manual_seed(0)
    small = dict(vocab=23, context=24, layers=2, heads=2, width=32, channels=1, channel_vocab_1=0, channel_vocab_2=0)
    tied, untied = {"tied": True, "projection": False}, {"tied": False, "projection": False}
    channels = dict(channels=3, channel_vocab_1=5, channel_vocab_2=4)
    large = dict(small, vocab=300, context=64, layers=3, heads=6, width=192)
    cases = [  # name, configuration, B, Q, K, R, feed, clip
        ("text, untied", {**small, **untied}, 4, 20, 0, 0, "hidden", 0.0),
        ("text, tied, clipped", {**small, **tied}, 4, 12, 0, 8, "hidden", 0.5),
        ("three channels", {**small, **untied, **channels}, 3, 12, 2, 6, "hidden", 0.0),
        ("Coconut, two thoughts", {**small, **tied}, 4, 9, 2, 7, "hidden", 0.0),
        ("CODI, two thoughts", {**small, "tied": False, "projection": True}, 4, 9, 2, 7, "projected", 0.5),
        ("Coconut, wider", {**large, **tied}, 4, 30, 2, 20, "hidden", 1.0),
    ]
    failed = 0
    for name, config, B, Q, K, R, feed, clip in cases:
        case = draw_case(config, np.random.default_rng(11), B, Q, K, R, feed)
        with tempfile.TemporaryDirectory() as folder:
            report = compare(driver, folder, config, case, clip)
        worst = ", ".join(f"{kind} {ratio:.2g}" for kind, ratio in report.worst.items())
        print(f"peers: {name}: {'FAILED' if report.failed else 'ok'} (worst error / tolerance: {worst})")
        for line in report.failed[:8]:
            print("  " + line)
        failed += bool(report.failed)
    return 2 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
