#!/usr/bin/env python3
"""Summary statistics of test-beam files, for tests/io/focalh/simulator/reference.hpp.

    simulator_reference.py generate MODULE.py   # of events made by the Python prototype
    simulator_reference.py files DIR            # of a folder written by `calofuse simulate`

MODULE.py is the numpy prototype of the generator (the formulas of io/simulator_*.cpp, written
first and independently). It is no part of this project, so its numbers are stored in the header.
Both are to be run with `gain_sigma`, `hglg_sigma` and `ped_ch_sigma` = 0, so that the numbers do
not depend on the constants of one detector.
"""
import importlib.util
import sys

import numpy as np

FILES = [("electron", 20), ("electron", 100), ("electron", 300), ("hadron", 60), ("hadron", 200), ("hadron", 350)]
EVENTS = 20_000
CLASSES = ["electron", "hadron", "muon", "empty", "sparse"]
PEDESTALS = (40.0, 27.0, 23.5, 24.0)


def fwhm(a):
    """Full width at half maximum of a histogram of 40 bins, smoothed with (1/4, 1/2, 1/4)."""
    h, b = np.histogram(a, bins=np.linspace(np.percentile(a, 0.5), np.percentile(a, 99.5), 41))
    h = np.convolve(h, [0.25, 0.5, 0.25], "same")
    above = np.flatnonzero(h > h.max() / 2)
    return b[above[-1] + 1] - b[above[0]]


def summary(kind, adc, truth, x_cm):
    """adc (n, 249) without pedestals; truth (n, 8) cls pileup E x y z0 fem evis."""
    cls = truth[:, 0].astype(int)
    keep = (cls == CLASSES.index(kind)) & (truth[:, 1] == 0) & (truth[:, 5] < 100)
    clean = adc[keep]
    total = clean.sum(1)
    weight = np.maximum(clean - 15, 0)
    return dict(
        median=np.median(total),
        width=fwhm(total) / 2.355 / np.median(total),
        pixels=np.median((clean > 100).sum(1)),
        mean_x=np.mean(weight @ x_cm / weight.sum(1)),
        saturated=np.mean(clean.max(1) > 8120),
        peak=np.median(clean.max(1) / total),
        fractions=[np.mean(cls == i) for i in range(5)],
        pileup=np.mean(truth[:, 1] > 0),
    )


def show(kind, energy, s):
    fractions = ", ".join("%.5f" % f for f in s["fractions"])
    print('    {Label::%s, %d, %.1f, %.4f, %.1f, %.4f, %.4f, %.4f, {%s}, %.5f},'
          % (kind, energy, s["median"], s["width"], s["pixels"], s["mean_x"], s["saturated"], s["peak"],
             fractions, s["pileup"]))


def from_prototype(path):
    spec = importlib.util.spec_from_file_location("prototype", path)
    proto = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(proto)
    p = dict(proto.P, gain_sigma=0.0, hglg_sigma=0.0, ped_ch_sigma=0.0)
    channels = np.arange(249) + np.arange(249) // 63  # any map will do
    detector = proto.Detector(channels, 1, p)
    x_cm = np.array([c[3] for c in proto.PIX])
    for index, (kind, energy) in enumerate(proto.file_list()):
        if (kind, energy) not in FILES:
            continue
        raw, t = proto.generate_file(kind, energy, EVENTS, 1, index, detector, p=p)
        truth = np.stack([t[k].astype(np.float32) for k in proto.TRUTH.names], 1)
        show(kind, energy, summary(kind, raw[:, channels].astype(float) - detector.ped_hg, truth, x_cm))


def from_folder(folder):
    columns = np.genfromtxt(folder + "/truth/detector.csv", delimiter=",", names=True)
    channels = (columns["board"] * 64 + columns["channel"]).astype(int)
    side = np.where(columns["module"] == 4, 7, 5)
    x_cm = 6.5 * (columns["module"] % 3 - 1 + (columns["col"] - (side - 1) / 2) / side)
    for kind, energy in FILES:
        name = "%s_%03dGeV.npy" % (kind, energy)
        adc = np.load(folder + "/" + kind + "/" + name)[:, channels].astype(float)
        adc -= np.array(PEDESTALS)[channels // 64]
        show(kind, energy, summary(kind, adc, np.load(folder + "/truth/" + name), x_cm))


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("generate", "files"):
        sys.exit(__doc__)
    (from_prototype if sys.argv[1] == "generate" else from_folder)(sys.argv[2])
