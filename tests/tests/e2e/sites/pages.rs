//! The pages of the test sites. Each has an answer that only shows after what a person would do there.

use std::fmt::Write;

use super::server::Asked;

const MODAL: &str = "<title>Modal</title><button onclick=\"out.textContent = 'The code is M-204.'\">Show code</button><p id=out></p>\
    <div id=over style='position:fixed;inset:0;background:#000c'><div role=dialog aria-label='Cookies' style='background:#fff;margin:5rem;padding:2rem'>\
    <p>We value your privacy.</p><button onclick='over.remove()'>Reject all</button></div></div>";

const SHADOW: &str = "<title>Shadow</title><x-menu></x-menu><p id=out></p><script>customElements.define('x-menu', class extends HTMLElement { \
    connectedCallback() { const root = this.attachShadow({mode: 'open'}); root.innerHTML = '<button id=b>Menu</button><ul hidden><li><button id=s>Settings</button></ul>'; \
    root.querySelector('#b').onclick = () => { root.querySelector('ul').hidden = false; }; \
    root.querySelector('#s').onclick = () => { out.textContent = 'Settings have number 318.'; }; } });</script>";

const SCROLL: &str = "<title>Feed</title><h1>Feed</h1><div id=feed></div><div id=end style='height:20px'></div><script>let n = 0; \
    const more = () => { for (let i = 0; i < 10; i++) { n += 1; const item = document.createElement('article'); item.style.height = '120px'; \
    item.textContent = 'Post ' + n + (n === 35 ? ' has the word heron.' : ''); feed.append(item); } }; more(); \
    new IntersectionObserver(seen => { if (seen[0].isIntersecting && n < 60) more(); }).observe(end);</script>";

const HOVER: &str = "<title>Hover</title><style>nav ul { display: none; position: absolute; top: 2.5rem } nav li:hover > ul { display: block } nav li { display: inline-block; height: 2.5rem }</style>\
    <nav><ul style='display:block;position:static'><li><a href='#p'>Products</a><ul><li><a href='#l' onclick=\"out.textContent = 'Lamps are on shelf 44.'\">Lamps</a></ul></ul></nav>\
    <p id=out style='margin-top:8rem'></p>";

const DATES: &str = "<title>Dates</title><label>Arrival <input id=d readonly onclick='c.hidden = false'></label><div id=c hidden role=group aria-label=Calendar></div>\
    <p id=out></p><script>for (let n = 1; n < 29; n++) { const b = document.createElement('button'); b.textContent = n; b.setAttribute('aria-label', 'February ' + n); \
    b.onclick = () => { d.value = '2027-02-' + String(n).padStart(2, '0'); c.hidden = true; out.textContent = 'A room on ' + d.value + ' costs ' + (100 + n) + '.'; }; c.append(b); }</script>";

const CANVAS: &str = "<title>Canvas</title><body style='margin:0'><canvas id=c width=600 height=400></canvas><script>const g = c.getContext('2d'); g.fillStyle = 'teal'; \
    g.fillRect(200, 150, 120, 60); c.onclick = e => { const hit = e.offsetX > 200 && e.offsetX < 320 && e.offsetY > 150 && e.offsetY < 210; \
    document.title = hit ? 'Hit 77' : 'Missed'; };</script>";

const ALERT: &str =
    "<title>Alert</title><script>alert('Mind the step')</script><p>The step has number 9.</p>";

const LOOP: &str =
    "<title>Loop</title><button onclick='setTimeout(() => { for (;;); })'>Begin</button>";

const TAB: &str = "<title>First</title><a href=/second target=_blank>Second page</a><p>The first has number 31.</p>";

const LOGIN: &str = "<title>Log in</title><form method=post action=/login><label>Name <input name=name></label><label>Word <input type=password name=word></label><button>Log in</button></form>";

const UPLOAD: &str = "<title>Upload</title><form method=post action=/uploaded enctype=multipart/form-data><label>File <input type=file name=f></label><button>Send</button></form>";

const TABLE: &str = "<title>Table</title><table><thead><tr><th>Item<th>Price</thead><tbody id=rows></tbody></table><button id=next>Next page</button><script>let p = 0; \
    const draw = () => { rows.innerHTML = ''; for (let i = p * 5; i < p * 5 + 5; i++) rows.insertAdjacentHTML('beforeend', '<tr><td>Item ' + i + '<td>' + (i * 1.7).toFixed(2)); }; \
    next.onclick = () => { p += 1; draw(); }; draw();</script>";

const HEAVY: &str = "<title>Heavy</title><button onclick=\"window.taken = new Uint8Array(400 << 20).fill(1); fetch('/taken')\">Take much memory</button>";

/// A page that waits at a moment of a click until its server has been told.
const PRESS_AT: &str = "<title>Press</title><form method=post action='/pressed?MOMENT'><button>Press</button></form><script>\
    addEventListener('MOMENT', () => { const told = new XMLHttpRequest(); told.open('GET', '/moment', false); told.send(); }, {capture: true, once: true});</script>";

const NEEDLE: &str =
    "<button onclick=\"this.textContent = 'The needle has number 61.'\">The needle</button>";

/// A page whose button opens a tab, which it closes when it is loaded.
const TABS: &str = "<title>Tabs</title><button>Another</button><p id=out></p><script>let n = 0; document.querySelector('button').onclick = () => { \
    const tab = open('/second'); tab.onload = () => { tab.close(); n += 1; out.textContent = 'Closed so far: ' + n; }; };</script>";

/// The page for a request.
pub fn page(asked: &Asked, elsewhere: &str) -> String {
    let path = asked.path.split('?').next().unwrap_or_default();
    let fixed = match path {
        "/modal" => MODAL,
        "/shadow" => SHADOW,
        "/scroll" => SCROLL,
        "/hover" => HOVER,
        "/dates" => DATES,
        "/canvas" => CANVAS,
        "/alert" => ALERT,
        "/loop" => LOOP,
        "/tab" => TAB,
        "/second" => "<title>Second</title><p>The second has number 62.</p>",
        "/login" => LOGIN,
        "/upload" => UPLOAD,
        "/table" => TABLE,
        "/download" => "<title>Download</title><a href=/data.csv download>Prices</a>",
        "/form" => {
            "<title>Step 1</title><form action=/form2><label>Name <input name=name required></label><label>Country <select name=country><option>Chad<option>Peru</select></label><button>Next</button></form>"
        }
        "/heavy" => HEAVY,
        "/tabs" => TABS,
        "/drip" => "<title>Drip</title><a href=/drip.csv download>Drip</a>",
        "/press" => "<title>Pressed</title><p>It was pressed.</p>",
        _ => return made(asked, path, elsewhere),
    };
    format!("<!doctype html>{fixed}")
}

/// Pages that depend on what was asked.
fn made(asked: &Asked, path: &str, elsewhere: &str) -> String {
    let has = |word: &str| asked.path.contains(word) || asked.body.contains(word);
    match path {
        "/form2" if has("name=Ann") && has("country=Peru") => {
            "<title>Step 2</title><form method=post action=/form3><label><input type=checkbox name=ok value=yes> I agree</label><button>Order</button></form>".to_owned()
        }
        "/form3" if has("ok=yes") => "<title>Done</title><p>Order 4711 is on its way.</p>".to_owned(),
        "/account" if asked.cookie.contains("who=ann") => {
            "<title>Account</title><p>The balance is 92.</p>".to_owned()
        }
        "/uploaded" if asked.body.contains("rows of 3") => {
            "<title>Got it</title><p>The file has number 205.</p>".to_owned()
        }
        "/frame" => format!(
            "<title>Frame</title><p>Above.</p><iframe src='http://{elsewhere}/inner' style='width:600px;height:200px'></iframe>"
        ),
        "/inner" => "<title>Inner</title><label>Card <input id=i></label><button onclick=\"out.textContent = 'Card ' + i.value + ' is good for 53.'\">Check</button><p id=out></p>".to_owned(),
        "/closed" => SHADOW.replace("'open'", "'closed'"),
        "/press-at" => PRESS_AT.replace("MOMENT", asked.path.split('?').nth(1).unwrap_or_default()),
        "/pressed" if asked.path.ends_with("?shown") => {
            "<title>Pressed</title><p>It was pressed.</p><script>fetch('/moment')</script>".to_owned()
        }
        "/large" => large(),
        "/nested" => {
            let (open, close) = ("<div>".repeat(200), "</div>".repeat(200));
            format!("<title>Nested</title>{open}<button onclick=\"this.outerHTML = 'The depth is 200.'\">Dig</button>{close}")
        }
        "/count" => format!(
            "<title>Count</title><form method=post action='/press{}'><button>Press</button></form>",
            asked.path.strip_prefix("/count").unwrap_or_default()
        ),
        _ => format!("<title>Nothing</title><p>There is nothing at {path}.</p>"),
    }
}

/// A page of five megabytes.
fn large() -> String {
    let mut page = String::from("<!doctype html><title>Large</title><h1>Links</h1>");
    for n in 0..58_000 {
        if n == 40_000 {
            page.push_str(NEEDLE);
        }
        let _ = write!(
            page,
            "<p><a href='/l/{n}'>Link number {n} of the large page</a></p>"
        );
    }
    page.push_str("<p>The last line has number 88.</p>");
    page
}
