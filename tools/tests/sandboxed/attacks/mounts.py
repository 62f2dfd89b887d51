# Changing the view of the file system. Arguments that no kernel accepts show outside that a call is reached at all.

WRONG = 1  # Not an address.
HERE = -100 & 0xFFFFFFFFFFFFFFFF
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_MOVE, MS_REC, MS_SHARED = 1, 32, 4096, 8192, 16384, 1 << 20
harmless = calling("mount", b"none", b"/tmp", WRONG, 0, 0)


def mounting(source, target, kind, flags=0, data=0):
    return calling("mount", source, target, kind, flags, data)


for kind in ["tmpfs", "proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "debugfs", "tracefs", "securityfs", "bpf", "binfmt_misc", "mqueue", "ramfs", "ext4"]:
    add(f"mount {kind}", mounting(b"none", b"/tmp", kind.encode()), harmless)
add("mount an overlay", mounting(b"none", b"/tmp", b"overlay", 0, b"lowerdir=/usr,upperdir=/workspace,workdir=/workspace"), harmless)
add("mount a user's file system", mounting(b"none", b"/tmp", b"fuse", 0, b"fd=3,rootmode=40000,user_id=0,group_id=0"), harmless)
add("bind the root folder", mounting(b"/", b"/tmp", 0, MS_BIND | MS_REC), harmless)
add("make the root folder writable", mounting(0, b"/", 0, MS_REMOUNT | MS_BIND), harmless)
add("make the system writable", mounting(0, b"/usr", 0, MS_REMOUNT | MS_BIND), harmless)
add("make kernel settings writable", mounting(0, b"/proc/sys", 0, MS_REMOUNT | MS_BIND), harmless)
add("let devices work in the workspace", mounting(0, b"/workspace", 0, MS_REMOUNT | MS_BIND), harmless)
add("share mounts with the host", mounting(0, b"/", 0, MS_SHARED | MS_REC), harmless)
add("move a mount", mounting(b"/workspace", b"/tmp", 0, MS_MOVE), harmless)
for path in ["/proc", "/proc/sys", "/proc/kcore", "/usr", "/workspace", "/dev", "/"]:
    add(f"unmount {path}", calling("umount2", path.encode(), 2), calling("umount2", WRONG, 0x1000))
add("enlarge /tmp", mounting(b"none", b"/tmp", b"tmpfs", MS_REMOUNT, b"size=10G"), harmless)
add("change the root by pivot_root", calling("pivot_root", b"/workspace", b"/workspace"), calling("pivot_root", WRONG, WRONG))
add("change the root by chroot", calling("chroot", b"/workspace"), calling("chroot", WRONG))
add("open a new file system", calling("fsopen", b"proc", 0), calling("fsopen", b"no such kind", 0))
add("set up a new file system", calling("fsconfig", 0, 6, 0, 0, 0), calling("fsconfig", 0, 6, 0, 0, 0))
add("mount a new file system", calling("fsmount", 0, 0, 0), calling("fsmount", -1, 0, 0))
add("pick a file system", calling("fspick", HERE, b"/", 0), calling("fspick", HERE, WRONG, 0))
add("clone a tree of mounts", calling("open_tree", HERE, b"/", 1), calling("open_tree", HERE, b"/", 0))
add("clone a tree with other attributes", calling("open_tree_attr", HERE, b"/", 1, 0, 0))
add("attach a tree of mounts", calling("move_mount", HERE, b"/workspace", HERE, b"/tmp", 0), calling("move_mount", -1, b"", -1, b"", 0))
add("change attributes of mounts", calling("mount_setattr", HERE, b"/", 0, bytes(32), 32), calling("mount_setattr", HERE, b"/", 0, bytes(32), 1))
add("change attributes of mounts with an odd number", calling("mount", 0, b"/usr", 0, MS_REMOUNT | MS_BIND | 0xC0ED0000, 0), harmless)


@attempt("allowed: put things into /tmp", SAME)
def _():
    making(f"/tmp/{os.getpid()}-made")()
    os.unlink(f"/tmp/{os.getpid()}-made")


@attempt("allowed: read the own table of mounts", SAME)
def _():
    reading("/proc/self/mountinfo")()
