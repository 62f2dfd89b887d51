//! A server that commands tell their effects by HTTP, where they cannot reach a pipe: `PUT /TRIAL/TASK/STEP/NUMBER` with
//! `Idempotency-Key` and `X-Fence`.
//!
//! It answers every request alike, so nothing that it says can hide an effect from the record.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use crate::effects::Effects;

/// How long an effect takes, so that something can happen in the middle of it.
const TAKES: Duration = Duration::from_millis(100);
/// How long a client may take to send its request.
const AT_MOST: Duration = Duration::from_secs(10);
/// The longest head that is read.
const HEAD_BYTES_MAX: usize = 64 * 1024;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\ndone";

/// Takes effects of this trial until this process ends.
pub fn listen(listener: TcpListener, trial: &str) -> Effects {
    let effects = Effects::default();
    let (shared, trial) = (effects.clone(), trial.to_owned());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (effects, trial) = (shared.clone(), trial.clone());
            std::thread::spawn(move || take(stream, &effects, &trial));
        }
    });
    effects
}

fn take(mut stream: TcpStream, effects: &Effects, trial: &str) {
    let _ = stream.set_read_timeout(Some(AT_MOST));
    let Some(head) = head_of(&mut stream) else {
        return;
    };
    // What is left of an earlier trial is none of this one's business.
    if let Some(effect) = effect_of(&head, trial) {
        effects.add(format!("{effect} begin"));
        std::thread::sleep(TAKES);
        effects.add(format!("{effect} end"));
    }
    // Whoever asked may be gone.
    let _ = stream.write_all(ANSWER);
}

fn head_of(stream: &mut TcpStream) -> Option<String> {
    let (mut head, mut chunk) = (Vec::new(), [0; 4096]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut chunk).ok()?;
        if count == 0 || head.len() > HEAD_BYTES_MAX {
            return None;
        }
        head.extend_from_slice(&chunk[..count]);
    }
    String::from_utf8(head).ok()
}

/// Key, fence and place, as the record has them.
fn effect_of(head: &str, trial: &str) -> Option<String> {
    let path = head.split(' ').nth(1)?;
    let place = path.strip_prefix(&format!("/{trial}/"))?;
    let field = |name: &str| {
        let fields = head.lines().filter_map(|line| line.split_once(':'));
        let mut named = fields.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.next().map_or("", |(_, value)| value.trim())
    };
    Some(format!(
        "{} {} {}",
        field("idempotency-key"),
        field("x-fence"),
        place.replace('/', " ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_is_told_with_its_key_and_its_fence_and_others_are_left_out() {
        let head = "PUT /mine/t0001/a/1 HTTP/1.1\r\nIdempotency-Key: 0123456789abcdef\r\nx-fence: 3\r\n\r\n";
        let effect = effect_of(head, "mine").unwrap();
        assert_eq!(effect, "0123456789abcdef 3 t0001 a 1");
        assert_eq!(effect_of(head, "another"), None);
        let effects = Effects::default();
        effects.add(format!("{effect} begin"));
        assert!(effects.has_begun(1));
        let bare = effect_of("PUT /mine/t0001/a/1 HTTP/1.1\r\n\r\n", "mine").unwrap();
        effects.add(format!("{bare} begin"));
        assert_eq!(effects.judge().violations.len(), 1);
    }
}
