#!/usr/bin/env python3
"""mutations.py [--cachex FILE] [--runs N] [--seconds S] [--seed N] [--only TEXT] [--changes REGEXP] [--shard I/N] [--uid N] [--list]:
holds `cachex run --trace` against the truth.

Makes a workspace in a temporary directory and runs real commands there, each under observation until it is a hit.
Then it changes what the command was seen to depend on, one thing at a time and in every way that fits: content, size,
times, modes, owners, names in directories, links at each level, programs earlier in PATH, files in place of
directories, variables. After each change the command is asked for through cachex. If that is a hit, the command is run
plainly too: another answer (exit code, output, files that it makes) is a stale one, and is printed with how to repeat
it. Then as many changes of what the command was not seen to depend on, which should be hits. Last a walk: changes are
piled up and results stored on the way, so that several sets of inputs of one command are in use.

--runs N bounds the changes (default: all), a sample by --seed; --uid N runs everything as that user, so that
permissions count, which they do not for root. --early asks without --status-fd and --read-only, as people do, so that answers
come before the Go runtime where they can, and waits before each change until they do. --repeat 'COMMAND # CHANGE' does one change and shows both answers.
Exit code: 0 no stale answer, 1 at least one, 77 nothing can be observed here."""
import argparse, collections, fnmatch, hashlib, json, os, pathlib, random, re, resource, shlex, shutil, signal, stat, subprocess, sys
import tempfile, time

TEXTS = {
    ".gitignore": "*.o\n/out/\n__pycache__/\n",
    ".gitattributes": "*.c diff=cpp\n",
    "Makefile": "include config.mk\n-include local.mk\nSRC := $(wildcard src/*.c)\nOBJ := $(SRC:src/%.c=out/%.o)\n"
                "out/prog: $(OBJ)\n\t$(CC) -o $@ $^\nout/%.o: src/%.c include/b.h\n\t@mkdir -p out\n\t$(CC) $(CFLAGS) -c -o $@ $<\n"
                "show:\n\t@echo $(MODE) $(SRC)\n\t@cat data/a.txt\nlines: data/lines\n\t@wc -l data/lines\n"
                "newer: data/b.txt\nnewer:\n\t@echo newer $?\n.PHONY: show\n",
    "config.mk": "MODE = fast\nCFLAGS = -Iinclude -O0\n",
    "src/a.c": '#include "a.h"\n#include "b.h"\nint a(void) { return A + B; }\n',
    "src/a.h": "#define A 1\n",
    "src/b.c": '#include <deep/c.h>\n#if __has_include("extra.h")\n#include "extra.h"\n#endif\nint b(void) { return C; }\n',
    "src/main.c": "int a(void), b(void);\nint main(void) { return a() + b(); }\n",
    "include/b.h": "#define B 2\n",
    "include/deep/c.h": "#define C 3\n",
    "py/main.py": "import json, os, util\nfrom pkg import mod\ntry:\n    import optional\nexcept ImportError:\n    optional = None\n"
                  "conf = json.load(open(os.path.join(os.path.dirname(__file__), '../data/config.json')))\n"
                  "print(util.name(), mod.value, conf['size'], optional)\n",
    "py/util.py": "def name():\n    return 'util 1'\n",
    "py/pkg/__init__.py": "level = 4\n",
    "py/pkg/mod.py": "from . import level\nvalue = level * 10\n",
    "py/walk.py": "import os\nfor d, ds, fs in os.walk('data'):\n    ds.sort()\n    print(d, sorted(fs), [os.path.getsize(os.path.join(d, f)) for f in sorted(fs) if os.path.exists(os.path.join(d, f))])\n",
    "py/times.py": "import os\nprint(os.path.getmtime('data/a.txt') > os.path.getmtime('data/b.txt'), os.path.islink('links/file'), os.path.isdir('links/dir'))\n",
    "py/pathlib_glob.py": "import pathlib\nprint(sorted(map(str, pathlib.Path('data').rglob('*.txt'))))\n",
    "py/real.py": "import os\nprint(os.path.realpath('links/chain1'), os.path.samefile('links/chain1', 'data/a.txt'), os.access('sh/run.sh', os.X_OK))\n",
    "py/child.py": "import subprocess\nprint(subprocess.check_output(['hello', 'x'], text=True), end='')\n",
    "js/main.js": "const lib = require('./lib'), data = require('./data'), dep = require('dep');\nconsole.log(lib.name, data.n, dep.v);\n",
    "js/esm.mjs": "import { v } from './lib/value.mjs';\nconsole.log(v);\n",
    "js/list.js": "const fs = require('fs');\nconsole.log(fs.readdirSync('data').sort().join(' '), fs.existsSync('data/none'), fs.readFileSync('data/a.txt', 'utf8'));\n",
    "js/lib/index.js": "exports.name = 'lib 1';\n",
    "js/lib/value.mjs": "export const v = 1;\n",
    "js/data.json": '{"n": 7}\n',
    "js/package.json": '{"name": "js", "version": "1.0.0", "scripts": {"say": "cat ../data/a.txt"}}\n',
    "js/node_modules/dep/package.json": '{"name": "dep", "version": "1.2.3", "main": "main.js"}\n',
    "js/node_modules/dep/main.js": "exports.v = 12;\n",
    "gomod/go.mod": "module example.com/m\n\ngo 1.20\n",
    "gomod/main.go": "package main\n\nimport (\n\t\"os\"\n\n\t\"example.com/m/lib\"\n)\n\nfunc main() { os.Stdout.WriteString(lib.Name + \"\\n\") }\n",
    "gomod/lib/lib.go": "package lib\n\nimport _ \"embed\"\n\n//go:embed text.txt\nvar Text string\n\nconst Name = \"lib 1\"\n",
    "gomod/lib/text.txt": "embedded 1\n",
    "gomod/lib/lib_linux.go": "package lib\n\nconst System = \"linux\"\n",
    "gomod/lib/lib_test.go": "package lib\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestData(t *testing.T) {\n\tb, err := os.ReadFile(\"testdata/x.txt\")\n\tif err != nil || string(b) != \"1\\n\" {\n\t\tt.Fatal(string(b), err)\n\t}\n}\n",
    "gomod/lib/testdata/x.txt": "1\n",
    "reader/go.mod": "module example.com/reader\n\ngo 1.20\n",
    "reader/main.go": "package main\n\nimport (\n\t\"os\"\n\t\"strconv\"\n)\n\nfunc main() {\n\tdir := os.Args[1]\n\tentries, err := os.ReadDir(dir)\n"
                      "\tif err != nil {\n\t\tos.Stdout.WriteString(err.Error() + \"\\n\")\n\t\tos.Exit(3)\n\t}\n\tfor _, e := range entries {\n\t\tb, err := os.ReadFile(dir + \"/\" + e.Name())\n"
                      "\t\tos.Stdout.WriteString(e.Name() + \" \" + strconv.Itoa(len(b)) + \" \" + strconv.FormatBool(err == nil) + \" \" + strconv.FormatBool(e.IsDir()) + \"\\n\")\n\t}\n}\n",
    "sh/run.sh": "#!/bin/sh\n. sh/lib.sh\n[ -f data/flag ] && echo flag\n[ -d data/sub ] && echo sub\n[ data/a.txt -nt data/b.txt ] && echo newer\nfor f in data/*.txt; do echo $f; done\nsay $(cat data/a.txt)\n",
    "sh/lib.sh": "say() { echo \"said: $*\"; }\n[ -r sh/local.sh ] && . sh/local.sh\n:\n",
    "sh/tools.sh": "command -v hello; hello there; command -v nothing_of_that_name || echo none\n",
    "sh/down.sh": "cd links/dir/sub/.. && pwd && cat a.txt && cd ../links/dir/.. && ls\n",
    "tools/hello": "#!/bin/sh\n[ ${#DEEP} -gt 9 ] && exit 9 # a change has made it its own cat\nexport DEEP=x$DEEP\necho hello \"$@\"\ncat data/b.txt\n",
    "tools/two": "#!/usr/bin/env interp\nsome text\n",
    "tools/interp": "#!/bin/sh\necho interp \"$@\"\ntail -n 1 \"$1\"\n",
    "data/a.txt": "alpha 1\nbeta 2\n",
    "data/b.txt": "gamma 3\nalpha 4\n",
    "data/c.csv": "x,1\ny,2\n",
    "data/lines": "one\ntwo\n",
    "data/list.txt": "data/a.txt\ndata/b.txt\n",
    "data/config.json": '{"size": 5, "names": ["x", "y"]}\n',
    "data/sub/deep/d.txt": "deep 5\n",
    "data/sub/e.txt": "eps 6\n",
    "docs/guide.md": "# Guide\n\ntext 1\n",
    "docs/notes.txt": "notes\n",
    "docs/more/old.txt": "old\n",
    "other/x.txt": "alpha 9\n",
    "other/sub/deep/d.txt": "deep 8\n",
    "other/a.txt": "other alpha\n",
}
LINKS = {
    "links/file": "../data/a.txt", "links/dir": "../data", "links/chain1": "chain2", "links/chain2": "file",
    "links/dangling": "nowhere", "links/loop": "loop", "links/dirchain": "dir/sub", "links/self": "../links",
    "data/sub/back": "../..", "include/alias": "deep",
}
HOME = {
    ".gitconfig": "[user]\n\tname = A U Thor\n\temail = author@example.com\n[core]\n\tpager = cat\n[init]\n\tdefaultBranch = main\n",
    ".profile": "# nothing\n", "notes/private.txt": "mine\n", ".config/other/settings": "x = 1\n",
}

COMMANDS = """
git status
git status --short --branch
git -c core.trustctime=false status --short
git log --oneline
git log --stat -2
git diff
git diff HEAD~1 --stat
git ls-files
git ls-files -s -o --exclude-standard
git show HEAD
git show HEAD:data/a.txt
git branch -a
git grep -n alpha
git describe --tags --always
git rev-parse HEAD
git config --list
git blame data/a.txt
git check-ignore -v out/x.o src/a.c
git stash list
go list ./...  @gomod
go list -f {{.GoFiles}}{{.EmbedFiles}} ./lib  @gomod
go vet ./...  @gomod
go build -o /dev/null ./...  @gomod
go env GOFLAGS GOMOD GOVERSION  @gomod
gofmt -l .  @gomod
gcc -Iinclude -c src/a.c -o out/a.o
gcc -Iinclude -E src/b.c
gcc -Iinclude -Iinclude/alias -M src/a.c src/b.c
gcc -Iinclude -fsyntax-only -Wall src/b.c
make -n
make show
make -q newer
make lines
make newer
python3 py/main.py
python3 py/walk.py
python3 py/times.py
python3 py/pathlib_glob.py
python3 py/real.py
python3 py/child.py
python3 -c 'print(open("data/a.txt").read())'
python3 -m pkg.mod  @py
python3 -S -E -B py/walk.py
python3 -m json.tool data/config.json
node js/main.js
node js/esm.mjs
node js/list.js
npm ls --offline  @js
grep -rn alpha data
grep -l alpha data/a.txt data/b.txt data/none
grep -rn --include=*.txt alpha .
find . -name *.txt -not -path ./.git/*
find data -newer data/b.txt
find links -type l
find data -size -1k -type f
find -L links/dir -name *.txt
find docs -empty
find data -perm -u+x
jq .names data/config.json
jq -r .size links/dir/config.json
jq -r env.ANSWER data/config.json
jq -n '$ENV.ANSWER'
find data -name a.txt -exec grep -n alpha {} +
find data -name a.txt -exec sh -c 'echo $ANSWER' ;
git --config-env=user.name=ANSWER config user.name
git -c alias.say='!echo $ANSWER' say
du -a data
grep --color=always -n alpha data/a.txt
ls --color=always -s data
sqlite3 data/users.db 'select * from users'
sqlite3 -readonly data/users.db .tables
tar cf - data
tar cf - --mtime=2020-01-01 --owner=0 --group=0 docs
tar tvf data/old.tar
ls
ls -l data
ls -la .
ls -lL links/
ls -R data
ls -ld data docs/more
ls links/dir/
stat -c '%n %s %Y %a %F' data/a.txt data links/file
stat -L -c '%n %s %h %U' links/chain1 docs
stat -c '%n %h %U %i' data/a.txt
sh -c '[ -d docs/more ] && ls -ld docs/more'
du -b data
wc -l data/a.txt data/b.txt
sha256sum data/a.txt links/chain1
md5sum -c data/sums
diff data/a.txt data/b.txt
diff -r data other
diff -u data/a.txt data/b.txt
cmp data/a.txt links/file
cat links/chain1 links/dir/b.txt
cat links/dangling
cat links/loop
cat links/dir/sub/../a.txt
cat data/sub/back/docs/guide.md
readlink links/chain1
readlink -f links/chain1
realpath links/dirchain docs/../data
awk -F, '{s+=$2} END {print s}' data/c.csv
sed -n 1p data/a.txt
sort data/a.txt data/b.txt
xargs -a data/list.txt cat
head -c 5 data/a.txt
tail -n 1 data/b.txt
file data/a.txt tools/hello links/dir data/users.db
printenv ANSWER LC_ALL
comm data/a.txt data/b.txt
paste data/a.txt data/b.txt
cut -d, -f1 data/c.csv
od -c data/c.csv
tac data/a.txt
test -x sh/run.sh
test data/a.txt -nt data/b.txt
sh sh/run.sh
sh/run.sh
sh sh/tools.sh
sh sh/down.sh
sh -c 'for f in data/* links/*; do [ -L $f ] && echo $f; [ -s $f ] && echo size $f; done'
sh -c 'cat data/*.txt | sort | uniq -c'
sh -c '[ -e data/none ] || echo none; ls data/sub/*'
sh -c 'hello a; two'
sh -c 'sort data/a.txt >out/sorted; cat out/sorted'
sh -c 'cp data/a.txt out/copy && mv out/copy out/copy2 && wc -c <out/copy2'
sh -c 't=$(mktemp) && cat data/a.txt >$t && wc -c <$t; rm $t'
sh -c 'mkdir -p out/new && ls out/new && ls data >out/new/list'
sh -c 'cd links/dir && pwd -P && cat a.txt'
sh -c 'cd links/dir && pwd -P'
sh -c 'ls data; echo x >data/new'
sh -c 'echo x >>out/log'
sh -c 'rm -f out/gone; echo done'
python3 -c 'import os; os.remove("out/gone")'
python3 -c 'import os; print(sorted(os.listdir("links/dir/sub")), os.path.exists("data/none"))'
python3 -c 'import os; os.chdir("links/dir"); print(os.getcwd())'
sh -c 'test -r data/a.txt && test ! -e data/flag && echo ok; exit 4'
bash -c 'shopt -s globstar nullglob; echo data/**/*.txt; [[ data/a.txt -ot data/b.txt ]] && echo older; source sh/lib.sh; say x'
bash -c 'type -a hello; mapfile -t x <data/lines; echo ${x[1]}; compgen -G "data/*.csv"'
perl -ne 'print if /alpha/' data/a.txt
perl -e 'print -M "data/a.txt" > -M "data/b.txt" ? "older" : "newer", "\\n"; print join " ", sort glob "data/*"'
hello world
two
bin/reader data
bin/reader links/dir/sub
bin/reader empty
nice cat data/a.txt
env X=1 hello
timeout 20 cat data/a.txt
dd if=data/a.txt bs=4 count=1 status=none
cp -v data/a.txt out/a.txt
ln -sv ../data/a.txt out/link
touch out/stamp
install -m 644 data/a.txt out/installed
gzip -c data/a.txt
zip -X - docs/guide.md docs/notes.txt
basename data/a.txt
strings data/a.txt
cksum data/a.txt
nl data/a.txt
split -n 2 data/a.txt out/part
patch --dry-run data/a.txt data/change.diff
rsync -an --list-only data/
id
uname
df .
"""


FEW_FAULTS = 200  # of a process without a Go runtime
TRACED = ["run", "--trace", "--ttl", "1h", "--cache-exit", "any", "--arg-files=false"]


class World:
    "the workspace, and what must be as it was after each change"

    def __init__(self, cachex, uid, builds):
        self.cachex, self.uid, self.builds = cachex, uid, builds and shutil.which("go")
        base = os.environ.get("MUTATIONS_BASE") or tempfile.mkdtemp(prefix="cachex-mutations.")
        self.base = World.base = os.path.realpath(base)
        if uid:
            os.chmod(self.base, 0o755)
        cache = self.base + "/gocache"
        if shutil.which("go"):
            cache = subprocess.run(["go", "env", "GOCACHE"], capture_output=True, text=True, cwd="/").stdout.strip() or cache
        if os.environ.get("HOME_OF_TESTS"):
            cache = os.environ.get("GOCACHE_OF_TESTS") or os.environ["HOME_OF_TESTS"] + "/.cache/go-build"
        self.gocache = cache
        if os.getuid() == 0:
            seal([self.base, self.gocache])
        self.ws, self.home = self.base + "/ws", self.base + "/home"
        self.env = self.environment()
        self.make()
        self.give()
        self.known, self.contents = {}, {}

    def close(self):
        shutil.rmtree(self.base, ignore_errors=True)

    def environment(self):
        python = os.path.dirname(os.path.realpath(sys.executable))
        path = [self.ws + "/early", self.ws + "/tools", python]
        path += [d for d in os.environ["PATH"].split(":") if d.startswith("/") and "pyenv" not in d]
        tmp = self.base + "/tmp"
        return {
            "PATH": ":".join(path), "HOME": self.home, "CACHEX_CACHE_DIR": self.base + "/cache", "LC_ALL": "C.UTF-8",
            "TMPDIR": tmp, "GOCACHE": self.gocache, "GOTOOLCHAIN": "local",
            "GOPROXY": "off", "GOTELEMETRY": "off", "GIT_OPTIONAL_LOCKS": "0", "CGO_ENABLED": "0", "GIT_CONFIG_NOSYSTEM": "1",
            "npm_config_update_notifier": "false", "ANSWER": "42", "GIT_CEILING_DIRECTORIES": self.base,
        }

    def make(self):
        for d in ("early", "empty", "docs/none", "out", "bin", "data/sub/void"):
            os.makedirs(f"{self.ws}/{d}")
        os.mkdir(self.base + "/tmp", 0o777)
        os.chmod(self.base + "/tmp", 0o1777)
        for root, texts in ((self.ws, TEXTS), (self.home, HOME)):
            for name, text in texts.items():
                p = pathlib.Path(root, name)
                p.parent.mkdir(parents=True, exist_ok=True)
                p.write_text(text)
                if text.startswith("#!"):
                    p.chmod(0o755)
        for name, target in LINKS.items():
            os.makedirs(os.path.dirname(f"{self.ws}/{name}"), exist_ok=True)
            os.symlink(target, f"{self.ws}/{name}")
        os.symlink(self.ws + "/data/b.txt", self.ws + "/links/absolute")
        pathlib.Path(self.ws, "data/big").write_bytes(bytes(range(256)) * 600)
        self.do("sha256sum data/a.txt data/b.txt | sed 's/^/sha256 /' >/dev/null; md5sum data/a.txt data/b.txt >data/sums")
        self.do("diff -u data/a.txt data/b.txt >data/change.diff || :; tar cf data/old.tar docs")
        self.do("sqlite3 data/users.db \"create table users(n); insert into users values('u1'),('u2')\"")
        if self.builds:
            self.do("cd reader && go build -trimpath -ldflags=-s -o ../bin/reader . && cd ../gomod && go vet ./... && go build -o /dev/null ./...")
        if self.uid:
            self.env["GOCACHE"] = self.base + "/gocache"
        os.utime(self.ws + "/data/b.txt", (1600000000, 1600000000))
        self.do("git init -q --template= && git add .gitignore Makefile src include && git commit -qm one && git tag v1 && git add -A && git commit -qm two"
                " && git branch side && echo 'alpha 1' >data/a.txt && echo more >>docs/guide.md && git commit -qam three && git repack -adq && echo zeta >>data/c.csv")
        self.age()

    def do(self, text):
        subprocess.run(["sh", "-c", text], cwd=self.ws, env=self.env, check=True, stdin=subprocess.DEVNULL)

    def age(self):
        "all is some days old, each file a little older than the next"
        at = 1700000000
        for root in (self.home, self.ws):
            for d, ds, fs in os.walk(root, topdown=False):
                ds.sort()
                for name in sorted(fs) + ["."]:
                    at += 7
                    os.utime(f"{d}/{name}", (at, at + 0.123456), follow_symlinks=False)

    def give(self):
        if self.uid:
            for d, ds, fs in os.walk(self.base):
                for name in ["."] + ds + fs:
                    os.chown(f"{d}/{name}", self.uid, self.uid, follow_symlinks=False)

    # State.

    def walk(self):
        stack = [self.ws, self.home]
        while stack:
            d = stack.pop()
            yield d, os.lstat(d)
            try:
                entries = list(os.scandir(d))
            except NotADirectoryError:
                continue
            for e in entries:
                st = e.stat(follow_symlinks=False)
                if stat.S_ISDIR(st.st_mode):
                    if not e.path.startswith((self.home + "/.cache", self.home + "/.npm/")):
                        stack.append(e.path)
                else:
                    yield e.path, st

    def now(self):
        "the state of all files: path -> (lstat without what cannot be restored, content)"
        state = {}
        for path, st in self.walk():
            mark = (st.st_ino, st.st_ctime_ns)
            if stat.S_ISDIR(st.st_mode):
                content = None
            elif self.known.get(path, (None,))[0] == mark:
                content = self.known[path][1]
            elif stat.S_ISLNK(st.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(st.st_mode):
                content = pathlib.Path(path).read_bytes()
            else:
                content = b"special"
            self.known[path] = (mark, content)
            state[path] = (st.st_mode, st.st_uid, st.st_mtime_ns, content)
        return state

    def restore(self, want, check=False):
        "makes all as in a state that was taken before; what is no directory any more goes first, so no link is followed"
        have = self.now()
        if have == want:
            return
        for path in sorted(have, reverse=True):
            if path not in want or stat.S_IFMT(want[path][0]) != stat.S_IFMT(have[path][0]):
                if stat.S_ISDIR(have[path][0]):
                    shutil.rmtree(path, ignore_errors=True)
                elif os.path.lexists(path):
                    os.unlink(path)
                have.pop(path)
        for path in sorted(want):
            mode, uid, mtime, content = want[path]
            if path in have and have[path] == want[path]:
                st = os.lstat(path) if os.path.lexists(path) else None
                if st and (st.st_nlink == 1 or stat.S_ISDIR(mode)):
                    continue
            if stat.S_ISDIR(mode):
                os.makedirs(path, exist_ok=True)
            elif stat.S_ISLNK(mode):
                if os.path.lexists(path):
                    os.unlink(path)
                os.symlink(content, path)
            elif path not in have or have[path][3] != content:
                write(path, content, inplace=path in have)
            os.lchown(path, uid, uid) if self.root() else None
            if not stat.S_ISLNK(mode):
                os.chmod(path, stat.S_IMODE(mode))
            os.utime(path, ns=(mtime, mtime), follow_symlinks=False)
        for path in sorted(want, reverse=True):
            mode, uid, mtime, content = want[path]
            if stat.S_ISDIR(mode) and os.lstat(path).st_mtime_ns != mtime:
                os.utime(path, ns=(mtime, mtime))
        if check:
            now = self.now()
            assert now == want, {p for p in set(now) | set(want) if now.get(p) != want.get(p)}

    @staticmethod
    def root():
        return os.getuid() == 0

    # Runs.

    def run(self, argv, cwd, env, says=True):
        "says: what cachex is asked to say of itself, too"
        options = {"user": self.uid, "group": self.uid, "extra_groups": []} if self.uid else {}
        r, w = os.pipe()
        try:
            p = subprocess.Popen(argv, cwd=f"{self.ws}/{cwd}", env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, pass_fds=[w] if argv[0] == self.cachex else [], start_new_session=True, **options) \
                if argv[0] != self.cachex or not says else \
                subprocess.Popen([*argv[:2], "--status-fd", str(w), *argv[2:]], cwd=f"{self.ws}/{cwd}", env=env, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[w], start_new_session=True, **options)
        except OSError as e:
            os.close(r), os.close(w)
            return (127, b"", str(e).encode()), {}
        os.close(w)
        try:
            out, err = p.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
        with open(r) as f:
            status = f.read()
        err = b"\n".join(sorted(err.split(b"\n")))  # threads report in any order
        return (p.returncode, out, err), json.loads(status.splitlines()[-1]) if status else {}

    def asked(self, c):
        "asks as people do; whether it was a hit, and one that came before the runtime, is known by counts and page faults"
        hits, faults = self.hits(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
        r, _ = self.run([self.cachex, *TRACED, "--", *c.argv], c.cwd, self.env, says=False)
        faults = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt - faults
        hit = self.hits() > hits
        return r, {"result": "hit" if hit else "miss", "early": hit and faults < FEW_FAULTS}

    def hits(self):
        as_user = {"user": self.uid, "group": self.uid} if self.uid else {}
        env = self.env | {"HOME": self.home}
        out = subprocess.run([self.cachex, "stats", "--format", "json"], env=env, check=True, capture_output=True, **as_user).stdout
        return json.loads(out)["hits"]

    def plain(self, c, env=None):
        return self.run(c.argv, c.cwd, self.env | (env or {}))[0]

    def traced(self, c, *flags, env=None):
        argv = [self.cachex, *TRACED, *flags, "--", *c.argv]
        return self.run(argv, c.cwd, self.env | (env or {}))


def unescaped(m):
    return bytes([int(m[1], 16)]) if m[1] else {b"n": b"\n", b"t": b"\t", b"r": b"\r"}.get(m[2], m[2])


def inside(path, itself=False):
    "nothing is changed that lies elsewhere, whatever links there are"
    real = os.path.realpath(os.path.dirname(path)) if itself else os.path.realpath(path)
    if not (real + "/").startswith(World.base + "/"):
        raise OSError(f"{path} leads to {real}")


def write(path, content, inplace=True):
    inside(path)
    if inplace and os.path.lexists(path):
        mode = os.stat(path).st_mode
        if not os.access(path, os.W_OK):
            os.chmod(path, 0o644)
        with open(path, "r+b") as f:
            f.write(content)
            f.truncate()
        os.chmod(path, stat.S_IMODE(mode))
        return
    if os.path.lexists(path):
        os.unlink(path)
    pathlib.Path(path).write_bytes(content)


class Command:
    def __init__(self, line):
        line, _, self.cwd = line.partition("  @")
        self.name, self.argv = line.strip(), shlex.split(line)


# Changes. Each is (name, function of a path); they may fail where they do not fit.

def kept(path, change):
    "content without another size or time"
    st = os.stat(path)
    b = bytearray(pathlib.Path(path).read_bytes())
    assert change(b)
    write(path, bytes(b))
    os.utime(path, ns=(st.st_mtime_ns, st.st_mtime_ns))


def digit(b):
    for i, x in enumerate(b):
        if 48 <= x < 57:
            b[i] = x + 1
            return True


def letter(b):
    for i, x in enumerate(b):
        if 97 <= x < 122:
            b[i] = x + 1
            return True


def last(b):
    if b:
        b[-1] ^= 1
        return True


def replaced(path):
    "another inode, of the same size and time"
    st = os.stat(path)
    b = bytearray(pathlib.Path(path).read_bytes())
    assert digit(b) or last(b)
    pathlib.Path(path + ".new").write_bytes(b)
    os.chmod(path + ".new", stat.S_IMODE(st.st_mode))
    os.utime(path + ".new", ns=(st.st_mtime_ns, st.st_mtime_ns))
    os.rename(path + ".new", path)


def longer(path):
    write(path, pathlib.Path(path).read_bytes() + b"\nadded 77\n")


def longer_kept(path):
    st = os.stat(path)
    longer(path)
    os.utime(path, ns=(st.st_mtime_ns, st.st_mtime_ns))


def emptied(path):
    assert os.path.getsize(path)
    write(path, b"")


def gone(path):
    shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)


def moved_away(path):
    os.rename(path, path + ".moved")


def to_directory(path):
    gone(path)
    os.mkdir(path)
    pathlib.Path(path, "inside").write_text("inside\n")


def to_file(path):
    gone(path)
    pathlib.Path(path).write_text("a file now\n")


def to_link_same(path):
    st = os.stat(path)
    os.rename(path, path + ".real")
    os.symlink(os.path.basename(path) + ".real", path)


def to_link(target):
    def change(path):
        gone(path)
        os.symlink(target.replace("WS", World.here), path)
    return change


def mode(bits):
    def change(path):
        assert stat.S_IMODE(os.stat(path).st_mode) != bits
        os.chmod(path, bits)
    return change


def owner(path):
    assert os.getuid() == 0
    os.lchown(path, 1234, 1234)


def group(path):
    assert os.getuid() == 0
    os.lchown(path, -1, 1234)


def linked(path):
    os.link(path, World.here + "/docs/none/hard", follow_symlinks=False)


def touched(seconds):
    def change(path):
        at = os.lstat(path).st_mtime_ns + seconds * 10**9
        os.utime(path, ns=(at, at), follow_symlinks=False)
    return change


def touched_now(path):
    os.utime(path, follow_symlinks=False)


def entry(name, content="entry 1\n", bits=0o644):
    def change(path):
        assert os.path.isdir(path)
        p = pathlib.Path(path, name)
        assert not os.path.lexists(p)
        if content is None:
            p.mkdir()
        elif content.startswith("->"):
            p.symlink_to(content[2:])
        else:
            p.write_text(content)
            p.chmod(bits)
    return change


def entry_kept(path):
    st = os.stat(path)
    entry("zz_kept.txt")(path)
    os.utime(path, ns=(st.st_mtime_ns, st.st_mtime_ns))


def without(which):
    def change(path):
        names = sorted(os.listdir(path))
        gone(f"{path}/{names[which]}")
    return change


def renamed_entry(path):
    st = os.stat(path)
    name = sorted(os.listdir(path))[0]
    os.rename(f"{path}/{name}", f"{path}/{name}_")
    os.utime(path, ns=(st.st_mtime_ns, st.st_mtime_ns))


def swapped_entries(path):
    a, b = [f"{path}/{n}" for n in sorted(os.listdir(path)) if os.path.isfile(f"{path}/{n}")][:2]
    os.rename(a, a + "~"), os.rename(b, a), os.rename(a + "~", b)


def cleared(path):
    for name in os.listdir(path):
        gone(f"{path}/{name}")


def to_link_of_itself(path):
    os.rename(path, path + ".real")
    os.symlink(path + ".real", path)


def retarget(target):
    def change(path):
        old = os.readlink(path)
        new = target.replace("WS", World.here)
        assert old != new
        os.unlink(path)
        os.symlink(new, path)
    return change


def same_place(path):
    "another way to the same place"
    to = os.path.join(os.path.dirname(path), os.readlink(path))
    os.unlink(path)
    os.symlink("./" + os.path.relpath(to, os.path.dirname(path)), path)


def link_to_content(path):
    b = pathlib.Path(path).read_bytes()
    os.unlink(path)
    pathlib.Path(path).write_bytes(b)


def appears(content, bits=0o644):
    def change(path):
        assert not os.path.lexists(path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if content is None:
            os.mkdir(path)
        elif content.startswith("->"):
            os.symlink(content[2:].replace("WS", World.here), path)
        else:
            text = content
            if not content and path.endswith((".json",)):
                text = '{"main": "other.js", "size": 99}\n'
            pathlib.Path(path).write_text(text)
            os.chmod(path, bits)
    return change


def appears_filled(path):
    appears(None)(path)
    for name in ("index.js", "__init__.py", "x.txt", "config"):
        pathlib.Path(path, name).write_text("x = 1\n")


OF_FILE = {
    "digit": lambda p: kept(p, digit), "letter": lambda p: kept(p, letter), "last byte": lambda p: kept(p, last),
    "replaced": replaced, "longer": longer, "longer, time kept": longer_kept, "emptied": emptied, "gone": gone, "moved away": moved_away,
    "a directory": to_directory, "a link to itself": to_link_same, "a link to another": to_link("WS/other/x.txt"),
    "a dangling link": to_link("nowhere"), "mode 755": mode(0o755), "mode 644": mode(0o644), "mode 600": mode(0o600), "mode 000": mode(0),
    "owner": owner, "group": group, "a second link": linked, "older": touched(-90000000), "newer": touched(90000000), "touched": touched_now, "by 1s": touched(1),
}
OF_DIRECTORY = {
    "a file more": entry("zz_new.txt"), "a hidden file more": entry(".zz"), "a C file more": entry("zz.c", "int z;\n"), "a header more": entry("extra.h", "#define C 8\n"),
    "a Go file more": entry("zz.go", "package zz\n"), "a module more": entry("optional.py", "x = 3\n"), "a program more": entry("sort", "#!/bin/sh\necho mine\n", 0o755),
    "an entry more, time kept": entry_kept, "a directory more": entry("aa_dir", None), "a link more": entry("aa_link", "->nowhere"), "a link to here more": entry("aa_here", "->."),
    "the first gone": without(0), "the last gone": without(-1), "an entry renamed": renamed_entry, "two swapped": swapped_entries, "cleared": cleared, "gone": gone,
    "moved away": moved_away, "a file": to_file, "a link to itself": to_link_of_itself, "a link to another": to_link("WS/other"), "mode 700": mode(0o700),
    "mode 000": mode(0), "mode 777": mode(0o777), "owner": owner, "group": group, "touched": touched_now, "older": touched(-90000000),
}
OF_LINK = {
    "to a file": retarget("WS/other/x.txt"), "to a directory": retarget("WS/other"), "to nothing": retarget("nowhere"), "to itself": retarget("WS/links/loop"),
    "the same elsewise": same_place, "no link": link_to_content, "gone": gone, "a directory": to_directory, "touched": touched_now, "owner": owner, "group": group, "to here": retarget("."),
}
OF_ABSENT = {
    "empty": appears(""), "with text": appears("alpha 1 = 2\n"), "a script": appears("#!/bin/sh\necho appeared\n", 0o755), "executable, not to be run": appears("#!/none\n", 0o755),
    "as a directory": appears(None), "as a directory with files": appears_filled, "as a link to a file": appears("->WS/other/x.txt"), "as a link to a program": appears("->WS/tools/hello"),
    "as a link to nothing": appears("->nowhere"), "as a link to a directory": appears("->WS/other"),
}
OF_UNSEEN = ("letter", "longer", "emptied", "touched", "older", "replaced", "mode 600")
VARIABLES = {  # what a program may ask for that nobody named
    "ANSWER": ["43", "", None], "NEW_VARIABLE": ["1"], "TZ": ["Asia/Tokyo"], "LC_ALL": ["C", None, "tr_TR.UTF-8"], "LANG": ["de_DE.UTF-8"], "COLUMNS": ["30"], "LINES": ["5"],
    "TERM": ["xterm", "dumb"], "NO_COLOR": ["1"], "CLICOLOR_FORCE": ["1"], "GIT_DIR": ["/nowhere"], "GIT_PAGER": ["cat"], "GIT_AUTHOR_NAME": ["x"], "GIT_CONFIG_COUNT": ["0"],
    "CPATH": ["WS/other"], "C_INCLUDE_PATH": ["WS/include/deep"], "GCC_COLORS": ["error=01"], "PYTHONPATH": ["WS/py/pkg"], "PYTHONHASHSEED": ["1"], "PYTHONVERBOSE": ["1"],
    "NODE_OPTIONS": ["--no-warnings"], "NODE_PATH": ["WS/js/lib"], "GOFLAGS": ["-mod=mod"], "GOOS": ["windows"], "CGO_ENABLED": ["1"], "MAKEFLAGS": ["n"], "MODE": ["slow"], "CC": ["cc"],
    "GREP_COLOR": ["1"], "LS_COLORS": ["di=1"], "BLOCK_SIZE": ["1"], "QUOTING_STYLE": ["c"], "TIME_STYLE": ["iso"], "POSIXLY_CORRECT": ["1"], "TAR_OPTIONS": ["-v"], "CDPATH": ["WS/docs"],
    "ENV": ["WS/sh/lib.sh"], "BASH_ENV": ["WS/sh/lib.sh"], "IFS": [":"], "PERL5OPT": ["-w"], "HOME": ["WS/other"], "TMPDIR": ["WS/out"], "LD_PRELOAD": [""], "XDG_CONFIG_HOME": ["WS/other"],
    "FIND_BLOCK_SIZE": ["1"], "DU_BLOCK_SIZE": ["1"], "LS_BLOCK_SIZE": ["1"], "TABSIZE": ["3"], "_POSIX2_VERSION": ["199209"], "GREP_OPTIONS": ["-v"], "GREP_COLORS": ["mt=1"],
    "DEB_GREP_ENABLE_STRAY_BACKSLASH_WARN": ["1"], "DEB_BUILD_OPTIONS": ["x"], "GCC_EXTRA_DIAGNOSTIC_OUTPUT": ["fixits-v1"], "DEPENDENCIES_OUTPUT": ["WS/out/deps"], "GCC_ROOT": ["WS/other"],
    "LIBRARY_PATH": ["WS/other"], "LPATH": ["WS/other"], "CPLUS_INCLUDE_PATH": ["WS/other"], "SUDO_UID": ["7"], "GIT_EXTERNAL_DIFF": ["cat"], "GIT_CONFIG_GLOBAL": ["WS/config.mk"],
    "GIT_TRACE": ["1"], "GIT_ATTR_SOURCE": ["HEAD~1"], "PAGER": ["cat"], "LESS": ["-R"], "GODEBUG": ["gotypesalias=0"], "GOEXPERIMENT": ["none"], "LANGUAGE": ["de"], "JQ_COLORS": ["1;31"],
    "LD_DEBUG": ["help"], "LD_LIBRARY_PATH": ["WS/other"], "GLIBC_TUNABLES": ["glibc.malloc.check=3"], "TZDIR": ["WS/other"], "LOCPATH": ["WS/other"], "SIMPLE_BACKUP_SUFFIX": [".b"],
    "PATH": ["WS/data:PATH", "WS/tools:PATH"], "USER": ["x"], "SHELL": ["/bin/false"], "EDITOR": ["vi"], "DEBUG": ["*"],
}
NOISE = ["WINDOWID", "SSH_TTY", "SSH_CONNECTION", "TMUX", "ITERM_SESSION_ID", "KITTY_WINDOW_ID", "XDG_SESSION_ID", "DBUS_SESSION_BUS_ADDRESS", "VSCODE_PID", "HISTSIZE", "INVOCATION_ID", "GPG_TTY", "DISPLAY"]


def guarded(change, path):
    def apply():
        inside(path, itself=True)
        if not os.path.islink(path):
            inside(path)
        change(path)
    return apply


class Change:
    def __init__(self, name, apply, env=None):
        self.name, self.apply, self.env = name, apply, env


def kinds(path):
    "changes that fit what is at a path"
    try:
        m = os.lstat(path).st_mode
    except OSError:
        return OF_ABSENT
    return OF_LINK if stat.S_ISLNK(m) else OF_DIRECTORY if stat.S_ISDIR(m) else OF_FILE if stat.S_ISREG(m) else {}


class Proof:
    def __init__(self, world, options):
        self.w, self.o = world, options
        self.random = random.Random(options.seed)
        self.count = collections.Counter()
        self.never, self.stale, self.missed, self.undone, self.limits = [], [], [], [], collections.Counter()
        World.here = world.ws

    def below(self, path):
        return path.startswith((self.w.ws + "/", self.w.home + "/")) or path in (self.w.ws, self.w.home)

    def inputs(self, key):
        text = subprocess.run([self.w.cachex, "show", key], env=self.w.env, capture_output=True, text=True, errors="surrogateescape",
                              **({"user": self.w.uid, "group": self.w.uid} if self.w.uid else {})).stdout
        self.known = "\nseen-tools " in text  # all variables but those of known tools are none of its inputs
        seen = {}
        for uses, path, state in re.findall(r'^seen ([a-z]*)- ("(?:[^"\\]|\\.)*") (.*)$', text, re.M):
            seen[os.fsdecode(re.sub(rb"\\x(..)|\\(.)", unescaped, path[1:-1].encode(errors="surrogateescape")))] = (uses, state)
        return seen

    def targets(self, seen):
        "what was seen, below the workspace, and each link and directory on the way"
        found = {}
        for path in seen:
            level, rest, hops = "/", [p for p in path.split("/") if p], 0
            while rest and hops < 40:
                part = rest.pop(0)
                if part == "..":
                    level = os.path.dirname(level)
                    continue
                level = os.path.join(level, part)
                if self.below(level):
                    found[level] = True
                if os.path.islink(level):
                    hops += 1
                    to = os.readlink(level)
                    rest = [p for p in to.split("/") if p not in ("", ".")] + rest
                    level = "/" if to.startswith("/") else os.path.dirname(level)
        return [p for p in found if p not in (self.w.ws, self.w.home) or p in seen]

    def relative(self, path):
        return path.replace(self.w.ws, "WS", 1) if path.startswith(self.w.ws) else path.replace(self.w.home, "HOME", 1)

    def of_inputs(self, seen):
        changes = []
        for path in sorted(self.targets(seen)):
            if path in (self.w.ws, self.w.home):
                ways = {k: f for k, f in OF_DIRECTORY.items() if "more" in k}
            else:
                ways = kinds(path)
            for kind, f in ways.items():
                changes.append(Change(f"{self.relative(path)}: {kind}", guarded(f, path)))
        for name, values in VARIABLES.items():
            for v in values:
                if v is not None:
                    v = v.replace("WS", self.w.ws)
                    v = v.replace(":PATH", ":" + self.w.env["PATH"])
                changes.append(Change(f"{name}={v}", None, {name: v}))
        return changes

    def of_others(self, seen, state):
        "changes of what the command was not seen to depend on"
        touched = set(self.targets(seen)) | set(seen) | {os.path.realpath(p) for p in seen}
        listed = {os.path.realpath(p) for p, (uses, st) in seen.items() if ("n" in uses or "c" in uses) and not st.startswith("absent")}
        timed = {os.path.realpath(p) for p, (uses, st) in seen.items() if set(uses) & set("tx")}
        changes = []
        for path, (m, *_) in sorted(state.items()):
            if path.startswith((self.w.home + "/.config/go", self.w.home + "/.npm", self.w.home + "/.cache")):
                continue
            if "/.git" in path and "/.git/" in path + "/" and not path.endswith(("description", "COMMIT_EDITMSG", "exclude")):
                continue
            if stat.S_ISDIR(m):
                if path not in listed and path not in timed:
                    for name in ("unrelated.dat", "unrelated2.log"):
                        changes.append(Change(f"{self.relative(path)}: unrelated {name}", guarded(entry(name), path)))
            elif stat.S_ISREG(m) and path not in touched:
                # Python believes its own cache whatever is in it; that is no input, as help says, and is not damaged here.
                for kind in OF_UNSEEN if "/__pycache__/" not in path else ("touched", "older"):
                    changes.append(Change(f"{self.relative(path)}: {kind}", guarded(OF_FILE[kind], path)))
                if os.path.dirname(path) not in listed:
                    changes.append(Change(f"{self.relative(path)}: gone", guarded(gone, path)))
            elif stat.S_ISREG(m) and path not in timed:
                changes.append(Change(f"{self.relative(path)}: touched, unused", guarded(touched_now, path)))
        for name in NOISE + ["NEW_VARIABLE", "CI", "GITHUB_RUN_ID", "MAKELEVEL"] * self.known:
            changes.append(Change(f"{name}=1", None, {name: "1"}))
        return changes

    def tree(self, state):
        "what a state means: no times, nothing of what tools keep for themselves"
        return {p: (m, u, c) for p, (m, u, t, c) in state.items() if "/__pycache__" not in p and not p.endswith(("/.git/index", ".git"))
                and not p.startswith((self.w.home + "/.config", self.w.home + "/.npm", self.w.home + "/.cache")) and p not in self.volatile
                and "/telemetry" not in p and not p.endswith("/other/go")}  # which Go keeps, also where .config is a link

    def store(self, c, base):
        "runs it until it is a hit; the reason why it does not get there"
        w = self.w
        self.volatile = set()
        results = []
        for _ in range(2):
            w.restore(base)
            time.sleep(0.02)
            r = w.plain(c)
            results.append((r, w.now()))
        (a, sa), (b, sb) = results
        self.volatile = {p for p in set(sa) | set(sb) if sa.get(p, (0, 0, 0, 0))[3] != sb.get(p, (0, 0, 0, 0))[3]}
        if a != b:
            return "its answers differ"
        w.restore(base)
        if c.argv[0] == "git":
            w.do("git update-index --refresh -q >/dev/null || :")
        last = ""
        for attempt in range(5):
            time.sleep(0.02)
            r, status = w.traced(c)
            if attempt == 0 and r != a and w.plain(c) == a:  # else it tells of what others do, as df does
                self.report_stale(c, Change("first run, nothing changed", None), r, a, status)
            if status.get("result") == "hit":
                state = w.now()
                want = w.plain(c)
                if r != want or self.tree(w.now()) != self.tree(state):
                    self.report_stale(c, Change("nothing changed", None), r, want, status)
                w.restore(state)
                return ""
            last = status.get("not_stored") or status.get("detail", "")
        return last or "?"

    def report_stale(self, c, change, got, want, status, what="stale"):
        self.stale.append(c.name)
        if self.stale.count(c.name) > 3:
            return
        at = next((i for i, (x, y) in enumerate(zip(got[1] + b"\0", want[1] + b"\0")) if x != y), 0)
        print(f"\n{what.upper()}: {c.name} # {change.name}\n  cachex ({status.get('result')}): {show(got, at)}\n  plain:  {show(want, at)}\n"
              f"  repeat: scripts/mutations.py --seed {self.o.seed} --repeat {shlex.quote(f'{c.name} # {change.name}')}", flush=True)

    def is_early(self, c):
        "waits until the answer comes before the runtime: for files that were changed just now that takes two seconds"
        end = time.monotonic() + 3
        while not self.w.asked(c)[1]["early"]:
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def attempt(self, c, change, state, counter, show_all=False):
        "does one change and compares; then undoes it"
        w = self.w
        before = state
        if self.o.early:
            self.count["early"] += self.is_early(c)
        try:
            if change.apply:
                try:
                    change.apply()
                except (AssertionError, OSError, IndexError, ValueError):
                    return None
            env = {k: v for k, v in (change.env or {}).items()}
            drop = [k for k, v in env.items() if v is None]
            full = {k: v for k, v in (w.env | env).items() if k not in drop}
            old, w.env = w.env, full
            try:
                got, status = w.asked(c) if self.o.early else w.traced(c, "--read-only", "--cached-only")
                hit = status.get("result") == "hit"
                self.count["early hits"] += bool(status.get("early"))
                self.count[counter] += 1
                self.count[counter + (" hits" if hit else " misses")] += 1
                if not hit and not show_all and counter == "input":
                    return False
                mutated = w.now()
                want = w.plain(c)
                after = w.now()
            finally:
                w.env = old
            same_tree = self.tree(after) == self.tree(mutated)
            if show_all:
                print(f"cachex: {status}\n  {show(got)}\nplain: {show(want)}\nfiles as before: {same_tree}")
            if not hit:
                if counter == "other" and want == self.answer and same_tree:
                    self.missed.append((c.name, change.name, status.get("detail") or status.get("reason")))
                elif counter == "other":
                    self.count["other"] -= 1  # it depends on that after all
                    self.count["other misses"] -= 1
                    self.limits["right misses"] += 1
                return False
            if got != want:
                self.report_stale(c, change, got, want, status)
            elif not same_tree:
                differ = {p for p in set(after) | set(mutated) if self.tree(after).get(p) != self.tree(mutated).get(p)}
                self.report_stale(c, change, (0, str(sorted(differ)).encode(), b""), want, status, "stale files")
            return True
        finally:
            w.restore(before)

    def command(self, c, base, budget, deadline):
        w = self.w
        w.restore(base)
        self.cursor = c.name
        reason = self.store(c, base)
        if reason:
            self.never.append((c.name, reason))
            w.restore(base)
            return
        self.count["commands"] += 1
        state = w.now()
        self.answer, status = w.traced(c)
        seen = self.inputs(status["key"])
        inputs, others = self.of_inputs(seen), self.of_others(seen, state)
        if self.o.repeat:
            for change in inputs + others:
                if change.name == self.o.repeat.split(" # ", 1)[1]:
                    for path in sorted(seen):
                        if self.below(path):
                            print("seen", *seen[path][:1], self.relative(path), seen[path][1])
                    self.attempt(c, change, state, "input", True)
                    return
            sys.exit("no such change")
        inputs, others = ([c for c in changes if re.search(self.o.changes, c.name)] for changes in (inputs, others))
        n = len(inputs)
        if budget:
            n = min(n, budget)
            inputs = self.random.sample(inputs, n)
        others = self.random.sample(others, min(len(others), n))
        started = time.monotonic()
        for counter, changes in (("other", others), ("input", inputs)):
            for i, change in enumerate(changes):
                if time.monotonic() > deadline:
                    break
                if self.attempt(c, change, state, counter) is None:
                    continue
                if i % 25 == 24 or i == len(changes) - 1:
                    w.restore(state, check=True)
                _, status = w.traced(c)  # of which the next change must make a miss
                self.count["undone"] += 1
                if status.get("result") != "hit":
                    self.undone.append((c.name, change.name, status.get("detail")))
                    w.restore(state)
                    time.sleep(0.02)
                    _, status = w.traced(c, "--read-only", "--cached-only")
                    if status.get("result") != "hit":
                        w.traced(c)
                        w.restore(state)
        self.walk(c, base, deadline, max(4, n // 20))
        if not self.o.quiet:
            print(f"{time.monotonic() - started:6.1f}s {len(inputs):5d} inputs {len(others):5d} others  {c.name}", flush=True)

    def walk(self, c, base, deadline, steps):
        "changes that pile up, with results stored on the way"
        w = self.w
        w.restore(base)
        old, w.env = w.env, w.env | {"PYTHONDONTWRITEBYTECODE": "1"}
        trail = []
        try:
            time.sleep(0.02)
            r, status = w.traced(c)
            seen = self.inputs(status["key"]) if status.get("stored") or status.get("result") == "hit" else {}
            w.restore(base)
            for _ in range(steps):
                if time.monotonic() > deadline or not seen:
                    return
                choices = [x for x in self.of_inputs(seen) if x.apply]
                if not choices:
                    return
                change = self.random.choice(choices)
                if self.random.random() < 0.25 and trail:
                    w.restore(base)
                    trail = ["(undone)"]
                else:
                    try:
                        change.apply()
                    except (AssertionError, OSError, IndexError, ValueError):
                        continue
                    trail.append(change.name)
                state = w.now()
                time.sleep(0.01)
                got, status = w.traced(c)
                left = w.now()
                w.restore(state)
                want = w.plain(c)
                after = w.now()
                w.restore(state)
                if want[2].startswith(b"[Errno"):
                    continue  # it cannot be started
                if status.get("result") == "refused" and got[0] in (126, 127):
                    continue  # as in a shell, the first program in PATH is it; who starts it here looks further
                self.count["walk"] += 1
                self.count["walk " + status.get("result", "?")] += 1
                if got != want or self.tree(left) != self.tree(after):
                    again = w.plain(c)
                    w.restore(state)
                    if again != want:
                        continue
                    if got == want:
                        got = (0, str(sorted(p for p in set(left) | set(after) if self.tree(left).get(p) != self.tree(after).get(p))).encode(), b"")
                    self.report_stale(c, Change("walk: " + "; ".join(trail), None), got, want, status)
                if status.get("stored"):
                    seen = self.inputs(status["key"]) or seen
        finally:
            w.env = old
            w.restore(base)


def show(r, at=0):
    code, out, err = r
    out = out[max(0, at - 60):]
    text = out.decode(errors="replace") + (" | stderr: " + err.decode(errors="replace") if err else "")
    return f"exit {code}: {text[:400]!r}"


def alone():
    "as root, works where nothing but the workspace can be written to: a command may write through a link"
    if os.environ.get("MUTATIONS_BASE"):
        return
    if subprocess.run(["unshare", "-m", "mount", "-o", "remount,bind,ro", "/"], capture_output=True).returncode:
        print("nothing can be observed here: as root, the rest of the system must be made read-only first")
        sys.exit(77)
    base = tempfile.mkdtemp(prefix="cachex-mutations.")
    p = subprocess.Popen(["unshare", "-m", sys.executable, *sys.argv], env=dict(os.environ, MUTATIONS_BASE=base))
    signal.signal(signal.SIGTERM, lambda *_: p.terminate())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = p.wait()
    finally:
        shutil.rmtree(base, ignore_errors=True)
    sys.exit(code)


def seal(writable):
    "makes all read-only but these directories"
    for d in writable:
        os.makedirs(d, exist_ok=True)
        subprocess.run(["mount", "--bind", d, d], check=True)
    mounts = [l.split()[4] for l in open("/proc/self/mountinfo")]
    for at in mounts:
        if at not in writable and not at.startswith(("/proc", "/sys", "/dev")):
            for _ in range(100):  # while somebody writes it is busy
                if not subprocess.run(["mount", "-n", "-o", "remount,bind,ro", at], capture_output=True).returncode or at != "/":
                    break
                time.sleep(0.02)
    try:
        open("/usr/bin/.mutations", "w")
    except OSError:
        return
    raise SystemExit("the system can be written to")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--cachex", default="cachex")
    p.add_argument("--runs", type=int, default=0)
    p.add_argument("--seconds", type=float, default=1e9)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--only", default="")
    p.add_argument("--changes", default="", help="only those whose names match, as ^[A-Z_]+= for variables")
    p.add_argument("--shard", default="0/1")
    p.add_argument("--sample", type=int, default=0)
    p.add_argument("--uid", type=int, default=0)
    p.add_argument("--repeat", default="")
    p.add_argument("--list", action="store_true")
    p.add_argument("--quiet", action="store_true")
    p.add_argument("--early", action="store_true")
    p.add_argument("--misses", action="store_true", help="show each needless miss")
    o = p.parse_args()
    if os.getuid() == 0:
        alone()
    commands = [Command(l) for l in COMMANDS.strip().splitlines()]
    if o.list:
        for c in commands:
            print(c.name)
        return 0
    cachex = os.path.realpath(shutil.which(o.cachex) or sys.exit(f"no {o.cachex}"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if o.repeat:
        commands = [c for c in commands if c.name == o.repeat.split(" # ", 1)[0]]
    commands = [c for c in commands if o.only in c.name]
    i, n = map(int, o.shard.split("/"))
    commands = commands[i::n]
    if o.sample:
        commands = random.Random(o.seed).sample(commands, min(o.sample, len(commands)))
    w = World(cachex, o.uid, any(c.argv[0] in ("go", "bin/reader") for c in commands))
    try:
        return prove(w, o, commands)
    finally:
        w.close()


def prove(w, o, commands):
    there = lambda name: "/" in name or shutil.which(name, path=w.env["PATH"])
    absent = sorted({c.argv[0] for c in commands if not there(c.argv[0])})
    commands = [c for c in commands if there(c.argv[0])]
    probe, status = w.traced(Command("cat data/a.txt"))
    if not status.get("stored"):
        print("nothing can be observed here:", status.get("not_stored"), probe)
        return 77
    proof = Proof(w, o)
    base = w.now()
    started = time.monotonic()
    deadline = started + o.seconds
    budget = max(1, o.runs // (2 * len(commands))) if o.runs else 0
    for c in commands:
        if time.monotonic() > deadline:
            proof.never.append((c.name, "no time was left"))
            continue
        proof.command(c, base, budget, deadline)
    count = proof.count
    if absent:
        print("not installed:", *absent)
    for name, reason in proof.never:
        print(f"never stored: {name}: {reason}")
    reasons = collections.Counter((name, re.sub(r"/.*/", "", str(why))) for name, _, why in proof.undone)
    for (name, why), times in reasons.most_common(1000 if o.misses else 10):
        print(f"no hit after undoing {times} x: {name}: {why}")
    reasons = collections.Counter((name, re.sub(r"/.*/", "", str(why))) for name, _, why in proof.missed)
    for (name, why), times in reasons.most_common(1000 if o.misses else 25):
        print(f"needless miss {times} x: {name}: {why}")
    mutated = count["input"] + count["other"] + count["walk"]
    others = count["other"]
    print(f"{count['commands']} commands, {mutated} mutated runs in {time.monotonic() - started:.0f} s: {count['input']} of inputs "
          f"({count['input hits']} hits, rightly), {others} of others ({count['other hits']} hits, {100 * count['other hits'] / max(others, 1):.1f} %), "
          f"{count['walk']} on walks ({count['walk hit']} hits); {count['undone'] - len(proof.undone)} of {count['undone']} hits after undoing; "
          f"{len(proof.never)} never stored; {len(proof.stale)} stale answers"
          + f"; before {count['early']} changes the answer was early, and it was after {count['early hits']}" * o.early)
    return 1 if proof.stale else 0


if __name__ == "__main__":
    sys.exit(main())
