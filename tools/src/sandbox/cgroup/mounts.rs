//! Where groups might be made, from what the kernel says of its mounts and of us.

use std::path::{Path, PathBuf};

use super::super::scope::Controller;
use super::group::{OWN, Version};

/// Where groups can be made.
#[derive(Debug, Clone)]
pub(super) struct Parent {
    pub folder: PathBuf,
    pub version: Version,
    pub controllers: Vec<Controller>,
}

/// Folders in which groups might be made: version 2 before version 1, our own group before the one around it.
pub(super) fn candidates(mounts: &str, own: &str) -> Vec<Parent> {
    let mut found = Vec::new();
    for (root, point, kind, options) in mounts.lines().filter_map(mount) {
        let two = kind == "cgroup2";
        let controllers: Vec<Controller> = Controller::ALL
            .into_iter()
            .filter(|controller| two || options.split(',').any(|o| o == controller.name()))
            .collect();
        let Some(path) = own_path(own, two, &controllers) else {
            continue;
        };
        let below = Path::new(path).strip_prefix(root).unwrap_or(Path::new(""));
        let mut folder = Path::new(point).join(below);
        // We have moved there ourselves.
        if two && folder.ends_with(OWN) {
            folder.pop();
        }
        let version = if two { Version::Two } else { Version::One };
        let around = folder
            .parent()
            .filter(|parent| two && parent.starts_with(point));
        for folder in [Some(folder.as_path()), around].into_iter().flatten() {
            found.push(Parent {
                folder: folder.to_owned(),
                version,
                controllers: controllers.clone(),
            });
        }
    }
    found.sort_by_key(|parent| parent.version == Version::One);
    found
}

/// Root, mount point, kind and options of a line of `mountinfo`, if it is a cgroup.
fn mount(line: &str) -> Option<(&str, &str, &str, &str)> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(3);
    let (root, point) = (left.next()?, left.next()?);
    let mut right = right.split(' ');
    let kind = right.next().filter(|kind| kind.starts_with("cgroup"))?;
    Some((root, point, kind, right.nth(1).unwrap_or_default()))
}

/// Our own group in a hierarchy.
fn own_path<'a>(own: &'a str, two: bool, controllers: &[Controller]) -> Option<&'a str> {
    own.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (number, names, path) = (parts.next()?, parts.next()?, parts.next()?);
        let here = if two {
            number == "0" && names.is_empty()
        } else {
            controllers
                .iter()
                .any(|controller| names.split(',').any(|name| name == controller.name()))
        };
        here.then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controllers_of_both_versions_are_found_where_we_are() {
        let mounts = "\
30 25 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
31 25 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct
32 25 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
33 25 0:29 / /data rw - ext4 /dev/vda rw";
        let own = "4:memory:/box/1\n1:cpu,cpuacct:/\n0::/system/errand";
        let found: Vec<(PathBuf, Version)> = candidates(mounts, own)
            .into_iter()
            .map(|parent| (parent.folder, parent.version))
            .collect();
        let moved = candidates(mounts, "0::/system/errand/errand-own");
        let moved: Vec<PathBuf> = moved.into_iter().map(|parent| parent.folder).collect();
        let wanted = ["/system/errand", "/system"];
        let wanted = wanted.map(|below| PathBuf::from(format!("/sys/fs/cgroup/unified{below}")));
        assert_eq!(moved, wanted);
        assert_eq!(
            found,
            vec![
                ("/sys/fs/cgroup/unified/system/errand".into(), Version::Two),
                ("/sys/fs/cgroup/unified/system".into(), Version::Two),
                ("/sys/fs/cgroup/memory/box/1".into(), Version::One),
                ("/sys/fs/cgroup/cpu".into(), Version::One),
            ]
        );
    }
}
