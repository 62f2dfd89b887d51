//! The bytes of a stream, unpacked under the limits.

use std::io::Read;

use flate2::read::{DeflateDecoder, ZlibDecoder};
use hayro_syntax::Filter;
use hayro_syntax::object::{Dict, Stream};

use crate::error::Error;
use crate::meter::Meter;

/// The bytes of a stream; `None` if they cannot be unpacked within the limits.
///
/// Damaged data gives what could be unpacked before the damage.
pub(crate) fn bytes(stream: &Stream<'_>, meter: &Meter<'_>) -> Result<Option<Vec<u8>>, Error> {
    let raw = stream.raw_data();
    let filters = stream.filters();
    let has_predictor = stream
        .dict()
        .get::<Dict<'_>>("DecodeParms")
        .and_then(|parameters| parameters.get::<i32>("Predictor"))
        .is_some_and(|predictor| predictor > 1);
    if filters.is_empty() {
        // A stream may be named any number of times, so it counts each time.
        return counted(&raw, raw.len(), meter).map(Some);
    }
    if filters[..] == [Filter::FlateDecode] && !has_predictor {
        return inflate(&raw, meter).map(Some);
    }
    // Every other way of packing is rare. The parser unpacks it, if even the worst case fits.
    let worst = filters.iter().fold(raw.len() as u64, |bytes, filter| {
        bytes.saturating_mul(growth(*filter))
    });
    if worst > meter.limits().entry_bytes {
        return Ok(None);
    }
    let Ok(unpacked) = stream.decoded_data() else {
        return Ok(None);
    };
    counted(&unpacked, raw.len(), meter).map(Some)
}

/// The bytes, counted as unpacked from so many.
fn counted(bytes: &[u8], packed: usize, meter: &Meter<'_>) -> Result<Vec<u8>, Error> {
    let mut counted = Vec::new();
    meter
        .watch(bytes, packed as u64)
        .read_to_end(&mut counted)?;
    Ok(counted)
}

fn inflate(raw: &[u8], meter: &Meter<'_>) -> Result<Vec<u8>, Error> {
    let packed = raw.len() as u64;
    let mut unpacked = Vec::new();
    let read = meter
        .watch(ZlibDecoder::new(raw), packed)
        .read_to_end(&mut unpacked);
    only_limits(read)?;
    if unpacked.is_empty() {
        let read = meter
            .watch(DeflateDecoder::new(raw), packed)
            .read_to_end(&mut unpacked);
        only_limits(read)?;
    }
    Ok(unpacked)
}

/// Damage is no error here, limits are.
fn only_limits(read: std::io::Result<usize>) -> Result<(), Error> {
    match read.map_err(Error::from) {
        Ok(_) | Err(Error::Io(_)) => Ok(()),
        Err(limit) => Err(limit),
    }
}

/// How many times longer a filter makes its data at most.
fn growth(filter: Filter) -> u64 {
    match filter {
        Filter::FlateDecode => 1032,
        Filter::LzwDecode => 2600,
        Filter::RunLengthDecode => 64,
        Filter::Ascii85Decode => 4,
        // Pictures are not unpacked at all.
        Filter::AsciiHexDecode
        | Filter::Crypt
        | Filter::CcittFaxDecode
        | Filter::Jbig2Decode
        | Filter::DctDecode
        | Filter::JpxDecode => 1,
    }
}
