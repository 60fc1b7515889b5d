#!/usr/bin/env python3
"""What files of a result cost: outputs.py --cachex BIN [--files N] [--rounds R].

A tree like node_modules (packages with small files, links, programs and empty directories, 10,000 files by default) is
made by a command, and comes back by a hit: into nothing, with one file in a hundred changed, and where all of it is
right. Beside that cp -a of the same tree, and tar with and without compression. The order changes in each round; each
figure is the median. At the end the restored tree is compared with what the command made: content, modes, links, and
that nothing was touched that was right.
"""

import argparse
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import tempfile
import time


def make_tree(root, files):
    rnd = random.Random(1)
    for n in range(files // 10):
        package = root / f"package{n}"
        (package / "lib").mkdir(parents=True)
        (package / "empty").mkdir()
        for i in range(8):
            text = rnd.randbytes(rnd.choice([200, 900, 3000, 12000])).hex()
            (package / "lib" / f"f{i}.js").write_text(text)
        program = package / "run"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        (package / "main.js").symlink_to("lib/f0.js")


def state(root):
    found = {}
    for at, directories, files in os.walk(root):
        for name in directories + files:
            path = pathlib.Path(at, name)
            st = path.lstat()
            text = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
            found[str(path.relative_to(root))] = (st.st_mode, text)
    return found


def identities(root):
    paths = (pathlib.Path(at, name) for at, _, files in os.walk(root) for name in files)
    return {str(p): (p.lstat().st_ino, p.lstat().st_mtime_ns) for p in paths}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cachex", required=True)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cachex-outputs-") as name:
        measure(pathlib.Path(name), os.path.abspath(a.cachex), a.files, a.rounds)


def measure(top, cachex, files, rounds):
    source, work = top / "source", top / "work"
    source.mkdir()
    work.mkdir()
    make_tree(source / "node_modules", files)
    env = dict(os.environ, HOME=str(top), CACHEX_CACHE_DIR=str(top / "cache"))
    command = [cachex, "run", "--output", "node_modules/", "--", "sh", "-c", "cp -a ../source/node_modules ."]
    tree = work / "node_modules"

    def run(words, cwd=work):
        before = time.perf_counter()
        subprocess.run(words, cwd=cwd, env=env, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - before

    def gone():
        shutil.rmtree(tree, ignore_errors=True)

    def changed():
        for n, path in enumerate(sorted(tree.glob("*/lib/*.js"))):
            if n % 100 == 0:
                path.unlink()

    stored = run(command)
    want = state(tree)
    time.sleep(2.1)  # a digest is remembered of files that were left alone for two seconds
    run(command)
    run(["tar", "cf", "../tree.tar", "node_modules"])
    run(["tar", "czf", "../tree.tgz", "node_modules"])
    ways = {
        "cp -a": (gone, ["cp", "-a", "../source/node_modules", "."]),
        "tar xf": (gone, ["tar", "xf", "../tree.tar"]),
        "tar xzf": (gone, ["tar", "xzf", "../tree.tgz"]),
        "a hit, nothing there": (gone, command),
        "a hit, 1 % gone": (changed, command),
        "a hit, all right": (lambda: None, command),
    }
    times = {way: [] for way in ways}
    for _ in range(rounds):
        for way in random.sample(list(ways), len(ways)):
            prepare, words = ways[way]
            prepare()
            if way == "a hit, all right":
                run(command)
                time.sleep(2.1)
                run(command)
            times[way].append(run(words))
    gone()
    run(command)
    assert state(tree) == want, "the restored tree is another one"
    before = identities(tree)
    run(command)
    assert identities(tree) == before, "what was right was touched"
    print(f"{len(want)} files, directories and links; stored with the run in {stored:.2f} s")
    base = statistics.median(times["cp -a"])
    for way, all_times in times.items():
        middle = statistics.median(all_times)
        print(f"{way:22} {middle * 1000:8.0f} ms   {middle / base:5.2f} x cp -a")
    print("restored equal: content, modes, links; what was right kept inode and time")


main()
