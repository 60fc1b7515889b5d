"""Copies of the program in which a function begins with other code, to make faults happen where none are."""
import os, shutil, struct, subprocess

program = os.path.realpath(shutil.which("cachex"))
image = open(program, "rb").read()
# The symbols of the short way, and where in the file what they name is.
at = {}
for line in subprocess.run(["go", "tool", "nm", program], capture_output=True, text=True, check=True,
                           env={**os.environ, "HOME": os.environ["HOME_OF_TESTS"]}).stdout.splitlines():
    words = line.split(maxsplit=2)
    if len(words) == 3 and words[1] in "Tt" and "cachex/fastpath." in words[2]:
        at[words[2].split("/fastpath.")[1]] = int(words[0], 16)
headers, size, count = struct.unpack_from("<Q", image, 32)[0], *struct.unpack_from("<HH", image, 54)


def offset(address):
    for i in range(count):
        kind, _, begin, virtual, _, length = struct.unpack_from("<IIQQQQ", image, headers + i * size)
        if kind == 1 and virtual <= address < virtual + length:
            return address - virtual + begin


def patched(name, function, make):
    "a copy of the program in a directory of this name"
    where = offset(at[function])
    new = bytearray(image)
    skip, code = make(bytes(image[where:where + 64]))
    new[where + skip:where + skip + len(code)] = code
    os.mkdir(name)
    with open(f"{name}/cachex", "wb") as f:
        f.write(new)
    os.chmod(f"{name}/cachex", 0o755)
    return f"{os.getcwd()}/{name}/cachex"


def fault(_):
    return 0, b"\xc7\x04\x25\0\0\0\0\0\0\0\0"  # movl $0, 0


def recursion(code):
    "calls itself behind the look at the stack's end"
    behind = code.index(b"\x3b\x66\x10") + 3  # cmp 16(r14), rsp
    behind += 2 if code[behind] == 0x76 else 6  # jbe
    return behind, b"\xe8" + struct.pack("<i", -(behind + 5))


def early_fault(code):
    "a fault in place of the look at the stack's end, if the goroutine is of no thread: before there is a runtime"
    begin = code.index(b"\x3b\x66\x10") - 1  # cmp 16(r14), rsp
    room = 6 if code[begin + 4] == 0x76 else 10  # with jbe
    return begin, b"\x49\x8b\x56\x30\x85\x12".ljust(room, b"\x90")  # mov 48(r14), rdx; test edx, (rdx)
