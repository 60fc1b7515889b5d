#!/usr/bin/env python3
"""tiers.py CACHEX: a hit in a Redis beside `redis-cli GET` of a value of the same size.

Every figure is a ratio of medians of interleaved runs, since absolute times on a shared machine mean nothing. Each hit
is of another key, which the local store does not have yet and gets. Two local hits of the same show what of it is the
tier's; the first of them leaves a memo, and the second goes by that. Getting it creates two files, a lock and the
entry, which redis-cli does not: on ext4 without a journal that takes 4 to 600 us for each, as more or fewer files were
deleted lately in the part of the disk where these directories happen to lie; with TMPDIR on a tmpfs the figures are
steady. CACHEX is to be a copy with a name of its own that begins with cachex: what the linker has just written is dearer
to map, and of another name it is found out whether it is that of a command. Needs redis-server and redis-cli.
"""
import os, statistics, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "testdata"))
from servers import Redis, host

RUNS, WARM = 100, 3
program = os.path.abspath(sys.argv[1])
null = os.open(os.devnull, os.O_RDWR)


def spawn(argv, env):
    "seconds that a program takes"
    began = time.perf_counter()
    pid = os.posix_spawnp(argv[0], argv, env, file_actions=[(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)])
    _, status = os.waitpid(pid, 0)
    took = time.perf_counter() - began
    assert status == 0, (argv, status)
    return took


with tempfile.TemporaryDirectory(prefix="bench-tiers.") as work, Redis() as server:
    os.environ |= {"WORK": work, "HOME": work}
    there, here = host("there"), host("here")
    for i in range(600):  # a store that has been in use has its directories
        spawn([program, "run", "--scope", str(i), "--", "true"], here)
    for size in (100, 10_000, 100_000, 1_000_000):
        body = os.path.join(work, str(size))
        content = os.urandom(size)
        with open(body, "wb") as f:
            f.write(content)
        server("SET", "plain", content)

        def run(i):
            return [program, "run", "--remote", server.url(), "--arg-files=false", "--scope", str(i), "--", "cat", body]

        for i in range(RUNS + WARM):
            spawn(run(i), there)
        os.remove(body)  # so that only a hit can end well
        times = []
        for i in range(RUNS + WARM):
            plain = ["redis-cli", "-p", str(server.port), "GET", "plain"]
            times.append([spawn(argv, here) for argv in (run(i), plain, run(i), run(i))])
        hit, get, local, short = [statistics.median(t) * 1e3 for t in zip(*times[WARM:])]
        print(f"hit of {size:>9,} bytes / redis-cli GET {hit / get:6.2f}   goal 1.00   {hit:.2f} ms  {get:.2f} ms   "
              f"(then from here {local:.2f} ms, and {short:.2f} ms)", flush=True)
        server("FLUSHALL")
