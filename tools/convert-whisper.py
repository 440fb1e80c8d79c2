#!/usr/bin/env python3
"""Turns a CTranslate2 Whisper model (float16) into whisper.cpp's ggml file.

usage: convert-whisper.py CT2_MODEL_DIR OUT.bin

CT2_MODEL_DIR holds model.bin and tokenizer.json. Python's standard library is all it needs.
Every step is lossless and the layout (tensor order, vocabulary, mel table) is that of the files
whisper.cpp publishes, so the result can be held against their SHA-1 (models.txt). Checked byte for
byte for tiny.en and base; other sizes with 80 mel bands should work alike, those with 128
(large-v3, large-v3-turbo) are refused.
"""
import json
import math
import mmap
import os
import struct
import sys

MAGIC = 0x67676D6C
F32, F16 = 0, 1            # ggml tensor types
CT2_FLOAT16 = 4            # CTranslate2 data type id
CT2_ITEM_SIZE = {0: 4, 1: 1, 2: 2, 3: 4, 4: 2, 5: 2}
N_MELS, N_FFT, SAMPLE_RATE = 80, 400, 16000
N_TEXT_TOKENS = 50257      # ids below the first Whisper-only special token


# ---------------------------------------------------------------- CTranslate2 model.bin

class Ct2Model:
    """name -> (shape, raw little-endian data); aliases resolved."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.buf = memoryview(mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ))
        self.pos, self.vars = 0, {}
        version = self._int("I")
        spec = self._str()
        if spec != "WhisperSpec" or version != 6:
            sys.exit(f"{path}: not a supported Whisper model (spec {spec!r}, binary version {version})")
        self._int("I")  # spec revision
        for _ in range(self._int("I")):
            name = self._str()
            shape = tuple(self._int("I") for _ in range(self._int("B")))
            dtype, size = self._int("B"), self._int("I")
            if size != math.prod(shape) * CT2_ITEM_SIZE[dtype]:
                sys.exit(f"{path}: {name}: {size} bytes do not fit shape {shape}")
            self.vars[name] = (shape, dtype, self.buf[self.pos:self.pos + size])
            self.pos += size
        for _ in range(self._int("I")):
            alias = self._str()
            self.vars[alias] = self.vars[self._str()]

    def _int(self, fmt):
        value, = struct.unpack_from("<" + fmt, self.buf, self.pos)
        self.pos += struct.calcsize("<" + fmt)
        return value

    def _str(self):
        size = self._int("H")
        raw = bytes(self.buf[self.pos:self.pos + size])
        self.pos += size
        return raw.rstrip(b"\0").decode()

    def half(self, name):
        shape, dtype, data = self.vars[name]
        if dtype != CT2_FLOAT16:
            sys.exit(f"{name}: need float16 weights, found CTranslate2 type {dtype}")
        return shape, data

    def layers(self, side):
        n = 0
        while f"{side}/layer_{n}/ffn/linear_0/weight" in self.vars:
            n += 1
        return n


def rows(tensor, start, count):
    """`count` rows of the first dimension, from `start`."""
    shape, data = tensor
    step = len(data) // shape[0]
    return (count, *shape[1:]), data[start * step:(start + count) * step]


# ---------------------------------------------------------------- tensors, in file order

def tensors(m):
    """Yield (ggml name, shape, float16 data) in the order of OpenAI's checkpoint."""
    def pair(out, src, kinds=("weight", "bias")):
        yield out + ".weight", *m.half(f"{src}/{kinds[0]}")
        yield out + ".bias", *m.half(f"{src}/{kinds[1]}")

    def norm(out, src):
        return pair(out, src + "/layer_norm", ("gamma", "beta"))

    def part(out, src, i, n, bias=True):
        # row block i of n that CTranslate2 fused into one linear layer
        for kind in ("weight", "bias") if bias else ("weight",):
            t = m.half(f"{src}/{kind}")
            size = t[0][0] // n
            yield f"{out}.{kind}", *rows(t, i * size, size)

    def attention(out, src, cross):
        if cross:
            yield from pair(out + ".query", src + "/linear_0")
            yield from part(out + ".key", src + "/linear_1", 0, 2, bias=False)
            yield from part(out + ".value", src + "/linear_1", 1, 2)
            yield from pair(out + ".out", src + "/linear_2")
        else:
            yield from part(out + ".query", src + "/linear_0", 0, 3)
            yield from part(out + ".key", src + "/linear_0", 1, 3, bias=False)
            yield from part(out + ".value", src + "/linear_0", 2, 3)
            yield from pair(out + ".out", src + "/linear_1")

    def blocks(side):
        for i in range(m.layers(side)):
            out, src = f"{side}.blocks.{i}", f"{side}/layer_{i}"
            yield from norm(out + ".mlp_ln", src + "/ffn")
            yield from pair(out + ".mlp.0", src + "/ffn/linear_0")
            yield from pair(out + ".mlp.2", src + "/ffn/linear_1")
            yield from norm(out + ".attn_ln", src + "/self_attention")
            yield from attention(out + ".attn", src + "/self_attention", cross=False)
            if side == "decoder":
                yield from norm(out + ".cross_attn_ln", src + "/attention")
                yield from attention(out + ".cross_attn", src + "/attention", cross=True)

    for side in ("decoder", "encoder"):
        yield side + ".positional_embedding", *m.half(side + "/position_encodings/encodings")
    yield "decoder.token_embedding.weight", *m.half("decoder/embeddings/weight")
    yield from blocks("decoder")
    yield from norm("decoder.ln", "decoder")
    yield from pair("encoder.conv1", "encoder/conv1")
    yield from pair("encoder.conv2", "encoder/conv2")
    yield from blocks("encoder")
    yield from norm("encoder.ln_post", "encoder")


def write_tensor(f, name, shape, data):
    kind = F16
    if name in ("encoder.conv1.bias", "encoder.conv2.bias"):
        shape = (shape[0], 1)
    if len(shape) == 1 or name.endswith((".bias", ".positional_embedding")):
        kind, n = F32, len(data) // 2
        data = struct.pack(f"<{n}f", *struct.unpack(f"<{n}e", data))
    raw = name.encode()
    f.write(struct.pack(f"<3i{len(shape)}i", len(shape), len(raw), kind, *reversed(shape)))
    f.write(raw)
    f.write(data)


# ---------------------------------------------------------------- mel filters and vocabulary

def mel_filters():
    """Slaney mel bank, rounded to float32 both before and after the area norm (as librosa does)."""
    def f32(x):
        return struct.unpack("<f", struct.pack("<f", x))[0]

    step, knee_hz = 200 / 3, 1000.0                    # linear below 1 kHz, logarithmic above
    knee, log_step = knee_hz / step, math.log(6.4) / 27
    top = knee + math.log(SAMPLE_RATE / 2 / knee_hz) / log_step
    mels = [i * (top / (N_MELS + 1)) for i in range(N_MELS + 1)] + [top]
    hz = [knee_hz * math.exp(log_step * (x - knee)) if x >= knee else step * x for x in mels]
    bins = [i * SAMPLE_RATE / N_FFT for i in range(N_FFT // 2 + 1)]
    out = []
    for lo, mid, hi in zip(hz, hz[1:], hz[2:]):
        area = 2 / (hi - lo)
        out += [f32(max(0.0, min((b - lo) / (mid - lo), (hi - b) / (hi - mid)))) * area for b in bins]
    return struct.pack(f"<ii{len(out)}f", N_MELS, len(bins), *out)


def vocabulary(path):
    """The text tokens as raw bytes, by id (undoing the GPT-2 byte-to-letter mapping)."""
    with open(path, encoding="utf-8") as f:
        tok = json.load(f)
    by_id = {i: t for t, i in tok["model"]["vocab"].items()}
    by_id.update((a["id"], a["content"]) for a in tok["added_tokens"])
    plain = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
    other = [b for b in range(256) if b not in plain]
    to_byte = {chr(b): b for b in plain}
    to_byte.update((chr(256 + n), b) for n, b in enumerate(other))
    out = [struct.pack("<i", N_TEXT_TOKENS)]
    for i in range(N_TEXT_TOKENS):
        raw = bytes(to_byte[c] for c in by_id[i])
        out.append(struct.pack("<i", len(raw)) + raw)
    return b"".join(out)


# ---------------------------------------------------------------- main

def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    src, dst = sys.argv[1:]
    m = Ct2Model(os.path.join(src, "model.bin"))
    (n_vocab, state), _ = m.half("decoder/embeddings/weight")
    (audio_ctx, _), _ = m.half("encoder/position_encodings/encodings")
    (text_ctx, _), _ = m.half("decoder/position_encodings/encodings")
    (_, n_mels, _), _ = m.half("encoder/conv1/weight")
    if n_mels != N_MELS:
        sys.exit(f"{n_mels} mel bands are not supported, only {N_MELS}")
    heads = state // 64

    tmp = dst + ".part"
    with open(tmp, "wb") as f:
        f.write(struct.pack("<I11i", MAGIC, n_vocab, audio_ctx, state, heads, m.layers("encoder"),
                            text_ctx, state, heads, m.layers("decoder"), n_mels, F16))
        f.write(mel_filters())
        f.write(vocabulary(os.path.join(src, "tokenizer.json")))
        for name, shape, data in tensors(m):
            write_tensor(f, name, shape, data)
    os.replace(tmp, dst)


if __name__ == "__main__":
    main()
