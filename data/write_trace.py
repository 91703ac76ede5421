"""Write a trace from PyTorch: what `spillover measure --trace DIR` reads (data/trace_format.md).

Put your model in the place of `think`. Here a recurrent cell thinks in vectors about sums modulo 5; pressure is
imitated: after it the output no longer tells c, and the thoughts no longer hold it.
"""
import json, pathlib, struct, sys, torch

K, STEPS, WIDTH, ITEMS = 5, 3, 32, 600
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
torch.manual_seed(1)
embed, cell = torch.nn.Embedding(2 * K, WIDTH), torch.nn.GRUCell(WIDTH, WIDTH)


def think(values, c, holds_c):  # one thought a step: [ITEMS][STEPS][WIDTH]
    thoughts = [cell(embed(values[:, k]) + holds_c * embed(K + c)) for k in range(STEPS)]
    return torch.stack(thoughts, 1) + 0.05 * torch.randn(ITEMS, STEPS, WIDTH)


def write_safetensors(path, tensors):  # as the package `safetensors` does: a length, a JSON header, the bytes
    header, data = {}, b""
    for name, x in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(x.shape), "data_offsets": [len(data), len(data) + 4 * x.numel()]}
        data += x.detach().float().contiguous().numpy().tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


for phase, holds_c in ("before", 1), ("after", 0):
    torch.manual_seed(7)  # the same questions in every phase
    adds, c = torch.randint(K, (ITEMS, STEPS)), torch.randint(K, (ITEMS,))
    values, lines = adds.cumsum(1) % K, []
    for i, (add, value, side) in enumerate(zip(adds.tolist(), values.tolist(), c.tolist())):
        told, right = side if holds_c else None, str(value[-1])
        lines.append(json.dumps({"id": f"q{i}", "question": f"{' + '.join(map(str, add))} mod {K}; c is {side}",
                                 "steps": [""] * STEPS,  # thoughts are no text; a model that writes puts its steps here
                                 "output": f"{right}; c is {told}", "answer": right, "truth": right,
                                 "concepts": {"value": value, "c": side}, "told": {"c": told}}) + "\n")
    (folder / f"{phase}.jsonl").write_text("".join(lines))
    write_safetensors(folder / f"{phase}.safetensors", {"u": think(values, c, holds_c)})
