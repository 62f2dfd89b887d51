//! The delivery job: one attempt to hand a webhook message over.
//!
//! The id and the body are the same at every attempt; the timestamp and so the signature are fresh. Anything but a 2xx
//! answer, a redirect included, is a failure; 410 ends the attempts.

use std::time::Duration;

use agent_core::deaths::Deaths;
use agent_core::delivery::{Delivery, DeliveryPatch, DeliveryState, SCHEDULE_MS};
use agent_core::event::{DeliveryAttempted, Event, NewEvent};
use agent_core::job::JobAfter;
use agent_core::retry::{after_ms, full_jitter_ms};
use egress::header::{HeaderMap, HeaderValue};
use egress::{Method, Url};
use tracing::info;

use super::quarantine;
use crate::context::Context;
use crate::error_text::source_chain;
use crate::stop::Stop;
use crate::webhook_signature::sign;

/// The shortest pause before a message is sent again.
const PAUSE_MS_MIN: u64 = 500;
const BODY_READ_BYTES_MAX: usize = 64 * 1024;
const BODY_READ_MAX: Duration = Duration::from_secs(2);
const RETRY_AFTER_MS_MAX: u64 = 24 * 3_600_000;

/// What one attempt came to.
struct Attempt {
    status: Option<u16>,
    error: Option<String>,
    retry_after_ms: Option<u64>,
    can_retry: bool,
}

pub async fn run(context: &Context) -> Result<(), Stop> {
    let id = context
        .claim
        .delivery
        .clone()
        .ok_or_else(|| Stop::Damaged("a delivery job names no message".to_owned()))?;
    let found = context
        .parts
        .store
        .find_delivery(&context.claim.tenant, &id)
        .await?;
    let delivery = found
        .ok_or_else(|| Stop::Damaged("a delivery job names no message of its tenant".to_owned()))?;
    let attempt = attempt(context, &delivery).await?;
    let attempts = delivery.attempts + 1;
    let (state, job) = next(context, &attempt, attempts);
    let outcome = match (state, job) {
        (DeliveryState::Delivered, _) => "delivered",
        (DeliveryState::Abandoned, _) => "abandoned",
        (DeliveryState::Pending, _) => "will_retry",
    };
    info!(delivery.id = %id, attempt = attempts, status = attempt.status, error = attempt.error, outcome, "a webhook message was tried");
    let next_in_ms = if let JobAfter::Delay(delay_ms) = job {
        Some(delay_ms)
    } else {
        None
    };
    let event = DeliveryAttempted {
        delivery: id.clone(),
        attempt: attempts,
        status: attempt.status,
        outcome: outcome.to_owned(),
        next_in_ms,
        error: attempt.error.clone(),
        crashes: context.claim.deaths(),
    };
    let mut commit = context.blank();
    commit.delivery = Some(DeliveryPatch {
        id,
        attempts,
        state,
        error: attempt.error,
    });
    commit.job = job;
    context
        .append(commit, &[NewEvent::of_task(event)])
        .await
        .map(|_| ())
}

/// Gives a message up on which workers die again and again: it is not tried, and becomes a dead letter. Every attempt in
/// between that was recorded counts as progress.
pub async fn give_up_if_deadly(context: &Context) -> Result<bool, Stop> {
    let Some(id) = context.claim.delivery.clone() else {
        return Ok(false);
    };
    let store = &context.parts.store;
    let found = store.find_delivery(&context.claim.tenant, &id).await?;
    let attempts = found.map_or(0, |delivery| delivery.attempts);
    let mut died = context.claim.deaths();
    // A message without an attempt has not got further; if it was requeued, its log is about the time before.
    if attempts > 0 {
        let push = |deaths: &mut Deaths, event: &Event| deaths.push_of_message(event, &id);
        let (deaths, _) = quarantine::read(context, push).await?;
        died = deaths.since_progress(died);
    }
    if died < context.options.crashes_max {
        return Ok(false);
    }
    let error = format!("workers died {died} times while they sent this message");
    let event = DeliveryAttempted {
        delivery: id.clone(),
        attempt: attempts + 1,
        status: None,
        outcome: "abandoned".to_owned(),
        next_in_ms: None,
        error: Some(error.clone()),
        crashes: context.claim.deaths(),
    };
    let mut commit = context.blank();
    commit.delivery = Some(DeliveryPatch {
        id,
        attempts: attempts + 1,
        state: DeliveryState::Abandoned,
        error: Some(error),
    });
    commit.job = JobAfter::Delete;
    context
        .append(commit, &[NewEvent::of_task(event)])
        .await
        .map(|_| true)
}

fn next(context: &Context, attempt: &Attempt, attempts: u32) -> (DeliveryState, JobAfter) {
    if attempt
        .status
        .is_some_and(|status| (200..300).contains(&status))
    {
        return (DeliveryState::Delivered, JobAfter::Delete);
    }
    let average_ms = SCHEDULE_MS
        .get((attempts as usize).saturating_sub(1))
        .filter(|_| attempt.can_retry);
    let Some(average_ms) = average_ms else {
        return (DeliveryState::Abandoned, JobAfter::Delete);
    };
    let unit = context.parts.entropy.unit();
    let delay_ms = pause_ms(*average_ms, attempt.retry_after_ms, unit);
    (DeliveryState::Pending, JobAfter::Delay(delay_ms))
}

/// Full jitter round what the schedule says, on top of what the receiver asks for.
fn pause_ms(average_ms: u64, asked_ms: Option<u64>, unit: f64) -> u64 {
    let ceiling_ms = average_ms.saturating_mul(2);
    let jitter_ms = full_jitter_ms(ceiling_ms, ceiling_ms, 0, unit);
    let asked_ms = asked_ms.map(|ms| ms.min(RETRY_AFTER_MS_MAX));
    after_ms(asked_ms, PAUSE_MS_MIN, jitter_ms)
}

async fn attempt(context: &Context, delivery: &Delivery) -> Result<Attempt, Stop> {
    let now_ms = context.parts.store.now_ms().await?;
    let request = match prepared(context, delivery, now_ms / 1000) {
        Ok(request) => request,
        Err(reason) => {
            return Ok(Attempt {
                status: None,
                error: Some(reason),
                retry_after_ms: None,
                can_retry: false,
            });
        }
    };
    let limit = Duration::from_millis(context.options.webhook_timeout_ms);
    let failed = |error: String, can_retry| Attempt {
        status: None,
        error: Some(error),
        retry_after_ms: None,
        can_retry,
    };
    context.may_act()?;
    let exchange = async {
        let response = context.parts.guard.execute(request).await?;
        let status = response.status().as_u16();
        let retry_after_ms = retry_after_ms(response.headers());
        // The status decides. The body is only read so that the connection can be used again.
        let _ = tokio::time::timeout(
            BODY_READ_MAX,
            egress::read_capped(response, BODY_READ_BYTES_MAX),
        )
        .await;
        Ok::<_, egress::Error>((status, retry_after_ms))
    };
    Ok(match tokio::time::timeout(limit, exchange).await {
        Err(_) => failed(
            format!("no answer within {} ms", context.options.webhook_timeout_ms),
            true,
        ),
        // A target that is refused today may be allowed tomorrow, and the schedule ends by itself.
        Ok(Err(error)) => failed(source_chain(&error), true),
        Ok(Ok((status, retry_after_ms))) => {
            let error =
                (!(200..300).contains(&status)).then(|| format!("the receiver answered {status}"));
            Attempt {
                status: Some(status),
                error,
                retry_after_ms,
                can_retry: status != 410,
            }
        }
    })
}

fn prepared(
    context: &Context,
    delivery: &Delivery,
    timestamp_s: i64,
) -> Result<egress::Request, String> {
    let secret = context
        .parts
        .sealer
        .unseal(&delivery.secret, delivery.webhook.as_str());
    let secret = secret.map_err(|error| error.to_string())?;
    let id = delivery.id.as_str();
    let signature =
        sign(&secret, id, timestamp_s, &delivery.body).map_err(|error| error.to_string())?;
    let url = Url::parse(&delivery.url)
        .map_err(|error| format!("the webhook URL is malformed: {error}"))?;
    let mut headers = HeaderMap::new();
    let fields = [
        ("content-type", "application/json"),
        ("user-agent", concat!("errand/", env!("CARGO_PKG_VERSION"))),
        ("webhook-id", id),
        ("webhook-timestamp", &timestamp_s.to_string()),
        ("webhook-signature", &signature),
    ];
    for (name, value) in fields {
        let value = HeaderValue::from_str(value)
            .map_err(|_| format!("the {name} header would be malformed"))?;
        headers.insert(name, value);
    }
    Ok(egress::request(
        Method::POST,
        url,
        headers,
        delivery.body.clone(),
    ))
}

fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let seconds: u64 = headers
        .get("retry-after")?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    seconds.checked_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_failed_together_are_spread_from_nothing_to_twice_the_average() {
        assert_eq!(pause_ms(300_000, None, 0.0), 500);
        assert_eq!(pause_ms(300_000, None, 0.5), 300_000);
        assert_eq!(pause_ms(300_000, None, 1.0), 600_000);
    }

    #[test]
    fn what_a_receiver_asks_for_is_the_least() {
        assert_eq!(pause_ms(5_000, Some(120_000), 0.0), 120_000);
        assert_eq!(pause_ms(5_000, Some(120_000), 0.5), 125_000);
        assert_eq!(pause_ms(5_000, Some(u64::MAX), 0.0), RETRY_AFTER_MS_MAX);
    }
}
