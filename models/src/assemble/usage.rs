//! What an answer used, in whatever way it was reported, or an estimate.

use agent_core::ports::model::Usage;
use serde_json::Value;

/// How well the usage is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageSource {
    /// The endpoint reported input and output.
    Reported,
    /// The endpoint reported one of them.
    Partial,
    /// The endpoint reported nothing; the counts are a local estimate.
    Estimated,
}

impl UsageSource {
    /// The source's name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Partial => "partial",
            Self::Estimated => "estimated",
        }
    }
}

/// A report as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reported {
    pub(crate) usage: Usage,
    pub(crate) source: UsageSource,
}

/// Reads a `usage` member. `None` if it says nothing.
pub(crate) fn read(usage: &Value, answer: &Value) -> Option<Reported> {
    let count = |path: &str| usage.pointer(path).and_then(count);
    let input = count("/prompt_tokens").or_else(|| count("/input_tokens"));
    let output = count("/completion_tokens").or_else(|| count("/output_tokens"));
    let cached = count("/prompt_tokens_details/cached_tokens")
        .or_else(|| count("/input_tokens_details/cached_tokens"))
        .or_else(|| count("/prompt_cache_hit_tokens"))
        .or_else(|| count("/cached_tokens"))
        .or_else(|| answer.pointer("/timings/cache_n").and_then(self::count));
    let reasoning = count("/completion_tokens_details/reasoning_tokens")
        .or_else(|| count("/output_tokens_details/reasoning_tokens"))
        .or_else(|| count("/reasoning_tokens"));
    // Some servers report the sum and one part.
    let total = count("/total_tokens");
    let rest = |part: Option<u64>| {
        total
            .zip(part)
            .and_then(|(total, part)| total.checked_sub(part))
    };
    let source = match (input, output) {
        (None, None) => return None,
        (Some(_), Some(_)) => UsageSource::Reported,
        _ => UsageSource::Partial,
    };
    // A difference of nothing tells nothing: the sum was made from the part alone.
    let filled =
        |own: Option<u64>, other: Option<u64>| own.or(rest(other).filter(|&rest| rest > 0));
    Some(Reported {
        usage: Usage {
            input: filled(input, output),
            output: filled(output, input),
            cached,
            reasoning,
            estimated: false,
        },
        source,
    })
}

/// A count, which some servers write as a float or a text. Negative ones are nothing.
fn count(value: &Value) -> Option<u64> {
    if let Some(count) = value.as_u64() {
        return Some(count);
    }
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
    if !number.is_finite() {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float as a count: whole, not negative after the clamp, and saturating"
    )]
    Some(number.max(0.0) as u64)
}

/// How many bytes of a text count as a token where the tokenizer is unknown.
pub(crate) const TOKEN_BYTES: usize = 4;

/// A rough count for texts of unknown tokenizers, rounded up.
pub(crate) fn estimate(input_bytes: usize, output_bytes: usize) -> Usage {
    let tokens = |bytes: usize| u64::try_from(bytes.div_ceil(TOKEN_BYTES)).ok();
    Usage {
        input: tokens(input_bytes),
        output: tokens(output_bytes),
        cached: None,
        reasoning: None,
        estimated: true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_are_found_wherever_they_are() {
        let usage = json!({"prompt_tokens": 21.0, "completion_tokens": "9", "reasoning_tokens": 6,
            "prompt_cache_hit_tokens": 16});
        let expected = Usage {
            input: Some(21),
            output: Some(9),
            cached: Some(16),
            reasoning: Some(6),
            estimated: false,
        };
        let read = read(&usage, &json!({}));
        assert_eq!(
            read.map(|read| (read.usage, read.source)),
            Some((expected, UsageSource::Reported))
        );
    }

    #[test]
    fn what_is_not_reported_is_unknown_and_not_zero() {
        assert_eq!(read(&json!({}), &json!({})), None);
        let partial = json!({"prompt_tokens": 21, "completion_tokens": null, "total_tokens": 21});
        let read = read(&partial, &json!({})).map(|read| (read.usage.output, read.source));
        assert_eq!(read, Some((None, UsageSource::Partial)));
    }
}
