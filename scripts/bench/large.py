#!/usr/bin/env python3
"""large.py CACHEX CACHE [--hits N] [--remove]: what the size of a cache costs.

CACHE was made by scripts/bench/fill in this working directory. What a run costs in it is compared with the same in a cache of
one entry, by the least of interleaved runs; what looks at all entries is compared with `find` over the same files, also by
the least. Memory is the most that was resident. With --hits N commands are hit in random order, and hits that were answered before
the Go runtime are told by their page faults. With --remove copies of the cache are purged, and beside it emptied by
`find -delete`: that needs three times the room.
"""
import argparse, os, random, shutil, subprocess, tempfile, time

args = argparse.ArgumentParser()
args.add_argument("program")
args.add_argument("cache")
args.add_argument("--hits", type=int, default=0)
args.add_argument("--rounds", type=int, default=100)
args.add_argument("--remove", action="store_true")
args = args.parse_args()
program, cache = os.path.abspath(args.program), os.path.abspath(args.cache)
null = os.open(os.devnull, os.O_RDWR)
os.environ |= {"CACHEX_MAX_SIZE": "100GiB", "HOME": tempfile.mkdtemp(prefix="bench-large.")}


def spawn(argv, directory=None):
    "seconds, page faults and memory in KiB that a program takes"
    env = os.environ | {"CACHEX_CACHE_DIR": directory} if directory else os.environ
    began = time.perf_counter()
    pid = os.posix_spawnp(argv[0], argv, env, file_actions=[(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)])
    _, status, used = os.wait4(pid, 0)
    took = time.perf_counter() - began
    assert status == 0, (argv, status)
    return took, used.ru_minflt, used.ru_maxrss


def least(rounds, **programs):
    "the least seconds of each of some programs, which run in turn"
    best = {name: float("inf") for name in programs}
    for i in range(rounds):
        for name, argv in programs.items():
            best[name] = min(best[name], spawn(*argv(i))[0])
    return best


def at(directory, *words):
    return [program, *words], directory


def count(directory):
    return sum(len(names) for _, _, names in os.walk(os.path.join(directory, "v1/entries")))


def row(name, ratio, text=""):
    print(f"{name:34} {ratio:8.2f}  {text}", flush=True)


def compare_runs(one):
    print(f"{entries} entries, and one; {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    run = lambda where, *words: at(where, "run", *words)
    for where in (one, cache):
        for _ in range(3):
            spawn(*run(where, "--ttl", "none", "--", "echo", "17"))
    kinds = {
        "hit": lambda d: lambda i: run(d, "--ttl", "none", "--", "echo", "17"),
        "miss, stored": lambda d: lambda i: run(d, "--ttl", "none", "--", "true", f"{os.getpid()} {i}"),
        "refresh": lambda d: lambda i: run(d, "--ttl", "none", "--refresh", "--", "true", "again"),
    }
    for name, kind in kinds.items():
        best = least(args.rounds, one=kind(one), many=kind(cache))
        row(name, best["many"] / best["one"], f"{best['many'] * 1e3:.2f} ms")
    spawn(*at(cache, "purge", "--command", "true *"))  # what was stored here


def compare_looks(find):
    for words in (
        "stats", "ls --limit 50 --sort used", "ls --limit 50 --sort size", "ls --limit 50 --sort key",
        "ls --limit 50 --sort age", "ls --limit 50 --sort took", "verify",
    ):
        took, memory = float("inf"), 0
        for _ in range(3):
            seconds, _, kib = spawn(*at(cache, *words.split()))
            took, memory = min(took, seconds), max(memory, kib)
        row(words, took / find, f"{took * 1e3:.0f} ms, {memory / 1024:.0f} MiB")


def hit_all(n):
    words = random.Random(1).choices(range(entries), k=n)
    words = list(dict.fromkeys(words))
    early = []
    for again in range(3):
        random.Random(again).shuffle(words)
        faults = [spawn(*at(cache, "run", "--ttl", "none", "--cached-only", "--", "echo", str(w)))[1] for w in words]
        early.append(sum(f < 150 for f in faults) / len(words))
    print(f"{len(words)} commands in random order, hits before the runtime: " + ", ".join(f"{e:.1%}" for e in early))
    memos = os.stat(os.path.join(cache, "v1/stat/memos"))
    print(f"memos take {memos.st_blocks / 2048:.1f} MiB of {memos.st_size >> 20}")


def remove():
    "purges copies, and removes what that removes with find"
    with tempfile.TemporaryDirectory(prefix="bench-large.", dir=os.path.dirname(cache)) as work:
        def copy():
            at_ = os.path.join(work, "cache")
            shutil.rmtree(at_, ignore_errors=True)
            subprocess.run(["cp", "-a", cache, at_], check=True)
            os.sync()
            return at_
        def timed(argv, directory=None):
            took, _, kib = spawn(argv, directory)
            return took, kib / 1024
        c = copy()
        base, _ = timed(["find", c + "/v1/entries", "-type", "f", "-mtime", "+30", "-delete"])
        c = copy()
        took, memory = timed(*at(c, "purge", "--expired"))
        row("purge --expired", took / base, f"{took:.2f} s, {memory:.0f} MiB; find -mtime +30 -delete {base:.2f} s")
        c = copy()
        base, _ = timed(["find", c + "/v1/entries", c + "/v1/commands", "-type", "f", "-delete"])
        c = copy()
        took, memory = timed(*at(c, "purge", "--all"))
        row("purge --all", took / base, f"{took:.2f} s, {memory:.0f} MiB; find -delete {base:.2f} s")


entries = count(cache)
with tempfile.TemporaryDirectory(prefix="bench-large.") as one:
    compare_runs(os.path.join(one, "cache"))
    files = [os.path.join(cache, "v1/entries"), os.path.join(cache, "v1/commands")]
    find = min(spawn(["find", *files, "-type", "f", "-size", "+1000000c"])[0] for _ in range(3))
    print(f"as much as find with a look at each of the files ({find * 1e3:.0f} ms):")
    compare_looks(find)
if args.hits:
    hit_all(args.hits)
if args.remove:
    remove()
