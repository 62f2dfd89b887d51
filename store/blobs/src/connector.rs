//! The way from `object_store` to the network: through the guard, like every other request.
//!
//! `object_store` signs and retries; it makes no client and opens no socket of its own here.

use std::time::Duration;

use async_trait::async_trait;
use egress::Guard;
use http_body_util::BodyExt;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};

/// Makes clients that send through a guard.
#[derive(Debug, Clone)]
pub(crate) struct Guarded {
    pub(crate) guard: Guard,
    pub(crate) timeout: Duration,
}

impl HttpConnector for Guarded {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Guarded {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let url = egress::Url::parse(&parts.uri.to_string())
            .map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let body = egress::Body::wrap(body);
        let mut request = egress::request(parts.method, url, parts.headers, body);
        *request.timeout_mut() = Some(self.timeout);
        let response = self.guard.execute(request).await.map_err(sort)?;
        let response: http::Response<egress::Body> = response.into();
        let (parts, body) = response.into_parts();
        let body = body.map_err(|error| {
            let kind = if error.is_timeout() {
                HttpErrorKind::Timeout
            } else {
                HttpErrorKind::Interrupted
            };
            HttpError::new(kind, error.without_url())
        });
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(body)))
    }
}

/// Says what `object_store` may try again: a put of the same bytes is harmless, so everything that may pass.
fn sort(error: egress::Error) -> HttpError {
    let kind = match &error {
        egress::Error::Resolve { .. } | egress::Error::Connect { .. } => HttpErrorKind::Connect,
        egress::Error::Timeout { .. } => HttpErrorKind::Timeout,
        egress::Error::Io { .. } => HttpErrorKind::Interrupted,
        egress::Error::Forbidden { .. }
        | egress::Error::Client { .. }
        | egress::Error::Request { .. }
        | egress::Error::Tls { .. } => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error)
}
