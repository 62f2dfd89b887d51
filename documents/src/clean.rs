//! Takes out of text what a reader cannot see: such characters carry orders to a model past the person who looks.

/// Whether a character shows nothing, or turns the order of what is shown.
fn is_hidden(char: char) -> bool {
    matches!(char,
        '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{7F}'..='\u{9F}'
        | '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
        | '\u{FFF9}'..='\u{FFFB}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// The text without hidden characters. Line ends become `\n`.
pub(crate) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\u{2028}' | '\u{2029}' => cleaned.push('\n'),
            _ if is_hidden(char) => {}
            _ => cleaned.push(char),
        }
    }
    cleaned
}

/// The text on one line: every run of white space is one space.
pub(crate) fn one_line(text: &str) -> String {
    let cleaned = clean(text);
    let mut line = String::with_capacity(cleaned.len());
    for word in cleaned.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// At most `chars_max` characters of the text; what is cut is told as a number.
pub(crate) fn cut(text: &str, chars_max: u64) -> String {
    let most = usize::try_from(chars_max).unwrap_or(usize::MAX);
    let Some((end, _)) = text.char_indices().nth(most) else {
        return text.to_owned();
    };
    let rest = text[end..].chars().count();
    format!("{}… ({rest} characters more)", &text[..end])
}

/// The longest start of `text` that has at most `bytes` bytes and ends between characters.
pub(crate) fn start(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let mut end = bytes;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_gone_and_what_can_be_seen_stays() {
        let text = "a\u{200B}b\u{202E}c\u{E0041}d\u{FEFF}e\u{1F}f é 漢 👍\tx";
        assert_eq!(clean(text), "abcdef é 漢 👍\tx");
        assert_eq!(clean("a\r\nb\rc\u{2028}d"), "a\nb\nc\nd");
    }

    #[test]
    fn a_cut_says_how_much_it_took_away() {
        assert_eq!(cut("äöüß", 2), "äö… (2 characters more)");
        assert_eq!(cut("äö", 2), "äö");
        assert_eq!(start("äö", 3), "ä");
    }
}
