"""Hosts that share nothing with each other but a network: each has a network of its own, a boot id and a boot clock of
its own, and its own cache directory. The script itself, with its servers, becomes one more, to which each has a cable.
Needs root. All of it ends with the script, whatever happens to it: namespaces go when nobody is in them."""
import os, subprocess, uuid
import callers, servers

# Of the script and its servers, for all hosts. In a network of its own, it meets no other 10.9.0.1.
ADDRESS = "10.9.0.1"
_CLONE_NEWNET = 0x40000000


def ip(*words):
    subprocess.run(["ip", *words], check=True, stdin=subprocess.DEVNULL)


def leave():
    "takes the script, and what it starts from here on, out of the network of the machine"
    if servers.libc.unshare(_CLONE_NEWNET):
        raise PermissionError("no network namespace: this needs root")
    ip("link", "set", "lo", "up")
    ip("address", "add", ADDRESS + "/32", "dev", "lo")


class Host:
    "a host on a cable to the script. Its number is unique in the script"

    def __init__(self, number, name):
        self.env = servers.host(name)
        self.cable = f"to-{number}"
        boot_id = os.path.abspath(f"boot-id-{number}")
        with open(boot_id, "w") as f:
            f.write(f"{uuid.uuid4()}\n")
        # The shell stays there, and keeps the namespaces.
        text = 'mount --bind "$1" /proc/sys/kernel/random/boot_id && ip link set lo up && echo $$ && exec sleep infinity'
        self.keeper = subprocess.Popen(
            ["unshare", "--net", "--mount", "--time", "--boottime", str(1000000 * number), "--fork", "--kill-child",
             "sh", "-c", text, "sh", boot_id],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, preexec_fn=servers.dies_with_us)
        pid = self.keeper.stdout.readline().strip()
        assert pid, "a host of its own cannot be made here"
        self.inside = ["nsenter", "--target", pid, "--net", "--mount", "--time",
                       "sh", "-c", 'cd "$0" && exec "$@"', os.getcwd()]
        ip("link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", pid)
        ip("address", "add", f"10.9.{number}.1/24", "dev", self.cable)
        self.mend()
        for words in (["address", "add", f"10.9.{number}.2/24", "dev", "eth0"], ["link", "set", "eth0", "up"],
                      ["route", "add", "default", "via", f"10.9.{number}.1"]):
            subprocess.run([*self.inside, "ip", *words], check=True)

    def start(self, *words, **options):
        "a caller of cachex on this host"
        given = {"env": self.env, "preexec_fn": servers.dies_with_us}
        return callers.start(*words, inside=self.inside, **(given | options))

    def cut(self):
        "pulls the cable: nothing is refused, nothing answers"
        ip("link", "set", self.cable, "down")

    def mend(self):
        ip("link", "set", self.cable, "up")

    def end(self):
        self.keeper.kill()
        self.keeper.wait()
