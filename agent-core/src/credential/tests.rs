//! What a value may be, and what it is sealed to.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::ports::entropy::Seeded;

/// Seals by writing down what the secret was bound to.
struct Plain;

impl Sealer for Plain {
    fn seal(&self, secret: &Secret, bound_to: &str) -> Sealed {
        Sealed(format!("{bound_to}\n{}", secret.expose()).into_bytes())
    }

    fn unseal(&self, sealed: &Sealed, bound_to: &str) -> Result<Secret, UnsealError> {
        let text = String::from_utf8(sealed.0.clone()).map_err(|_| UnsealError)?;
        let secret = text.strip_prefix(&format!("{bound_to}\n"));
        secret.map(Secret::new).ok_or(UnsealError)
    }
}

fn sealed() -> SealedCredential {
    let tenant = TenantId::new(&Seeded::new(1));
    let terms = Terms {
        hosts: vec!["api.example.com".parse().unwrap()],
        header: HeaderName::default(),
        format: HeaderFormat::default(),
    };
    let place = (tenant, "github".parse().unwrap());
    SealedCredential::seal(place, terms, &Secret::new("s3cret"), &Plain)
}

#[test]
fn an_answer_that_repeats_a_secret_is_shown_without_it() {
    let mut opened = sealed().open(&Plain).unwrap();
    let said = || "you sent s3cret-long-enough".to_owned();
    // Too short to be told from other words.
    assert_eq!(opened.hidden_in(said()), said());
    opened.secret = Secret::new("s3cret-long-enough");
    assert_eq!(opened.hidden_in(said()), "you sent [the secret github]");
}

#[test]
fn an_opened_credential_holds_the_whole_header_and_prints_none_of_it() {
    let opened = sealed().open(&Plain).unwrap();
    let expected = Credential {
        name: "github".parse().unwrap(),
        hosts: vec!["api.example.com".parse().unwrap()],
        header: HeaderName::default(),
        value: Secret::new("Bearer s3cret"),
        secret: Secret::new("s3cret"),
    };
    assert_eq!(opened, expected);
    assert!(opened.is_for("api.example.com", 443));
    assert!(!opened.is_for("api.example.com", 8443));
    let printed = format!("{opened:?} {:?}", sealed());
    assert!(!printed.contains("s3cret"), "{printed}");
    assert!(printed.contains("value: ***"), "{printed}");
}

#[test]
fn a_value_opens_for_no_other_tenant_name_or_terms() {
    let changes: [fn(&mut SealedCredential); 5] = [
        |row| row.tenant = TenantId::new(&Seeded::new(2)),
        |row| row.name = "gitlab".parse().unwrap(),
        |row| row.terms.hosts.push("evil.test".parse().unwrap()),
        |row| row.terms.header = "X-Echo".parse().unwrap(),
        |row| row.terms.format = "{secret}".parse().unwrap(),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let mut row = sealed();
        change(&mut row);
        assert_eq!(row.open(&Plain), Err(UnsealError), "change {at}");
    }
}

#[test]
fn a_value_is_what_a_header_can_carry() {
    use InvalidValue as E;
    let long = "x".repeat(VALUE_BYTES_MAX);
    for good in ["x", "a b", "{secret}", "пароль", &long] {
        assert_eq!(check_value(&Secret::new(good)), Ok(()), "{good}");
    }
    let bytes = VALUE_BYTES_MAX + 1;
    for (wrong, error) in [
        ("", E::Empty),
        (&format!("{long}x"), E::TooLong { bytes }),
        ("a\nb", E::Control),
        ("a\rb", E::Control),
        ("a\0b", E::Control),
        ("x\n", E::Control),
        (" x", E::Space),
        ("x ", E::Space),
    ] {
        assert_eq!(check_value(&Secret::new(wrong)), Err(error), "{wrong:?}");
    }
}

#[test]
fn names_are_plain_and_short() {
    for good in ["a", "github", "7-up_2", &"x".repeat(64)] {
        let read = good.parse::<SecretName>().map(String::from);
        assert_eq!(read.as_deref(), Ok(good));
    }
    for wrong in ["", "-a", "_a", "GitHub", "a.b", "a/b", "é", &"x".repeat(65)] {
        assert_eq!(wrong.parse::<SecretName>(), Err(InvalidName), "{wrong}");
    }
}
