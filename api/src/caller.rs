//! Who calls: the bearer key of a request, and the slot that the request works in.
//!
//! The tenant comes from the key alone. Nothing in here tells a caller more about a wrong key than what is wrong
//! with the text that it sent. The stored form is a hash, looked up whole, so no secret is compared byte by byte.

use std::sync::Arc;

use agent_core::id::TenantId;
use agent_core::key::{ApiKey, hash_key};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use crate::app::App;
use crate::problem::Problem;
use crate::slots::Slot;

/// An authenticated caller. Holds one of the tenant's slots while it lives.
pub struct Caller {
    /// Whose key it is.
    pub tenant: TenantId,
    key_hash: String,
    slot: Slot<TenantId>,
}

/// A caller that waits or streams. Its key is checked again while it does.
pub struct Watcher {
    /// Whose key it is.
    pub tenant: TenantId,
    key_hash: String,
    _slot: Slot<TenantId>,
}

impl Caller {
    /// Exchanges the slot of a short request for one of a long one.
    pub fn watch(self, app: &App) -> Result<Watcher, Problem> {
        let slot = app.watchers.take(self.tenant.clone()).ok_or_else(|| {
            Problem::busy("too many waiting and streaming requests are open; try again later")
        })?;
        drop(self.slot);
        Ok(Watcher {
            tenant: self.tenant,
            key_hash: self.key_hash,
            _slot: slot,
        })
    }
}

impl Watcher {
    /// Refuses when the key was revoked meanwhile.
    pub async fn check(&self, app: &App) -> Result<(), Problem> {
        live_key(app, &self.key_hash).await.map(|_| ())
    }
}

async fn live_key(app: &App, hash: &str) -> Result<ApiKey, Problem> {
    let key = app.keys.find(app.parts.store.as_ref(), hash).await?;
    let key =
        key.ok_or_else(|| Problem::unauthorized("this API key is not known to this server"))?;
    if key.revoked_at_ms.is_some() {
        return Err(Problem::unauthorized("this API key was revoked"));
    }
    Ok(key)
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let value = headers.get(header::AUTHORIZATION).ok_or_else(|| {
        Problem::unauthorized("send your API key as Authorization: Bearer errand_...")
    })?;
    let text = value.to_str().unwrap_or_default().trim();
    let (scheme, key) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") || key.trim().is_empty() {
        return Err(Problem::unauthorized(
            "the Authorization header must be Bearer and an API key",
        ));
    }
    Ok(key.trim())
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let key_hash = hash_key(bearer(&parts.headers)?)
            .map_err(|invalid| Problem::unauthorized(&invalid.to_string()))?;
        let tenant = live_key(app, &key_hash).await?.tenant;
        let slot = app.requests.take(tenant.clone()).ok_or_else(|| {
            Problem::busy("too many requests are at work at once; try again shortly")
        })?;
        Ok(Self {
            tenant,
            key_hash,
            slot,
        })
    }
}
