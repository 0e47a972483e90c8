# python3 client.py EMBEDDINGS START: what a walk goes through, from Python.
import json
import subprocess
import sys

embeddings, start = sys.argv[1:]
command = ["vulkan-compute", "diversity-sequence", embeddings, "--start", start, "--json"]
answer = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
walk = json.loads(answer)["sequence"]
print(f"{len(walk)} items: from {walk[0]} first to {walk[1]}, last to {walk[-1]}")
