#!/usr/bin/python3
"""kNN on one large event: CaloFuse against scikit-learn's and scipy's k-d trees, building included, one thread.

    apt-get install -y --no-install-recommends python3-sklearn
    bench/compare/knn_sklearn.py HITS.npy [BIN_DIR]    (default build/cpu/bin; settings: ROUNDS=3)

HITS.npy: (hits, 9) f32 with x, y, z in columns 5, 6, 7 (hgcal_rechits), or (hits, 3). Seconds of processor time;
the programs run in turn and a ratio is taken inside its round, so a machine that is shared weighs on all of them."""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy  # noqa: E402
import scipy  # noqa: E402
import sklearn  # noqa: E402
from scipy.spatial import cKDTree  # noqa: E402
from sklearn.neighbors import KDTree  # noqa: E402

NEIGHBOURS = (8, 16, 40)


def processor_seconds(work):
    start = time.process_time()
    work()
    return time.process_time() - start


def our_seconds(bench, hits):
    """All cases of the large event, {name: seconds}."""
    with tempfile.NamedTemporaryFile(suffix=".f32") as file:
        file.write(hits.tobytes())
        file.flush()
        out = subprocess.run([bench, "--benchmark_filter=knn_large", "--benchmark_format=json"], check=True, text=True,
                             capture_output=True, env={**os.environ, "CALOFUSE_HITS": file.name}).stdout
    return {b["name"]: b["cpu_time"] * 1e-3 for b in json.loads(out)["benchmarks"]}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    data = numpy.load(sys.argv[1])
    hits = numpy.ascontiguousarray(data[:, 5:8] if data.shape[1] == 9 else data, dtype=numpy.float32)
    folder = sys.argv[2] if len(sys.argv) > 2 else os.path.join(os.path.dirname(__file__), "../../build/cpu/bin")
    bench = os.path.join(folder, "kernels_graph_knn_bench")
    rounds = int(os.environ.get("ROUNDS", "3"))
    print(f"kNN of {len(hits)} hits in x, y, z, one thread, {rounds} rounds; scikit-learn {sklearn.__version__}, "
          f"scipy {scipy.__version__}, load {os.getloadavg()[0]:.1f}")
    rows = {k: [] for k in NEIGHBOURS}
    scan = []
    for _ in range(rounds):
        ours = our_seconds(bench, hits)
        scan.append(ours["knn_large_all_pairs/8"])
        for k in NEIGHBOURS:
            # One more than k: they count the point itself.
            learn = processor_seconds(lambda: KDTree(hits).query(hits, k=k + 1))
            tree = processor_seconds(lambda: cKDTree(hits).query(hits, k=k + 1, workers=1))
            rows[k].append((ours[f"knn_large/{k}"], learn, tree))
    print(f"{'k':>3} {'CaloFuse ms':>12} {'sklearn ms':>11} {'scipy ms':>9} {'x sklearn':>10} {'x scipy':>8}   (medians)")
    for k, cells in rows.items():
        middle = [statistics.median(column) for column in zip(*cells)]
        ratio = [statistics.median(cell[i] / cell[0] for cell in cells) for i in (1, 2)]
        print(f"{k:3} {middle[0] * 1e3:12.1f} {middle[1] * 1e3:11.1f} {middle[2] * 1e3:9.1f} {ratio[0]:10.1f} {ratio[1]:8.1f}")
    print(f"CaloFuse, all pairs, k = 8: {statistics.median(scan) * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
