"""Write a trace from PyTorch: what `spillover measure --trace DIR` reads (data/trace_format.md).

Put your model in the place of `think`. Here a recurrent cell thinks in vectors about sums modulo 5; pressure is
imitated: after it the output no longer tells c, and the thoughts no longer hold it.
"""
import json, pathlib, struct, sys
import torch

K, STEPS, WIDTH, ITEMS = 5, 3, 32, 600


def write_safetensors(path, tensors):  # as the package `safetensors` does: a length, a JSON header, the bytes
    header, data = {}, b""
    for name, x in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(x.shape), "data_offsets": [len(data), len(data) + 4 * x.numel()]}
        data += x.detach().float().contiguous().numpy().tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def think(embed, cell, values, c, holds_c):  # one thought a step: [ITEMS][STEPS][WIDTH]
    thoughts = [cell(embed(values[:, k]) + holds_c * embed(K + c)) for k in range(STEPS)]
    return torch.stack(thoughts, 1) + 0.05 * torch.randn(ITEMS, STEPS, WIDTH)


def write_phase(folder, phase, embed, cell, holds_c):
    torch.manual_seed(7)  # the same questions in every phase
    adds, c = torch.randint(K, (ITEMS, STEPS)), torch.randint(K, (ITEMS,))
    values = adds.cumsum(1) % K
    with open(folder / f"{phase}.jsonl", "w") as lines:
        for i in range(ITEMS):
            value, told = values[i].tolist(), c[i].item() if holds_c else None
            lines.write(json.dumps({
                "id": f"q{i}", "question": f"{' + '.join(map(str, adds[i].tolist()))} mod {K}; c is {c[i]}",
                "steps": [""] * STEPS,  # thoughts are no text; a model that writes puts its steps here
                "output": f"{value[-1]}; c is {told}", "answer": str(value[-1]), "truth": str(value[-1]),
                "concepts": {"value": value, "c": c[i].item()}, "told": {"c": told}}) + "\n")
    write_safetensors(folder / f"{phase}.safetensors", {"u": think(embed, cell, values, c, holds_c)})


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    embed, cell = torch.nn.Embedding(2 * K, WIDTH), torch.nn.GRUCell(WIDTH, WIDTH)
    write_phase(folder, "before", embed, cell, 1)
    write_phase(folder, "after", embed, cell, 0)
