//! Counts what compressed parts unpack to, so that no file grows past its limits whatever it claims about itself.

use std::cell::Cell;
use std::io::{self, Read};

use crate::error::Error;
use crate::limits::Limits;

/// Up to here a part may be any number of times larger than its compressed form.
const RATIO_GRACE_BYTES: u64 = 1 << 20;

/// What one document may still unpack.
#[derive(Debug)]
pub(crate) struct Meter<'l> {
    limits: &'l Limits,
    unpacked: Cell<u64>,
}

impl<'l> Meter<'l> {
    pub fn new(limits: &'l Limits) -> Self {
        let unpacked = Cell::new(0);
        Self { limits, unpacked }
    }

    pub fn limits(&self) -> &'l Limits {
        self.limits
    }

    /// A reader of one part that fails as soon as a limit is passed. `packed` is its compressed length in bytes.
    pub fn watch<R: Read>(&self, source: R, packed: u64) -> Watched<'_, 'l, R> {
        Watched {
            meter: self,
            source,
            packed,
            read: 0,
        }
    }

    fn count(&self, bytes: u64, part: u64, packed: u64) -> Result<(), Error> {
        let limits = self.limits;
        let all = self.unpacked.get().saturating_add(bytes);
        self.unpacked.set(all);
        let limit = |limit, allowed, what: &str| Err(Error::limit(limit, allowed, what));
        if part > RATIO_GRACE_BYTES && part > packed.saturating_mul(limits.ratio) {
            return limit(
                "ratio",
                limits.ratio,
                "a part that unpacks suspiciously far",
            );
        }
        if part > limits.entry_bytes {
            return limit("entry_bytes", limits.entry_bytes, "a large compressed part");
        }
        if all > limits.unpacked_bytes {
            let what = "all compressed parts together";
            return limit("unpacked_bytes", limits.unpacked_bytes, what);
        }
        Ok(())
    }
}

/// See [`Meter::watch`].
pub(crate) struct Watched<'m, 'l, R> {
    meter: &'m Meter<'l>,
    source: R,
    packed: u64,
    read: u64,
}

impl<R: Read> Read for Watched<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.read += count as u64;
        self.meter.count(count as u64, self.read, self.packed)?;
        Ok(count)
    }
}
