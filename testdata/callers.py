"""What the scripts in Python have in common: callers of cachex, and waiting for what others do."""
import faulthandler, json, os, subprocess, time

faulthandler.dump_traceback_later(1200, exit=True)  # who hangs shall say where


def until(happened, what="it"):
    "waits for something that another process does; a tier that was too slow on a busy machine is left alone for up to a minute"
    deadline = time.monotonic() + 180
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.002)


def start(*words, inside=(), **options):
    "a caller of cachex, by way of another program if it is given"
    given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*inside, "cachex", *words], **(given | options))


def cachex(*words, code=0, warns=False, **options):
    "runs cachex and returns what it prints; what it says on stderr must be nothing, or, with warns, something"
    given = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
    got = subprocess.run(["cachex", *words], **(given | options))
    assert got.returncode == code and bool(got.stderr) == warns, (words, got)
    return got.stdout


def served(*words, **options):
    "how a run was answered, as --status-fd says; what it prints goes nowhere"
    r, w = os.pipe()
    with open(r) as f:
        p = start("run", "--status-fd", str(w), *words, pass_fds=[w], stdout=subprocess.DEVNULL, **options)
        os.close(w)
        status = json.loads(f.read())
        p.communicate()
    return status


def stats():
    return json.loads(cachex("stats", "--format", "json"))


def lines(name):
    "how many lines a file has: commands under test append one a run"
    try:
        with open(name) as f:
            return f.read().count("\n")
    except FileNotFoundError:
        return 0


def waiting():
    """The ids of the processes that sleep in flock, as the kernel tells on every architecture. In a container it says
    nothing of those who wait for a lock whose taker has ended and left it to a child."""
    with open("/proc/locks") as f:
        rows = [line.split() for line in f]
    return {int(row[5]) for row in rows if row[1:3] == ["->", "FLOCK"]}


def waits(p):
    "p sleeps in flock: it has arrived and waits for another run"
    return p.pid in waiting()


def until_waits(p):
    "waits until p waits for another run"
    until(lambda: waits(p), "the wait of a caller")


def until_waiting(callers):
    """Waits until all of them wait but the one that leads; who does not in time is named, with what it said if it has
    ended."""

    def busy():
        ids = waiting()
        return [p for p in callers if p.pid not in ids]

    try:
        until(lambda: len(busy()) <= 1, "the wait of all but one")
    except AssertionError:
        raise AssertionError([(p.pid, p.poll(), p.poll() is not None and p.communicate()) for p in busy()])


def open_gate(name="gate"):
    "lets go who reads a line from a FIFO"
    with open(name, "w") as f:
        f.write("go\n")


def observed(*words, flags=(), **options):
    """runs a command without cachex and observed, which must be the same but for what cachex says; returns how it says
    the run was answered, and its warnings"""
    given = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True} | options
    plain = subprocess.run(words, **given)
    got = subprocess.run(["cachex", "run", "--trace", "-v", *flags, "--", *words], **given)
    said = [line for line in got.stderr.splitlines() if line.startswith("cachex: ")]
    rest = "".join(line + "\n" for line in got.stderr.splitlines() if line not in said)
    assert (got.returncode, got.stdout, rest) == (plain.returncode, plain.stdout, plain.stderr), (words, plain, got)
    answers = [line for line in said if line.startswith(("cachex: miss: ", "cachex: hit"))]
    assert len(answers) == 1, got
    return answers[0], [line for line in said if line not in answers]


def doubted(reason, *words, warns=0, **options):
    "a command of which something cannot be observed is not stored, says why, and is a miss again; the warnings of both"
    warnings = []
    for turn in range(2):
        answer, said = observed(*words, **options)
        assert answer.startswith("cachex: miss: ") and answer.endswith("; not stored: " + reason), (words, answer)
        warnings += said
    assert len(warnings) == warns, (words, warnings)
    return warnings


def stored(*words, **options):
    "a command of which all can be observed is stored, and then a hit"
    answer, said = observed(*words, **options)
    assert "; not stored" not in answer and not said, (words, answer, said)
    answer, said = observed(*words, **options)
    assert answer.startswith("cachex: hit") and not said, (words, answer, said)
