//! Reading answers whose length nobody vouches for.

use reqwest::Response;

use crate::error::Error;
use crate::target::Origin;

/// Reads a body up to a limit. Says whether there was more; the rest is left unread and its connection closed.
pub async fn read_capped(
    mut response: Response,
    bytes_max: usize,
) -> Result<(Vec<u8>, bool), Error> {
    let origin = Origin::of(response.url());
    let mut body = Vec::new();
    loop {
        let chunk = response.chunk().await;
        let chunk = chunk.map_err(|error| Error::from_client(origin.clone(), error))?;
        let Some(chunk) = chunk else {
            return Ok((body, false));
        };
        let room = bytes_max - body.len();
        if chunk.len() > room {
            body.extend_from_slice(&chunk[..room]);
            return Ok((body, true));
        }
        body.extend_from_slice(&chunk);
    }
}
