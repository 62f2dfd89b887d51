//! The body of a request: taken out of its framing, so that it can be framed anew.

/// How a body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    None,
    /// It has this many bytes.
    Length(u64),
    /// It comes in chunks.
    Chunked,
}

/// Takes a body out of the bytes of a connection.
#[derive(Debug)]
pub(crate) struct Unframe(State);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Bytes left of a body with a length.
    Plain(u64),
    /// In the line with a chunk's size: what has been read of it, and of how many digits.
    Size(u64, u8),
    /// Before the line feed that ends the line with the size.
    SizeEnd(u64),
    /// Bytes left of a chunk.
    Data(u64),
    DataReturn,
    DataEnd,
    /// After the last chunk, where trailers would be.
    LastReturn,
    LastEnd,
    Done,
}

/// Enough for any body that could ever arrive.
const SIZE_DIGITS_MAX: u8 = 12;

impl Unframe {
    pub(crate) fn new(framing: Framing) -> Self {
        Self(match framing {
            Framing::None | Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Plain(length),
            Framing::Chunked => State::Size(0, 0),
        })
    }

    /// Whether the whole body has been taken.
    pub(crate) fn is_done(&self) -> bool {
        self.0 == State::Done
    }

    /// Takes what belongs to the body from `input`. What comes after its end is not looked at: a connection is for one
    /// request.
    pub(crate) fn take(&mut self, mut input: &[u8]) -> Result<Vec<u8>, &'static str> {
        let mut body = Vec::new();
        while let (Some(first), false) = (input.first(), self.is_done()) {
            self.0 = match self.0 {
                State::Plain(left) | State::Data(left) => {
                    let taken = input.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    body.extend_from_slice(&input[..taken]);
                    input = &input[taken..];
                    self.after(left - u64::try_from(taken).unwrap_or(left))
                }
                State::Size(..)
                | State::SizeEnd(_)
                | State::DataReturn
                | State::DataEnd
                | State::LastReturn
                | State::LastEnd
                | State::Done => {
                    input = &input[1..];
                    self.step(*first)?
                }
            };
        }
        Ok(body)
    }

    /// What comes when `left` bytes are left of a body or of a chunk.
    fn after(&self, left: u64) -> State {
        match self.0 {
            State::Plain(_) if left > 0 => State::Plain(left),
            State::Data(_) if left > 0 => State::Data(left),
            State::Data(_) => State::DataReturn,
            State::Plain(_)
            | State::Size(..)
            | State::SizeEnd(_)
            | State::DataReturn
            | State::DataEnd
            | State::LastReturn
            | State::LastEnd
            | State::Done => State::Done,
        }
    }

    /// One byte between chunks. Extensions and trailers are refused: no destination needs them, and readers disagree about
    /// them.
    fn step(&self, byte: u8) -> Result<State, &'static str> {
        Ok(match (self.0, byte) {
            (State::Size(size, digits), b'\r') if digits > 0 => State::SizeEnd(size),
            (State::Size(size, digits), _) => {
                let digit = char::from(byte).to_digit(16);
                let digit = digit.filter(|_| digits < SIZE_DIGITS_MAX);
                let digit = digit.ok_or("the size of a chunk is not a number")?;
                State::Size(size * 16 + u64::from(digit), digits + 1)
            }
            (State::SizeEnd(0), b'\n') => State::LastReturn,
            (State::SizeEnd(size), b'\n') => State::Data(size),
            (State::DataReturn, b'\r') => State::DataEnd,
            (State::DataEnd, b'\n') => State::Size(0, 0),
            (State::LastReturn, b'\r') => State::LastEnd,
            (State::LastEnd, b'\n') => State::Done,
            (State::LastReturn, _) => return Err("trailers after a body are not passed on"),
            _ => return Err("a chunk does not end where it should"),
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// The body, and whether it is whole, when it arrives in pieces of `size` bytes.
    fn take(framing: Framing, input: &[u8], size: usize) -> Result<(Vec<u8>, bool), &'static str> {
        let mut unframe = Unframe::new(framing);
        let mut body = Vec::new();
        for piece in input.chunks(size) {
            body.extend(unframe.take(piece)?);
        }
        Ok((body, unframe.is_done()))
    }

    #[test]
    fn a_body_is_the_same_however_it_arrives() {
        let chunked = b"5\r\nhello\r\n00B\r\n chunked we\r\n0\r\n\r\nGET";
        for size in 1..chunked.len() {
            let taken = take(Framing::Chunked, chunked, size).unwrap();
            assert_eq!(taken, (b"hello chunked we".to_vec(), true), "{size}");
            let taken = take(Framing::Length(7), b"1234567890", size).unwrap();
            assert_eq!(taken, (b"1234567".to_vec(), true), "{size}");
        }
        let taken = take(Framing::Length(0), b"GET", 3).unwrap();
        assert_eq!(taken, (Vec::new(), true));
    }

    #[test]
    fn a_body_that_breaks_off_is_not_whole() {
        let chunked = b"5\r\nhello\r\n0\r\n\r\n";
        for length in 0..chunked.len() {
            let (_, is_whole) = take(Framing::Chunked, &chunked[..length], 100).unwrap();
            assert!(!is_whole, "{length}");
        }
        let taken = take(Framing::Length(3), b"12", 1).unwrap();
        assert_eq!(taken, (b"12".to_vec(), false));
    }

    #[test]
    fn chunks_that_readers_disagree_about_are_refused() {
        for input in [
            "\r\n",
            "x\r\n",
            "-5\r\nhello",
            "+5\r\nhello",
            " 5\r\nhello",
            "5 \r\nhello",
            "5;a=b\r\nhello",
            "0x5\r\nhello",
            "5\nhello",
            "5\r\r\nhello",
            "5\r\nhello5\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5\r\nhellooo\r\n0\r\n\r\n",
            "0\r\nx: y\r\n\r\n",
            "0\r\n\n",
            "0000000000005\r\nhello",
            "ffffffffffffffffff\r\n",
        ] {
            assert!(
                take(Framing::Chunked, input.as_bytes(), 100).is_err(),
                "{input:?}"
            );
        }
    }
}
