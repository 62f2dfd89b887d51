# Files of the host: reading them, changing them, and reaching them by another way.

CANARY, DATA, OTHER, OWN = FACTS["canary"], FACTS["data"], FACTS["other"], FACTS["own"]
PROGRAM = "/usr/bin/env"

add("read a planted file", reading(CANARY), SAME)
add("write a planted file", opening(CANARY), SAME)
add("list a planted folder", listing(os.path.dirname(CANARY)), SAME)
add("list the data folder", listing(DATA), SAME)
add("read the database", reading(DATA + "/errand.db"), SAME)
add("read the key of the service", reading(DATA + "/key"), SAME)
add("list another step's workspace", listing(OTHER), SAME)
add("read a file of another step", reading(OTHER + "/private"), SAME)
add("reach the workspace by its path on the host", listing(OWN), SAME)
for path in ["/home", "/var", "/run", "/sys", "/var/lib", "/var/run/docker.sock", "/etc/passwd-", "/proc/../var"]:
    add(f"look at {path}", lambda path=path: os.stat(path), SAME if path in ("/home", "/var", "/run", "/sys") else None)
for path in ["/root", "/root/.ssh", "/boot", "/lost+found", "/etc/ssh", "/etc/ssl/private", "/etc/sudoers.d", "/etc/cron.d"]:
    add(f"list {path}", listing(path), SAME if path == "/root" else None)
for path in ["/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/machine-id", "/etc/fstab", "/etc/ssh/ssh_host_rsa_key"]:
    add(f"read {path}", reading(path), SAME if path == "/etc/shadow" else None)


@attempt("climb out of the workspace", SAME)
def _():
    if "sys" not in os.listdir("/workspace/../../.." if INSIDE else "/"):
        raise Held("the sandbox's own root")


@attempt("climb from a descriptor of the workspace", SAME)
def _():
    top = os.open(".", os.O_RDONLY)
    for _ in range(40):
        top = os.open("..", os.O_RDONLY, dir_fd=top)
    if "sys" not in os.listdir(top):
        raise Held("the sandbox's own root")


@attempt("follow a link to a planted file", SAME)
def _():
    link = f"link-{os.getpid()}"
    os.symlink(CANARY, link)
    try:
        reading(link)()
    finally:
        os.unlink(link)


for path in ["/usr/planted", "/usr/bin/planted", "/usr/local/bin/planted", "/etc/planted", "/planted", "/dev/planted", "/etc/ssl/certs/planted"]:
    add(f"make {path}", making(path))
for path in ["/etc/passwd", "/etc/group", "/etc/hosts", "/etc/resolv.conf", "/etc/ld.so.cache", "/etc/nsswitch.conf", PROGRAM]:
    add(f"write {path}", opening(path))
add("cut a system program", lambda: os.truncate(PROGRAM, 0))
add("rename a system file", lambda: os.rename("/etc/passwd", "/etc/other"))
add("remove a system file", lambda: os.unlink("/etc/hosts"))
add("replace the link to the system's programs", lambda: os.unlink("/bin"))
add("change the mode of a system program", lambda: os.chmod(PROGRAM, 0o777))
add("change the times of a system program", lambda: os.utime(PROGRAM))
add("mark a system program", lambda: os.setxattr(PROGRAM, "user.planted", b"x"))
add("give a system program away", lambda: os.chown(PROGRAM, 1000, 1000))
add("link a system program into the workspace", lambda: os.link(PROGRAM, "linked"))
add("move a system program into the workspace", lambda: os.rename(PROGRAM, "moved"))
add("put the workspace's file over a system file", lambda: os.rename("probe.py", PROGRAM))


@attempt("open a read-only file again for writing")
def _():
    file = os.open("/etc/passwd", os.O_RDONLY)
    os.close(os.open(f"/proc/self/fd/{file}", os.O_RDWR))


@attempt("map a read-only file for writing")
def _():
    import mmap
    file = os.open("/etc/passwd", os.O_RDONLY)
    mmap.mmap(file, 0, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)


def own_file():
    name = f"own-{os.getpid()}"
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT, 0o600))
    return name


add("give a file of the workspace to root", lambda: os.chown(own_file(), 0, 0))
add("give a file of the workspace to a user of the host", lambda: os.chown(own_file(), FACTS["stranger"], -1), SAME)


@attempt("make a file that cannot be changed", SAME)
def _():
    name = own_file()
    file = os.open(name, os.O_RDONLY)
    flags = struct.unpack("l", fcntl.ioctl(file, 0x80086601, bytes(8)))[0]
    fcntl.ioctl(file, 0x40086602, struct.pack("l", flags | 0x10))
    fcntl.ioctl(file, 0x40086602, struct.pack("l", flags))


@attempt("allowed: write to the workspace", SAME)
def _():
    with open(own_file(), "w") as file:
        file.write("x")


add("allowed: read a system file", reading("/etc/passwd"), SAME)
add("allowed: link a file within the workspace", lambda: os.link(own_file(), f"twin-{os.getpid()}"), SAME)
