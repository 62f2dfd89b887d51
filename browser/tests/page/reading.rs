//! Readable text of a page.

use browser::page::{Read, Seen};

use super::tab::Tab;

const TAIL: &str = "## Figures

| River | Length \\| km |
| --- | --- |
| [Nile](/nile) | 6650 |
| Aare | 288 |

## Code

````js
const a = 1;
  if (a) { run(); }
```
````

Use `flow()` or read [the paper](https://other.example/paper%281%29.pdf).
Second line.

3. Third
   - Inner [link](/article.html#top)
4. Fourth

> Panta rhei.
>
> Said once.

---

\\# not a heading

Delta

: Where it ends";

#[tokio::test]
async fn an_article_is_read_as_markdown_without_what_lies_around_it() {
    let tab = Tab::open("article.html").await;
    let whole = Seen::default().read(&tab, &Read::default()).await.unwrap();
    assert!(
        whole.text.starts_with(
            "# On rivers\n\nBy [A. Writer](/authors/a), 3 May\n\nParagraph 1: water runs"
        ),
        "{}",
        whole.text
    );
    assert!(whole.text.ends_with(TAIL), "{}", whole.text);
    assert!(
        !whole.text.contains("hidden words") && !whole.text.contains("Imprint"),
        "{}",
        whole.text
    );
    assert_eq!((whole.next, whole.complete), (None, true));
    assert!(
        whole.notes.ends_with("left out: everything outside main"),
        "{}",
        whole.notes
    );
    let around = Seen::default()
        .read(
            &tab,
            &Read {
                whole: true,
                ..Read::default()
            },
        )
        .await
        .unwrap();
    assert!(
        around.text.contains("Imprint and more") && around.text.contains("[Home](/)"),
        "{}",
        around.text
    );
}

#[tokio::test]
async fn pages_of_a_reading_end_with_lines_and_together_are_the_whole() {
    let tab = Tab::open("article.html").await;
    let mut seen = Seen::default();
    let whole = seen.read(&tab, &Read::default()).await.unwrap();
    let mut together = String::new();
    let mut from = Some(0);
    while let Some(place) = from {
        let page = seen
            .read(
                &tab,
                &Read {
                    from: place,
                    letters: 1_500,
                    ..Read::default()
                },
            )
            .await
            .unwrap();
        assert!(
            page.text.len() <= 1_500 && (page.next.is_none() || page.text.ends_with('\n')),
            "{page:?}"
        );
        together.push_str(&page.text);
        from = page.next;
    }
    assert_eq!(together, whole.text);
    // A line longer than the page is cut within.
    let narrow = seen
        .read(
            &tab,
            &Read {
                from: 100,
                letters: 50,
                ..Read::default()
            },
        )
        .await
        .unwrap();
    assert_eq!(narrow.text.len(), 50);
}
