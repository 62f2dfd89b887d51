//! What a person does with a page.

use std::time::Duration;

use browser::{ActError, Button, Click, Direction, Frames, Notice, Typing};
use serde_json::json;

use crate::{PATIENCE, Scene, element, found, top, value};

async fn on(html: &str) -> Scene {
    let scene = Scene::new().await;
    scene.site.page("/page", html);
    scene.visit("/page").await;
    scene
}

#[tokio::test]
async fn a_click_goes_through_the_whole_of_a_mouse() {
    let scene = on("<div style='height: 3000px'></div><button>go</button><script>
        var told = [];
        for (const kind of ['mouseover', 'mousedown', 'mouseup', 'click', 'dblclick', 'contextmenu', 'auxclick']) {
            document.querySelector('button').addEventListener(kind, event => {
                told.push(kind + event.button + event.detail); event.preventDefault(); document.title = told.join(' ');
            });
        }
    </script>").await;
    let button = element(&scene.tab, "button").await;
    let click = |button: Button, count| Click { button, count };
    let acted = scene
        .tab
        .click(&button, click(Button::Left, 2))
        .await
        .unwrap();
    let place = acted.place.unwrap();
    assert!(
        place.y > 0.0 && place.y < 800.0 && place.width > 0.0,
        "{place:?}"
    );
    scene
        .tab
        .click_at(place.x, place.y, click(Button::Right, 1))
        .await
        .unwrap();
    let title = value(&scene.tab, "document.title").await;
    let expected = "mouseover00 mousedown01 mouseup01 click01 mousedown02 mouseup02 click02 dblclick02 mousedown21 contextmenu20 mouseup21 auxclick21";
    assert_eq!(
        title
            .as_str()
            .unwrap()
            .replace("contextmenu21", "contextmenu20"),
        expected
    );
    assert_eq!(
        scene.tab.click_at(5_000.0, 5.0, Click::default()).await,
        Err(ActError::Outside)
    );
}

#[tokio::test]
async fn what_cannot_be_clicked_says_why() {
    let scene = on("<style>@keyframes go { to { transform: translate(300px) } }</style>
        <button id=hidden style='visibility: hidden'>h</button> <button id=none style='display: none'>n</button>
        <button id=off disabled>off</button> <button id=under>under</button>
        <button id=moving style='animation: go 1s linear infinite alternate; display: block; margin-top: 90px'>m</button>
        <div id=over style='position: absolute; inset: 0 0 auto 0; height: 60px; z-index: 5'>Accept <b>cookies</b></div>").await;
    let mut got = Vec::new();
    for selector in ["#hidden", "#none", "#off", "#under", "#moving"] {
        let node = element(&scene.tab, selector).await;
        got.push(scene.tab.click(&node, Click::default()).await.unwrap_err());
    }
    let covered = ActError::Covered("div#over \"Accept cookies\"".to_owned());
    let expected = [
        ActError::Invisible,
        ActError::Invisible,
        ActError::Disabled,
        covered,
        ActError::Moving,
    ];
    assert_eq!(got, expected);
    value(&scene.tab, "over.remove()").await;
    scene
        .tab
        .click(&element(&scene.tab, "#under").await, Click::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn what_comes_to_rest_or_is_uncovered_in_time_is_clicked() {
    let scene = on("<style>@keyframes go { from { transform: translate(300px) } }</style>
        <button id=b style='animation: go 400ms linear' onclick='this.textContent = \"clicked\"'>b</button>
        <div id=over style='position: fixed; inset: 0'></div>").await;
    value(&scene.tab, "setTimeout(() => over.remove(), 200); b.style.animation = 'none'; b.offsetWidth; b.style.animation = 'go 400ms linear'").await;
    scene
        .tab
        .click(&element(&scene.tab, "#b").await, Click::default())
        .await
        .unwrap();
    assert_eq!(value(&scene.tab, "b.textContent").await, "clicked");
}

#[tokio::test]
async fn a_button_under_a_bar_that_sticks_is_scrolled_out_from_under_it() {
    let scene = on("<div style='position: fixed; top: 0; height: 500px; width: 100%; background: red'></div>
        <div style='height: 1500px'></div><button onclick='this.textContent = 1'>0</button><div style='height: 1500px'></div>").await;
    scene
        .tab
        .click(&element(&scene.tab, "button").await, Click::default())
        .await
        .unwrap();
    assert_eq!(
        value(&scene.tab, "document.querySelector('button').textContent").await,
        "1"
    );
}

#[tokio::test]
async fn text_is_typed_in_every_script_and_told_to_the_page() {
    let scene = on("<input id=i value=old><textarea id=t></textarea><p contenteditable id=e>one-</p>
        <input id=d type=date><input id=r readonly><input id=c type=checkbox><form onsubmit='document.title = q.value; return false'>
        <input id=q></form><script>var told = []; addEventListener('input', event => told.push(event.target.id))</script>").await;
    let tab = &scene.tab;
    let typing = |clear, enter, by_key| Typing {
        clear,
        enter,
        by_key,
    };
    let plain = Typing::default();
    for (selector, text, how) in [
        ("#i", " new", plain),
        ("#t", "größer 日本 👩‍🚀\nline", plain),
        ("#e", "two", plain),
        ("#d", "2026-03-31", plain),
        ("#q", "Key by key!", typing(false, true, true)),
    ] {
        tab.type_text(&element(tab, selector).await, text, how)
            .await
            .unwrap();
    }
    let seen = value(
        tab,
        "[i.value, t.value, e.textContent, d.value, document.title]",
    )
    .await;
    assert_eq!(
        seen,
        json!([
            "old new",
            "größer 日本 👩‍🚀\nline",
            "one-two",
            "2026-03-31",
            "Key by key!"
        ])
    );
    let input = element(tab, "#i").await;
    tab.type_text(&input, "fresh", typing(true, false, false))
        .await
        .unwrap();
    assert_eq!(value(tab, "i.value").await, "fresh");
    tab.type_text(&input, "", typing(true, false, false))
        .await
        .unwrap();
    assert_eq!(value(tab, "i.value").await, "");
    let unfit = |is: &str| Err(ActError::NotEditable(is.to_owned()));
    let read_only = tab.type_text(&element(tab, "#r").await, "x", plain).await;
    assert_eq!(read_only, unfit("it can be read only"));
    assert_eq!(
        tab.type_text(&element(tab, "#c").await, "x", plain).await,
        unfit("it is an input of type checkbox")
    );
    let form = tab
        .type_text(&element(tab, "#d").await, "31.3.2026", plain)
        .await;
    assert!(matches!(form, Err(ActError::WrongForm(_))), "{form:?}");
    assert_eq!(value(tab, "d.value").await, "2026-03-31");
}

#[tokio::test]
async fn keys_and_chords_reach_what_has_the_cursor() {
    let scene = on("<input id=i value='some words'><input id=j><script>var told = [];
        addEventListener('keydown', event => { told.push(event.key); document.title = told.join(' ') })</script>").await;
    let tab = &scene.tab;
    tab.click(&element(tab, "#i").await, Click::default())
        .await
        .unwrap();
    for chord in ["Control+a", "Delete", "x", "Shift+y", "Tab", "z"] {
        tab.key(chord).await.unwrap();
    }
    assert_eq!(value(tab, "[i.value, j.value]").await, json!(["xY", "z"]));
    assert_eq!(
        value(tab, "document.title").await,
        "Control a Delete x Shift Y Tab z"
    );
    assert_eq!(
        tab.key("Enterr").await,
        Err(ActError::NoKey("Enterr".to_owned()))
    );
}

#[tokio::test]
async fn entries_are_chosen_by_text_or_value() {
    let scene = on("<select id=s onchange='document.title = this.value'><option value=a>Apple</option><option value=b>  Blue\n berry </option>
        <option disabled>Cherry</option></select><select id=m multiple><option>1<option>2<option>3</select><p id=p>x</p>").await;
    let tab = &scene.tab;
    let (list, many) = (element(tab, "#s").await, element(tab, "#m").await);
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    tab.select(&list, &names(&["Blue berry"])).await.unwrap();
    assert_eq!(
        value(tab, "[s.value, document.title]").await,
        json!(["b", "b"])
    );
    tab.select(&list, &names(&["a"])).await.unwrap();
    tab.select(&many, &names(&["1", "3"])).await.unwrap();
    assert_eq!(
        value(
            tab,
            "[s.value, [...m.selectedOptions].map(o => o.value).join()]"
        )
        .await,
        json!(["a", "1,3"])
    );
    let missing = tab.select(&list, &names(&["Pear"])).await;
    let offered = "\"Apple\", \"Blue berry\", \"Cherry\"".to_owned();
    assert_eq!(
        missing,
        Err(ActError::NoOption {
            wanted: "Pear".to_owned(),
            offered
        })
    );
    assert_eq!(
        tab.select(&element(tab, "#p").await, &names(&["x"])).await,
        Err(ActError::NotSelect)
    );
}

#[tokio::test]
async fn boxes_are_checked_also_where_a_label_is_drawn_in_their_place() {
    let scene = on("<input id=c type=checkbox><input id=h type=checkbox style='display: none'><label for=h>drawn</label>
        <input id=r type=radio name=g><div id=w role=switch aria-checked=false
        onclick=\"this.setAttribute('aria-checked', this.getAttribute('aria-checked') !== 'true')\">switch</div>
        <input id=stuck type=checkbox onclick='return false'>").await;
    let tab = &scene.tab;
    for id in ["#c", "#h", "#r", "#w"] {
        let node = element(tab, id).await;
        tab.check(&node, true).await.unwrap();
        tab.check(&node, true).await.unwrap();
    }
    tab.check(&element(tab, "#c").await, false).await.unwrap();
    let seen = value(
        tab,
        "[c.checked, h.checked, r.checked, w.getAttribute('aria-checked')]",
    )
    .await;
    assert_eq!(seen, json!([false, true, true, "true"]));
    let radio = tab.check(&element(tab, "#r").await, false).await;
    assert!(matches!(radio, Err(ActError::NotCheckable(_))), "{radio:?}");
    assert_eq!(
        tab.check(&element(tab, "#stuck").await, true).await,
        Err(ActError::Unchanged)
    );
}

#[tokio::test]
async fn a_menu_that_opens_under_the_mouse_is_opened_and_used() {
    let scene = on(
        "<style>ul { display: none } nav:hover ul { display: block }</style>
        <nav><span>menu</span><ul><li id=x onclick='document.title = 1'>entry</ul></nav>",
    )
    .await;
    let tab = &scene.tab;
    tab.hover(&element(tab, "span").await).await.unwrap();
    tab.click(&element(tab, "#x").await, Click::default())
        .await
        .unwrap();
    assert_eq!(value(tab, "document.title").await, "1");
}

#[tokio::test]
async fn what_scrolls_is_scrolled_and_says_when_it_is_at_its_end() {
    let scene = on("<body style='margin: 0'><div id=d style='height: 700px; overflow: auto'><div style='height: 1500px'></div></div>
        <div style='height: 1000px'></div><button>end</button>").await;
    let tab = &scene.tab;
    assert_eq!(tab.scroll(None, Direction::Up).await, Ok(false));
    assert_eq!(tab.scroll(None, Direction::Down).await, Ok(true));
    assert_eq!(
        value(tab, "[d.scrollTop > 500, scrollY]").await,
        json!([true, 0])
    );
    let mut moves = 0;
    while tab.scroll(None, Direction::Down).await.unwrap() {
        moves += 1;
        assert!(moves < 10);
    }
    assert_eq!(
        value(
            tab,
            "Math.round(innerHeight + scrollY) >= document.documentElement.scrollHeight"
        )
        .await,
        true
    );
    tab.scroll_to(&element(tab, "#d").await).await.unwrap();
    assert_eq!(value(tab, "scrollY < 50").await, true);
}

#[tokio::test]
async fn things_are_dragged_by_the_mouse_and_by_the_browser() {
    let scene = on(
        "<div id=a draggable=true>drag me</div><div id=b style='height: 50px'>here</div>
        <input id=r type=range value=0 style='width: 200px'><script>
        a.ondragstart = event => event.dataTransfer.setData('text/plain', 'carried');
        b.ondragover = event => event.preventDefault();
        b.ondrop = event => b.textContent = event.dataTransfer.getData('text/plain');
        </script>",
    )
    .await;
    let tab = &scene.tab;
    tab.drag(&element(tab, "#a").await, &element(tab, "#b").await)
        .await
        .unwrap();
    assert_eq!(value(tab, "b.textContent").await, "carried");
    let range = tab
        .hover(&element(tab, "#r").await)
        .await
        .unwrap()
        .place
        .unwrap();
    tab.drag_at((range.left + 8.0, range.y), (range.x, range.y))
        .await
        .unwrap();
    let at = value(tab, "Number(r.value)").await.as_f64().unwrap();
    assert!((at - 50.0).abs() < 6.0, "{at}");
}

#[tokio::test]
async fn files_are_put_into_fields_and_a_click_on_one_says_that_it_asks() {
    let scene = on("<input id=f type=file onchange='this.files[0].text().then(text => document.title = text)'><p id=p>x</p>").await;
    let tab = &scene.tab;
    let path = scene.chromium.folder().join("given.txt");
    std::fs::write(&path, "content").unwrap();
    let field = element(tab, "#f").await;
    let mark = scene.browser.mark();
    tab.click(&field, Click::default()).await.unwrap();
    let asked = |notice: &Notice| {
        let Notice::FilesAsked { backend_node, .. } = notice else {
            return None;
        };
        Some(*backend_node)
    };
    let asked = scene.browser.notice(mark, PATIENCE, asked).await.unwrap();
    let described = tab.describe(&field, 0, false).await.unwrap();
    assert_eq!(asked, described["backendNodeId"].as_i64());
    tab.set_files(&field, std::slice::from_ref(&path))
        .await
        .unwrap();
    let url = browser::Wanted::Text("never".to_owned());
    while value(tab, "document.title").await != "content" {
        tab.wait_for(&url, Duration::from_millis(50)).await.unwrap();
    }
    assert_eq!(
        tab.set_files(&field, &[path.clone(), path.clone()]).await,
        Err(ActError::NotFiles)
    );
    assert_eq!(
        tab.set_files(&element(tab, "#p").await, &[path]).await,
        Err(ActError::NotFiles)
    );
}

#[tokio::test]
async fn what_lies_in_closed_shadow_roots_is_clicked_like_everything_else() {
    let scene = on("<div id=host><span slot=s>slotted</span></div><script>
        const root = host.attachShadow({ mode: 'closed' });
        root.innerHTML = '<button>inside</button><slot name=s></slot>';
        root.querySelector('button').onclick = () => document.title += 'inside,';
        document.querySelector('span').onclick = () => document.title += 'slotted';
    </script>")
    .await;
    let tab = &scene.tab;
    let described = tab
        .describe(&element(tab, "#host").await, -1, true)
        .await
        .unwrap();
    let button = &described["shadowRoots"][0]["children"][0];
    assert_eq!(button["localName"], "button");
    let here = top(tab);
    let node = browser::Node::Backend(button["backendNodeId"].as_i64().unwrap());
    let inside = browser::NodeHandle {
        frame: here.id.clone(),
        session: here.session.clone(),
        node,
    };
    tab.click(&inside, Click::default()).await.unwrap();
    tab.click(
        &found(tab, &here, "document.querySelector('span')").await,
        Click::default(),
    )
    .await
    .unwrap();
    assert_eq!(value(tab, "document.title").await, "inside,slotted");
}
