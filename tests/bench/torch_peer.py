"""The peer of `spillover bench`: the same steps in PyTorch, as one would write them for a CPU.

Run as a worker: torch_peer.py SECONDS; each line of stdin names a case, each answer is a JSON line with units per CPU
second. One fused QKV product, views instead of copies, preallocated masks and K/V caches, tanh GELU, AdamW over lists of
tensors, gradients set to None, one thread, no autograd in generation. What was tried and was slower is not here: a mask
by masked_fill, contiguous heads, baddbmm with the scale folded in.
"""
import json
import math
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

# name: kind, vocabulary, width, layers, heads, batch, prompt, thoughts, output; as in experiments/bench_work.c
CASES = {
    "tiny": ("train", 64, 128, 4, 4, 64, 64, 0, 0),
    "small": ("train", 64, 256, 6, 8, 32, 128, 0, 0),
    "gpt2-64": ("train", 50257, 768, 12, 12, 4, 64, 0, 0),
    "gpt2-128": ("train", 50257, 768, 12, 12, 4, 128, 0, 0),
    "tiny-latent": ("latent", 64, 128, 4, 4, 64, 32, 6, 16),
    "small-latent": ("latent", 64, 256, 6, 8, 64, 32, 6, 16),
    "tiny-gen": ("generate", 64, 128, 4, 4, 64, 16, 0, 48),
    "small-gen": ("generate", 64, 256, 6, 8, 64, 16, 0, 48),
}


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc, self.fcproj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x, mask, past, cache):
        """x [B, S, C]; past: list of (k, v) to attend to before x, or None; cache: (k, v, t) preallocated, or None."""
        B, S, C = x.shape
        q, k, v = self.qkv(self.ln_1(x)).view(B, S, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        if past is not None:
            past.append((k, v))
            if len(past) > 1:
                k, v = (torch.cat([p[i] for p in past], dim=2) for i in (0, 1))
        if cache is not None:
            keys, values, t = cache
            keys[:, :, t : t + S], values[:, :, t : t + S] = k, v
            k, v = keys[:, :, : t + S], values[:, :, : t + S]
        scores = q @ k.transpose(-2, -1) * (1.0 / math.sqrt(C // self.heads))
        if S > 1:
            scores = scores + mask[k.shape[2] - S : k.shape[2], : k.shape[2]]
        heads = F.softmax(scores, dim=-1) @ v
        x = x + self.proj(heads.transpose(1, 2).reshape(B, S, C))
        return x + self.fcproj(F.gelu(self.fc(self.ln_2(x)), approximate="tanh"))


class Model(nn.Module):
    def __init__(self, vocab, width, layers, heads, context):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocab, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)
        self.register_buffer("mask", torch.full((context, context), -math.inf).triu(1))
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.02)

    def run(self, x, t, past=None, cache=None):
        """Input vectors [B, S, C] at positions t .. t + S - 1 to hidden states."""
        x = x + self.wpe.weight[t : t + x.shape[1]]
        for i, block in enumerate(self.blocks):
            x = block(x, self.mask, past and past[i], cache and (*cache[i], t))
        return self.ln_f(x)

    def logits(self, hidden):
        return F.linear(hidden, self.wte.weight)


class Case:
    def __init__(self, name):
        torch.manual_seed(1)
        self.kind, self.vocab, self.width, self.layers, self.heads, self.batch, self.prompt, self.thoughts, self.output = CASES[name]
        length = self.prompt + self.thoughts + self.output
        self.model = Model(self.vocab, self.width, self.layers, self.heads, 1024 if self.vocab > 50000 else length)
        self.tokens = torch.randint(self.vocab, (self.batch, self.prompt + self.output + 1))
        if self.kind == "generate":
            shape = (self.batch, self.heads, length, self.width // self.heads)
            self.cache = [(torch.empty(shape), torch.empty(shape)) for _ in range(self.layers)]
        else:
            self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, foreach=True)
        self.units = self.batch * (self.prompt if self.kind == "train" else 1 if self.kind == "latent" else self.output)

    def update(self, logits, targets):
        F.cross_entropy(logits.reshape(-1, self.vocab), targets.reshape(-1)).backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def train(self):
        hidden = self.model.run(self.model.wte(self.tokens[:, :-1]), 0)
        self.update(self.model.logits(hidden), self.tokens[:, 1:])

    def latent(self):
        m, past, t = self.model, [[] for _ in range(self.layers)], self.prompt
        hidden = m.run(m.wte(self.tokens[:, :t]), 0, past)
        for k in range(self.thoughts):
            hidden = m.run(hidden[:, -1:], t + k, past)
        hidden = m.run(m.wte(self.tokens[:, t:-1]), t + self.thoughts, past)
        self.update(m.logits(hidden), self.tokens[:, t + 1 :])

    @torch.inference_mode()
    def generate(self):
        m, t = self.model, self.prompt
        new = m.logits(m.run(m.wte(self.tokens[:, :t]), 0, None, self.cache)[:, -1:]).argmax(-1)
        for i in range(self.output - 1):
            new = m.logits(m.run(m.wte(new), t + i, None, self.cache)).argmax(-1)

    def step(self):
        getattr(self, self.kind)()


def main():
    least = float(sys.argv[1])
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    case, opened = None, None
    for line in sys.stdin:
        name = line.strip()
        if name != opened:
            case, opened = None, name
            case = Case(name)
            case.step()
        steps, start = 0, time.process_time()
        while steps == 0 or time.process_time() - start < least:
            case.step()
            steps += 1
        print(json.dumps({"case": name, "rate": steps * case.units / (time.process_time() - start)}), flush=True)


if __name__ == "__main__":
    main()
