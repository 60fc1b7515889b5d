#!/usr/bin/env python3
"""trace.py CACHEX [ROWS]: what `run --trace` costs on Linux: a miss beside the plain command, a hit beside one stat of each input.

Every figure is a ratio of medians of interleaved runs, since absolute times on a shared machine mean nothing; that of processor
time is the steadier one. A miss is the first run with a value of a variable in the key: it is observed and stored each time, and
there are no inputs of earlier runs that are compared before, as there are with --refresh. strace, with a filter as here, says what
others pay for less. A hit is that of a program that opens as many files, twenty in each directory, with names of 60 bytes;
beside it stands a static program that does nothing but stat each of them. ROWS are parts of the names of the rows that are wanted,
such as `go` or `5,432`. RUNS=N in the environment says how many runs of each. What is missing on the machine is left out. Needs
gcc, git and strace.
"""
import os, pathlib, shutil, statistics, subprocess, sys, tempfile, time

RUNS, WARM, IN_DIRECTORY = int(os.environ.get("RUNS", 15)), 2, 20
MISS = "BENCH_MISS"  # a variable
program, wanted = os.path.abspath(sys.argv[1]), sys.argv[2:]
here = pathlib.Path(__file__).resolve().parents[2]
null = os.open(os.devnull, os.O_RDWR)

LOOK = r"""
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int argc, char **argv) { /* look stat|open LIST */
    static char line[4096];
    FILE *list = fopen(argv[2], "r");
    int bad = 0, reads = argv[1][0] == 'o';
    while (list && fgets(line, sizeof line, list)) {
        struct stat st;
        int fd;
        line[strcspn(line, "\n")] = 0;
        if (!reads)
            bad |= stat(line, &st);
        else if ((fd = open(line, O_RDONLY)) < 0 || close(fd))
            bad = 1;
    }
    return bad || !list;
}
"""


def spawn(argv):
    "seconds that a program takes, and those of processors"
    began = time.perf_counter()
    pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)])
    _, status, used = os.wait4(pid, 0)
    took = time.perf_counter() - began
    assert status == 0, (argv, status)
    return took, used.ru_utime + used.ru_stime


def medians(rows, runs=RUNS, before=()):
    "of each row, in seconds, and of processors; before each run other words are run"
    took = [[] for _ in rows]
    for i in range(runs + WARM):
        for times, argv in zip(took, rows):
            if before:
                spawn(before)
            if MISS in argv:
                os.environ[MISS] = str(time.time_ns())
            seconds = spawn(argv)
            if i >= WARM:
                times.append(seconds)
    return [[statistics.median(column) for column in zip(*times)] for times in took]


def cached(words, *flags):
    return [program, "run", "--trace", "--ttl", "none", *flags, "--", *words]


def verdict(words):
    "what a traced run says of being stored"
    p = subprocess.run(cached(words, "--refresh", "-v"), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert p.returncode == 0, p
    said = [line for line in p.stderr.splitlines() if "not stored" in line]
    return said[0].partition("not stored")[2].lstrip(": ") if said else "stored"


def sources(at):
    "a program in C of 12 files, with a Makefile"
    at.mkdir()
    names = [f"part{i}" for i in range(12)]
    for name in names:
        body = "\n".join(f"int {name}_{i}(int n) {{ char b[64]; return snprintf(b, sizeof b, \"%d\", n + {i}); }}" for i in range(60))
        (at / f"{name}.c").write_text("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n" + body + "\n")
    (at / "main.c").write_text("int main(void) { return 0; }\n")
    objects = " ".join(f"{name}.o" for name in ["main", *names])
    (at / "Makefile").write_text(f"all: {objects}\n\tgcc -o all {objects}\n%.o: %.c\n\tgcc -O1 -c $<\nclean:\n\trm -f *.o all\n")


def commands(work):
    "the commands whose misses are measured: name, directory, words, goal"
    repository = work / "repository"
    subprocess.run(["git", "clone", "-q", "--no-local", here, repository], check=True)
    sources(work / "c")
    os.environ["PATH"] = os.path.dirname(os.path.realpath(sys.executable)) + os.pathsep + os.environ["PATH"]
    python = "import argparse, email.message, http.client, json, logging, sqlite3, unittest"
    forks = 'i=0; while [ $i -lt 200 ]; do /bin/true; i=$((i + 1)); done'
    return [
        ("true", work, ["true"], None),
        ("200 forks", work, ["sh", "-c", forks], None),
        ("git status", repository, ["git", "status", "--porcelain"], None),
        ("git log", repository, ["git", "log", "--stat", "-n", "200"], None),
        ("gcc -c", work / "c", ["gcc", "-O1", "-c", "part0.c", "-o", "/dev/null"], 1.1),
        ("go vet", repository, ["go", "vet", "./..."], 1.4),
        ("python3", work, ["python3", "-c", python], None),
        ("node", work, ["node", "-e", "require('fs'); require('http'); require('crypto')"], None),
        ("grep -r", repository, ["grep", "-rn", "recipe", "."], None),
        ("make -j2", work / "c", ["make", "-s", "-j2"], 1.15),
    ]


def misses(work):
    print(f"{'a miss':12} {'plain':>10} {'traced':>8} {'strace':>8}   goal   {'CPU':>6}  its result")
    for name, directory, words, goal in commands(work):
        if wanted and not any(w in name for w in wanted) or not shutil.which(words[0]):
            continue
        os.chdir(directory)
        before = ["make", "-s", "clean"] if words[0] == "make" else ()
        for words_before in filter(None, (words, before)):
            spawn(words_before)
        said = verdict(words)
        strace = ["strace", "-f", "--seccomp-bpf", "-e", "trace=%file", "-o", os.devnull, *words]
        runs = RUNS if name != "go vet" else max(RUNS // 2, 5)
        plain, traced, other = medians([words, cached(words, "--env", MISS), strace], runs, before)
        wall, cpu = traced[0] / plain[0], traced[1] / plain[1]
        print(f"{name:12} {plain[0] * 1e3:7.1f} ms {wall:8.2f} {other[0] / plain[0]:8.2f}   {goal or '':4}   {cpu:6.2f}  {said}", flush=True)


def hits(work):
    look = str(work / "look")
    (work / "look.c").write_text(LOOK)
    subprocess.run(["gcc", "-O2", "-static", "-o", look, look + ".c"], check=True)
    print(f"\n{'a hit of':>15} {'stat':>9} {'hit':>9} {'ratio':>6}   goal   {'CPU':>6}")
    for count in (100, 1_000, 5_432, 50_000):
        name = f"{count:,} inputs"
        if wanted and not any(w in name for w in wanted):
            continue
        at = work / f"files{count}"
        names = [at / "node_modules" / f"package-{i // IN_DIRECTORY}" / "lib" / f"module-{i}.js" for i in range(count)]
        for i, file in enumerate(names):
            if i % IN_DIRECTORY == 0:
                file.parent.mkdir(parents=True)
            file.write_text(f"exports.n = {i}\n")
        listing = work / f"{count}.txt"
        listing.write_text("".join(f"{file}\n" for file in names))
        time.sleep(2.1)  # what was written in the last two seconds is read anew
        os.chdir(at)
        said = verdict([look, "open", str(listing)])
        if said != "stored":
            print(f"{name:>15}   not stored: {said}", flush=True)
            continue
        stat, hit = medians([[look, "stat", str(listing)], cached([look, "open", str(listing)], "--cached-only")])
        wall, cpu = hit[0] / stat[0], hit[1] / stat[1]
        print(f"{name:>15} {stat[0] * 1e3:6.2f} ms {hit[0] * 1e3:6.2f} ms {wall:6.2f}   1.50   {cpu:6.2f}", flush=True)


with tempfile.TemporaryDirectory(prefix="bench-trace.") as directory:
    os.environ |= {"XDG_CACHE_HOME": directory + "/cache", "CACHEX_MAX_SIZE": "2GB"}
    os.environ.pop("PWD", None)  # a shell says there where it is
    os.environ |= {"GOCACHE": subprocess.run(["go", "env", "GOCACHE"], capture_output=True, text=True).stdout.strip()} if shutil.which("go") else {}
    misses(pathlib.Path(directory))
    hits(pathlib.Path(directory))
