//! The names of keys and chords, and what a keyboard tells of them. Pure.

/// A key of a keyboard, as the protocol wants it told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// What it means, for example `a` or `Enter`.
    pub key: String,
    /// Where it lies, for example `KeyA`.
    pub code: String,
    /// Its number from of old.
    pub number: u16,
    /// The text that it types; empty for keys that type none.
    pub text: String,
}

/// Keys that are held together with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modifier {
    /// Alt.
    Alt,
    /// Control.
    Control,
    /// The key with the sign of the system.
    Meta,
    /// Shift.
    Shift,
}

impl Modifier {
    /// The bit that says that it is held.
    pub fn bit(self) -> u8 {
        match self {
            Self::Alt => 1,
            Self::Control => 2,
            Self::Meta => 4,
            Self::Shift => 8,
        }
    }

    /// The key itself.
    pub fn key(self) -> Key {
        let (name, number) = match self {
            Self::Alt => ("Alt", 18),
            Self::Control => ("Control", 17),
            Self::Meta => ("Meta", 91),
            Self::Shift => ("Shift", 16),
        };
        Key {
            key: name.to_owned(),
            code: format!("{name}Left"),
            number,
            text: String::new(),
        }
    }

    fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "alt" | "option" => Some(Self::Alt),
            "control" | "ctrl" => Some(Self::Control),
            "meta" | "cmd" | "command" => Some(Self::Meta),
            "shift" => Some(Self::Shift),
            _ => None,
        }
    }
}

/// Keys that are pressed together: `Control+Shift+ArrowLeft`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chord {
    /// Held first and let go last.
    pub held: Vec<Modifier>,
    /// The one that is pressed.
    pub key: Key,
}

/// Keys that have a name: how they are called, where they lie, their number, what they type.
const NAMED: &[(&str, &str, u16, &str)] = &[
    ("Enter", "Enter", 13, "\r"),
    ("Tab", "Tab", 9, ""),
    ("Escape", "Escape", 27, ""),
    ("Backspace", "Backspace", 8, ""),
    ("Delete", "Delete", 46, ""),
    ("Insert", "Insert", 45, ""),
    ("Home", "Home", 36, ""),
    ("End", "End", 35, ""),
    ("PageUp", "PageUp", 33, ""),
    ("PageDown", "PageDown", 34, ""),
    ("ArrowLeft", "ArrowLeft", 37, ""),
    ("ArrowUp", "ArrowUp", 38, ""),
    ("ArrowRight", "ArrowRight", 39, ""),
    ("ArrowDown", "ArrowDown", 40, ""),
    ("ContextMenu", "ContextMenu", 93, ""),
];

/// Other names that are often written.
const ALSO: &[(&str, &str)] = &[
    ("return", "Enter"),
    ("esc", "Escape"),
    ("del", "Delete"),
    ("left", "ArrowLeft"),
    ("up", "ArrowUp"),
    ("right", "ArrowRight"),
    ("down", "ArrowDown"),
];

/// The keys with signs on a keyboard of the United States: without and with shift, where they lie, their number.
const SIGNS: &[(char, char, &str, u16)] = &[
    (' ', ' ', "Space", 32),
    ('`', '~', "Backquote", 192),
    ('-', '_', "Minus", 189),
    ('=', '+', "Equal", 187),
    ('[', '{', "BracketLeft", 219),
    (']', '}', "BracketRight", 221),
    ('\\', '|', "Backslash", 220),
    (';', ':', "Semicolon", 186),
    ('\'', '"', "Quote", 222),
    (',', '<', "Comma", 188),
    ('.', '>', "Period", 190),
    ('/', '?', "Slash", 191),
];

/// What shift makes of the digits.
const ABOVE_DIGITS: &str = ")!@#$%^&*(";

/// The chord that is meant by `Control+a`, `Enter`, `+` or `Shift+Tab`.
pub fn chord(text: &str) -> Option<Chord> {
    let (mut held, mut rest) = (Vec::new(), text);
    // The last part may be a plus itself.
    while let Some((first, after)) = rest
        .split_once('+')
        .filter(|(first, after)| !first.is_empty() && !after.is_empty())
    {
        held.push(Modifier::named(first)?);
        rest = after;
    }
    let mut key = Modifier::named(rest)
        .map(Modifier::key)
        .or_else(|| named(rest))
        .or_else(|| single(rest))?;
    let types = held.iter().all(|modifier| *modifier == Modifier::Shift);
    if held.contains(&Modifier::Shift) && key.key.chars().count() == 1 {
        key = shifted(key);
    }
    if !types {
        key.text.clear();
    }
    Some(Chord { held, key })
}

fn named(name: &str) -> Option<Key> {
    let function = name
        .strip_prefix(['F', 'f'])
        .and_then(|number| number.parse::<u16>().ok());
    if let Some(number) = function.filter(|number| (1..=12).contains(number)) {
        let name = format!("F{number}");
        return Some(Key {
            key: name.clone(),
            code: name,
            number: 111 + number,
            text: String::new(),
        });
    }
    if name.eq_ignore_ascii_case("space") {
        return single(" ");
    }
    let also = ALSO
        .iter()
        .find(|(other, _)| name.eq_ignore_ascii_case(other));
    let name = also.map_or(name, |(_, name)| name);
    let (key, code, number, text) = NAMED
        .iter()
        .find(|(key, ..)| name.eq_ignore_ascii_case(key))?;
    Some(Key {
        key: (*key).to_owned(),
        code: (*code).to_owned(),
        number: *number,
        text: (*text).to_owned(),
    })
}

/// The key that types a single letter; one that is on no such keyboard types it all the same.
pub fn single(text: &str) -> Option<Key> {
    let mut letters = text.chars();
    let letter = letters.next().filter(|_| letters.next().is_none())?;
    if letter == '\n' || letter == '\r' {
        return named("Enter");
    }
    let (code, number) = place_of(letter).unwrap_or_default();
    Some(Key {
        key: letter.to_string(),
        code,
        number,
        text: letter.to_string(),
    })
}

fn place_of(letter: char) -> Option<(String, u16)> {
    if letter.is_ascii_alphabetic() {
        let upper = letter.to_ascii_uppercase();
        return Some((format!("Key{upper}"), u16::try_from(u32::from(upper)).ok()?));
    }
    let digit = letter.to_digit(10).or_else(|| {
        ABOVE_DIGITS
            .find(letter)
            .and_then(|at| u32::try_from(at).ok())
    });
    if let Some(digit) = digit {
        return Some((format!("Digit{digit}"), u16::try_from(48 + digit).ok()?));
    }
    let sign = SIGNS
        .iter()
        .find(|(plain, shifted, ..)| [*plain, *shifted].contains(&letter));
    sign.map(|(_, _, code, number)| ((*code).to_owned(), *number))
}

fn shifted(key: Key) -> Key {
    let Some(letter) = key.key.chars().next() else {
        return key;
    };
    let digit = letter
        .to_digit(10)
        .and_then(|digit| usize::try_from(digit).ok());
    let sign = SIGNS
        .iter()
        .find(|(plain, ..)| *plain == letter)
        .map(|(_, shifted, ..)| *shifted);
    let above = digit
        .and_then(|digit| ABOVE_DIGITS.chars().nth(digit))
        .or(sign);
    let letter = above
        .unwrap_or_else(|| letter.to_ascii_uppercase())
        .to_string();
    Key {
        key: letter.clone(),
        text: letter,
        ..key
    }
}

#[cfg(test)]
mod tests {
    //! Chords and what they are made of.
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::Modifier::{Control, Shift};
    use super::{Modifier, chord};

    #[test]
    fn chords_are_told_as_a_keyboard_tells_them() {
        let told = |text: &str| {
            let chord = chord(text).unwrap();
            (
                chord.held,
                chord.key.key,
                chord.key.code,
                chord.key.number,
                chord.key.text,
            )
        };
        let key = |held: &[Modifier], key: &str, code: &str, number: u16, text: &str| {
            (
                held.to_vec(),
                key.to_owned(),
                code.to_owned(),
                number,
                text.to_owned(),
            )
        };
        let cases = [
            ("Enter", key(&[], "Enter", "Enter", 13, "\r")),
            ("return", key(&[], "Enter", "Enter", 13, "\r")),
            ("a", key(&[], "a", "KeyA", 65, "a")),
            ("Control+a", key(&[Control], "a", "KeyA", 65, "")),
            (
                "ctrl+Shift+ArrowLeft",
                key(&[Control, Shift], "ArrowLeft", "ArrowLeft", 37, ""),
            ),
            ("Shift+a", key(&[Shift], "A", "KeyA", 65, "A")),
            ("Shift+1", key(&[Shift], "!", "Digit1", 49, "!")),
            ("!", key(&[], "!", "Digit1", 49, "!")),
            ("+", key(&[], "+", "Equal", 187, "+")),
            ("Control++", key(&[Control], "+", "Equal", 187, "")),
            ("Space", key(&[], " ", "Space", 32, " ")),
            ("F5", key(&[], "F5", "F5", 116, "")),
            ("Shift", key(&[], "Shift", "ShiftLeft", 16, "")),
            ("é", key(&[], "é", "", 0, "é")),
        ];
        for (text, expected) in cases {
            assert_eq!(told(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_key_is_none() {
        for text in ["", "Enterr", "F13", "Hyper+a", "Control+", "ab", "a+b"] {
            assert_eq!(chord(text), None, "{text:?}");
        }
    }
}
