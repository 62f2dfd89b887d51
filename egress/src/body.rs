//! Reading answers whose length nobody vouches for.

use reqwest::Response;

use crate::error::Error;
use crate::target::Origin;

/// The next piece of a body; nothing at its end.
pub async fn next_piece(
    response: &mut Response,
) -> Result<Option<impl AsRef<[u8]> + Send + use<>>, Error> {
    let piece = response.chunk().await;
    piece.map_err(|error| Error::from_client(Origin::of(response.url()), error))
}

/// Reads a body up to a limit. Says whether there was more; the rest is left unread and its connection closed.
pub async fn read_capped(
    mut response: Response,
    bytes_max: usize,
) -> Result<(Vec<u8>, bool), Error> {
    let mut body = Vec::new();
    while let Some(piece) = next_piece(&mut response).await? {
        let piece = piece.as_ref();
        let room = bytes_max - body.len();
        if piece.len() > room {
            body.extend_from_slice(&piece[..room]);
            return Ok((body, true));
        }
        body.extend_from_slice(piece);
    }
    Ok((body, false))
}
