"""Servers for the scripts, each a real one on a loopback port of its own. They end with the script, whatever happens to
it."""
import ctypes, os, re, select, shutil, signal, socket, subprocess, tempfile, threading, time, urllib.parse

libc = ctypes.CDLL(None)


def dies_with_us():
    libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def free_port(address="127.0.0.1"):
    with socket.socket() as s:
        s.bind((address, 0))
        return s.getsockname()[1]


class _Server:
    def __init__(self, address="127.0.0.1"):
        self.address, self.port = address, free_port(address)
        self.hostport = f"{self.address}:{self.port}"
        self.process = None

    def connect(self, timeout=30):
        return socket.create_connection((self.address, self.port), timeout=timeout)

    def start(self):
        program = self.argv()[0]
        assert shutil.which(program), f"no {program} here: install it"
        self.process = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        preexec_fn=dies_with_us)
        deadline = time.monotonic() + 30
        while not self.answers():
            assert self.process.poll() is None and time.monotonic() < deadline, f"{program} does not answer"
            time.sleep(0.01)
        return self

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()


class Redis(_Server):
    "redis-server, with a password if there is one. It keeps nothing on disk"

    def __init__(self, password=None, flags=(), **more):
        super().__init__(**more)
        self.password, self.flags = password, flags
        self.dir = tempfile.TemporaryDirectory(prefix="cachex-redis.")

    def argv(self):
        words = ["redis-server", "--bind", self.address, "--port", str(self.port), "--save", "",
                 "--dir", self.dir.name, "--protected-mode", "no"]
        return words + (["--requirepass", self.password] if self.password else []) + list(self.flags)

    def answers(self):
        try:
            return f"process_id:{self.process.pid}\r".encode() in self("INFO", "server")
        except (OSError, AssertionError):
            return False

    def url(self, options="", user=""):
        return f"redis://{user}{self.hostport}{options}"

    def __call__(self, *words):
        "one command; its answer as bytes, an int, None, or a list of these"
        with self.connect() as s, s.makefile("rwb") as f:
            if self.password:
                self._ask(f, "AUTH", self.password)
            return self._ask(f, *words)

    def _ask(self, f, *words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        f.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        f.flush()
        return self._answer(f)

    def _answer(self, f):
        line = f.readline()
        kind, rest = line[:1], line[1:-2]
        assert kind in (b"+", b":", b"$", b"*"), line
        if kind == b"+":
            return rest
        n = int(rest)
        if kind == b":":
            return n
        if n < 0:
            return None
        if kind == b"*":
            return [self._answer(f) for _ in range(n)]
        text = f.read(n + 2)
        return text[:-2]

    def requests(self):
        "how many commands it has been sent, but for those of this script that ask"
        stats = [l.split(":") for l in self("INFO", "commandstats").decode().splitlines() if l.startswith("cmdstat_")]
        return sum(int(v.split(",")[0].split("=")[1]) for k, v in stats if k not in ("cmdstat_info", "cmdstat_auth"))

    def keys(self, pattern="*"):
        return sorted(k.decode() for k in self("KEYS", pattern))

    def values(self):
        return self.keys("*:v:*")

    def end_lease(self):
        "as if its time were over"
        [key] = self.keys("*:l:*")
        assert 0 < self("PTTL", key) <= 15000
        self("PEXPIRE", key, "1")

    def cli(self, *words):
        given = os.environ | ({"REDISCLI_AUTH": self.password} if self.password else {})
        return subprocess.run(["redis-cli", "-h", self.address, "-p", str(self.port), *words], check=True,
                              capture_output=True, text=True, env=given).stdout


class Memcached(_Server):
    def argv(self):
        as_user = ["-u", "root"] if os.getuid() == 0 else []  # who becomes another user outlives us
        return ["memcached", "-l", self.address, "-p", str(self.port), "-U", "0", *as_user]

    def answers(self):
        try:
            return self.ask("stats", b"END\r\n")[0] == b"STAT pid %d\r\n" % self.process.pid
        except OSError:
            return False

    def ask(self, line, *last):
        "the lines of an answer, up to its last, which is one of these"
        with self.connect() as s, s.makefile("rwb") as f:
            f.write(line.encode() + b"\r\n")
            f.flush()
            lines = []
            while not lines or lines[-1] not in last:
                lines.append(f.readline())
                if not lines[-1]:
                    raise ConnectionError(f"no end of the answer to {line}")
            return lines

    def keys(self):
        busy = b"BUSY currently processing crawler request\r\n"  # the server may be looking through its keys by itself
        while busy in (answer := self.ask("lru_crawler metadump all", b"END\r\n", busy)):
            time.sleep(0.01)
        return [urllib.parse.unquote(l.split()[0].decode().removeprefix("key=")) for l in answer[:-1]]

    def end_lease(self):
        "as if its time were over. The crawler passes over what somebody is reading at the moment"
        deadline = time.monotonic() + 30
        while not (keys := [k for k in self.keys() if ":l:" in k]):
            assert time.monotonic() < deadline, "there is no lease"
            time.sleep(0.01)
        [key] = keys
        self.ask(f"delete {key}", b"DELETED\r\n")

    def requests(self):
        "how many values it has been asked for"
        stats = dict(l.split()[1:3] for l in self.ask("stats", b"END\r\n")[:-1])
        return int(stats[b"cmd_get"]) + int(stats[b"cmd_meta"])

    def url(self, options=""):
        return f"memcached://{self.hostport}{options}"


class Listener:
    "a port that counts who connects, and answers each with the same bytes, or, with None, not at all"

    def __init__(self, port=0, answer=None):
        self.socket = socket.create_server(("127.0.0.1", port), backlog=1024)
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]
        self.hostport = f"127.0.0.1:{self.port}"
        self.kept = []

    def arrived(self):
        "how many have connected so far"
        while True:
            try:
                self.kept.append(self.socket.accept()[0])
            except BlockingIOError:
                return len(self.kept)


def host(name, **more):
    "the environment of a host of its own: it has its own cache directory"
    return os.environ | {"CACHEX_CACHE_DIR": os.path.join(os.environ["WORK"], "host-" + name)} | more


class _Web(_Server):
    "a server that answers any request once it is there. It keeps its files in dir"

    def __init__(self, **more):
        super().__init__(**more)
        self.dir = tempfile.TemporaryDirectory(prefix="cachex-web.")

    def answers(self):
        try:
            with self.connect() as s:
                s.sendall(b"GET / HTTP/1.0\r\n\r\n")
                return s.recv(5) == b"HTTP/"
        except OSError:
            return False

    def log(self):
        "its access log"
        return os.path.join(self.dir.name, "access.log")

    def url(self, options="", hostport=None):
        return f"http://{hostport or self.hostport}/cache{options}"


def _built(name):
    "where scripts/servers has put a server: below the home of who runs the tests, not below that of the script"
    given = os.environ | {"HOME": os.environ["HOME_OF_TESTS"], "GOCACHE": os.environ["GOCACHE_OF_TESTS"]}
    return subprocess.run([os.path.join(os.environ["PROJECT"], "scripts", "servers"), name], env=given, check=True,
                          stdout=subprocess.PIPE, text=True).stdout.strip()


class Nginx(_Web):
    "with WebDAV. It logs each request"

    def argv(self):
        d = self.dir.name
        os.makedirs(d + "/www", exist_ok=True)
        with open(d + "/conf", "w") as f:
            kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
            f.write(f"daemon off; master_process off; pid {d}/pid; error_log stderr crit; events {{}} "
                    + f"http {{ access_log {self.log()}; client_max_body_size 0; "
                    + "".join(f"{kind}_temp_path {d}/{kind}; " for kind in kinds)
                    + "dav_methods PUT DELETE; create_full_put_path on; "
                    + f"server {{ listen {self.hostport}; root {d}/www; }} }}")
        return ["nginx", "-e", "stderr", "-p", d, "-c", d + "/conf"]

    def requests(self):
        "what it has answered: a method and a path each"
        with open(self.log()) as f:
            return [re.search(r'"([A-Z]+) ([^ ]*) HTTP', l).groups() for l in f if '"GET / ' not in l]


class BazelRemote(_Web):
    def argv(self):
        return [_built("bazel-remote"), "--dir", self.dir.name, "--max_size", "1", "--http_address", self.hostport,
                "--grpc_address", "none", "--disable_http_ac_validation", "--access_log_level", "none"]

    def url(self, options=""):
        return f"http://{self.hostport}{options}"


class Versity(_Web):
    "an S3 server with the bucket cache. It logs each request"

    def argv(self):
        os.makedirs(self.dir.name + "/cache", exist_ok=True)
        return [_built("versitygw"), "--access", "cachex", "--secret", "secret", "--port", self.hostport,
                "--keep-alive", "--quiet", "--access-log", self.log(), "posix", self.dir.name]

    def url(self, options="", hostport=None):
        return f"s3://cachex:secret@cache/some?endpoint=http://{hostport or self.hostport}{options.replace('?', '&')}"

    def requests(self):
        "what it has answered: a method and a path each"
        with open(self.log()) as f:
            found = [re.search(r" s3_(\w+?)Object \S+ /cache/(\S+) ", l) for l in f]
            return [(m[1].upper(), m[2]) for m in found if m]


class Relay:
    """A port in front of a server. It counts round trips: how often a client says something first, or again after an
    answer."""

    def __init__(self, port, change=None):
        self.to = port
        self.change = change  # makes of what the server says, piece by piece, what the client hears
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.hostport = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.trips = self.bytes = self.open = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.socket.accept()
            self.open += 1
            server = socket.create_connection(("127.0.0.1", self.to))
            threading.Thread(target=self._pass, args=(client, server), daemon=True).start()

    def _pass(self, client, server):
        last = server
        with client, server:
            try:
                while True:
                    for s in select.select([client, server], [], [])[0]:
                        data = s.recv(1 << 18)
                        if not data:
                            return
                        self.trips += s is client and last is server
                        self.bytes += len(data)
                        if data != b"HTTP/1.1 100 Continue\r\n\r\n":  # not an answer yet
                            last = s
                        if s is server and self.change:
                            data = self.change(data)
                        (server if s is client else client).sendall(data)
            except OSError:
                pass
            finally:
                self.open -= 1


class Lighttpd(_Web):
    "with the configuration of a directory, which it serves. It is started in an environment without a home"

    def __init__(self, directory, **more):
        super().__init__(**more)
        self.directory = directory

    def argv(self):
        given = [f"{name}={os.environ[name]}" for name in ("PATH", "TMPDIR") if name in os.environ]
        return ["env", "-C", self.directory, "-i", f"PORT={self.port}", *given,
                "lighttpd", "-D", "-f", "lighttpd.conf"]
