//! The server name in the first message of a TLS client.
//!
//! What is read is what everybody on the way can read. Where a client encrypts its real greeting (ECH), this is the outer
//! name, which its provider's front answers to; whoever allows such a provider's name allows what lies behind it.

/// The longest first message, in bytes; a greeting with large keys and a session ticket stays well below it.
pub(crate) const HELLO_BYTES_MAX: usize = 16 * 1024;

/// What the bytes so far say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// More bytes are needed.
    Incomplete,
    /// A client's first message, with the server name in lower case, if it gives one.
    Complete(Option<String>),
}

/// Why the bytes are not a client's first message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is not TLS.
    NotTls,
    /// It looks like TLS, but is wrong or could be read in two ways.
    Malformed(&'static str),
}

const RECORD_HANDSHAKE: u8 = 22;
const RECORD_BYTES_MAX: usize = 1 << 14;
const MESSAGE_CLIENT_HELLO: u8 = 1;
const EXTENSION_SERVER_NAME: u16 = 0;
const NAME_TYPE_HOST: u8 = 0;

/// Reads the first bytes of a connection.
pub(crate) fn read(bytes: &[u8]) -> Result<Greeting, Unreadable> {
    let mut message = Vec::new();
    let mut records = Cursor(bytes);
    loop {
        if let Some(body) = body_of(&message)? {
            return server_name(body).map(Greeting::Complete);
        }
        let Some(fragment) = record(&mut records)? else {
            return Ok(Greeting::Incomplete);
        };
        message.extend_from_slice(fragment);
    }
}

/// The next record's content, if it has arrived in full.
fn record<'a>(bytes: &mut Cursor<'a>) -> Result<Option<&'a [u8]>, Unreadable> {
    // Said as early as it is known: a client that speaks something else waits for an answer.
    match bytes.0 {
        [] => return Ok(None),
        [RECORD_HANDSHAKE] | [RECORD_HANDSHAKE, 3, ..] => {}
        _ => return Err(Unreadable::NotTls),
    }
    let (Some(_), Some(length)) = (bytes.take(3), bytes.number_16()) else {
        return Ok(None);
    };
    let length = usize::from(length);
    if length == 0 || length > RECORD_BYTES_MAX {
        return Err(Unreadable::NotTls);
    }
    Ok(bytes.take(length))
}

/// The content of the first handshake message, if it has arrived in full.
fn body_of(message: &[u8]) -> Result<Option<&[u8]>, Unreadable> {
    let mut message = Cursor(message);
    let Some(kind) = message.number_8() else {
        return Ok(None);
    };
    if kind != MESSAGE_CLIENT_HELLO {
        return Err(Unreadable::Malformed("it is not a client's first message"));
    }
    let (Some(high), Some(low)) = (message.number_8(), message.number_16()) else {
        return Ok(None);
    };
    let length = (usize::from(high) << 16) | usize::from(low);
    if length > HELLO_BYTES_MAX {
        return Err(Unreadable::Malformed("it is too long"));
    }
    Ok(message.take(length))
}

fn server_name(body: &[u8]) -> Result<Option<String>, Unreadable> {
    let short = Unreadable::Malformed("it breaks off");
    let mut body = Cursor(body);
    // The version, 32 random bytes, the session, the ciphers and the compressions.
    body.take(2 + 32).ok_or(short)?;
    body.sized_8().ok_or(short)?;
    body.sized_16().ok_or(short)?;
    body.sized_8().ok_or(short)?;
    if body.0.is_empty() {
        return Ok(None);
    }
    let mut extensions = Cursor(body.sized_16().ok_or(short)?);
    if !body.0.is_empty() {
        return Err(Unreadable::Malformed("bytes follow its extensions"));
    }
    let mut found = None;
    while !extensions.0.is_empty() {
        let kind = extensions.number_16().ok_or(short)?;
        let content = extensions.sized_16().ok_or(short)?;
        if kind == EXTENSION_SERVER_NAME {
            let name = name_in(content)?;
            if found.replace(name).is_some() {
                return Err(Unreadable::Malformed("it names its server twice"));
            }
        }
    }
    Ok(found)
}

fn name_in(extension: &[u8]) -> Result<String, Unreadable> {
    let broken = Unreadable::Malformed("its server name is broken");
    let mut extension = Cursor(extension);
    let mut list = Cursor(extension.sized_16().ok_or(broken)?);
    let kind = list.number_8().ok_or(broken)?;
    let name = list.sized_16().ok_or(broken)?;
    let is_plain = |byte: &u8| byte.is_ascii_graphic();
    if kind != NAME_TYPE_HOST
        || !list.0.is_empty()
        || !extension.0.is_empty()
        || name.is_empty()
        || !name.iter().all(is_plain)
    {
        return Err(broken);
    }
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    Ok(name
        .strip_suffix('.')
        .map_or_else(|| name.clone(), str::to_owned))
}

/// Bytes that are taken from the front; nothing is taken where too few are left.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number_8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn number_16(&mut self) -> Option<u16> {
        self.take(2)
            .map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// What follows its own length in one byte.
    fn sized_8(&mut self) -> Option<&'a [u8]> {
        let length = self.number_8()?;
        self.take(usize::from(length))
    }

    /// What follows its own length in two bytes.
    fn sized_16(&mut self) -> Option<&'a [u8]> {
        let length = self.number_16()?;
        self.take(usize::from(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sized(content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
        [&length.to_be_bytes()[..], content].concat()
    }

    fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &sized(content)].concat()
    }

    fn name(name: &str) -> Vec<u8> {
        let entry = [&[NAME_TYPE_HOST][..], &sized(name.as_bytes())].concat();
        extension(EXTENSION_SERVER_NAME, &sized(&entry))
    }

    /// A handshake message with these extensions.
    fn message(extensions: &[Vec<u8>]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([4, 1, 2, 3, 4]);
        body.extend(sized(&[0x13, 1]));
        body.extend([1, 0]);
        body.extend(sized(&extensions.concat()));
        let length = sized(&body);
        [&[MESSAGE_CLIENT_HELLO, 0][..], &length].concat()
    }

    /// A message in records of at most `size` bytes.
    fn records(message: &[u8], size: usize) -> Vec<u8> {
        let record = |part: &[u8]| [&[RECORD_HANDSHAKE, 3, 1][..], &sized(part)].concat();
        message.chunks(size).flat_map(record).collect()
    }

    fn complete(name: &str) -> Greeting {
        Greeting::Complete(Some(name.to_owned()))
    }

    #[test]
    fn the_name_is_found_however_the_message_is_cut_into_records() {
        let message = message(&[
            extension(10, &[1, 2]),
            name("API.Example.com."),
            extension(43, &[]),
        ]);
        for size in 1..=message.len() {
            assert_eq!(
                read(&records(&message, size)),
                Ok(complete("api.example.com")),
                "{size}"
            );
        }
        // What a client sends right after it is not looked at.
        let more = [records(&message, 5000), vec![23, 3, 3, 0, 1, 0]].concat();
        assert_eq!(read(&more), Ok(complete("api.example.com")));
    }

    #[test]
    fn a_message_without_a_name_is_complete_without_one() {
        assert_eq!(
            read(&records(&message(&[]), 5000)),
            Ok(Greeting::Complete(None))
        );
        let other = message(&[extension(10, &[1, 2])]);
        assert_eq!(read(&records(&other, 5000)), Ok(Greeting::Complete(None)));
        // As old clients send it: nothing after the compressions.
        let mut bare = message(&[]);
        bare.truncate(bare.len() - 2);
        bare[3] -= 2;
        assert_eq!(read(&records(&bare, 5000)), Ok(Greeting::Complete(None)));
    }

    #[test]
    fn every_beginning_of_a_message_is_incomplete() {
        let message = message(&[name("api.example.com")]);
        for size in [1, 7, 5000] {
            let bytes = records(&message, size);
            for length in 0..bytes.len() {
                assert_eq!(
                    read(&bytes[..length]),
                    Ok(Greeting::Incomplete),
                    "{size} {length}"
                );
            }
        }
    }

    #[test]
    fn a_message_that_could_be_read_in_two_ways_is_refused() {
        let twice = message(&[name("a.example"), name("b.example")]);
        let entry = |name: &[u8]| [&[NAME_TYPE_HOST][..], &sized(name)].concat();
        let two_entries = sized(&[entry(b"a.example"), entry(b"b.example")].concat());
        let other_kind = sized(&[&[1][..], &sized(b"a.example")].concat());
        let trailing = [sized(&entry(b"a.example")), vec![0]].concat();
        for wrong in [
            twice,
            message(&[extension(0, &two_entries)]),
            message(&[extension(0, &other_kind)]),
            message(&[extension(0, &trailing)]),
            message(&[extension(0, &sized(&entry(b"")))]),
            message(&[extension(0, &sized(&entry(b"a.example\0.b")))]),
            message(&[extension(0, &sized(&entry("ä.example".as_bytes())))]),
            message(&[extension(0, &[])]),
            message(&[extension(0, &[0, 9, 0, 0, 50, 1])]),
            message(&[vec![0, 10, 0, 9, 1]]),
        ] {
            let read = read(&records(&wrong, 5000));
            assert!(matches!(read, Err(Unreadable::Malformed(_))), "{read:?}");
        }
    }

    #[test]
    fn what_is_not_a_clients_greeting_is_refused_at_its_first_bytes() {
        for bytes in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"SSH-2.0-x",
            b"\x05\x01\x00",
            b"\x80\x2e\x01\x03\x01",
            b"\x16\x02",
            b"\x16\x03\x01\x00\x00",
            b"\x16\x03\x01\x40\x01",
            b"\x17\x03\x03\x00\x01\x00",
        ] {
            assert_eq!(read(bytes), Err(Unreadable::NotTls), "{bytes:?}");
        }
        let hello_of_a_server = records(&[2, 0, 0, 1, 0], 100);
        assert!(matches!(
            read(&hello_of_a_server),
            Err(Unreadable::Malformed(_))
        ));
        let long = records(&[1, 0xff, 0xff, 0xff], 100);
        assert_eq!(read(&long), Err(Unreadable::Malformed("it is too long")));
    }

    #[test]
    fn a_changed_byte_never_panics_and_never_makes_another_name_of_it_unseen() {
        let message = message(&[extension(10, &[1, 2]), name("api.example.com")]);
        let bytes = records(&message, 40);
        for at in 0..bytes.len() {
            for value in 0..=u8::MAX {
                let mut changed = bytes.clone();
                changed[at] = value;
                if let Ok(Greeting::Complete(Some(name))) = read(&changed) {
                    let differs = name.bytes().zip(b"api.example.com".iter());
                    let differs = differs.filter(|(a, b)| a != *b).count();
                    assert!(differs <= 1, "{at} {value}: {name}");
                }
            }
        }
    }
}
