#!/usr/bin/env python3
"""replay.py [N] [--seed S] [--without WORD]: replays N commands of examples/agents/recorded.txt (1000 by default), chosen by
chance, in a small repository: as the hook of examples/agents would have an agent run them, and as they are. Commands that change
something come in between. Each answer must be the same: both streams and the exit code, but for how long tests took. Prints how
many there were, how many came from the cache, and how many differ, and exits 1 if any does."""
import argparse, importlib.util, json, os, random, re, subprocess, sys, tempfile

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


def read(path):
    """Returns the commands of the file, by the mark before them."""
    marked = {"+": [], "-": [], "!": []}
    with open(path) as f:
        for line in f:
            if line[0] in marked:
                marked[line[0]].append(line[2:].rstrip("\n"))
    return marked


def answer(text, env):
    done = subprocess.run(["bash", "-c", text], env=env, stdin=subprocess.DEVNULL, capture_output=True)
    return [done.returncode, *(re.sub(rb"\d+\.\d+s|\(cached\)", b"TIME", out) for out in (done.stdout, done.stderr))]


def hits(env):
    counts = json.loads(subprocess.run(["cachex", "stats", "--format", "json"], env=env, check=True, capture_output=True).stdout)
    return counts["hits"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("n", nargs="?", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without", action="append", default=[], help="leave out commands that begin with this")
    given = parser.parse_args()
    recorded = read(f"{AGENTS}/recorded.txt")
    for text in recorded["+"]:
        assert hook.cached(text), f"the hook leaves this alone: {text}"
    for text in recorded["-"] + recorded["!"]:
        assert hook.cached(text) is None, f"the hook changes this: {text}"
    kept, others = ([text for text in recorded[mark] if not text.startswith(tuple(given.without))] for mark in "+-")
    chance = random.Random(given.seed)
    with tempfile.TemporaryDirectory(prefix="replay-") as work:
        env = {**os.environ, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a",
               "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_CONFIG_NOSYSTEM": "1", "XDG_CACHE_HOME": f"{work}/cache",
               "XDG_CONFIG_HOME": f"{work}/config", "PYTHONDONTWRITEBYTECODE": "1"}
        # Go's own caches stay where they are, whatever XDG_CACHE_HOME says.
        for name in "GOCACHE", "GOMODCACHE":
            env[name] = subprocess.run(["go", "env", name], capture_output=True, text=True).stdout.strip()
        repository = f"{work}/repository"
        for name, text in FILES.items():
            os.makedirs(os.path.dirname(f"{repository}/{name}"), exist_ok=True)
            with open(f"{repository}/{name}", "w") as f:
                f.write(text)
        os.chdir(repository)
        for text in "git init -q -b main .", "git add -A", "git commit -qm one", "git commit -qm two --allow-empty":
            assert answer(text, env)[0] == 0, text
        differing = changes = 0
        for n in range(given.n):
            while chance.random() < 0.2:
                answer(chance.choice(others), env)
                changes += 1
            text = chance.choice(kept)
            both = [hook.cached(text), text]
            if chance.random() < 0.5:  # what the command itself leaves must not matter either
                both.reverse()
            answers = [answer(t, env) for t in both]
            if answers[0] != answers[1]:
                differing += 1
                print(f"{n}: {both[0]}\n  {answers[0]}\n{both[1]}\n  {answers[1]}")
        served = hits(env)
        os.chdir("/")
    print(f"commands: {given.n}, changes in between: {changes}, from the cache: {served} ({100 * served // given.n} %), "
          f"differing: {differing}")
    sys.exit(differing > 0)


main()
