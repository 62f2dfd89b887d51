//! How long a provider asks to be left alone, in all the ways it is said.
//!
//! No clock is read: a date is compared with the answer's own `Date` header, which is the provider's clock too.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// The pause that the headers, or else the message, ask for. `None` if there is no sensible request.
pub(crate) fn retry_after(headers: &HeaderMap, message: &str) -> Option<Duration> {
    milliseconds(headers)
        .or_else(|| seconds_or_date(headers))
        .or_else(|| resets(headers))
        .or_else(|| in_words(message))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn milliseconds(headers: &HeaderMap) -> Option<Duration> {
    let value: f64 = text(headers, "retry-after-ms")?.parse().ok()?;
    Duration::try_from_secs_f64(value / 1000.0).ok()
}

fn seconds_or_date(headers: &HeaderMap) -> Option<Duration> {
    let value = text(headers, RETRY_AFTER.as_str())?;
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    if let Some(duration) = spelled(value) {
        return Some(duration);
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let now = httpdate::parse_http_date(text(headers, DATE.as_str())?).ok()?;
    // A date that has passed means: now.
    Some(until.duration_since(now).unwrap_or_default())
}

/// `x-ratelimit-reset-…`: the longest of those whose allowance is used up, else of those that do not say.
fn resets(headers: &HeaderMap) -> Option<Duration> {
    let mut used_up: Option<Duration> = None;
    let mut unsaid: Option<Duration> = None;
    for kind in ["requests", "tokens", "input-tokens", "output-tokens", ""] {
        let name = |what: &str| {
            format!("x-ratelimit-{what}-{kind}")
                .trim_end_matches('-')
                .to_owned()
        };
        let Some(reset) = text(headers, &name("reset")).and_then(spelled) else {
            continue;
        };
        match text(headers, &name("remaining")) {
            Some("0") => used_up = used_up.max(Some(reset)),
            Some(_) => {}
            None => unsaid = unsaid.max(Some(reset)),
        }
    }
    used_up.or(unsaid)
}

/// `Please try again in 1m2.5s`, `retry after 20 seconds`.
fn in_words(message: &str) -> Option<Duration> {
    let message = message.to_lowercase();
    for phrase in [
        "try again in ",
        "retry in ",
        "retry after ",
        "try again after ",
    ] {
        if let Some((_, rest)) = message.split_once(phrase) {
            let mut words = rest.split_whitespace();
            let first = words.next()?.trim_end_matches(['.', ',', ')']);
            return spelled(first).and_then(|duration| {
                let bare = first
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'.');
                match words.next() {
                    Some(unit) if bare && unit.starts_with("minute") => duration.checked_mul(60),
                    Some(unit) if bare && unit.starts_with("hour") => duration.checked_mul(3600),
                    Some(unit) if bare && (unit.starts_with("ms") || unit.starts_with("milli")) => {
                        Some(duration / 1000)
                    }
                    _ => Some(duration),
                }
            });
        }
    }
    None
}

/// `6m0s`, `1h2m`, `120ms`, `1.5s`, or bare seconds. Bare numbers too large to be seconds are instants of unknown
/// clocks and are ignored.
fn spelled(value: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = value;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|character: char| !character.is_ascii_digit() && character != '.')
            .unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest
            .find(|character: char| !character.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let unit_s = match &rest[..letters] {
            "" | "s" if number < 1e8 => 1.0,
            "ms" => 0.001,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        rest = &rest[letters..];
        total = total.checked_add(Duration::try_from_secs_f64(number * unit_s).ok()?)?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn seconds(pairs: &[(&str, &str)], message: &str) -> Option<f64> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        retry_after(&headers, message).map(|duration| duration.as_secs_f64())
    }

    #[test]
    fn every_spelling_is_understood() {
        let date = [
            ("retry-after", "Wed, 21 Oct 2026 07:28:05 GMT"),
            ("date", "Wed, 21 Oct 2026 07:28:00 GMT"),
        ];
        assert_eq!(seconds(&date, ""), Some(5.0));
        assert_eq!(seconds(&date[..1], ""), None);
        assert_eq!(seconds(&[("retry-after", "0.5")], ""), Some(0.5));
        assert_eq!(seconds(&[("retry-after", "-1")], ""), None);
        assert_eq!(seconds(&[("retry-after-ms", "1500")], ""), Some(1.5));
        assert_eq!(
            seconds(&[("x-ratelimit-reset-tokens", "6m0s")], ""),
            Some(360.0)
        );
        assert_eq!(seconds(&[], "Please try again in 1m2.5s."), Some(62.5));
        assert_eq!(seconds(&[], "try again in 2 minutes"), Some(120.0));
        assert_eq!(seconds(&[("retry-after", "NaN")], ""), None);
    }

    #[test]
    fn only_the_allowance_that_is_used_up_counts() {
        let headers = [
            ("x-ratelimit-reset-requests", "24h0m0s"),
            ("x-ratelimit-remaining-requests", "17"),
            ("x-ratelimit-reset-tokens", "2s"),
            ("x-ratelimit-remaining-tokens", "0"),
        ];
        assert_eq!(seconds(&headers, ""), Some(2.0));
    }
}
