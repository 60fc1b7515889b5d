#!/usr/bin/env python3
"""Tools whose work is a file: tools.py --cachex BIN [--npm DIR] [--rounds R].

Of protoc, tsc, sass, go build -o and gcc, those that PATH has, each makes its files in a small project; with --npm, npm ci makes
node_modules by the package.json and package-lock.json of DIR, from its registry. Then the files are removed, and a hit brings them
back. They must be equal to what the tool made: content, modes, links; and a hit where they are right must not touch them. Beside
the hit stands the tool, and cp -a of the same files; each figure is the median of the rounds.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

PROTO = 'syntax = "proto3";\npackage demo;\nmessage Point { int32 x = 1; int32 y = 2; }\n'
FILES = {
    "point.proto": PROTO,
    "a.ts": "export const a: number = 1\n",
    "b.ts": 'import { a } from "./a"\nconsole.log(a + 1)\n',
    "tsconfig.json": '{"compilerOptions": {"outDir": "dist", "declaration": true, "types": []}, "files": ["b.ts"]}\n',
    "main.scss": "$c: #336;\nnav { ul { color: $c } a { color: lighten($c, 10%) } }\n",
    "main.go": 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("made by go build") }\n',
    "go.mod": "module demo\n\ngo 1.21\n",
    "x.c": "int main(void) { return 0; }\n",
}
TOOLS = {  # what is made, and the words
    "protoc": (["gen/"], ["sh", "-c", "mkdir -p gen && protoc --cpp_out=gen --python_out=gen point.proto"]),
    "tsc": (["dist/"], ["tsc", "-p", "."]),
    "sass": (["main.css", "main.css.map"], ["sass", "main.scss", "main.css"]),
    "go": (["app"], ["go", "build", "-o", "app", "main.go"]),
    "gcc": (["x"], ["gcc", "-g", "x.c", "-o", "x"]),
}


def state(work, outputs):
    found = {}
    for output in outputs:
        top = work / output
        for path in [top, *sorted(top.rglob("*"))]:
            st = path.lstat()
            text = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
            found[str(path.relative_to(work))] = (st.st_mode, text)
    return found


def identities(work, outputs):
    paths = (path for output in outputs for path in [work / output, *(work / output).rglob("*")])
    return {str(p): (p.lstat().st_ino, p.lstat().st_mtime_ns) for p in paths if not p.is_dir() or p.is_symlink()}


def remove(work, outputs):
    for output in outputs:
        path = work / output
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


class Bench:
    def __init__(self, top, cachex, rounds):
        self.top, self.cachex, self.rounds = top, cachex, rounds
        self.env = dict(os.environ, HOME=str(top), CACHEX_CACHE_DIR=str(top / "cache"), GOFLAGS="-trimpath")

    def run(self, words, cwd):
        before = time.perf_counter()
        done = subprocess.run(words, cwd=cwd, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}")
        return time.perf_counter() - before, done.stderr

    def hit(self, words, work):
        seconds, said = self.run(words, work)
        assert "cachex: hit" in said, (words, said)
        return seconds

    def measure(self, tool, files, outputs, words):
        work, copy = self.top / tool, self.top / f"{tool}-copy"
        work.mkdir()
        for name, text in files.items():
            (work / name).write_text(text)
        cached = [self.cachex, "run", "-v", "--file", "*.{proto,ts,json,scss,go,mod,c}", *(f"--output={o}" for o in outputs), "--", *words]
        self.run(words, work)  # fills what the tool caches by itself
        remove(work, outputs)
        plain, copied, hits = [], [], []
        self.run(cached, work)
        want = state(work, outputs)
        copy.mkdir()
        for output in outputs:
            subprocess.run(["cp", "-a", output.rstrip("/"), copy], cwd=work, check=True)
        for _ in range(self.rounds):
            remove(work, outputs)
            plain.append(self.run(words, work)[0])
            remove(work, outputs)
            copied.append(self.run(["cp", "-a", f"{copy}/.", "."], work)[0])
            remove(work, outputs)
            hits.append(self.hit(cached, work))
            assert state(work, outputs) == want, f"{tool}: the restored files are others"
        time.sleep(2.1)  # a digest is remembered of files that were left alone for two seconds
        self.hit(cached, work)
        before = identities(work, outputs)
        right = self.hit(cached, work)
        assert identities(work, outputs) == before, f"{tool}: what was right was touched"
        plain, copied, hits = map(statistics.median, (plain, copied, hits))
        print(f"{tool:7} {len(want):6} files  alone {plain * 1000:7.0f} ms   hit {hits * 1000:6.0f} ms = {hits / plain:5.3f} x"
              f"   cp -a {copied * 1000:6.0f} ms   all right {right * 1000:6.0f} ms", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cachex", required=True)
    parser.add_argument("--npm", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cachex-tools-") as name:
        bench = Bench(pathlib.Path(name), os.path.abspath(a.cachex), a.rounds)
        for tool, (outputs, words) in TOOLS.items():
            if shutil.which(tool):
                bench.measure(tool, FILES, outputs, words)
            else:
                print(f"{tool:7} is not here")
        if a.npm:
            files = {n: (a.npm / n).read_text() for n in ("package.json", "package-lock.json")}
            bench.measure("npm", files, ["node_modules/"], ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"])
    print("all restored equal: content, modes, links; what was right kept inode and time")


main()
