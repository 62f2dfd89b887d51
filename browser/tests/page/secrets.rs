//! What is in a password field, or ever was, is in no answer.

use browser::page::{Find, Look, Read};

use super::{all, first_look};

const SECRETS: [&str; 6] = [
    "correct horse",
    "battery staple",
    "918273",
    "dotted secret",
    "4111111111111111",
    "correct%20horse",
];

fn assert_silent(answer: &str) {
    for secret in SECRETS {
        assert!(!answer.contains(secret), "{secret} is in\n{answer}");
    }
}

#[tokio::test]
async fn no_answer_has_a_secret_whatever_the_page_does_with_its_fields() {
    let (tab, mut seen, view) = first_look("secrets.html").await;
    assert_silent(&view.text);
    assert!(
        view.text.contains("textbox \"User\" =\"anna\""),
        "{}",
        view.text
    );
    assert_eq!(view.text.matches(" filled").count(), 6, "{}", view.text);
    assert!(
        view.text.contains("\"You typed •••, is that so?\""),
        "{}",
        view.text
    );
    assert_silent(&seen.look(&tab, &all()).await.unwrap().text);
    for secret in SECRETS {
        let found = seen.find(&tab, &Find::text(secret)).await.unwrap();
        assert_eq!(found.hits, 0, "{}", found.text);
    }
    assert_silent(&seen.find(&tab, &Find::text("typed")).await.unwrap().text);
    let reading = seen
        .read(
            &tab,
            &Read {
                whole: true,
                ..Read::default()
            },
        )
        .await
        .unwrap();
    assert_silent(&format!("{reading:?}"));
}

#[tokio::test]
async fn a_field_that_was_a_password_field_stays_secret_through_every_switch() {
    let (tab, mut seen, _) = first_look("secrets.html").await;
    // All four moves that pages make: switch and type on, empty and show elsewhere, and both in a shadow root.
    tab.run(
        "(() => {
            for (let n = 0; n < 10; n += 1) document.body.insertAdjacentHTML('beforeend', `<p>Line ${n}</p>`);
            const field = document.getElementById('again');
            field.value = 'battery staple';
            field.type = 'text';
            document.title = 'battery staple';
            document.getElementById('echo').textContent = '';
            const host = document.createElement('div');
            document.body.append(host);
            host.attachShadow({ mode: 'open' }).innerHTML = '<input type=password value=\"correct horse\" aria-label=Shadow>';
        })()",
    )
    .await;
    let before = seen.look(&tab, &Look::default()).await.unwrap();
    assert_silent(&before.text);
    assert_silent(&before.title);
    tab.run("document.querySelector('body > div').shadowRoot.querySelector('input').type = 'text'")
        .await;
    let view = seen
        .look(
            &tab,
            &Look {
                difference: true,
                ..Look::default()
            },
        )
        .await
        .unwrap();
    assert!(view.is_difference, "{}", view.text);
    assert!(
        view.text.contains("textbox \"Shadow\" filled"),
        "{}",
        view.text
    );
    assert_silent(&view.text);
}
