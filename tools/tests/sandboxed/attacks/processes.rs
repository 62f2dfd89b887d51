//! Other processes, priority, limits, shared memory, the machine's name, and control groups.

use super::Outside::{Everyone, Nowhere, Root};
use super::Theme;

pub(super) const THEME: Theme = Theme {
    name: "processes",
    script: include_str!("processes.py"),
    attempts: &[
        (
            "ESRCH",
            Everyone,
            &[
                "hold a process of the host by descriptor",
                "learn the group of a process of the host",
                "learn the limits of a process of the host",
                "learn the priority of a process of the host",
                "move a process of the host to one processor",
                "signal a process of the host",
                "signal a thread of the host",
                "signal the group of a process of the host",
            ],
        ),
        (
            "refused",
            Nowhere,
            &[
                "raise the limit CORE",
                "raise the limit FSIZE",
                "raise the limit MEMLOCK",
                "raise the limit NICE",
                "raise the limit NOFILE",
                "raise the limit NPROC",
                "raise the limit RTPRIO",
            ],
        ),
        (
            "ENOENT",
            Nowhere,
            &[
                "look at /sys/fs/cgroup",
                "look at /sys/fs/cgroup/cgroup.procs",
                "look at /sys/fs/cgroup/memory",
                "look at /sys/kernel/debug",
                "look at /sys/kernel/security",
            ],
        ),
        (
            "EPERM",
            Nowhere,
            &[
                "join the group of a process of the host",
                "raise the limit of the first process",
                "run before all others",
                "run in turns before all others",
            ],
        ),
        (
            "ENOENT",
            Everyone,
            &[
                "look at /sys/class/net",
                "open a file that a process of the host has in /tmp",
                "open memory that a process of the host shares",
            ],
        ),
        (
            "ESRCH",
            Nowhere,
            &[
                "queue a signal to a process of the host",
                "slow a process of the host down",
            ],
        ),
        ("EACCES", Everyone, &["take back the lowered priority"]),
        ("EACCES", Root, &["raise the own priority"]),
        ("ENOMEM", Nowhere, &["lock much memory"]),
        ("EPERM", Root, &["use the disk before all others"]),
        ("it lives", Nowhere, &["end the first process"]),
        (
            "no such limit above 0",
            Nowhere,
            &["write a picture of the memory to the host"],
        ),
        (
            "nothing of it",
            Nowhere,
            &["find shared memory of the host"],
        ),
        (
            "only the first process's",
            Nowhere,
            &["have a parent outside"],
        ),
        ("sandbox", Everyone, &["learn the name of the host"]),
        ("there is none", Nowhere, &["leave the control group"]),
    ],
    allowed: &[
        "allowed: lower the own priority",
        "allowed: share memory",
        "allowed: signal an own process",
    ],
};
