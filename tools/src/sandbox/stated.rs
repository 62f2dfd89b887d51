//! What a run is held to, in the words of its record. Numbers are those that were handed to the kernel or that it gives back.

use std::time::Duration;

use agent_core::enforcement::Limits;
use rustix::process::Resource;

use super::disk::DiskLimits;
use super::launch::lowered;
use crate::options::Options;

/// The limits that a program has however it is isolated; `process` are those of each of its processes.
pub(super) fn limits(
    options: &Options,
    wall_time: Duration,
    process: &[(Resource, u64)],
    disk: &DiskLimits,
) -> Limits {
    let of_each = |wanted: Resource| {
        let found = process.iter().find(|(resource, _)| *resource == wanted)?;
        lowered(wanted, found.1).maximum
    };
    let memory_bytes = of_each(Resource::Data);
    Limits {
        wall_ms: Some(u64::try_from(wall_time.as_millis()).unwrap_or(u64::MAX)),
        memory_bytes,
        memory_by: memory_bytes.map(|_| "rlimit_each".to_owned()),
        open_files: of_each(Resource::Nofile),
        file_bytes: of_each(Resource::Fsize),
        output_bytes: Some(options.output_bytes_max),
        ..disk.stated()
    }
}
