"""The tokenizer against a plain one written from the description of GPT-2's: bpe_reference.py BPE_DRIVER

The reference cuts texts with unicodedata's categories in place of a regular expression and merges every occurrence of
the best pair in turn, as the published code does. The vocabulary is learnt here (1,500 merges) from the sources of this
tree, with accented and Greek words among them; the texts are pieces of the sources and random mixtures.
"""
import glob
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import unicodedata
from collections import Counter

SPACE = {*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}


def kind(c):
    if ord(c) in SPACE:
        return "space"
    return {"L": "letter", "N": "number"}.get(unicodedata.category(c)[0], "other")


def pieces(text):
    i = 0
    while i < len(text):
        for mark in ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d"):
            if text.startswith(mark, i):
                yield mark
                i += len(mark)
                break
        else:
            j = i + 1 if text[i] == " " and i + 1 < len(text) and kind(text[i + 1]) != "space" else i
            what, k = kind(text[j]), j
            while k < len(text) and kind(text[k]) == what:
                k += 1
            if what == "space" and k < len(text) and k - i > 1:
                k -= 1
            yield text[i:k]
            i = k


def alphabet():
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in plain]
    return {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(rest)}


def join(symbols, pair):
    out, i = [], 0
    while i < len(symbols):
        if tuple(symbols[i : i + 2]) == pair:
            out.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            out.append(symbols[i])
            i += 1
    return out


def learn(text, letters, count):
    words = {w: [letters[b] for b in w.encode()] for w in set(pieces(text))}
    often, merges, made = Counter(pieces(text)), [], set(letters.values())
    pairs = {w: Counter(zip(s, s[1:])) for w, s in words.items()}
    total = Counter()
    for w, counts in pairs.items():
        for p, n in counts.items():
            total[p] += n * often[w]
    for _ in range(count):
        best = max((p for p in total if p[0] + p[1] not in made), key=lambda p: (total[p], p))
        merges.append(best)
        made.add(best[0] + best[1])
        for w, counts in pairs.items():
            if best not in counts:
                continue
            for p, n in counts.items():
                total[p] -= n * often[w]
            words[w] = join(words[w], best)
            pairs[w] = Counter(zip(words[w], words[w][1:]))
            for p, n in pairs[w].items():
                total[p] += n * often[w]
    return merges


class Reference:
    def __init__(self, letters, merges):
        self.letters, self.rank = letters, {m: i for i, m in enumerate(merges)}
        self.ids = {c: i for i, c in enumerate(letters.values())}
        for left, right in merges:
            self.ids[left + right] = len(self.ids)
        self.cache = {}

    def encode(self, text):
        out = []
        for piece in pieces(text):
            if piece not in self.cache:
                symbols = [self.letters[b] for b in piece.encode()]
                while True:
                    ranked = [(self.rank[p], p) for p in zip(symbols, symbols[1:]) if p in self.rank]
                    if not ranked:
                        break
                    symbols = join(symbols, min(ranked)[1])
                self.cache[piece] = [self.ids[s] for s in symbols]
            out += self.cache[piece]
        return out


def main(driver):
    rng = random.Random(5)
    source = "".join(open(p, encoding="utf-8").read() for p in sorted(glob.glob("*/*.[ch]") + glob.glob("*.md")))
    text = source[:250000] + " déjà vu naïve Ελληνικά λόγος " * 50
    letters = alphabet()
    merges = learn(text, letters, 1500)
    reference = Reference(letters, merges)
    bits = [" ", "  ", "\n", "\t", "'s", "'LL", "the", " The", "x", "7", "½", "٣", "é", "e\u0301", "λόγος", "\u180e", "\u2028",
            "\u3000", "\xa0", "…", "—", "😀", "日本", "\x1c", "\x00", "_", "'", "'re", "Ⅻ"]
    texts = ["".join(rng.choices(bits, k=rng.randrange(1, 30))) for _ in range(3000)]
    for _ in range(1000):
        at = rng.randrange(len(source) - 400)
        texts.append(source[at : at + rng.randrange(400)])
    with tempfile.TemporaryDirectory() as folder:
        vocab, lines, data = (os.path.join(folder, n) for n in ("vocab.json", "merges.txt", "texts"))
        with open(vocab, "w", encoding="utf-8") as out:
            json.dump(reference.ids, out)
        with open(lines, "w", encoding="utf-8") as out:
            out.write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))

        def run(batch):
            with open(data, "wb") as out:
                for t in batch:
                    out.write(struct.pack("<I", len(t.encode())) + t.encode())
            done = subprocess.run([driver, vocab, lines, data], check=True, capture_output=True, text=True)
            return [list(map(int, line.split())) for line in done.stdout.splitlines()], done.stderr.strip()

        got, _ = run(texts)
        _, speed = run([source] * 8)
    wrong = [(t, g, reference.encode(t)) for t, g in zip(texts, got) if g != reference.encode(t)]
    ok = len(got) == len(texts) and not wrong
    print(f"peers: tokenizer: {'ok' if ok else 'FAILED'} ({len(texts)} texts, {speed})")
    for t, g, e in wrong[:5]:
        print(f"  {t!r}: {g}, expected {e}")
    return 0 if ok else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
