--- Files of each format, all of the same numbers: what each type of number holds of them.

local assert = require("luassert")
local cache_helper = require("cache_helper")
local ffi = require("ffi")

local format_samples = {}

-- Written by NumPy and Python's own modules, not by what is tested.
local SCRIPT = [==[
import base64, csv, io, json, struct, sys, zipfile
import numpy as np

folder = sys.argv[1] + "/"
rng = np.random.default_rng(5)
n, d = int(sys.argv[2]), int(sys.argv[3])
a = (rng.standard_normal((n, d)) * 10.0 ** rng.integers(-3, 3, (n, d))).astype("f4")
a[3, :4] = [0, -0.0, 1e-40, 3e38]
half = np.clip(a, -60000, 60000).astype("f2")
bf = (a.view("u4") >> 16).astype("u2")
bytes_ = rng.integers(0, 256, (n, d)).astype("u1")
signed = rng.integers(-128, 128, (n, d)).astype("i1")
ints = rng.integers(-100000, 100000, (n, d)).astype("i4")
words = ["w%d" % k for k in range(n)]
listing = []

def sample(name, format, values, data, ids=None, array=None):
    with open(folder + name, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())
    np.ascontiguousarray(values, "<f4").tofile(folder + name + ".f4")
    listing.append({"name": name, "format": format, "ids": ids, "array": array})

def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()

def npz(save, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()

for kind, word in (("f2", "float16"), ("f4", "float32"), ("f8", "float64")):
    values = half if kind == "f2" else a
    for order, name in (("<", ""), (">", "big-endian ")):
        for fortran in (False, True):
            sample(f"{kind}{'be' if name else ''}{'F' if fortran else ''}.npy",
                   f".npy of {name}{word}{' in Fortran order' if fortran else ''}", values,
                   npy(np.asarray(values, order + kind, order="F" if fortran else "C")))
sample("u1.npy", ".npy of uint8", bytes_, npy(bytes_))
sample("i1.npy", ".npy of int8", signed, npy(signed))
sample("i1F.npy", ".npy of int8 in Fortran order", signed, npy(np.asfortranarray(signed)))
bf_values = (bf.astype("u4") << 16).view("f4")
sample("bf.npy", ".npy of bfloat16", bf_values, npy(bf.view("V2")))

sample("one.npz", ".npz, .npy of float32", a, npz(np.savez, x=a))
sample("deflated.npz", ".npz, .npy of float32", a, npz(np.savez_compressed, x=a))
sample("two.npz", ".npz, .npy of float64 in Fortran order", a,
       npz(np.savez_compressed, labels=np.arange(n), x=np.asfortranarray(a.astype("f8"))), array="x")

def safetensors(**tensors):
    header, data = {"__metadata__": {"format": "np"}}, b""
    for name, (dtype, array) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data

for dtype, word, array, values in (("F32", "float32", a, a), ("F16", "float16", half, half),
                                   ("I8", "int8", signed, signed),
                                   ("F64", "float64", a.astype("f8"), a), ("BF16", "bfloat16", bf, bf_values),
                                   ("U8", "uint8", bytes_, bytes_)):
    sample(f"{dtype}.safetensors", f".safetensors of {word}", values, safetensors(t=(dtype, array)))
sample("two.safetensors", ".safetensors of float32", a,
       safetensors(b=("I64", np.arange(n)), e=("F32", a)), array="e")

for name, array in (("fbin", a), ("f16bin", half), ("u8bin", bytes_), ("i8bin", signed), ("ibin", ints)):
    sample("x." + name, "." + name, array, struct.pack("<II", n, d) + array.tobytes())
for name, array in (("fvecs", a), ("bvecs", bytes_), ("ivecs", ints)):
    sample("x." + name, "." + name, array, b"".join(struct.pack("<i", d) + row.tobytes() for row in array))

rows = a.astype(float).tolist()
text = lambda row: ["%.9g" % value for value in row]
sample("word2vec.bin", "word2vec's binary", a, b"%d %d\n" % (n, d) + b"".join(
    w.encode() + b" " + row.tobytes() + b"\n" for w, row in zip(words, a)), words)
sample("gensim.bin", "word2vec's binary", a, b"%d %d\n" % (n, d) + b"".join(
    w.encode() + b" " + row.tobytes() for w, row in zip(words, a)), words)
sample("word2vec.txt", "word2vec's text", a, f"{n} {d}\n" + "".join(
    w + " " + " ".join(text(row)) + " \n" for w, row in zip(words, a)), words)
glove = [",", ". . .", '"', "at name@domain.com", "#of", "2010"] + words[6:n]
sample("glove.txt", "text of words and numbers", a, "".join(
    w + " " + " ".join(text(row)) + "\n" for w, row in zip(glove, a)), glove)
file = io.StringIO()
np.savetxt(file, a)
sample("savetxt.txt", "text of numbers", a, file.getvalue())
file = io.StringIO()
np.savetxt(file, a, header="made by savetxt", delimiter="  ")
sample("comments.txt", "text of numbers", a, file.getvalue())

def table(head, lines, **how):
    file = io.StringIO()
    writer = csv.writer(file, **how)
    if head: writer.writerow(head)
    writer.writerows(lines)
    return file.getvalue()

sample("plain.csv", "CSV", a, table(None, map(text, a)))
sample("all_quoted.csv", "CSV", a, table(None, map(text, a), quoting=csv.QUOTE_ALL))
sample("semicolons.csv", "CSV", a, table(None, map(text, a), delimiter=";"))
sample("plain.tsv", "TSV", a, table(None, map(text, a), delimiter="\t", lineterminator="\n"))
sample("ids.csv", "CSV", a, table(None, ([w] + text(row) for w, row in zip(words, a))), words)
sample("named.csv", "CSV", a, table(["id", "text", "year"] + ["dim_%d" % k for k in range(d)], (
    [w, 'He said, "Ho"\n' + w, 1900 + k] + text(row) for k, (w, row) in enumerate(zip(words, a)))), words)
# pandas.DataFrame(a).to_csv(), with and without the index.
sample("frame.csv", "CSV", a, table([""] + list(range(d)), ([k] + text(row) for k, row in enumerate(a))),
       [str(k) for k in range(n)])
sample("frame_without.csv", "CSV", a, table(range(d), map(text, a)))
# R: write.table names no column for the names of rows.
sample("table.tsv", "TSV", a, table(["V%d" % (k + 1) for k in range(d)], ([w] + text(row) for w, row in zip(words, a)),
       delimiter="\t"), words)
sample("pgvector.csv", "CSV", a, table(["id", "text", "embedding"], (
    [w, "a, b", "[" + ",".join(text(row)) + "]"] for w, row in zip(words, a))), words)
sample("pgvector.tsv", "TSV", a, "".join(w + "\t[" + ",".join(text(row)) + "]\n" for w, row in zip(words, a)), words)
sample("array.csv", "CSV", a, table(["id", "embedding"], (
    [w, "{" + ",".join(text(row)) + "}"] for w, row in zip(words, a))), words)
sample("numpy.csv", "CSV", a, table(["", "embedding"], (
    [w, "[" + "\n ".join(text(row)) + "]"] for w, row in zip(words, a))), words)

shuffled = list(range(n))
rng.shuffle(shuffled)
b64 = lambda row: base64.b64encode(row.tobytes()).decode()
item = lambda k, value: {"object": "embedding", "index": k, "embedding": value}
openai = lambda order, value: {"object": "list", "data": [item(k, value(k)) for k in order], "model": "m",
                               "usage": {"prompt_tokens": 5}}
sample("openai.json", "JSON", a, json.dumps(openai(shuffled, lambda k: rows[k])))
sample("base64.json", "JSON", a, json.dumps(openai(shuffled, lambda k: b64(a[k])), indent=1))
sample("php.json", "JSON", a, json.dumps(openai(range(n), lambda k: b64(a[k]))).replace("/", "\\/"))
half_way = [item(k % (n // 2), rows[k]) for k in reversed(range(n))]
sample("appended.json", "JSONL", a, json.dumps({"data": half_way[n // 2:]}) + json.dumps({"data": half_way[:n // 2]}))
sample("ollama.json", "JSONL", a, "".join(json.dumps({"model": "m", "embeddings": [row]}) for row in rows))
sample("tei.json", "JSONL", a, "".join(json.dumps([row]) for row in rows))
sample("llama.json", "JSON", a, json.dumps([{"index": k, "embedding": [rows[k]]} for k in shuffled]))
sample("float32array.json", "JSON", a, json.dumps({"embeddings": [
    {"id": w, "embedding": {str(k): value for k, value in sorted(enumerate(row), key=lambda pair: str(pair[0]))}}
    for w, row in zip(words, rows)]}), words)
sample("pgvector.json", "JSON", a, json.dumps([{"id": w, "embedding": json.dumps(row)} for w, row in zip(words, rows)]),
       words)
sample("pgvector.jsonl", "JSONL", a, "".join(
    json.dumps({"id": w, "embedding": json.dumps(row)}) + "\n" for w, row in zip(words, rows)), words)
sample("bare.json", "JSON", a, json.dumps(rows))
sample("lines.jsonl", "JSONL", a, "".join(json.dumps(row) + "\n" for row in rows))
with open(folder + "listing", "w") as file:
    json.dump(listing, file)
]==]

--- Writes all of them into a folder.
-- @tparam string folder
-- @tparam number n rows, an even number from 6 on
-- @tparam number d columns, from 4 on
-- @treturn {table,...} each with `name`, `format`, `path`, `contents`, `expected` (the float32, as a string), and where
-- there are such, `ids` and `array`, the name of the one to be read
function format_samples.write(folder, n, d)
  cache_helper.write(folder .. "/samples.py", SCRIPT)
  local output, code = cache_helper.run_python(folder .. "/samples.py", folder, n, d)
  assert.are.same({ "", 0 }, { output, code })
  local samples = require("vk_compute.system.json").decode(cache_helper.contents(folder .. "/listing"))
  for _, sample in ipairs(samples) do
    sample.path = folder .. "/" .. sample.name
    sample.contents = cache_helper.contents(sample.path)
    sample.expected = cache_helper.contents(sample.path .. ".f4")
    for _, name in ipairs({ "ids", "array" }) do
      if type(sample[name]) == "userdata" then sample[name] = nil end
    end
  end
  return samples
end

--- The numbers that were read, as a string.
function format_samples.numbers(array)
  return ffi.string(array.data, array.bytes)
end

return format_samples
