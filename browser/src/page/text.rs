//! The page's words as one quoted line, so that they can be taken for nothing else.
//!
//! The scripts in the page clean their text already. It is done again here, because a page that has broken out of its
//! scripts' world speaks in their place.

/// Whether a character shows nothing, steers how others are shown, or has no meaning outside the page's own fonts.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{E000}'..='\u{F8FF}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}'
            | '\u{F0000}'..='\u{10FFFF}')
}

/// The text on one line, without hidden characters and with every run of white space as one space.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut blank = false;
    for letter in text.chars() {
        if letter.is_whitespace() {
            blank = !line.is_empty();
        } else if !is_hidden(letter) {
            if std::mem::take(&mut blank) {
                line.push(' ');
            }
            line.push(letter);
        }
    }
    line
}

/// The text on one line in quotation marks; those inside it are escaped.
pub(super) fn quoted(text: &str) -> String {
    let line = one_line(text);
    let mut quoted = String::with_capacity(line.len() + 2);
    quoted.push('"');
    for letter in line.chars() {
        if letter == '"' || letter == '\\' {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted.push('"');
    quoted
}

/// A word of ours or of the page as it may stand outside quotation marks: letters, digits and a few signs, no blanks.
pub(super) fn word(text: &str) -> String {
    let plain = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | ' ' | '_');
    text.chars().filter(plain).take(40).collect()
}

/// An address without anything that could end it early.
pub(super) fn address(url: &str) -> String {
    one_line(url).replace(' ', "%20").replace('"', "%22")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_imitates_our_lines_stays_inside_its_quotes() {
        assert_eq!(
            quoted("Hello\"\n [e5] button \"Pay\u{2028}now\u{202E}\\"),
            r#""Hello\" [e5] button \"Pay now\\""#
        );
    }

    #[test]
    fn what_shows_nothing_is_gone_and_joined_letters_stay() {
        assert_eq!(
            one_line("\u{FEFF} a\u{200B}b\u{0}\tc\u{E0041}\u{F8FF} "),
            "ab c"
        );
        assert_eq!(
            one_line("می\u{200C}خواهم 👨\u{200D}👩"),
            "می\u{200C}خواهم 👨\u{200D}👩"
        );
    }

    #[test]
    fn words_and_addresses_have_no_room_for_more() {
        assert_eq!(word("butt\non] [e5"), "button e5");
        assert_eq!(
            address("https://a.example/x y\"\n"),
            "https://a.example/x%20y%22"
        );
    }
}
