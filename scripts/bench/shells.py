#!/usr/bin/env python3
"""Measures memoised functions of shells: cachex init (issue: at most 1/20 of a start of `true`, in fish 1/3).

usage: scripts/bench/shells.py [CACHEX]     interleaved; prints medians of ROUNDS rounds

A round is, in each shell, CALLS repeated calls of a memoised function and CALLS starts of /bin/true, one after the other; the
time is what the shell itself takes from the clock. Then the first call, one after an edit of the body, and a start of the shell
with and without the text of init, which is evaluated from a file: cachex init itself is one start more.
"""
import os, shutil, statistics, subprocess, sys, tempfile, time

CALLS, ROUNDS = 1000, 7
cachex = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else shutil.which("cachex"))
work = tempfile.mkdtemp()
env = dict(os.environ, HOME=work, XDG_CACHE_HOME=work, PATH=os.path.dirname(cachex) + os.pathsep + os.environ["PATH"])
env.pop("CACHEX_CACHE_DIR", None)
start = {"bash": ["bash", "--norc"], "zsh": ["zsh", "-f"], "fish": ["fish", "--no-config"]}
for shell in start:
    with open(f"{work}/init.{shell}", "w") as f:
        f.write(subprocess.run([cachex, "init", shell], env=env, check=True, capture_output=True, text=True).stdout)

posix = """. %(work)s/init.%(shell)s
%(clock)s
f() { echo "hello $1"; }
cachex_memoize f --ttl 1h --memory 1h
now; a=$t; f a; now; b=$t
f() { echo "hello again $1"; }
cachex_memoize f --ttl 1h --memory 1h
now; c=$t; f a; now; d=$t; f a
now; e=$t; for ((i = 0; i < %(calls)d; i++)); do f a; done
now; g=$t; for ((i = 0; i < %(calls)d; i++)); do /bin/true; done
now; echo "$((b - a)) $((d - c)) $((g - e)) $((t - g))" >&2
"""
texts = {
    "bash": posix % dict(work=work, shell="bash", calls=CALLS, clock="now() { t=${EPOCHREALTIME/[.,]/}; }"),
    "zsh": posix % dict(work=work, shell="zsh", calls=CALLS, clock="zmodload zsh/datetime; now() { t=$((int(EPOCHREALTIME * 1000000))); }; zmodload zsh/mathfunc"),
    "fish": """source %(work)s/init.fish
function now; set -g t (math (date +%%s%%N) / 1000); end
function f; echo "hello $argv[1]"; end
cachex_memoize f --ttl 1h --memory 1h
now; set a $t; f a; now; set b $t
function f; echo "hello again $argv[1]"; end
cachex_memoize f --ttl 1h --memory 1h
now; set c $t; f a; now; set d $t; f a; f a
now; set e $t; for i in (seq %(calls)d); f a; end
now; set g $t; for i in (seq %(calls)d); /bin/true; end
now; echo (math $b - $a) (math $d - $c) (math $g - $e) (math $t - $g) >&2
""" % dict(work=work, calls=CALLS),
}


def timed(words):
    begin = time.perf_counter()
    subprocess.run(words, env=env, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return 1e3 * (time.perf_counter() - begin)


figures = {shell: [] for shell in start}
starts = {shell: ([], []) for shell in start}
for round in range(ROUNDS):
    for shell, words in start.items():
        shutil.rmtree(f"{work}/cachex", ignore_errors=True)
        p = subprocess.run(words + ["-c", texts[shell]], env=env, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        figures[shell].append([float(n) for n in p.stderr.split()])
        for _ in range(5):
            for to, text in zip(starts[shell], (":", f". {work}/init.{shell}")):
                to.append(timed(words + ["-c", text if shell != "fish" else text.replace(":", "true", 1) if text == ":" else text]))
print("shell  first call  after an edit  a repeated call  a start of true  ratio  init adds to a start")
for shell in start:
    first, edited, calls, trues = (statistics.median(column) for column in zip(*figures[shell]))
    ratio = statistics.median(f[2] / f[3] for f in figures[shell])
    added = statistics.median(starts[shell][1]) - statistics.median(starts[shell][0])
    print(f"{shell:5}  {first / 1e3:7.1f} ms  {edited / 1e3:10.1f} ms  {calls / CALLS:12.1f} us  {trues / CALLS:12.1f} us  1/{1 / ratio:4.1f}  {added:17.2f} ms")
shutil.rmtree(work)
