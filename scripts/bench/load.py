#!/usr/bin/env python3
"""load.py [--runs N] [--at-once N] [--cluster] [--tag T]: what a fleet costs a Redis.

Starts a redis-server of its own (with --cluster, three), lets hundreds of cachex processes at a time run against it,
each with an empty cache directory as a fresh machine has, and prints what the server counted per 1000 runs: once for
misses, once for hits, each with 4 kB of output that hardly shrinks. The figures in scale.md come from here."""
import argparse, concurrent.futures, os, pathlib, re, shutil, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "testdata"))
from servers import Redis

OWN = ("info", "config|resetstat", "cluster|info", "ping")  # commands of this script


class Node(Redis):
    def __init__(self, cluster):
        super().__init__()
        while cluster and self.port > 55000:  # the port for other nodes is 10000 higher
            super().__init__()
        self.cluster = cluster

    def argv(self):
        return super().argv() + (["--cluster-enabled", "yes"] if self.cluster else [])

    def figures(self):
        info = dict(l.split(":", 1) for l in self("INFO", "all").decode().splitlines() if ":" in l)
        calls = {k.removeprefix("cmdstat_"): int(re.match(r"calls=(\d+)", v)[1])
                 for k, v in info.items() if k.startswith("cmdstat_")}
        return {
            "cpu": sum(float(info[k]) for k in ("used_cpu_user", "used_cpu_sys")),
            "reads": int(info["total_reads_processed"]), "connections": int(info["total_connections_received"]),
            "memory": int(info["used_memory"]),
            "in": int(info["total_net_input_bytes"]), "out": int(info["total_net_output_bytes"]),
            **{"call " + k: n for k, n in calls.items() if k not in OWN and "|" not in k or k.startswith("cluster|s")},
        }


def together(nodes):
    "one cluster of these, when all of them say so"
    at = [n.hostport for n in nodes]
    subprocess.run(["redis-cli", "--cluster", "create", *at, "--cluster-yes"], check=True, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not all(b"cluster_state:ok" in n("CLUSTER", "INFO") for n in nodes):
        assert time.monotonic() < deadline, "the cluster does not form"
        time.sleep(0.05)


class Fleet:
    def __init__(self, program, url, flags, at_once):
        self.program, self.url, self.flags, self.at_once = program, url, flags, at_once
        self.dir = tempfile.TemporaryDirectory(prefix="cachex-load.")
        self.machines = 0

    def run(self, machine, number, want):
        "one run on a machine that has nothing, and then is gone"
        cache = os.path.join(self.dir.name, str(machine))
        env = {"PATH": os.environ["PATH"], "HOME": self.dir.name, "CACHEX_CACHE_DIR": cache}
        text = f"echo {number} >&2; head -c 3072 /dev/urandom | base64 -w0"
        p = subprocess.run([self.program, "run", "-v", "--remote", self.url, *self.flags, "--", "sh", "-c", text],
                           env=env, stdin=subprocess.DEVNULL, capture_output=True)
        shutil.rmtree(cache, ignore_errors=True)
        assert p.returncode == 0 and len(p.stdout) == 4096, p
        assert p.stderr.decode().splitlines()[-1].startswith("cachex: " + want), p.stderr
        return number

    def all(self, numbers, want):
        with concurrent.futures.ThreadPoolExecutor(self.at_once) as pool:
            jobs = []
            for n in numbers:
                self.machines += 1
                jobs.append(pool.submit(self.run, self.machines, n, want))
            for job in jobs:
                job.result()


def show(name, before, after, runs):
    rows = [{k: (a.get(k, 0) - b.get(k, 0)) * 1000 / runs for k in a} for b, a in zip(before, after)]
    total = {k: sum(r.get(k, 0) for r in rows) for k in {k for r in rows for k in r}}
    print(f"\n1000 {name}: {total['cpu'] * 1000:.0f} ms of the server's CPU, {total['connections']:.0f} connections, "
          f"{total['reads'] - total['connections']:.0f} reads without the ends of connections, "
          f"{total['in'] / 1e6:.2f} MB in, {total['out'] / 1e6:.2f} MB out, "
          f"{total['memory'] / 1e6:.2f} MB more memory")
    calls = sorted(((n, k.removeprefix("call ")) for k, n in total.items() if k.startswith("call ") and n >= 1),
                   reverse=True)
    print("  commands: " + ", ".join(f"{k} {n:.0f}" for n, k in calls))
    if len(rows) > 1:
        count = [sum(n for k, n in r.items() if k.startswith("call ")) for r in rows]
        print("  share of the commands of each node: " + ", ".join(f"{c / sum(count):.0%}" for c in count))


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--runs", type=int, default=1000)
    args.add_argument("--at-once", type=int, default=200)
    args.add_argument("--cluster", action="store_true")
    args.add_argument("--tag")
    o = args.parse_args()
    with tempfile.TemporaryDirectory(prefix="cachex-load.") as d:
        program = os.path.join(d, "cachex")
        subprocess.run(["go", "build", "-trimpath", "-o", program, "."], cwd=ROOT, check=True,
                       env=os.environ | {"CGO_ENABLED": "0"})
        nodes = [Node(o.cluster) for _ in range(3 if o.cluster else 1)]
        try:
            for n in nodes:
                n.start()
            if o.cluster:
                together(nodes)
            url = "redis://" + ",".join(n.hostport for n in nodes) + ("?cluster=1" if o.cluster else "")
            fleet = Fleet(program, url, ["--tag", o.tag] if o.tag else [], o.at_once)
            fleet.all(["first"], "miss")  # starts the counts
            for name, want in (("misses", "miss"), ("hits", "hit")):
                before, began = [n.figures() for n in nodes], time.monotonic()
                fleet.all(range(o.runs), want)
                took = time.monotonic() - began
                show(name, before, [n.figures() for n in nodes], o.runs)
                print(f"  {o.runs} runs, {o.at_once} processes at a time, {o.runs / took:.0f} a second here")
        finally:
            for n in nodes:
                n.kill()


main()
