//! What glyphs are called, and which characters they stand for.

use unicode_normalization::UnicodeNormalization;

/// Names that follow no rule, each before its character.
const NAMES: &str = "space   exclam ! quotedbl \" numbersign # dollar $ percent % ampersand & quotesingle ' parenleft ( \
    parenright ) asterisk * plus + comma , hyphen - period . slash / zero 0 one 1 two 2 three 3 four 4 five 5 six 6 seven 7 \
    eight 8 nine 9 colon : semicolon ; less < equal = greater > question ? at @ bracketleft [ backslash \\ bracketright ] \
    asciicircum ^ underscore _ grave ` braceleft { bar | braceright } asciitilde ~ exclamdown ¡ cent ¢ sterling £ \
    currency ¤ yen ¥ brokenbar ¦ section § dieresis ¨ copyright © ordfeminine ª guillemotleft « guillemetleft « logicalnot ¬ \
    registered ® macron ¯ degree ° plusminus ± twosuperior ² threesuperior ³ acute ´ mu µ paragraph ¶ periodcentered · \
    middot · cedilla ¸ onesuperior ¹ ordmasculine º guillemotright » guillemetright » onequarter ¼ onehalf ½ \
    threequarters ¾ questiondown ¿ AE Æ Eth Ð multiply × Oslash Ø Thorn Þ germandbls ß ae æ eth ð divide ÷ oslash ø thorn þ \
    quoteright ’ quoteleft ‘ quotesinglbase ‚ quotedblbase „ quotedblleft “ quotedblright ” guilsinglleft ‹ \
    guilsinglright › endash – emdash — dagger † daggerdbl ‡ bullet • ellipsis … perthousand ‰ fraction ⁄ florin ƒ \
    trademark ™ Euro € minus − dotlessi ı dotlessj ȷ Lslash Ł lslash ł OE Œ oe œ Dcroat Đ dcroat đ Hbar Ħ hbar ħ Tbar Ŧ \
    tbar ŧ eng ŋ Eng Ŋ kgreenlandic ĸ longs ſ fi fi fl fl ff ff ffi ffi ffl ffl breve ˘ caron ˇ circumflex ˆ dotaccent ˙ \
    hungarumlaut ˝ ogonek ˛ ring ˚ tilde ˜ Alpha Α Beta Β Gamma Γ Delta Δ Epsilon Ε Zeta Ζ Eta Η Theta Θ Iota Ι Kappa Κ \
    Lambda Λ Mu Μ Nu Ν Xi Ξ Omicron Ο Pi Π Rho Ρ Sigma Σ Tau Τ Upsilon Υ Phi Φ Chi Χ Psi Ψ Omega Ω alpha α beta β gamma γ \
    delta δ epsilon ε epsilon1 ϵ zeta ζ eta η theta θ theta1 ϑ iota ι kappa κ lambda λ nu ν xi ξ omicron ο pi π pi1 ϖ rho ρ \
    rho1 ϱ sigma σ sigma1 ς tau τ upsilon υ phi φ phi1 ϕ chi χ psi ψ omega ω summation ∑ product ∏ integral ∫ \
    infinity ∞ partialdiff ∂ gradient ∇ approxequal ≈ notequal ≠ lessequal ≤ greaterequal ≥ radical √ lozenge ◊ \
    arrowright → arrowleft ← arrowup ↑ arrowdown ↓ arrowboth ↔ arrowdblright ⇒ arrowdblleft ⇐ arrowdblboth ⇔ element ∈ \
    notelement ∉ emptyset ∅ intersection ∩ union ∪ logicaland ∧ logicalor ∨ similar ∼ equivalence ≡ congruent ≅ \
    propersubset ⊂ reflexsubset ⊆ propersuperset ⊃ reflexsuperset ⊇ universal ∀ existential ∃ proportional ∝ therefore ∴ \
    angle ∠ perpendicular ⊥ asteriskmath ∗ circleplus ⊕ circlemultiply ⊗ prime ′ minute ′ second ″ aleph ℵ Ifraktur ℑ \
    Rfraktur ℜ weierstrass ℘ club ♣ diamond ♦ heart ♥ spade ♠ checkmark ✓ square □ filledbox ■ triagup ▲ circle ○ \
    dotmath ⋅ numero № estimated ℮ ohm Ω nbspace   nonbreakingspace   sfthyphen - hyphenminus - softhyphen - \
    visiblespace   negationslash ̸ turnstileleft ⊢ turnstileright ⊣ angbracketleft ⟨ angbracketright ⟩ floorleft ⌊ \
    floorright ⌋ ceilingleft ⌈ ceilingright ⌉ dblverticalbar ∥ vector ⃗";

/// Accents as names end with them, and the character that combines.
const ACCENTS: [(&str, char); 17] = [
    ("hungarumlaut", '\u{30B}'),
    ("commaaccent", '\u{327}'),
    ("circumflex", '\u{302}'),
    ("dotaccent", '\u{307}'),
    ("dieresis", '\u{308}'),
    ("dotbelow", '\u{323}'),
    ("cedilla", '\u{327}'),
    ("macron", '\u{304}'),
    ("ogonek", '\u{328}'),
    ("acute", '\u{301}'),
    ("breve", '\u{306}'),
    ("caron", '\u{30C}'),
    ("grave", '\u{300}'),
    ("tilde", '\u{303}'),
    ("tonos", '\u{301}'),
    ("horn", '\u{31B}'),
    ("ring", '\u{30A}'),
];

/// The text of a glyph by its name.
pub(crate) fn text(name: &str) -> Option<String> {
    // What follows a dot is how the glyph looks, not what it means.
    let base = match name.split_once('.') {
        Some(("", _)) | None => name,
        Some((base, _)) => base,
    };
    if let Some(text) = listed(base) {
        return Some(text.to_owned());
    }
    if base.contains('_') {
        return base.split('_').map(single).collect();
    }
    single(base)
}

fn single(name: &str) -> Option<String> {
    let mut chars = name.chars();
    if let (Some(char), None) = (chars.next(), chars.next()) {
        return char.is_alphanumeric().then(|| char.to_string());
    }
    if let Some(text) = listed(name) {
        return Some(text.to_owned());
    }
    if let Some(text) = by_number(name) {
        return Some(text);
    }
    let (accent, mark) = ACCENTS
        .iter()
        .find(|(accent, _)| name.len() > accent.len() && name.ends_with(accent))?;
    let base = single(&name[..name.len() - accent.len()])?;
    let mut marked = base;
    marked.push(*mark);
    Some(marked.nfc().collect())
}

fn listed(name: &str) -> Option<&'static str> {
    let mut rest = NAMES;
    // Names and characters take turns; a space stands between them, and may be a character itself.
    while let Some((own, after)) = rest.split_once(' ') {
        let length = after[after.chars().next()?.len_utf8()..].find(' ');
        let end = length.map_or(after.len(), |length| {
            length + after.chars().next().map_or(0, char::len_utf8)
        });
        if own == name {
            return Some(&after[..end]);
        }
        rest = after.get(end + 1..).unwrap_or_default();
    }
    None
}

/// Names such as `uni0041`, `u1F600`, and `uni00410042`.
fn by_number(name: &str) -> Option<String> {
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let char = |digits: &str| {
        u32::from_str_radix(digits, 16)
            .ok()
            .and_then(char::from_u32)
    };
    if let Some(digits) = name
        .strip_prefix("uni")
        .filter(|digits| is_hex(digits) && digits.len() % 4 == 0)
    {
        return (0..digits.len())
            .step_by(4)
            .map(|at| char(&digits[at..at + 4]))
            .collect();
    }
    let digits = name
        .strip_prefix('u')
        .filter(|digits| is_hex(digits) && (4..=6).contains(&digits.len()))?;
    char(digits).map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_characters_by_list_by_accent_and_by_number() {
        let cases = [
            ("space", " "),
            ("A", "A"),
            ("hyphen", "-"),
            ("Adieresis", "Ä"),
            ("ccedilla", "ç"),
            ("scaron", "š"),
            ("f_f_i", "ffi"),
            ("ffi", "ffi"),
            ("uni20AC", "€"),
            ("u1F600", "😀"),
            ("a.sc", "a"),
            ("one.oldstyle", "1"),
            ("alpha", "α"),
            ("Omega", "Ω"),
            ("nbspace", " "),
            ("vector", "\u{20D7}"),
            ("uni00410042", "AB"),
            ("alphatonos", "ά"),
            ("Lslash", "Ł"),
            ("ring", "˚"),
            ("germandbls", "ß"),
        ];
        for (name, wanted) in cases {
            assert_eq!(text(name).as_deref(), Some(wanted), "{name}");
        }
        for name in [".notdef", "g123", "cid00012", "xyzzy", "", "uniD800"] {
            assert_eq!(text(name), None, "{name}");
        }
    }
}
