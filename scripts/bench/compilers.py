#!/usr/bin/env python3
"""compilers.py CACHEX SOURCE HEADER [-n ROUNDS] [-- MAKE-WORD...]: what `--depfile` and `--trace` are worth in the build of a C
project.

SOURCE is an unpacked project with a Makefile that takes CC (apt-get source redis lua5.4), HEADER one of its headers that many
files include. It is built by its own make with plain gcc, with ccache in depend mode, with examples/compilers/cachex-cc,
and with `cachex run --trace --output auto -- gcc`, one after another in the same directory, so that debugging information is the same. The steps of a round:

    cold      an empty cache, no object
    warm      a full cache, no object
    touched   HEADER has another time and is the same
    edited    HEADER has another line
    back      git checkout of what was before
    again     git checkout of the edited state

Each figure is the median of ROUNDS. How many compilations each step took is counted in a round of its own, in which the
compiler writes that down, which does not count as something that it did; there all objects are compared with those of
plain gcc.
"""
import argparse, hashlib, os, pathlib, shutil, statistics, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
STEPS = ("cold", "warm", "touched", "edited", "back", "again")
options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
options.add_argument("cachex")
options.add_argument("source", type=pathlib.Path)
options.add_argument("header")
options.add_argument("-n", type=int, default=3)
given, words = sys.argv[1:], []
if "--" in given:
    given, words = given[:given.index("--")], given[given.index("--") + 1:]
o = options.parse_args(given)
work = pathlib.Path(tempfile.mkdtemp(prefix="bench-compilers."))
tools, tree = work / "bin", work / "tree"
tools.mkdir()
os.symlink(os.path.abspath(o.cachex), tools / "cachex")
os.symlink(ROOT / "examples/compilers/cachex-cc", tools / "cachex-cc")
counting = tools / "counting-gcc"
counting.write_text(f'#!/bin/sh\ncase " $* " in *" -c "*) echo >>{work}/count ;; esac\nexec gcc "$@"\n')
counting.chmod(0o755)
environ = {
    "PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(work), "XDG_CACHE_HOME": str(work / "caches/cachex"),
    "CCACHE_DIR": str(work / "caches/ccache"), "CCACHE_DEPEND": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C",
    # Else projects that write down when they were built, and from which commit, are never the same twice.
    "SOURCE_DATE_EPOCH": "1000000000", "GIT_AUTHOR_DATE": "@1000000000 +0000", "GIT_COMMITTER_DATE": "@1000000000 +0000",
}
prefixes = {"gcc": "", "ccache": "ccache ", "cachex": "cachex-cc ",
            "trace": f"cachex run -q --ttl none --trace --trace-ignore {work}/count --output auto -- "}


def call(*argv, **more):
    with open(work / "log", "w") as log:
        done = subprocess.run(argv, cwd=tree, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **more)
    assert done.returncode == 0, (argv, (work / "log").read_text()[-3000:])


def git(*words):
    call("git", "-c", "user.name=a", "-c", "user.email=a@example.com", *words)


def build(cc):
    "seconds"
    began = time.perf_counter()
    call("make", f"-j{os.cpu_count()}", *words, "CC=" + cc)
    return time.perf_counter() - began


def objects():
    return {str(p.relative_to(tree)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(tree.rglob("*.o"))}


def prepare(step):
    header = tree / o.header
    if step in ("cold", "warm"):
        git("clean", "-xfdq")
    elif step == "touched":
        header.touch()
    elif step == "edited":
        header.write_text(header.read_text() + "\nextern int of_the_benchmark;\n")
        git("checkout", "-q", "-b", "edited")
        git("commit", "-qam", "edited")
    else:
        git("checkout", "-q", {"back": "main", "again": "edited"}[step])


def fresh(name):
    "the project as it is at first, in a directory that is there only while it is its turn"
    shutil.rmtree(work / name, ignore_errors=True)
    shutil.copytree(o.source, work / name, symlinks=True)
    with in_turn(name):
        shutil.rmtree(tree / ".git", ignore_errors=True)
        git("init", "-qb", "main", ".")
        git("add", "-f", ".")
        git("commit", "-qm", "first")
    shutil.rmtree(work / "caches", ignore_errors=True)


class in_turn:
    def __init__(self, name):
        self.name = name

    def __enter__(self):
        os.rename(work / self.name, tree)

    def __exit__(self, *_):
        os.rename(tree, work / self.name)


def a_round(compiler, then):
    "all steps, each with all ways to build"
    for name in prefixes:
        fresh(name)
    for step in STEPS:
        for name, prefix in prefixes.items():
            with in_turn(name):
                prepare(step)
                (work / "count").write_text("")
                seconds = build(prefix + compiler)
                print(f"{step} {name} {seconds:.2f}", file=sys.stderr)
                then(step, name, seconds)


took = {(step, name): [] for step in STEPS for name in prefixes}
count, made, differ = {}, {}, []


def note_count(step, name, _):
    count[step, name] = (work / "count").read_text().count("\n")
    made[step, name] = objects()
    if made[step, name] != made[step, "gcc"]:
        differ.append((step, name, [n for n in made[step, "gcc"] if made[step, name].get(n) != made[step, "gcc"][n]]))


try:
    a_round(str(counting), note_count)
    for _ in range(o.n):
        a_round("gcc", lambda step, name, seconds: took[step, name].append(seconds))
    print(f"{o.source.name}: {len(made['cold', 'gcc'])} objects, make -j{os.cpu_count()}, medians of {o.n} rounds")
    print(f"{'':9}" + "".join(f"{name:>24}" for name in prefixes))
    for step in STEPS:
        cells = (f"{statistics.median(took[step, n]):8.2f} s, {count[step, n]:4} compiled" for n in prefixes)
        print(f"{step:9}" + "".join(f"{cell:>24}" for cell in cells))
    for step in ("warm", "edited", "back"):
        for name in ("cachex", "trace"):
            ratios = [a / b for a, b in zip(took[step, name], took[step, "ccache"])]
            print(f"{step}: {name} {statistics.median(ratios):.2f} x ccache")
    print("objects: " + (f"differ: {differ}" if differ else "all equal to those of plain gcc"))
    sys.exit(bool(differ))
finally:
    shutil.rmtree(work, ignore_errors=True)
