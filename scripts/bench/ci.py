#!/usr/bin/env python3
"""A cache that travels through many days of CI, as one archive, while the repository drifts.

    scripts/bench/ci.py [--days 100] [--units 60] [--seed 1] [CACHEX]

Each day a job begins with an empty cache, unpacks the archive of the day before, runs a command for each unit of a
repository, and packs. Between two days some units change, some go back to what they were before, now and then all do
either, one comes and one goes; some jobs fail half way. This is done twice, with `pack --touched` (and, after a job that failed,
without) and with everything that is in the cache. The latter forgets nothing: what it hits is what can be reused.

What a command costs is a number of seconds that nobody waits for, so that it does not depend on the machine; of each that
was a hit it was saved. The bytes that a job used are those of the files of its entries."""
import argparse, os, random, shutil, subprocess, tempfile

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--days", type=int, default=100)
parser.add_argument("--units", type=int, default=60)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("cachex", nargs="?", default="cachex")
a = parser.parse_args()
cachex = os.path.abspath(a.cachex) if "/" in a.cachex else a.cachex
top = tempfile.mkdtemp(prefix="cachex-ci-")
rnd = random.Random(a.seed)


class Repository:
    "what changes from day to day, the same for both ways"

    def __init__(self):
        self.number = 0
        self.units, self.past = {}, {}
        self.common = "0"
        for _ in range(a.units):
            self.add()

    def content(self, name):
        size = self.units[name][1]
        return f"{name}\n" + "".join("%064x\n" % rnd.getrandbits(256) for _ in range(size // 65))

    def add(self):
        name = f"unit{self.number:03}"
        self.number += 1
        # few are expensive, as of compilers and tests, and sizes have nothing to do with it
        self.units[name] = (min(rnd.paretovariate(1.2), 60), int(min(1000 * rnd.paretovariate(1.0), 500_000)))
        self.past[name] = [self.content(name)]

    def drift(self, day):
        for name in list(self.units):
            chance = rnd.random()
            if chance < 0.06:
                self.past[name].append(self.content(name))
            elif chance < 0.07 and len(self.past[name]) > 1:  # a change is taken back
                self.past[name].append(self.past[name][-2])
        if day % 25 == 0:
            self.common = str(day)
        elif day % 50 == 27:  # which is taken back after two days
            self.common = str(day // 50 * 50)
        if day % 7 == 0:
            self.add()
            del self.units[rnd.choice(list(self.units))]

    def write(self, to):
        os.makedirs(to)
        with open(f"{to}/common", "w") as f:
            f.write(self.common + "\n")
        with open(f"{to}/build", "w") as f:
            f.write('#!/bin/sh\necho "$1" >>"$RAN"; cat "$@"\n')
        os.chmod(f"{to}/build", 0o755)
        for name in self.units:
            with open(f"{to}/{name}", "w") as f:
                f.write(self.past[name][-1])


def used_bytes(cache, touched):
    total = 0
    for key in set(open(touched).read().split()):
        shard = f"{cache}/v1/entries/{key[:2]}"
        total += sum(os.path.getsize(f"{shard}/{n}") for n in os.listdir(shard) if n.startswith(key))
    return total


class Way:
    def __init__(self, name, touched):
        self.name, self.touched = name, touched
        self.archive = f"{top}/{name}.pack"
        self.saved, self.sizes, self.ratios = [], [], []

    def job(self, place, names, failed):
        cache, touched = f"{top}/cache", f"{top}/touched"
        ran = f"{top}/ran"
        open(ran, "w").close()
        env = dict(os.environ, CACHEX_CACHE_DIR=cache, CACHEX_TOUCHED=touched, RAN=ran, CI="true")
        do = lambda *words: subprocess.run([cachex, *words], env=env, cwd=place, check=True, stdin=subprocess.DEVNULL,
                                           stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout
        shutil.rmtree(cache, ignore_errors=True)
        if os.path.exists(touched):
            os.remove(touched)
        if os.path.exists(self.archive):
            do("unpack", self.archive)
        for name in names:
            do("run", "--exe", "digest", "--", "./build", name, "common")
        selected = ["--touched", touched] if self.touched and not failed else []
        do("pack", *selected, "--to", self.archive)
        misses = open(ran).read().split()
        self.saved.append(sum(repository.units[name][0] for name in names if name not in misses))
        self.sizes.append(os.path.getsize(self.archive))
        if not failed:
            self.ratios.append(self.sizes[-1] / used_bytes(cache, touched))


repository = Repository()
ways = [Way("touched", True), Way("everything", False)]
try:
    for day in range(1, a.days + 1):
        repository.drift(day)
        names = sorted(repository.units)
        failed = rnd.random() < 0.05
        if failed:
            names = names[: len(names) // 2]
        repository.write(f"{top}/work")
        for way in ways:
            way.job(f"{top}/work", names, failed)
        shutil.rmtree(f"{top}/work")
    touched, everything = ways
    reusable = sum(everything.saved)
    print(f"{a.days} days of about {len(repository.units)} commands, seed {a.seed}")
    print(f"seconds that can be reused: {reusable:.0f}; restored with --touched: {sum(touched.saved):.0f}"
          f" ({100 * sum(touched.saved) / reusable:.1f} %)")
    for way in ways:
        print(f"archive, {way.name}: {way.sizes[0] >> 10} KiB on the first day, "
              f"{way.sizes[len(way.sizes) // 2] >> 10} KiB in the middle, {way.sizes[-1] >> 10} KiB on the last; "
              f"of the bytes that its job used: "
              f"{sum(way.ratios) / len(way.ratios):.2f} on average, {max(way.ratios):.2f} at most")
finally:
    shutil.rmtree(top)
