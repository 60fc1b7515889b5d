#!/usr/bin/env python3
"""replay.py [N] [--cases] [--seed S] [--without WORD]: replays commands as the hook of examples/agents would have an agent run
them, and as they are, with changes in between. Each answer must be the same: both streams and the exit code, but for how long
tests took. Commands are those of examples/agents/recorded.txt, in a clone of this repository: all of them in their order, or N
chosen by chance; or, with --cases, N (1000 by default) of cases.txt in a small repository. Prints how many there were, how many
came from the cache, and how many differ, and exits 1 if any does."""
import argparse, importlib.util, json, os, random, re, shlex, subprocess, sys, tempfile, time

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
AGENTS = f"{TREE}/examples/agents"
spec = importlib.util.spec_from_file_location("cachex_hook", f"{AGENTS}/cachex_hook.py")
hook = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hook)

FILES = {
    "go.mod": "module example.com/words\n\ngo 1.24\n",
    "app/main.go": "package app\n\nimport \"strings\"\n\nfunc Upper(s string) string { return strings.ToUpper(s) }\n",
    "app/words.go": "package app\n\nimport \"strings\"\n\n// TODO: other spaces\nfunc Words(s string) int { return len(strings.Fields(s)) }\n",
    "app/words_test.go": "package app\n\nimport \"testing\"\n\nfunc TestWords(t *testing.T) {\n\tif Words(\"a b\") != 2 {\n\t\tt.Fatal()\n\t}\n}\n",
    "tests/__init__.py": "",
    "tests/test_words.py": "import unittest\n\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(len('a b'.split()), 2)\n\n",
    ".gitignore": "*.log\n__pycache__/\n",
}

# What is done to a file of a clone, its directory and the repository between two commands. Some leave size, times or inode.
CHANGES = [
    "echo '// seen' >>{file}",
    "echo '// seen' >>{file}",
    "touch {file}",
    "tr ae ea <{file} >{file}.new && touch -r {file} {file}.new && mv {file}.new {file}",
    "cp -p {file} {file}.old; tr ae ea <{file}.old >{file}; touch -r {file}.old {file}; rm {file}.old",
    "rm {file}",
    "mv {file} {file}.moved",
    "chmod +x {file}",
    "git checkout -q -- {file}",
    "git add {file}",
    "echo new >>{dir}/new.go",
    "rm -f {dir}/new.go",
    "mkdir -p {dir}/sub && echo 'package sub' >{dir}/sub/sub.go",
    "rm -rf {dir}/sub",
    "git commit -qam seen",
    "git commit -qam seen",
    "git tag -f seen >/dev/null",
    "git pack-refs --all",
    "git stash -q",
    "git stash pop -q",
    "git reset -q --hard && git clean -fdq",
    "git checkout -q HEAD~1",
    "git checkout -q -",
]


def read(path):
    """Returns the lines of a file of commands as marks and texts."""
    with open(path) as f:
        return [(line[0], line[2:].rstrip("\n")) for line in f if line[0] in "+-!~"]


def hits(env):
    counts = json.loads(subprocess.run(["cachex", "stats", "--format", "json"], env=env, check=True, capture_output=True).stdout)
    return counts["hits"]


def program(text):
    """The first program that cachex runs in a text, with its subcommand."""
    words = text.split(" -- ", 1)[1].split()
    return " ".join(words[:2 if words[0] in ("git", "go") else 1])


class Replay:
    """Runs commands in a directory, in both ways."""

    def __init__(self, work, chance):
        self.work, self.chance = work, chance
        self.repository = f"{work}/repository"
        self.env = {**os.environ, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a",
                    "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_CONFIG_NOSYSTEM": "1", "XDG_CACHE_HOME": f"{work}/cache",
                    "XDG_CONFIG_HOME": f"{work}/config", "PYTHONDONTWRITEBYTECODE": "1"}
        # Go's own caches stay where they are, whatever XDG_CACHE_HOME says.
        for name in "GOCACHE", "GOMODCACHE":
            self.env[name] = subprocess.run(["go", "env", name], capture_output=True, text=True).stdout.strip()
        self.commands = self.changes = self.differing = 0
        self.took = {}  # by the program: how many, and seconds as they are and with cachex

    def answer(self, text):
        done = subprocess.run(["bash", "-c", text], env=self.env, cwd=self.repository, stdin=subprocess.DEVNULL, capture_output=True)
        return [done.returncode, *(re.sub(rb"\d+\.\d+s|\(cached\)", b"TIME", out) for out in (done.stdout, done.stderr))]

    def change(self, text):
        self.answer(text)
        self.changes += 1

    def compare(self, text):
        ways = [text, hook.cached(text)]
        order = [0, 1]
        self.chance.shuffle(order)  # what the command itself leaves must not matter either
        answers = [None, None]
        took = self.took.setdefault(program(ways[1]), [0, 0, 0])
        took[0] += 1
        for way in order:
            begun = time.perf_counter()
            answers[way] = self.answer(ways[way])
            took[way + 1] += time.perf_counter() - begun
        self.commands += 1
        if answers[0] != answers[1]:
            self.differing += 1
            print(f"{self.commands}: {ways[0]}\n  {answers[0]}\n{ways[1]}\n  {answers[1]}")

    def say(self):
        served = hits(self.env)
        print(f"commands: {self.commands}, changes in between: {self.changes}, from the cache: {served} "
              f"({100 * served // max(self.commands, 1)} %), differing: {self.differing}")
        for name, (n, without, with_it) in sorted(self.took.items()):
            print(f"  {name}: {n}, {without:.1f} s as they are, {with_it:.1f} s with cachex")


def cases(replay, n, without):
    recorded = read(f"{AGENTS}/cases.txt")
    for mark, text in recorded:
        assert (hook.cached(text) is not None) == (mark == "+"), f"the hook should {'' if mark == '+' else 'not '}change this: {text}"
    kept, others = ([text for m, text in recorded if m == mark and without not in text.split()] for mark in "+-")
    for name, text in FILES.items():
        os.makedirs(os.path.dirname(f"{replay.repository}/{name}"), exist_ok=True)
        with open(f"{replay.repository}/{name}", "w") as f:
            f.write(text)
    for text in "git init -q -b main .", "git add -A", "git commit -qm one", "git commit -qm two --allow-empty":
        assert replay.answer(text)[0] == 0, text
    for _ in range(n or 1000):
        while replay.chance.random() < 0.2:
            replay.change(replay.chance.choice(others))
        replay.compare(replay.chance.choice(kept))


def recorded(replay, n, without):
    lines = read(f"{AGENTS}/recorded.txt")
    all_of = [text for mark, text in lines if mark == "+"]
    steps = [(mark, text) for mark, text in lines if mark == "~" or hook.cached(text) and without not in text.split()]
    print(f"recorded: {len(all_of)}, of the hook's list: {sum(mark == '+' for mark, _ in steps)}")
    if n:
        steps = replay.chance.choices([step for step in steps if step[0] == "+"], k=n)
    subprocess.run(["git", "clone", "-q", TREE, replay.repository], check=True)
    for mark, text in steps:
        if mark == "~":
            replay.change("git commit -qam seen")
            continue
        while replay.chance.random() < 0.2:
            replay.change(change(replay, text))
        replay.compare(text)


def change(replay, text):
    """Returns a change: half of them to a file that the next command names."""
    files = replay.answer("git ls-files")[1].decode().splitlines()
    named = [f for f in files if f in text.split()]
    file = replay.chance.choice(named if named and replay.chance.random() < 0.5 else files)
    return replay.chance.choice(CHANGES).format(file=shlex.quote(file), dir=shlex.quote(os.path.dirname(file) or "."))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("n", nargs="?", type=int)
    parser.add_argument("--cases", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without", default="", help="leave out commands with this word")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="replay-") as work:
        replay = Replay(work, random.Random(given.seed))
        (cases if given.cases else recorded)(replay, given.n, given.without)
        replay.say()
    sys.exit(replay.differing > 0)


main()
