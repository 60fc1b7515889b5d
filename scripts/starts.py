#!/usr/bin/env python3
"""starts.py [--cachex PATH] [-n N] [--seed S]: starts cachex in N random ways, and compares each answer with what the command says.

A hit is answered before the Go runtime, from what the kernel leaves on the stack. So environments, words, limits and descriptors
are as odd as the kernel allows: variables twice, or that are none, thousands of them, no name of the program, small stacks, closed
descriptors. What the command prints depends on its words and on variables that are in each key, and nothing else. A crash, another
output or another exit code is wrong.
"""
import argparse, ctypes, os, random, resource, shutil, signal, sys, tempfile

parser = argparse.ArgumentParser()
parser.add_argument("--cachex", default=shutil.which("cachex"))
parser.add_argument("-n", type=int, default=1000)
parser.add_argument("--seed", type=int, default=1)
args = parser.parse_args()
rng = random.Random(args.seed)
program = os.path.realpath(args.cachex).encode()
work, outputs = (tempfile.mkdtemp(prefix="starts-") for _ in range(2))
os.chdir(work)
SAY = b'printf "%s|" "$@" "${LANG-unset}" "${TZ-unset}" "${V-unset}"; echo err >&2; exit $((${#V} + 10))'
libc = ctypes.CDLL(None, use_errno=True)


def vector(words):
    return (ctypes.c_char_p * (len(words) + 1))(*words, None)


def environment():
    "what is set, as the kernel has it, and as a shell sees it"
    shown = {b"PATH": b"/usr/bin:/bin", b"HOME": work.encode(), b"XDG_CACHE_HOME": work.encode() + b"/cache"}
    for name, values in ((b"LANG", (b"", b"C", b"de_DE.UTF-8")), (b"TZ", (b"UTC", b"")), (b"V", (b"", b"1", b"12", b"x" * 200))):
        if rng.random() < 0.5:
            shown[name] = rng.choice(values)
    for name, value in ((b"PWD", work.encode()), (b"PWD", b"/"), (b"CACHEX_TTL", b"1h"), (b"CACHEX_QUIET", b"1"), (b"CACHEX_TTL", b"2h")):
        if rng.random() < 0.1:
            shown[name] = value
    words = [k + b"=" + v for k, v in shown.items()]
    if rng.random() < 0.3:
        words += rng.choices([b"", b"=", b"odd", b"=x=y", b"LAN=x", b"LANGUAGE=x", b"\xff\xfe=\x01", b"VV=1", b"CACHEX", b"V"], k=rng.randrange(6))
    if rng.random() < 0.1:
        words += [b"N%d=%d" % (i, i) for i in range(rng.choice([1, 100, 2000, 2047, 2048, 2049, 9000]))]
    if rng.random() < 0.1:
        words += [b"BIG%d=" % i + b"b" * rng.choice([4095, 4096, 65536, 131000]) for i in range(rng.randrange(1, 10))]
    rng.shuffle(words)
    return words, shown


def start():
    "what a start needs, to be made again"
    words = rng.choices([b"a", b"b", b"a b", b"", b"--", b"-x", b"w" * 300, b"\xc3\xa4", b"\xff"], k=rng.randrange(4))
    if rng.random() < 0.03:
        words += [b"many"] * rng.choice([100, 2040, 3000])
    flags = [b"--env", b"V", b"--cache-exit", b"any"] + rng.choice([[], [b"-q"], [b"--ttl", b"2h"]])
    name = rng.choice([b"cachex", b"cachex", b"/usr/bin/cachex", os.path.basename(program)])
    argv = [name, b"run", *flags, b"-c", SAY, b"--", b"zero", *words]
    environ, shown = environment()
    odd = rng.random() < 0.05
    if odd:
        argv = argv[:rng.randrange(4)]
    closed = rng.choice([[], [], [], [], [], [0], [1], [2], [0, 1, 2]])
    stack = rng.choice([None, None, None, 64, 256, 1024, 65536])
    if stack and sum(len(w) + 9 for w in argv + environ) > stack << 9:
        stack = None  # words fill more than half of it: no program is sure to start
    return words, argv, environ, shown, odd, closed, stack


def one(words, argv, environ, shown, odd, closed, stack):
    "None, or what is wrong with a start"
    out, err = os.open(f"{outputs}/stdout", os.O_RDWR | os.O_CREAT | os.O_TRUNC), os.open(f"{outputs}/stderr", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    null = os.open("/dev/null", os.O_RDONLY)
    pid = os.fork()
    if pid == 0:
        for fd, to in ((null, 0), (out, 1), (err, 2)):
            os.dup2(fd, to)
        os.closerange(3, 50)
        for fd in closed:
            os.close(fd)
        if stack:
            resource.setrlimit(resource.RLIMIT_STACK, (stack << 10, resource.getrlimit(resource.RLIMIT_STACK)[1]))
        libc.execve(program, vector(argv), vector(environ))
        os._exit(99)  # too long for the kernel
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    got = [os.pread(fd, 1 << 20, 0) for fd in (out, err)]
    for fd in out, err, null:
        os.close(fd)
    what = f"{argv[:12]} {shown} closed {closed} stack {stack}: exit code {status}, {got[0][:200]} {got[1][:300]}"
    if status < 0 or status == 2:
        return f"crashed: {what}"
    if odd or status == 99 or status in (125, 126, 127) and (stack or len(b"".join(environ)) > 100_000):
        return None  # the command cannot be started like that either
    value = shown.get(b"V", b"unset")
    line = b"".join(w + b"|" for w in [*words, shown.get(b"LANG", b"unset"), shown.get(b"TZ", b"unset"), value] )
    if status != 10 + len(shown.get(b"V", b"")) or 1 not in closed and got[0] != line or 2 not in closed and got[1] != b"err\n":
        return f"wrong: {what}"
    return None


signal.signal(signal.SIGPIPE, signal.SIG_DFL)
wrong = 0
for n in range(args.n):
    if n % 4 == 0:
        this = start()  # a miss, a hit that leaves a memo, and two that go by it
    if said := one(*this):
        wrong += 1
        print(f"{n}: {said}", flush=True)
stats = os.popen(f"XDG_CACHE_HOME={work}/cache HOME={work} {program.decode()} stats --format json").read()
shutil.rmtree(work)
shutil.rmtree(outputs)
hits = int(stats.split('"hits": ')[1].split(",")[0])
print(f"{args.n} starts, {'many' if hits * 2 > args.n else hits} hits, {wrong} wrong")
sys.exit(wrong != 0)
