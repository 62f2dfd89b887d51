//! Pages of the web as text.

use documents::html::{Link, LinkStyle, Options, Page, to_markdown};
use url::Url;

use crate::fixtures::shown;

const LONG: &str = "This is a paragraph of the article, long enough, with commas, so that it is taken for the text of the page and not for a menu.";

fn page(html: &str) -> Page {
    let base = Url::parse("https://example.com/news/today.html").unwrap();
    to_markdown(html, Some(&base), &Options::default())
}

#[test]
fn the_main_text_is_found_with_and_without_marks() {
    let text = format!("<p>{LONG}</p><p>{LONG}</p><p>{LONG}</p>");
    let frames = [
        format!("<main>{text}</main>"),
        format!(
            "<div class='wrapper has-sidebar'><div class='content'>{text}</div><div class='sidebar'><a href='/x'>Menu</a></div></div>"
        ),
        format!("<form><table><tr><td>{text}</td></tr></table></form>"),
    ];
    for frame in frames {
        let html = format!(
            "<title>Today</title><body><nav><a href='/a'>Home</a> <a href='/b'>About</a></nav>{frame}<footer>Imprint</footer></body>"
        );
        let page = page(&html);
        assert_eq!(
            page.markdown,
            format!("{LONG}\n\n{LONG}\n\n{LONG}"),
            "{frame}"
        );
        assert_eq!((page.title.as_str(), page.is_shortened), ("Today", true));
    }
}

#[test]
fn a_full_page_has_menus_and_margins_too() {
    let html = format!(
        "<nav><a href='/a'>Home</a></nav><main><p>{LONG}</p></main><footer>Imprint</footer>"
    );
    let options = Options {
        full: true,
        links: LinkStyle::Numbered,
    };
    let page = to_markdown(
        &html,
        Some(&Url::parse("https://example.com").unwrap()),
        &options,
    );
    assert_eq!(page.markdown, format!("[Home][1]\n\n{LONG}\n\nImprint"));
    let url = "https://example.com/a".to_owned();
    assert_eq!(
        page.links,
        [Link {
            label: "Home".to_owned(),
            url
        }]
    );
    assert!(!page.is_shortened);
}

#[test]
fn what_a_reader_cannot_see_is_not_in_the_text() {
    let hidden = [
        "<p hidden>EVIL</p>",
        "<p style='display:none'>EVIL</p>",
        "<div aria-hidden='true'><p>EVIL</p></div>",
        "<p style='font-size:0'>EVIL</p>",
        "<style>.x{display:none}</style><p class='a x'>EVIL</p>",
        "<script>EVIL</script><noscript>EVIL</noscript><template><p>EVIL</p></template><style>EVIL</style>",
        "<!-- EVIL --><iframe>EVIL</iframe><object>EVIL</object><dialog>EVIL</dialog>",
        "<input type='hidden' alt='EVIL' value='EVIL'><svg><text>EVIL</text></svg>",
        "<p>E\u{200B}V\u{E0045}\u{202E}</p>",
    ];
    for hidden in hidden {
        let html = format!("<body><p>before</p>{hidden}<p>after</p></body>");
        let page = page(&html);
        let text = page.markdown.replace("\n\nEV\n\n", "\n\n");
        assert_eq!(text, "before\n\nafter", "{hidden}");
    }
}

#[test]
fn blocks_and_marks_become_markdown() {
    let html = "<h2>Big <em>news</em></h2><p>See <a href='../x?a=1&amp;b=2'>this <b>link</b></a>, E = mc<sup>2</sup> and <code>x|y</code>.<br>Next</p>\
        <ul><li>one<li><p>two</p><ol start=3><li>three</ol></ul><pre><code class='language-rust'>fn main() {\n    x();\n}</code></pre>\
        <blockquote><p>said<p>more</blockquote><hr><dl><dt>term<dd>meaning</dl><img src=a.png alt='a chart'>\
        <table><caption>Sums</caption><tr><th>A<th colspan=2>B<tr><td rowspan=2>1<td>2<td>3<tr><td>x|y<td>z</table>";
    let wanted = "## Big *news*\n\nSee [this **link**](https://example.com/x?a=1&b=2), E = mc^2 and `x|y`.\nNext\n\n\
        - one\n- two\n  3. three\n\n```rust\nfn main() {\n    x();\n}\n```\n\n> said\n>\n> more\n\n---\n\nterm\n  meaning\n\n[image: a chart]\n\nSums\n\n\
        | A | B | |\n|---|---|---|\n| 1 | 2 | 3 |\n| | x\\|y | z |";
    assert_eq!(page(html).markdown, wanted);
}

#[test]
fn a_page_that_is_only_menus_is_still_shown() {
    let html =
        "<body><nav><ul><li><a href='/a'>Alpha</a><li><a href='/b'>Beta</a></ul></nav></body>";
    assert_eq!(
        page(html).markdown,
        "- [Alpha](https://example.com/a)\n- [Beta](https://example.com/b)"
    );
}

#[test]
fn broken_markup_keeps_its_text() {
    let html = "<p>one<p>two</b></i><b>three<p>four</b> five<td>six</table><a href='x'>seven<a href='y'>eight</div></body>nine";
    let text = page(html).markdown;
    for word in [
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ] {
        assert!(text.contains(word), "{word} in {text}");
    }
}

#[test]
fn a_page_in_a_file_is_read_in_its_own_encoding() {
    let html = "<html><meta charset=windows-1252><title>Caf\u{e9}</title><p>na\u{ef}ve</p></html>";
    let bytes: Vec<u8> = html
        .chars()
        .map(|char| u8::try_from(u32::from(char)).unwrap())
        .collect();
    let wanted = "HTML, lines 1 to 3 of 3\nnote: read as windows-1252\n\n# Café\n\nnaïve\n";
    assert_eq!(shown(&bytes, "x.html", ""), wanted);
}
