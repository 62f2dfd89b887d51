//! Further namespaces, in which a program would have capabilities, and those of others.

use super::Outside::{Everyone, Nowhere, Root};
use super::Theme;

pub(super) const THEME: Theme = Theme {
    name: "namespaces",
    script: include_str!("namespaces.py"),
    attempts: &[
        (
            "EPERM",
            Nowhere,
            &[
                "enter the first process's cgroup namespace",
                "enter the first process's ipc namespace",
                "enter the first process's mnt namespace",
                "enter the first process's net namespace",
                "enter the first process's pid namespace",
                "enter the first process's user namespace",
                "enter the first process's uts namespace",
                "enter the own cgroup namespace",
                "enter the own ipc namespace",
                "enter the own mnt namespace",
                "enter the own net namespace",
                "enter the own pid namespace",
                "enter the own uts namespace",
                "find the process namespace around this one",
                "find the user namespace around this one",
                "leave the user namespace with high bits set",
            ],
        ),
        (
            "EPERM",
            Root,
            &[
                "leave the cgroup namespace",
                "leave the ipc namespace",
                "leave the mnt namespace",
                "leave the net namespace",
                "leave the pid namespace",
                "leave the time namespace",
                "leave the uts namespace",
                "leave user and mount namespace together",
                "start a process in another cgroup namespace",
                "start a process in another ipc namespace",
                "start a process in another mnt namespace",
                "start a process in another net namespace",
                "start a process in another pid namespace",
                "start a process in another uts namespace",
            ],
        ),
        (
            "EPERM",
            Everyone,
            &[
                "enter all namespaces of the first process",
                "enter the own user namespace",
                "leave the user namespace",
                "start a process in a user namespace with high bits set",
                "start a process in another user namespace",
            ],
        ),
        (
            "ENOSYS",
            Everyone,
            &[
                "start a process by clone3",
                "start a process in a user namespace by clone3",
            ],
        ),
    ],
    allowed: &["allowed: start a process", "allowed: start a thread"],
};
