#!/usr/bin/env python3
"""cleanroots.py RELEASE [--root DIR] [--built CACHEX]: tries the files of a release where nothing else is, as root on Debian.

RELEASE is a directory that scripts/release made. In a Debian without anything but man and completions (debootstrap makes it
in --root, and leaves it there for the next time) the .deb is installed, its man page found, a word completed with TAB, a
command run twice; then it is removed, and what is left is listed. In a root with nothing but busybox the archive is unpacked
and does the same. The .rpm is installed into an empty root and removed, where there is an rpm; of the .apk the checksums are
found out anew. Programs of other architectures run under emulation where that is installed. Then a hit is timed in both
roots, beside that of --built (a go build of this tree otherwise). Says what is wrong and exits 1."""
import argparse, glob, hashlib, io, os, pty, re, select, shutil, statistics, subprocess, sys, tarfile, tempfile, time
import zlib

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("release")
parser.add_argument("--root")
parser.add_argument("--built")
parser.add_argument("-n", type=int, default=300, help="hits to time")
ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root", "TERM": "dumb", "MANPAGER": "cat", "PAGER": "cat",
       "HISTFILE": "", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
wrong = 0


def check(what, good, detail=""):
    global wrong
    wrong += not good
    print(f"{'ok   ' if good else 'WRONG'} {what}" + (f": {detail}" if detail else ""), flush=True)


def inside(root, *argv, **more):
    """Runs a command in the root, and returns what it printed."""
    done = subprocess.run(["chroot", root, *argv], env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode:
        check(" ".join(argv), False, f"exit {done.returncode}: {done.stdout}")
    return done.stdout


def paths(root):
    """All that lies in the root, but what runs there and man, of which all pages are, have left of themselves."""
    found = set()
    for top, dirs, files in os.walk(root):
        place = os.path.relpath(top, root)
        if place in ("proc", "sys", "dev", "tmp", "var/cache/man"):
            dirs[:] = []
            continue
        found.update(os.path.join(place, name) for name in dirs + files)
    return found


def completed(root, typed):
    """What a line becomes when TAB is typed behind it in an interactive bash."""
    pid, master = pty.fork()
    if pid == 0:
        os.chroot(root)
        os.chdir("/")
        os.execve("/bin/bash", ["bash", "--norc", "-i"], {**ENV, "PS1": "READY> ", "TERM": "xterm"})
    said = b""

    def until(text):
        nonlocal said
        while text not in said:
            if not select.select([master], [], [], 60)[0]:
                raise SystemExit(f"no {text!r} in {said!r}")
            said += os.read(master, 4096)

    until(b"READY> ")
    os.write(master, b"bind 'set enable-bracketed-paste off'; . /usr/share/bash-completion/bash_completion; echo lo''aded\n")
    until(b"loaded\r\n")
    said = said.split(b"loaded\r\n")[1]
    until(b"READY> ")  # only now a TAB is a key, and not a character
    said = b""
    os.write(master, typed + b"\t")
    os.write(master, b"# end\n")
    until(b"# end")
    os.write(master, b"exit\n")
    os.close(master)
    os.waitpid(pid, 0)
    return re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]|\x07|\r", b"", said).decode().split("# end")[0]


def hits(root, program):
    first = inside(root, program, "run", "-v", "--", "/bin/echo", "hello")
    second = inside(root, program, "run", "-v", "--", "/bin/echo", "hello")
    check("first run, then a hit", "cachex: miss" in first and "cachex: hit" in second and "hello" in second,
          " / ".join(second.split("\n")))


def debian(release, root):
    print("\nDebian, the package")
    if not os.path.exists(f"{root}/usr/bin/man"):
        subprocess.run(["debootstrap", "--variant=minbase", "--include=man-db,bash-completion", "bookworm", root], check=True,
                       stdout=subprocess.DEVNULL)
    subprocess.run(["mount", "--bind", "/proc", f"{root}/proc"], check=True)  # /dev/fd leads there
    arch = inside(root, "dpkg", "--print-architecture").strip()
    [package] = glob.glob(f"{release}/cachex_*_{arch}.deb")
    inside(root, "dpkg", "-P", "cachex")
    shutil.rmtree(f"{root}/root/.cache", ignore_errors=True)
    before = paths(root)
    shutil.copy(package, f"{root}/tmp/cachex.deb")
    inside(root, "dpkg", "-i", "/tmp/cachex.deb")
    files = inside(root, "dpkg", "-L", "cachex").split()
    check("installed", "/usr/bin/cachex" in files, f"{len(files)} files and directories")
    version = inside(root, "cachex", "version")
    check("version", "entry: early" in version or arch not in ("amd64", "arm64"), version.replace("\n", "; "))
    page = inside(root, "man", "cachex-run")
    check("man cachex-run", re.search(r"^NAME\n\s+cachex-run", page, re.M), f"{page.count(chr(10))} lines")
    found = inside(root, "man", "-k", "cachex-stats") if glob.glob(f"{root}/var/cache/man/index.*") else ""
    print("     man -k:", found.strip() or "no index in this root")
    for typed, whole in ("cachex versi", "cachex version"), ("cachex run --only-", "cachex run --only-if"):
        line = completed(root, typed.encode())
        check(f"TAB after {typed!r}", line.startswith(whole), repr(line))
    hits(root, "cachex")
    return before


def removed(root, before):
    print("\nDebian, the package removed")
    inside(root, "dpkg", "-P", "cachex")
    left = sorted(paths(root) - before)
    results = [p for p in left if p.startswith("root/.cache")]
    other = [p for p in left if p not in results]
    check("nothing is left but the user's results", not other, " ".join(other) or f"{len(results)} paths below ~/.cache")


def busybox(release, root):
    print("\nbusybox alone, the archive")
    arch = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    [archive] = glob.glob(f"{release}/cachex-*-linux-{arch}.tar.gz")
    for name in "bin", "tmp", "root", "proc", "usr/local":
        os.makedirs(f"{root}/{name}")
    shutil.copy("/bin/busybox", f"{root}/bin/busybox")
    subprocess.run(["mount", "--bind", "/proc", f"{root}/proc"], check=True)  # as containers have it
    for name in "sh", "echo", "ls", "tar", "gzip", "cat":
        os.symlink("busybox", f"{root}/bin/{name}")
    shutil.copy(archive, f"{root}/tmp/cachex.tar.gz")
    inside(root, "/bin/tar", "-xzf", "/tmp/cachex.tar.gz", "-C", "/usr/local", "--strip-components=1")
    version = inside(root, "/usr/local/bin/cachex", "version")
    check("version", "entry: early" in version, version.replace("\n", "; "))
    hits(root, "/usr/local/bin/cachex")
    out = inside(root, "/usr/local/bin/cachex", "run", "-c", "echo a | cat")
    check("a pipeline", out == "a\n", repr(out))


def rpm(release, root):
    print("\nan empty root, the .rpm")
    if not shutil.which("rpm"):
        print("     not tried: there is no rpm")
        return
    [package] = glob.glob(f"{release}/cachex-*.{os.uname().machine}.rpm")
    os.mkdir(root)

    def by_rpm(*words):
        done = subprocess.run(["rpm", "--root", root, *words], capture_output=True, text=True)
        check("rpm " + " ".join(words), done.returncode == 0, done.stdout.strip() or done.returncode and done.stderr)

    by_rpm("--initdb")
    before = paths(root)
    by_rpm("-i", "--nodeps", package)
    by_rpm("-V", "cachex")
    by_rpm("-e", "cachex")
    left = sorted(map(os.path.normpath, paths(root) - before))
    system = {"usr", "usr/bin", "usr/share", "usr/share/doc", "usr/share/licenses", "usr/share/man", "usr/share/man/man1"}
    check("nothing is left but directories of the system", set(left) <= system, " ".join(left))


def apk(release):
    print("\nthe .apk")
    [package] = glob.glob(f"{release}/cachex_*_{os.uname().machine}.apk")
    with open(package, "rb") as f:
        rest = f.read()
    packed, parts = [], []
    while rest:  # a gzip stream behind the other
        stream = zlib.decompressobj(31)
        parts.append(stream.decompress(rest) + stream.flush())
        packed.append(rest[:len(rest) - len(stream.unused_data)])
        rest = stream.unused_data
    [control, data] = [tarfile.open(fileobj=io.BytesIO(part + bytes(1024))) for part in parts]
    lines = control.extractfile(".PKGINFO").read().decode().splitlines()
    info = dict(line.partition(" = ")[::2] for line in lines)
    check("its description", all(" = " in line for line in lines) and {"pkgname", "pkgver", "arch", "pkgdesc", "license"} <= set(info), f"{len(lines)} lines")
    check("the digest of its data", info["datahash"] == hashlib.sha256(packed[1]).hexdigest())
    files = [m for m in data if m.isfile()]
    wrong = [m.name for m in files
             if m.pax_headers.get("APK-TOOLS.checksum.SHA1") != hashlib.sha1(data.extractfile(m).read()).hexdigest()]
    check("checksums of its files", files and not wrong, " ".join(wrong) or f"{len(files)} files")
    check("its size", int(info["size"]) == sum(m.size for m in files), info["size"])


def emulated(release):
    print("\nother architectures")
    for arch, emulator in ("arm64", "aarch64"), ("386", "i386"), ("armv7", "arm"), ("riscv64", "riscv64"):
        program = shutil.which(f"qemu-{emulator}-static")
        archives = glob.glob(f"{release}/cachex-*-linux-{arch}.tar.gz")
        if arch == "386" and os.uname().machine == "x86_64":
            program = "/usr/bin/env"  # this machine runs it
        if not program or not archives:
            print(f"     {arch}: not tried")
            continue
        with tempfile.TemporaryDirectory() as work:
            subprocess.run(["tar", "-xzf", archives[0], "-C", work, "--strip-components=1"], check=True)
            run = [program, f"{work}/bin/cachex"]
            env = {**ENV, "HOME": work}
            version = subprocess.run([*run, "version"], env=env, capture_output=True, text=True).stdout
            out = [subprocess.run([*run, "run", "-v", "--", "/bin/echo", "hello"], env=env, capture_output=True, text=True,
                                  stdin=subprocess.DEVNULL) for _ in range(2)]
            check(arch, out[1].stdout == "hello\n" and "cachex: hit" in out[1].stderr,
                  f"{version.replace(chr(10), '; ')} {out[1].stderr.strip()}")


class Timed:
    """Starts a program again and again in a root, when it is asked to, and tells how long each took."""

    def __init__(self, name, root, program, cache):
        self.name, self.took = name, []
        down, self.ask = os.pipe()
        self.answer, up = os.pipe()
        self.pid = os.fork()
        if self.pid:
            os.close(down)
            os.close(up)
            return
        os.close(self.ask)
        os.close(self.answer)
        null = os.open(os.devnull, os.O_RDWR)
        os.chroot(root)
        os.chdir("/")
        env = {**ENV, "XDG_CACHE_HOME": cache}
        argv = [program, "run", "--ttl", "1d", "--", "/bin/echo", "hello"]
        actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1)]
        while os.read(down, 1) == b"x":
            begun = time.perf_counter_ns()
            pid = os.posix_spawn(program, argv, env, file_actions=actions)
            code = os.waitpid(pid, 0)[1]
            os.write(up, b"%d %d\n" % (time.perf_counter_ns() - begun, code))
        os._exit(0)

    def once(self):
        os.write(self.ask, b"x")
        took, code = os.read(self.answer, 100).split()
        if code != b"0":
            raise SystemExit(f"{self.name}: status {code}")
        return int(took)

    def end(self):
        os.write(self.ask, b"q")  # processes that were forked later have the pipe open, too
        os.waitpid(self.pid, 0)


def times(debian_root, busybox_root, built, n):
    print(f"\nhits, {n} of each in turn")
    all_of = [Timed("built, on this machine", "/", os.path.abspath(built), tempfile.mkdtemp(prefix="cleanroots-")),
              Timed("the package, in Debian", debian_root, "/usr/bin/cachex", "/root/.cache"),
              Timed("the archive, with busybox", busybox_root, "/usr/local/bin/cachex", "/root/.cache")]
    for turn in range(n + 10):
        for t in all_of:
            took = t.once()
            if turn >= 10:
                t.took.append(took)
    for t in all_of:
        t.end()
        print(f"     {t.name}: least {min(t.took) / 1e6:.3f} ms, median {statistics.median(t.took) / 1e6:.3f} ms, "
              f"{min(t.took) / min(all_of[0].took):.2f} of the built one's least")


def main():
    given = parser.parse_args()
    if os.environ.get("CLEANROOTS_MOUNTS") != "own":  # what is mounted here goes when this ends
        os.environ["CLEANROOTS_MOUNTS"] = "own"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, os.path.abspath(__file__), *sys.argv[1:]])
    work = tempfile.mkdtemp(prefix="cleanroots-")
    try:
        root = given.root or f"{work}/debian"
        small = f"{work}/busybox"
        built = given.built or f"{work}/cachex"
        if not given.built:
            subprocess.run(["go", "build", "-trimpath", "-o", built, "."], cwd=TREE, check=True,
                           env={**os.environ, "CGO_ENABLED": "0"})
        before = debian(os.path.abspath(given.release), root)
        busybox(os.path.abspath(given.release), small)
        rpm(os.path.abspath(given.release), f"{work}/rpm")
        apk(os.path.abspath(given.release))
        emulated(os.path.abspath(given.release))
        times(root, small, built, given.n)
        removed(root, before)
    finally:
        subprocess.run(["umount", f"{work}/busybox/proc"], stderr=subprocess.DEVNULL)
        if not os.path.ismount(f"{work}/busybox/proc"):
            shutil.rmtree(work, ignore_errors=True)
    sys.exit(wrong > 0)


main()
