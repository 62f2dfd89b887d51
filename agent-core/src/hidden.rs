//! Takes secrets out of texts that are shown or kept, also in the spellings in which servers and programs repeat them.

use data_encoding::{BASE64, BASE64URL};

/// A text in which something else stands for the secret, wherever it is repeated: as it is, or as addresses, forms, JSON, HTML and base64
/// spell it.
pub fn hide(text: String, secret: &str, instead: &str) -> String {
    let mut spellings = spellings(secret);
    // The longest first, so that one inside another does not leave the rest of it standing.
    spellings.sort_by_key(|spelling| std::cmp::Reverse(spelling.len()));
    spellings.dedup();
    let mut text = text;
    for spelling in spellings.iter().filter(|spelling| !spelling.is_empty()) {
        if text.contains(spelling.as_str()) {
            text = text.replace(spelling.as_str(), instead);
        }
    }
    text
}

fn spellings(secret: &str) -> Vec<String> {
    let upper = percent(secret, |byte| format!("%{byte:02X}"));
    let lower = percent(secret, |byte| format!("%{byte:02x}"));
    let form = upper.replace("%20", "+");
    // Only whole groups are the same wherever the secret ends.
    let groups = secret.as_bytes().get(..secret.len() / 3 * 3);
    let groups = groups.unwrap_or_default();
    vec![
        secret.to_owned(),
        upper,
        lower,
        form,
        json(secret),
        html(secret),
        BASE64.encode(groups),
        BASE64URL.encode(groups),
    ]
}

fn percent(text: &str, spell: impl Fn(u8) -> String) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
        if is_plain {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&spell(byte));
        }
    }
    encoded
}

fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    let inner = quoted.get(1..quoted.len().saturating_sub(1));
    inner.unwrap_or_default().to_owned()
}

fn html(text: &str) -> String {
    let mut encoded = String::new();
    for letter in text.chars() {
        match letter {
            '&' => encoded.push_str("&amp;"),
            '<' => encoded.push_str("&lt;"),
            '>' => encoded.push_str("&gt;"),
            '"' => encoded.push_str("&quot;"),
            '\'' => encoded.push_str("&#39;"),
            other => encoded.push(other),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_in_every_spelling_in_which_it_is_repeated() {
        let secret = "p&ss \"word\"/é";
        for spelt in [
            "p&ss \"word\"/é",
            "p%26ss%20%22word%22%2F%C3%A9",
            "p%26ss%20%22word%22%2f%c3%a9",
            "p%26ss+%22word%22%2F%C3%A9",
            r#"p&ss \"word\"/é"#,
            "p&amp;ss &quot;word&quot;/é",
        ] {
            let said = hide(format!("you sent {spelt}, thanks"), secret, "***");
            assert_eq!(said, "you sent ***, thanks", "{spelt}");
        }
        let encoded = BASE64.encode(b"845120 and more");
        assert_eq!(hide(encoded, "845120 an", "***"), "***ZCBtb3Jl");
        assert_eq!(hide("nothing".to_owned(), "", "***"), "nothing");
    }
}
