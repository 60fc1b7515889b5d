#!/usr/bin/env python3
"""files.py CACHEX [FILES]: what a hit with `--file @git` costs beside `git status`, in a repository of 10,000 files.

Every figure is a ratio of medians of interleaved runs to that of `git status`, since absolute times on a shared machine mean
nothing. `ls-files` is what of a hit is Git's: the names are asked for each time. The rest is a look at each file, which
`git status` takes, too, and the digest of each from the stat cache.
"""
import os, pathlib, shutil, statistics, subprocess, sys, tempfile, time

RUNS, WARM, IN_DIRECTORY = 25, 3, 50
program = os.path.abspath(sys.argv[1])
files = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
null = os.open(os.devnull, os.O_RDWR)


def spawn(argv):
    "seconds that a program takes"
    began = time.perf_counter()
    pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)])
    _, status = os.waitpid(pid, 0)
    took = time.perf_counter() - began
    assert status == 0, (argv, status)
    return took


def repository(at, files):
    for i in range(files):
        directory = at / "src" / f"part{i // IN_DIRECTORY}"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"file{i % IN_DIRECTORY}.txt").write_text(f"{i}\n" * 200)
    for words in ("init -q .", "add .", "-c user.name=a -c user.email=a@example.com commit -qm one"):
        subprocess.run(["git", *words.split()], cwd=at, check=True)


with tempfile.TemporaryDirectory(prefix="bench-files.") as work:
    os.environ |= {"HOME": work, "XDG_CACHE_HOME": work + "/cache", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_OPTIONAL_LOCKS": "0"}
    at = pathlib.Path(work, "repository")
    at.mkdir()
    repository(at, files)
    os.chdir(at)
    time.sleep(2.1)  # what was written in the last two seconds is read anew
    rows = {
        "git status": ["git", "status", "--porcelain"],
        "git ls-files": ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        "hit, --file @git": [program, "run", "--ttl", "none", "--file", "@git", "--", "true"],
        "hit, --file @git:src/part0": [program, "run", "--ttl", "none", "--file", "@git:src/part0", "--", "true"],
        "hit, --file 'src/**/*.txt'": [program, "run", "--ttl", "none", "--file", "src/**/*.txt", "--", "true"],
    }
    took = {name: [] for name in rows}
    for i in range(RUNS + WARM):
        for name, argv in rows.items():
            seconds = spawn(argv)
            if i >= WARM:
                took[name].append(seconds)
    base = statistics.median(took["git status"])
    print(f"{files} files")
    for name, times in took.items():
        print(f"{name:28} {statistics.median(times) / base:6.2f}")
