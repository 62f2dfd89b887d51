//! Images that a model can be shown: their format and size, read from their first bytes.
//!
//! Only the four formats that every endpoint with eyes takes. Nothing is decoded: an image is foreign data.

/// The largest image that is shown: it is sent in every turn as long as it is one of the newest.
const BYTES_MAX: usize = 4_000_000;
/// The longest side that is shown.
const SIDE_MAX: u32 = 8000;

/// What an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Image {
    /// Its media type.
    pub media_type: &'static str,
    /// Its format, as people call it.
    pub name: &'static str,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
}

impl Image {
    /// Why an image of so many bytes is not shown, and what to do about it.
    pub(super) fn too_large(&self, bytes: usize) -> Option<String> {
        let is_too_large = bytes > BYTES_MAX || self.width.max(self.height) > SIDE_MAX;
        is_too_large.then(|| {
            format!(
                "a {} image of {} × {} pixels and {bytes} bytes; only images of at most {SIDE_MAX} pixels a side and {BYTES_MAX} \
                 bytes are shown: make a smaller copy in the shell, for example with python3 or ImageMagick, and read that",
                self.name, self.width, self.height
            )
        })
    }
}

/// What these bytes are, if they are an image of a format that can be shown, and whole enough to have a size.
pub(super) fn read(bytes: &[u8]) -> Option<Image> {
    let (media_type, name, (width, height)) = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        ("image/png", "PNG", png(bytes)?)
    } else if bytes.starts_with(b"GIF8") {
        ("image/gif", "GIF", gif(bytes)?)
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        ("image/jpeg", "JPEG", jpeg(bytes)?)
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        ("image/webp", "WebP", webp(bytes)?)
    } else {
        return None;
    };
    (width > 0 && height > 0).then_some(Image {
        media_type,
        name,
        width,
        height,
    })
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn png(bytes: &[u8]) -> Option<(u32, u32)> {
    (bytes.get(12..16)? == b"IHDR").then_some(())?;
    let side = |at| Some(u32::from_be_bytes(array(bytes, at)?));
    Some((side(16)?, side(20)?))
}

fn gif(bytes: &[u8]) -> Option<(u32, u32)> {
    let side = |at| Some(u32::from(u16::from_le_bytes(array(bytes, at)?)));
    Some((side(6)?, side(8)?))
}

/// The size stands in the frame's header, behind segments of any length: comments, profiles, previews.
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    let big = |at| Some(u16::from_be_bytes(array(bytes, at)?));
    let mut at = 2;
    loop {
        let [first, marker] = array(bytes, at)?;
        match (first, marker) {
            // Filling, and markers that stand alone.
            (0xff, 0xff) => at += 1,
            (0xff, 0x01 | 0xd0..=0xd8) => at += 2,
            // Frames of all kinds; the three left out define tables.
            (0xff, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf) => {
                return Some((u32::from(big(at + 7)?), u32::from(big(at + 5)?)));
            }
            // The picture itself, with no frame before it.
            (0xff, 0xd9 | 0xda) => return None,
            (0xff, _) => at += 2 + usize::from(big(at + 2)?),
            _ => return None,
        }
    }
}

fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    let small = |at| Some(u32::from(u16::from_le_bytes(array(bytes, at)?)));
    match bytes.get(12..16)? {
        b"VP8 " => Some((small(26)? & 0x3fff, small(28)? & 0x3fff)),
        b"VP8L" => {
            let bits = u32::from_le_bytes(array(bytes, 21)?);
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8X" => {
            let side = |at| {
                let [low, middle, high] = array(bytes, at)?;
                Some(u32::from_le_bytes([low, middle, high, 0]) + 1)
            };
            Some((side(24)?, side(27)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(bytes: &[u8]) -> Option<(&'static str, u32, u32)> {
        read(bytes).map(|image| (image.name, image.width, image.height))
    }

    #[test]
    fn the_size_is_read_from_the_header_of_each_format() {
        let jpeg =
            b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc4\0\x03a\xff\xc2\0\x11\x08\x01\x02\x03\x04\x03";
        for (bytes, wanted) in [
            (
                b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0".as_slice(),
                Some(("PNG", 640, 480)),
            ),
            (b"GIF89a\x03\0\x02\x01", Some(("GIF", 3, 258))),
            (jpeg, Some(("JPEG", 0x304, 0x102))),
            (
                b"RIFF....WEBPVP8 ....\0\0\0\x9d\x01\x2a\x40\x01\xf0\x40",
                Some(("WebP", 320, 240)),
            ),
            (
                b"RIFF....WEBPVP8L....\x2f\x3f\xc1\x3b\0",
                Some(("WebP", 320, 240)),
            ),
            (
                b"RIFF....WEBPVP8X....\0\0\0\0\x3f\x01\0\xef\0\0",
                Some(("WebP", 320, 240)),
            ),
        ] {
            assert_eq!(size(bytes), wanted, "{bytes:?}");
            // Whatever is cut off, nothing is made up.
            for end in 0..bytes.len() {
                let part = size(&bytes[..end]);
                assert!(
                    part.is_none() || part == wanted,
                    "{end} bytes of {bytes:?}: {part:?}"
                );
            }
        }
    }

    #[test]
    fn an_image_is_too_large_by_its_bytes_or_by_one_side() {
        let image = |width, height| Image {
            media_type: "image/png",
            name: "PNG",
            width,
            height,
        };
        assert_eq!(image(8000, 8000).too_large(4_000_000), None);
        assert!(image(1, 1).too_large(4_000_001).is_some());
        assert!(image(1, 8001).too_large(1).is_some());
    }

    #[test]
    fn what_is_no_image_or_has_no_size_is_none() {
        for bytes in [
            b"".as_slice(),
            b"text",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\0\0\0\x01\xe0",
            b"\x89PNG\r\n\x1a\nnothing of the kind here",
            b"\xff\xd8\xff\xda\0\x02",
            b"\xff\xd8\xff\xe0\xff\xff",
            b"RIFF....WAVEfmt ",
        ] {
            assert_eq!(read(bytes), None, "{bytes:?}");
        }
    }
}
