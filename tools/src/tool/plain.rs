//! Terminal output as plain text: without colours and cursor movements, and of a line that was drawn again and again the last state.

/// The text as a model can read it.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    // The next letter is written over the line from its start.
    let mut returned = false;
    while let Some(letter) = letters.next() {
        if letter == '\n' {
            returned = false;
        } else if returned && !letter.is_control() {
            out.truncate(out.rfind('\n').map_or(0, |at| at + 1));
            returned = false;
        }
        match letter {
            '\u{1b}' => match letters.next() {
                // A control sequence ends with a letter or a sign of that range.
                Some('[') => {
                    while letters
                        .next()
                        .is_some_and(|next| !('@'..='~').contains(&next))
                    {}
                }
                // A title or a link ends with a bell, or with escape and backslash.
                Some(']') => {
                    while let Some(next) = letters.next() {
                        if next == '\u{7}' || (next == '\u{1b}' && letters.next().is_some()) {
                            break;
                        }
                    }
                }
                Some('(' | ')') => {
                    letters.next();
                }
                Some(_) | None => {}
            },
            '\r' => returned = true,
            '\u{8}' => {
                if !out.ends_with('\n') {
                    out.pop();
                }
            }
            '\n' | '\t' => out.push(letter),
            other if other.is_control() => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn colours_titles_and_cursor_movements_go() {
        assert_eq!(plain("\u{1b}[1;31mred\u{1b}[0m\u{1b}[2K\u{1b}(B"), "red");
        assert_eq!(plain("\u{1b}]0;title\u{7}a\u{1b}]8;;x\u{1b}\\b"), "ab");
        assert_eq!(plain("a\u{1b}"), "a");
        assert_eq!(plain("ab\u{8}c\u{0}\u{7}"), "ac");
    }

    #[test]
    fn of_a_progress_bar_the_last_state_is_left() {
        assert_eq!(
            plain("start\n 10 %\r 50 %\r100 %\ndone\r\n"),
            "start\n100 %\ndone\n"
        );
        assert_eq!(plain("40%\r"), "40%");
        assert_eq!(plain("crlf\r\r\nnext\r\n"), "crlf\nnext\n");
    }
}
