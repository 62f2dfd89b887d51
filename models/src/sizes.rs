//! Reading sizes out of words: how much an endpoint takes, and how much was asked of it.

use crate::rejection::Rejection;
use crate::trouble::Sizes;

/// The sizes that a rejection names.
pub(crate) fn sizes(rejection: &Rejection) -> Sizes {
    let said = rejection.said.as_str();
    let first_after =
        |phrases: &[&str]| phrases.iter().find_map(|phrase| number_after(said, phrase));
    Sizes {
        limit_tokens: rejection.context_tokens.or_else(|| {
            first_after(&[
                "maximum context length is",
                "maximum context length of",
                "context length is only",
                "context length is",
                "context length of",
                "available context size",
                "context size is",
                "context size of",
                "context window is",
                "context window of",
                "context window size",
                "context limit is",
                "context limit of",
                "max_model_len",
                "range of input length should be [1,",
                "range of max_tokens should be [1,",
                "valid range of max_tokens is [1,",
                "less than or equal to",
                "supports at most",
                "at most",
                "maximum value for max_tokens is",
                "maximum allowed",
                "maximum number of tokens",
                "maximum prompt length is",
                "maximum of",
                "limit of",
                "limit is",
                "maximum:",
                "<=",
                "tokens >",
                "(tpm): limit",
            ])
        }),
        requested_tokens: rejection.prompt_tokens.or_else(|| {
            first_after(&[
                "messages resulted in",
                "resulted in",
                "you requested about",
                "you requested",
                "requested about",
                "request (",
                "prompt is too long:",
                "prompt has",
                "prompt contains",
                "prompt length is",
                "input length of",
                "input length is",
                "you passed",
                "input token count (",
                "requested",
            ])
        }),
        input_tokens: number_before(said, " input tokens")
            .or_else(|| number_before(said, " in the messages")),
    }
}

/// The number that follows a phrase at once, but for signs and blanks.
fn number_after(text: &str, phrase: &str) -> Option<u64> {
    text.match_indices(phrase).find_map(|(at, _)| {
        let rest =
            text[at + phrase.len()..].trim_start_matches([' ', '(', '[', ':', '=', '\'', '`', '"']);
        leading_number(rest)
    })
}

/// The number that stands right before a phrase.
pub(crate) fn number_before(text: &str, phrase: &str) -> Option<u64> {
    let (before, _) = text.split_once(phrase)?;
    let start = before
        .rfind(|character: char| !character.is_ascii_digit() && character != ',')
        .map_or(0, |at| at + 1);
    leading_number(before[start..].trim_start_matches(','))
}

fn leading_number(text: &str) -> Option<u64> {
    let mut digits = String::new();
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            digit if digit.is_ascii_digit() => digits.push(digit),
            // A thousands separator has a digit on both sides.
            ',' | '_' if !digits.is_empty() && rest.peek().is_some_and(char::is_ascii_digit) => {}
            _ => break,
        }
    }
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: &str) -> (Option<u64>, Option<u64>) {
        let rejection = Rejection {
            said: message.to_lowercase(),
            ..Rejection::default()
        };
        let sizes = sizes(&rejection);
        (sizes.limit_tokens, sizes.requested_tokens)
    }

    #[test]
    fn sizes_are_read_out_of_words() {
        let long = "prompt is too long: 213462 tokens > 200000 maximum";
        assert_eq!(read(long), (Some(200_000), Some(213_462)));
        let separated = "This model's maximum context length is 16,385 tokens";
        assert_eq!(read(separated), (Some(16_385), None));
        let parted = "request (13392 tokens) exceeds the available context size (8192 tokens)";
        assert_eq!(read(parted), (Some(8192), Some(13_392)));
        assert_eq!(read("the prompt is longer than I like"), (None, None));
    }
}
