//! What `/proc` shows of the host and of the kernel, and what could be set through it.

use super::Outside::{Everyone, Nowhere, Root};
use super::Theme;

pub(super) const THEME: Theme = Theme {
    name: "views",
    script: include_str!("views.py"),
    attempts: &[
        (
            "EROFS|EACCES|ENOENT",
            Nowhere,
            &[
                "open /proc/sys/fs/binfmt_misc/register for writing",
                "open /proc/sys/fs/suid_dumpable for writing",
                "open /proc/sys/kernel/modprobe for writing",
                "open /proc/sys/kernel/ns_last_pid for writing",
                "open /proc/sys/kernel/randomize_va_space for writing",
                "open /proc/sys/kernel/sysrq for writing",
                "open /proc/sys/kernel/unprivileged_bpf_disabled for writing",
                "open /proc/sys/kernel/yama/ptrace_scope for writing",
                "open /proc/sys/net/ipv4/ip_forward for writing",
                "open /proc/sys/user/max_user_namespaces for writing",
                "open /proc/sys/vm/drop_caches for writing",
            ],
        ),
        (
            "nothing of it",
            Everyone,
            &[
                "find a descriptor of the host in any process",
                "find a process that could have a capability",
                "find a process that may gain privileges",
                "find a process with a capability",
                "find a process without the filter",
                "read a planted file through any process's directory",
                "read a planted file through any process's root",
                "read our variables from every process",
                "read our variables from the own environment",
                "see a process of the host in the list",
            ],
        ),
        (
            "EACCES|EPERM|ENOENT|empty",
            Nowhere,
            &[
                "read /proc/kcore",
                "read /proc/kmsg",
                "read /proc/kpagecount",
                "read /proc/kpageflags",
                "read /proc/pagetypeinfo",
                "read /proc/sched_debug",
                "read /proc/slabinfo",
                "read /proc/vmallocinfo",
            ],
        ),
        (
            "EPERM|EACCES",
            Nowhere,
            &[
                "allow further groups",
                "be spared entirely when memory is short",
                "be spared more than the host when memory is short",
                "map groups anew",
                "map users anew",
                "shift the clock of a namespace",
            ],
        ),
        (
            "ENOENT",
            Everyone,
            &[
                "list the descriptors of a process of the host",
                "look at a process of the host",
                "read a planted file through a process of the host",
                "read the memory map of a process of the host",
            ],
        ),
        (
            "EROFS|EACCES|ENOENT",
            Root,
            &[
                "open /proc/sys/kernel/core_pattern for writing",
                "open /proc/sys/kernel/hostname for writing",
                "open /proc/sys/vm/overcommit_memory for writing",
            ],
        ),
        (
            "EACCES|EPERM|ENOENT|empty",
            Everyone,
            &["read /proc/key-users", "read /proc/keys"],
        ),
        (
            "EACCES|EROFS|ETXTBSY",
            Nowhere,
            &[
                "replace the own program",
                "replace the program that starts the sandbox",
            ],
        ),
        (
            "zeros",
            Root,
            &[
                "read physical addresses of own pages",
                "read where devices lie in memory",
            ],
        ),
        (
            "EACCES|EPERM|ENOENT|empty",
            Root,
            &["read /proc/timer_list"],
        ),
        (
            "ENOENT|EACCES|the null device",
            Nowhere,
            &["ask the kernel's emergency functions"],
        ),
        ("empty", Nowhere, &["read the first process's environment"]),
        (
            "nothing of it",
            Nowhere,
            &["find a mount of the data folder or of the root of the host"],
        ),
        ("only /", Everyone, &["learn the own control group"]),
        ("zeros", Nowhere, &["read the kernel's addresses"]),
    ],
    allowed: &[
        "allowed: read the own memory",
        "allowed: read the own state",
    ],
};
