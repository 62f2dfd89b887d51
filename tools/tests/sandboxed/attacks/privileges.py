# Becoming another user, gaining capabilities, and leaving a program behind that would give them.

HERE = -100 & 0xFFFFFFFFFFFFFFFF


def fresh():
    name = f"sly-{os.getpid()}"
    with open(name, "wb") as file:
        file.write(b"#!/bin/sh\n")
    return name.encode()


def seen(name):
    """What was made counts, not what a call answered."""
    if not os.stat(name).st_mode & 0o6000:
        raise Held("no such bit")


def on_file(change):
    def attack():
        name = fresh()
        change(name)
        seen(name)
    return attack


def of_new(make):
    def attack():
        name = f"sly-new-{os.getpid()}".encode()
        make(name)
        seen(name)
    return attack


def by_descriptor(bits):
    def change(name):
        file = os.open(name, os.O_RDONLY)
        os.fchmod(file, bits)
    return change


def unnamed(bits):
    """A file that has no name until it is linked."""
    def make(name):
        file = call("openat", HERE, b".", os.O_TMPFILE | os.O_RDWR, bits)
        call("linkat", HERE, f"/proc/self/fd/{file}".encode(), HERE, name, 0x400)
    return make


WRITE_NEW = os.O_CREAT | os.O_WRONLY
for who, bits in [("user", 0o4755), ("group", 0o2755), ("user and group", 0o6755)]:
    add(f"set the {who} bit by chmod", on_file(lambda name, bits=bits: os.chmod(name, bits)), SAME)
    add(f"set the {who} bit by fchmod", on_file(by_descriptor(bits)), SAME)
    add(f"set the {who} bit by fchmodat", on_file(lambda name, bits=bits: call("fchmodat", HERE, name, bits)), SAME)
    add(f"set the {who} bit by fchmodat2", on_file(lambda name, bits=bits: call("fchmodat2", HERE, name, bits, 0)), SAME)
    add(f"set the {who} bit with openat", of_new(lambda name, bits=bits: call("openat", HERE, name, WRITE_NEW, bits)), SAME)
    add(f"set the {who} bit with openat2", of_new(lambda name, bits=bits: call("openat2", HERE, name, struct.pack("3Q", WRITE_NEW, bits, 0), 24)), SAME)
    add(f"set the {who} bit of a file without a name", of_new(unnamed(bits)), SAME)
    add(f"set the {who} bit by mknodat", of_new(lambda name, bits=bits: call("mknodat", HERE, name, 0o100000 | bits, 0)), SAME)
add("set the user bit with high bits set", on_file(lambda name: call("fchmodat", HERE, name, 0o4755 | 1 << 40)), SAME)
add("set the user bit of a file without a name and high bits set", of_new(unnamed(0o4755 | 1 << 40)), SAME)
add("set the group bit of a folder", lambda: os.chmod(os.getcwd(), 0o2700), lambda: os.chmod(".", 0o2700))


@attempt("set the group bit of a new folder")
def _():
    name = f"folder-{os.getpid()}"
    os.mkdir(name, 0o2777)
    seen(name)


for bits in ["u+s", "g+s", "4755"]:
    def by_program(bits=bits):
        name = fresh().decode()
        if subprocess.run(["chmod", bits, name], stderr=subprocess.DEVNULL).returncode:
            raise Held("refused")
        seen(name)
    add(f"set bits with the program chmod {bits}", by_program, SAME)


@attempt("set the user bit with the program install", SAME)
def _():
    name = f"sly-{os.getpid()}"
    if subprocess.run(["install", "-m", "4755", "/usr/bin/env", name], stderr=subprocess.DEVNULL).returncode:
        raise Held("refused")
    seen(name)


@attempt("keep the user bit in an archive", SAME)
def _():
    import io, tarfile
    with tarfile.open("sly.tar", "w") as archive:
        entry = tarfile.TarInfo("sly-unpacked")
        entry.mode = 0o4755
        archive.addfile(entry, io.BytesIO())
    subprocess.run(["tar", "-xpf", "sly.tar"], stderr=subprocess.DEVNULL)
    if not os.path.exists("sly-unpacked"):
        raise Held("refused")
    seen("sly-unpacked")


# A capability on a file: version 2, effective, CAP_SETUID.
CAPABILITY = struct.pack("<5I", 0x02000001, 1 << 7, 0, 0, 0)
add("give a file a capability", on_file(lambda name: os.setxattr(name, "security.capability", CAPABILITY)), lambda: os.setxattr(fresh(), "security.capability", CAPABILITY))
for who in ["setuid", "setgid", "seteuid", "setegid"]:
    add(f"become root by {who}", lambda who=who: getattr(os, who)(0), SAME)
add("become root in all ways", lambda: os.setresuid(0, 0, 0), SAME)
add("become a user of the host", lambda: os.setresuid(*[FACTS["stranger"]] * 3), SAME)
add("join the group of root", lambda: os.setgroups([0]), SAME)


@attempt("become root for files only")
def _():
    call("setfsuid", 0)
    with open("/proc/self/status") as status:
        if "Uid:\t1000\t1000\t1000\t1000\n" in status.read():
            raise Held("no change")


HEADER, ALL = struct.pack("Ii", 0x20080522, 0), struct.pack("6I", *[0xFFFFFFFF, 0xFFFFFFFF, 0] * 2)
add("take all capabilities", calling("capset", HEADER, ALL))
add("keep a capability for programs", calling("prctl", 47, 2, 7, 0, 0))
add("change how root is treated", calling("prctl", 28, 0, 0, 0, 0), SAME)
add("allow new privileges again", calling("prctl", 38, 0, 0, 0, 0), None)
add("turn the filter off", calling("prctl", 22, 0, 0, 0, 0), None)
add("put a filter without the promise", calling("seccomp", 99, 0, 0), None)


def running(*command):
    def attack():
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=4)
        if done.returncode:
            raise Held("refused")
    return attack


add("become root with su", running("su", "root", "-c", "id"), SAME)
add("become root with sudo", running("/usr/bin/env", "sudo", "-n", "id"), None)
add("mount with the program mount", running("mount", "-t", "tmpfs", "none", "/tmp"), None)
add("set a password", running("passwd", "-d", "root"), None)
add("change the own shell", running("chsh", "-s", "/bin/sh"), None)
add("ask a service for rights", running("/usr/bin/env", "pkexec", "id"), None)


@attempt("find a mount on which user bits count")
def _():
    for line in open("/proc/self/mountinfo"):
        point, options = line.split()[4], line.split()[5].split(",")
        if "nosuid" not in options:
            return
    raise Held("all without")


@attempt("allowed: change the mode of an own file", SAME)
def _():
    os.chmod(fresh(), 0o755)


@attempt("allowed: make a folder", SAME)
def _():
    os.mkdir(f"made-{os.getpid()}", 0o755)


add("allowed: run a program", running("/usr/bin/env", "true"), SAME)
add("allowed: make a file without a name", lambda: os.close(call("openat", HERE, b".", os.O_TMPFILE | os.O_RDWR, 0o600)), SAME)
