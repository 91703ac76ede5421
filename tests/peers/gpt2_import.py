"""Imported models against PyTorch: gpt2_import.py SPILLOVER LOGITS_DRIVER

Random models in the files and layouts of others, written here by torch.save or by hand, are imported with
`spillover import` and run on random tokens; the reference (gpt_torch.py, double precision) gets the same weights without
the detour. Logits must agree within 1e-4, absolute. The first case has the full size of GPT-2 124M (QUICK=1 leaves it
out). Then each is exported, and the names, shapes and numbers that transformers would read are compared.
"""
import collections
import json
import os
import struct
import subprocess
import sys
import tempfile

from gpt_torch import Reference, np, read_safetensors, torch, write_safetensors

TOLERANCE = 1e-4
SMALL = dict(vocab=97, context=40, layers=3, heads=2, width=128)
FULL = dict(vocab=50257, context=1024, layers=12, heads=12, width=768)


def draw(config, seed):
    """Weights at GPT-2's scale, large enough that logits spread over several units. Torch draws: it is quick."""
    g = torch.Generator().manual_seed(seed)
    C, w = config["width"], {}

    def normal(*shape, std=0.08, mean=0.0):
        return mean + std * torch.randn(*shape, generator=g)

    w["wte.weight"], w["wpe.weight"] = normal(config["vocab"], C), normal(config["context"], C)
    for h in range(config["layers"]):
        for norm in ("ln_1", "ln_2"):
            w[f"h.{h}.{norm}.weight"], w[f"h.{h}.{norm}.bias"] = normal(C, mean=1.0), normal(C)
        for name, rows, cols in (("attn.c_attn", C, 3 * C), ("attn.c_proj", C, C), ("mlp.c_fc", C, 4 * C), ("mlp.c_proj", 4 * C, C)):
            w[f"h.{h}.{name}.weight"], w[f"h.{h}.{name}.bias"] = normal(rows, cols, std=C**-0.5), normal(cols)
    w["ln_f.weight"], w["ln_f.bias"] = normal(C, mean=1.0), normal(C)
    return w


def hugging_face(config):
    c = config
    return {"model_type": "gpt2", "n_layer": c["layers"], "n_head": c["heads"], "n_embd": c["width"], "n_positions": c["context"],
            "vocab_size": c["vocab"], "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "n_inner": None}


def safetensors(config, w, folder):
    """As Hugging Face's own gpt2: no prefix, causal masks among the tensors."""
    tensors = {k: v.numpy() for k, v in w.items()}
    for h in range(config["layers"]):
        mask = np.tril(np.ones((1, 1, config["context"], config["context"]), dtype="f4"))
        tensors[f"h.{h}.attn.bias"] = mask
    write_safetensors(os.path.join(folder, "model.safetensors"), tensors, {"format": "pt"})
    with open(os.path.join(folder, "config.json"), "w") as out:
        json.dump(hugging_face(config), out)
    return w, folder


def torch_half(config, w, folder):
    """AutoModel...half().state_dict(): prefix, tied head under both names in one storage, in F16."""
    half = {k: v.half() for k, v in w.items()}
    state = collections.OrderedDict((f"transformer.{k}", v) for k, v in half.items())
    state["lm_head.weight"] = state["transformer.wte.weight"]
    torch.save(state, os.path.join(folder, "pytorch_model.bin"))
    return {k: v.float() for k, v in half.items()}, folder


def module_state(config, w, folder):
    """state_dict() of a module: its _metadata is set by a BUILD instruction; parameters and BF16."""
    class Holder(torch.nn.Module):
        pass

    root, brain = Holder(), {k: v.bfloat16() for k, v in w.items()}
    for name, value in brain.items():
        *path, last = ["transformer", *name.split(".")]
        at = root
        for part in path:
            if part not in at._modules:
                at.add_module(part, Holder())
            at = at._modules[part]
        at.register_parameter(last, torch.nn.Parameter(value))
    torch.save(root.state_dict(), os.path.join(folder, "model.pt"))
    return {k: v.float() for k, v in brain.items()}, os.path.join(folder, "model.pt")


def coconut(config, w, folder):
    state = collections.OrderedDict((f"base_causallm.transformer.{k}", v) for k, v in w.items())
    state["base_causallm.lm_head.weight"] = state["embedding.weight"] = w["wte.weight"]
    path = os.path.join(folder, "checkpoint_33")
    torch.save(state, path)
    with open(os.path.join(folder, "config.json"), "w") as out:
        json.dump(hugging_face(config) | {"vocab_size": config["vocab"] - 3}, out)
    return w, path


def codi(config, w, folder):
    """LoRA of rank 16 beside the base weights, the projection as torch's Linear, an untied copy of the head's numbers."""
    g, C, merged = torch.Generator().manual_seed(5), config["width"], dict(w)
    state, prefix = collections.OrderedDict(), "codi.base_model.model."
    for k, v in w.items():
        stem, kind = k.rsplit(".", 1)
        if stem.rsplit(".", 1)[-1] not in ("c_attn", "c_proj", "c_fc"):
            state[f"{prefix}transformer.{k}"] = v
            continue
        state[f"{prefix}transformer.{stem}.base_layer.{kind}"] = v
        if kind == "weight":
            A, B = torch.randn(16, v.shape[0], generator=g) * 0.1, torch.randn(v.shape[1], 16, generator=g) * 0.1
            state[f"{prefix}transformer.{stem}.lora_A.default.weight"] = A
            state[f"{prefix}transformer.{stem}.lora_B.default.weight"] = B
            merged[k] = (v.double() + 0.25 * (B.double() @ A.double()).T).float()
    state[f"{prefix}lm_head.weight"] = w["wte.weight"].clone()
    for i in (1, 3):
        linear = torch.nn.Linear(C, C)
        state[f"prj.{i}.weight"], state[f"prj.{i}.bias"] = linear.weight.detach(), linear.bias.detach()
        merged[f"prj.{i}.weight"], merged[f"prj.{i}.bias"] = linear.weight.detach().T, linear.bias.detach()
    state["prj.ln.weight"], state["prj.ln.bias"] = merged["prj.ln.weight"], merged["prj.ln.bias"] = torch.rand(C), torch.rand(C)
    torch.save(state, os.path.join(folder, "pytorch_model.bin"))
    return merged, folder


def llmc(config, w, folder, bf16=False):
    c, vocab = config, -(-config["vocab"] // 128) * 128
    path = os.path.join(folder, "gpt2.bin")
    stacked = ["ln_1.weight", "ln_1.bias", "attn.c_attn.weight", "attn.c_attn.bias", "attn.c_proj.weight", "attn.c_proj.bias",
               "ln_2.weight", "ln_2.bias", "mlp.c_fc.weight", "mlp.c_fc.bias", "mlp.c_proj.weight", "mlp.c_proj.bias"]
    order = ["wte.weight", "wpe.weight", *(f"h.{h}.{s}" for s in stacked for h in range(c["layers"])), "ln_f.weight", "ln_f.bias"]
    kept = {k: v.bfloat16() if bf16 else v for k, v in w.items()}
    with open(path, "wb") as out:
        head = [20240326, 5 if bf16 else 3, c["context"], c["vocab"], c["layers"], c["heads"], c["width"], vocab]
        out.write(struct.pack("<256i", *head, *([0] * 248)))
        for name in order:
            v = kept[name]
            if name == "wte.weight":
                v = torch.cat([v, torch.zeros(vocab - c["vocab"], c["width"], dtype=v.dtype)])
            elif v.dim() == 2 and name != "wpe.weight":
                v = v.T
            v = v.contiguous()
            out.write((v.view(torch.int16) if bf16 else v).numpy().tobytes())
    return {k: v.float() for k, v in kept.items()}, path


def llmc_bf16(config, w, folder):
    return llmc(config, w, folder, True)


def check_export(spillover, model, weights, config, folder):
    """What transformers.GPT2LMHeadModel.from_pretrained would look at."""
    subprocess.run([spillover, "export", "--from", model, "--to", folder], check=True, stderr=subprocess.DEVNULL)
    found = read_safetensors_with_metadata(os.path.join(folder, "model.safetensors"))
    said = json.load(open(os.path.join(folder, "config.json")))
    wrong = [k for k, v in hugging_face(config).items() if said[k] != v]
    for name, value in weights.items():
        outside = name.startswith("prj.")
        got = found.pop(name if outside else "transformer." + name)
        value = value.T if name in ("prj.1.weight", "prj.3.weight") else value
        if got.shape != tuple(value.shape) or not np.allclose(got, value.numpy(), rtol=0, atol=1e-6):
            wrong.append(name)
    return wrong + list(found)


def read_safetensors_with_metadata(path):
    with open(path, "rb") as f:
        n = struct.unpack("<Q", f.read(8))[0]
        header = json.loads(f.read(n))
        data = f.read()
    assert header.pop("__metadata__") == {"format": "pt"}
    return {k: np.frombuffer(data[v["data_offsets"][0] : v["data_offsets"][1]], dtype="<f4").reshape(v["shape"]) for k, v in header.items()}


def compare(spillover, driver, write, config, folder):
    config = dict(config, channels=1, tied=True, projection=False)
    weights, source = write(config, draw(config, 3), folder)
    model, case, result = (os.path.join(folder, n) for n in ("imported", "case", "result"))
    done = subprocess.run([spillover, "import", "--from", source, "--to", model], capture_output=True, text=True)
    if done.returncode:
        return f"exit {done.returncode}: {done.stderr.strip()}"
    tokens = np.random.default_rng(1).integers(0, config["vocab"], (2, 24))
    write_safetensors(case, {"tokens": tokens}, {})
    subprocess.run([driver, model, case, result], check=True)
    with torch.no_grad():
        reference = Reference(config, {k: v.numpy() for k, v in weights.items()})
        start = torch.zeros(2, dtype=torch.long)
        x = reference.embed(torch.tensor(tokens)[:, :, None], 0, start)
        expected = (reference.hidden(x, start) @ reference.w["wte.weight"].T).reshape(-1, config["vocab"]).numpy()
    error = np.abs(read_safetensors(result)["logits"].astype("f8") - expected).max()
    line = f"error {error:.2g} of logits up to {np.abs(expected).max():.2g}"
    if not error <= TOLERANCE:
        return line
    wrong = check_export(spillover, model, weights, config, os.path.join(folder, "exported"))
    return f"export: {wrong}" if wrong else (line,)


def main(spillover, driver):
    failed = 0
    cases = [("124M, safetensors", safetensors, FULL)] if not os.environ.get("QUICK") else []
    cases += [(w.__name__, w, SMALL) for w in (safetensors, torch_half, module_state, coconut, codi, llmc, llmc_bf16)]
    for name, write, config in cases:
        with tempfile.TemporaryDirectory() as folder:
            verdict = compare(spillover, driver, write, config, folder)
        ok = isinstance(verdict, tuple)
        print(f"peers: import, {name}: {'ok' if ok else 'FAILED'} ({verdict[0] if ok else verdict})", flush=True)
        failed += not ok
    return 2 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
