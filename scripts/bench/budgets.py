#!/usr/bin/env python3
"""What cachex must stay within, as ratios: budgets.py --cachex BIN --bkt BIN [--only ROW,...] [--rounds N].

Each row puts cachex beside something that does as much as must be done, in turns, so that a busy moment hits both: an empty
Go program, bkt, find, one stat each, cat. A ratio is that of the medians. What --trace costs stands in trace.py. Exit status 1 if a row is over its budget.
Needs go, for two small programs, and a directory for temporary files on a disk.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

EMPTY = 'package main\n\nimport "os"\n\nfunc main() { os.Stdout.WriteString("hi\\n") }\n'
STATS = """package main

import (
	"bufio"
	"os"
)

func main() {
	list, _ := os.Open(os.Args[1])
	for names := bufio.NewScanner(list); names.Scan(); {
		if _, err := os.Stat(names.Text()); err != nil {
			panic(err)
		}
	}
}
"""


class Bench:
    def __init__(self, top, cachex, bkt, rounds):
        self.top, self.rounds, self.over, self.serial = top, rounds, 0, 0
        self.cachex = shutil.copy2(cachex, top / "cachex")
        self.bkt = os.path.abspath(bkt)
        self.null = os.open(os.devnull, os.O_RDWR)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("CACHEX_", "BKT_", "XDG_"))}
        self.env.update(HOME=str(top), CACHEX_CACHE_DIR=str(top / "cache"))

    def program(self, name, text):
        source = self.top / f"{name}-source"
        source.mkdir()
        (source / "main.go").write_text(text)
        (source / "go.mod").write_text(f"module {name}\n\ngo 1.24\n")
        words = ["go", "build", "-trimpath", "-ldflags=-s -w", "-o", str(self.top / name), "."]
        env = dict(os.environ, CGO_ENABLED="0", GOFLAGS="-buildvcs=false")
        subprocess.run(words, cwd=source, env=env, check=True)
        return str(self.top / name)

    def time(self, words, out=None):
        "seconds of a run; its output is thrown away, or goes to a file"
        to = self.null if out is None else os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        actions = [(os.POSIX_SPAWN_DUP2, fd, at) for at, fd in enumerate((self.null, to, self.null))]
        before = time.perf_counter()
        pid = os.posix_spawnp(words[0], words, self.env, file_actions=actions)
        _, status = os.waitpid(pid, 0)
        took = time.perf_counter() - before
        if out is not None:
            os.close(to)
        assert status == 0, words
        return took

    def turns(self, ways, rounds, warm=3):
        "median seconds of each way; a way is words, or a function that returns seconds"
        took = {name: [] for name in ways}
        for n in range(rounds + warm):
            for name, way in ways.items():
                seconds = way() if callable(way) else self.time(way)
                if n >= warm:
                    took[name].append(seconds)
        return {name: statistics.median(all_times) for name, all_times in took.items()}

    def row(self, name, ratio, budget, seconds):
        self.over += ratio > budget
        shown = "  ".join(f"{way} {s * 1000:.2f} ms" for way, s in seconds.items())
        print(f"{name:38} {ratio:7.3f}  budget {budget:5.2f}  {'OVER' if ratio > budget else 'ok  '}  {shown}", flush=True)

    def run(self, *words, flags=()):
        return [self.cachex, "run", "--ttl", "1h", *flags, "--", *words]

    def peer(self, *words, flags=()):
        return [self.bkt, "--ttl", "1h", "--cache-dir", str(self.top / "bkt"), *flags, "--", *words]

    def hit(self):
        ways = {
            "cachex": self.run("echo", "hi"), "empty Go": [self.program("empty", EMPTY)], "bkt": self.peer("echo", "hi"),
            "true": ["true"],
        }
        m = self.turns(ways, 5 * self.rounds)
        self.row("hit / empty Go program", m["cachex"] / m["empty Go"], 0.35, m)
        self.row("hit / bkt", m["cachex"] / m["bkt"], 0.35, m)

    def anew(self, make):
        "a way that makes other words each time"
        def way():
            self.serial += 1
            return self.time(make(str(self.serial)))
        return way

    def miss(self):
        ways = {
            "new": self.anew(lambda n: self.run("true", n)), "refresh": self.run("true", flags=["--refresh"]),
            "bkt new": self.anew(lambda n: self.peer("true", n)), "bkt force": self.peer("true", flags=["--force"]),
            "true": ["true"],
        }
        m = self.turns(ways, 2 * self.rounds)
        cost = {name: seconds - m["true"] for name, seconds in m.items() if name != "true"}
        self.row("new miss over true / bkt's", cost["new"] / cost["bkt new"], 2, m)
        self.row("refresh over true / bkt's", cost["refresh"] / cost["bkt force"], 2, m)

    def files(self):
        tree, names = self.top / "tree", self.top / "names"
        for i in range(100):
            (tree / f"d{i:02}").mkdir(parents=True)
            for j in range(100):
                (tree / f"d{i:02}" / f"f{j:02}.txt").write_text(f"{i} {j}\n" * 50)
        names.write_text("".join(f"{path}\n" for path in sorted(tree.rglob("*.txt"))))
        time.sleep(2.5)  # a digest is remembered of files that were left alone for two seconds
        stats = self.program("stats", STATS)
        ways = {
            "glob": self.run("true", flags=["--file", f"{tree}/**/*.txt"]),
            "list": self.run("true", flags=["--file", f"@{names}"]),
            "find": ["find", str(tree), "-newer", "/etc/hostname", "-name", "none"],
            "stats": [stats, str(names)],
        }
        m = self.turns(ways, self.rounds // 2)
        self.row("10,000 files by a glob / find", m["glob"] / m["find"], 1.5, m)
        self.row("10,000 files by a list / a stat each", m["list"] / m["stats"], 1.2, m)

    def large(self):
        source, out = self.top / "source", self.top / "out"
        with open(source, "wb") as f:
            for _ in range(256):
                f.write(os.urandom(1 << 16) * 16)
        ways = {
            "cachex": lambda: self.time(self.run("cat", str(source), flags=["--refresh"]), out),
            "cat": lambda: self.time(["cat", str(source)], out),
            "bkt": lambda: self.time(self.peer("cat", str(source), flags=["--force"]), out),
        }
        m = self.turns(ways, max(3, self.rounds // 8), warm=1)
        self.row("miss of 256 MiB / cat", m["cachex"] / m["cat"], 4, m)
        self.row("miss of 256 MiB / bkt", m["cachex"] / m["bkt"], 1, m)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cachex", required=True)
    parser.add_argument("--bkt", required=True)
    parser.add_argument("--only", default="hit,miss,files,large")
    parser.add_argument("--rounds", type=int, default=40)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cachex-budgets-") as top:
        bench = Bench(pathlib.Path(top), a.cachex, a.bkt, a.rounds)
        for name in a.only.split(","):
            getattr(bench, name)()
        sys.exit(bench.over > 0)


main()
