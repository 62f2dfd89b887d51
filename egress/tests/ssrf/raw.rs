//! Bytes of requests and of TLS greetings.

fn sized(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    [&length.to_be_bytes()[..], content].concat()
}

/// A TLS client's first record, as short as it may be.
pub fn greeting(name: Option<&str>) -> Vec<u8> {
    let extensions = name.map_or_else(Vec::new, |name| {
        let entry = [&[0][..], &sized(name.as_bytes())].concat();
        [&[0, 0][..], &sized(&sized(&entry))].concat()
    });
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    body.extend(sized(&extensions));
    let message = [&[1, 0][..], &sized(&body)].concat();
    [&[22, 3, 1][..], &sized(&message)].concat()
}

pub fn connect(authority: &str) -> Vec<u8> {
    format!("CONNECT {authority} HTTP/1.1\r\nhost: public.example\r\n\r\n").into_bytes()
}
