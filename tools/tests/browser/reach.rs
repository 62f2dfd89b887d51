//! What a browser reaches, and what reaches it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tools::browser::Front;

use crate::stage::{Page, Server, granted, launched, room};

pub async fn a_page_is_fetched_only_where_the_task_was_granted_its_host() {
    let room = room().await;
    let server = Server::start("127.0.0.2", "<title>granted</title>");
    let running = launched(&room, Front::default()).await;
    let mut page = Page::open(&running, &server.url()).await;
    assert_eq!(page.text().await, "this task was given no network");
    assert_eq!(server.came(), Vec::<String>::new());
    running.end().await;

    let running = launched(&room, granted(&room, &[server.host()])).await;
    let mut page = Page::open(&running, &server.url()).await;
    assert_eq!(page.title().await, json!("granted"));
    assert_eq!(server.came().first().unwrap(), "GET / HTTP/1.1");
    let decisions = running.take_decisions();
    let own = |port: u16| port == server.address.port();
    let decided = decisions.named.iter().find(|decision| own(decision.port));
    assert_eq!(decided.unwrap().refused, None, "{decisions:?}");
    assert_eq!(running.enforced().network.mode, "allow_list");
    running.end().await;
}

/// Tries every way that a page has, and gives what each came to.
const ATTEMPTS: &str = r"(async () => {
    const within = (promise, what) => Promise.race([promise, new Promise(done => setTimeout(() => done('nothing'), 3000))])
        .catch(error => 'error').then(came => [what, String(came)]);
    const tries = [];
    for (const host of HOSTS) {
        const url = 'http://' + host + '/attempt';
        tries.push(within(fetch(url, {mode: 'no-cors'}).then(() => fetch(url)).then(answer => answer.text()), 'fetch ' + host));
        tries.push(within(new Promise((yes, no) => { const socket = new WebSocket('ws://' + host + '/'); socket.onopen = () => yes('open'); socket.onerror = no; }), 'socket ' + host));
        tries.push(within(new Promise((yes, no) => { const image = new Image(); image.onload = () => yes('loaded'); image.onerror = no; image.src = url; }), 'image ' + host));
        navigator.sendBeacon(url, 'x');
    }
    const [address, port] = HOSTS[0].split(':');
    const connection = new RTCPeerConnection({iceServers: [{urls: 'stun:' + HOSTS[0]}, {urls: 'turn:' + HOSTS[0] + '?transport=tcp', username: 'a', credential: 'b'}]});
    const candidates = [];
    connection.onicecandidate = event => { if (event.candidate) candidates.push(event.candidate.candidate); };
    connection.createDataChannel('x');
    await connection.setLocalDescription(await connection.createOffer());
    const answers = await Promise.all(tries);
    await new Promise(done => setTimeout(done, 2000));
    return {answers, candidates};
})()";

pub async fn what_a_page_does_beside_the_proxy_arrives_nowhere() {
    let room = room().await;
    let granted_one = Server::start("127.0.0.2", "<title>granted</title>");
    let others = ["127.0.0.1", "127.0.0.3"].map(|at| Server::start(at, "reached"));
    let datagrams = std::net::UdpSocket::bind(others[0].address).unwrap();
    datagrams.set_nonblocking(true).unwrap();
    let running = launched(&room, granted(&room, &[granted_one.host()])).await;
    let mut page = Page::open(&running, &granted_one.url()).await;
    assert_eq!(page.title().await, json!("granted"));
    // Its own DevTools, this machine's loopback, metadata of clouds.
    let devtools = running.host();
    let mut hosts: Vec<String> = others.iter().map(Server::host).collect();
    hosts.extend([devtools.clone(), "169.254.169.254:80".to_owned()]);
    let script = ATTEMPTS.replace("HOSTS", &json!(hosts).to_string());
    let came = page.says(&script).await;
    let answers = came["answers"].as_array().unwrap();
    assert_eq!(answers.len(), hosts.len() * 3, "{came}");
    for answer in answers {
        let result = answer[1].as_str().unwrap();
        assert!(["error", "nothing"].contains(&result), "{answer}");
    }
    // No address of an interface is told, and nothing is sent past the proxy.
    let candidates = came["candidates"].as_array().unwrap();
    let tells = |candidate: &Value| !candidate.as_str().unwrap().contains(".local");
    assert!(!candidates.iter().any(tells), "{came}");
    // Nor does the browser ask anybody of its own accord.
    let decisions = running.take_decisions();
    let of_its_own =
        |host: &str| !hosts.iter().any(|one| one.starts_with(host)) && host != "127.0.0.2";
    let own: Vec<_> = decisions
        .named
        .iter()
        .filter(|decision| of_its_own(&decision.host))
        .collect();
    assert_eq!((own, decisions.beyond), (Vec::new(), 0));
    for other in &others {
        assert_eq!(other.came(), Vec::<String>::new());
    }
    let mut datagram = [0; 64];
    assert!(datagrams.recv(&mut datagram).is_err());
    // The page can be made to go there, and sees what the cage says.
    let mut page = Page::open(&running, &format!("http://{devtools}/json/version")).await;
    let text = page.text().await;
    assert!(
        text.starts_with("no program of this task listens on port"),
        "{text}"
    );
    running.end().await;
}

pub async fn commands_of_the_same_task_do_not_reach_the_browser() {
    let room = room().await;
    let running = launched(&room, Front::default()).await;
    let host = running.host();
    let (_, port) = host.split_once(':').unwrap();
    // The one that is there answers, so the attempt can work.
    assert!(running.stream().await.is_ok());
    let command = format!("exec 3<>/dev/tcp/127.0.0.1/{port} && echo reached");
    let outcome = room.shell(&command).await;
    assert!(
        !outcome.ok && outcome.content.contains("Connection refused"),
        "{}",
        outcome.content
    );
    let seen = room
        .prints("ls /proc/*/cmdline | xargs -n1 cat 2>/dev/null | tr '\\0' ' '")
        .await;
    assert!(!seen.contains("remote-debugging"), "{seen}");
    running.end().await;
}

pub async fn a_server_that_the_task_started_is_shown_under_its_own_name() {
    let room = room().await;
    let command = "mkdir site && echo '<title>mine</title>' > site/page.html && exec python3 -u -m http.server 8123 --bind 127.0.0.1 --directory site";
    let started = room.tool(
        "shell_start",
        json!({"command": command, "until": "Serving HTTP", "wait_s": 20}),
    );
    let started = started.await;
    assert!(started.ok, "{}", started.content);
    let neighbours = room.parts.toolbox.neighbours(&room.place, false);
    let front = Front {
        exit: None,
        neighbours: Some(neighbours),
        apart: None,
    };
    let running = launched(&room, front).await;
    for _ in 0..2 {
        let mut page = Page::open(&running, "http://localhost:8123/page.html").await;
        assert_eq!(page.title().await, json!("mine"));
    }
    let mut page = Page::open(&running, "http://localhost:8124/").await;
    assert_eq!(
        page.text().await,
        "no program of this task listens on port 8124"
    );
    // Another task's browser does not get there.
    let other = room.beside(7).await;
    let elsewhere = Front {
        exit: None,
        neighbours: Some(room.parts.toolbox.neighbours(&other, false)),
        apart: None,
    };
    let stranger = launched(&room, elsewhere).await;
    let mut page = Page::open(&stranger, "http://localhost:8123/page.html").await;
    assert_eq!(
        page.text().await,
        "no program of this task listens on port 8123"
    );
    tokio::time::timeout(Duration::from_secs(20), async {
        stranger.end().await;
        running.end().await;
    })
    .await
    .unwrap();
}

pub async fn a_browser_that_must_not_join_both_shows_one_side_only() {
    let room = room().await;
    let server = Server::start("127.0.0.2", "<title>granted</title>");
    let mine = "mkdir site && echo '<title>mine</title>' > site/page.html && exec python3 -u -m http.server 8123 --bind 127.0.0.1 --directory site";
    let started = room.tool(
        "shell_start",
        json!({"command": mine, "until": "Serving HTTP", "wait_s": 20}),
    );
    let started = started.await;
    assert!(started.ok, "{}", started.content);
    let own = "http://localhost:8123/page.html";
    let apart = || Front {
        neighbours: Some(room.parts.toolbox.neighbours(&room.place, false)),
        apart: Some(Arc::default()),
        ..granted(&room, &[server.host()])
    };
    let running = launched(&room, apart()).await;
    let mut page = Page::open(&running, own).await;
    assert_eq!(page.title().await, json!("mine"));
    let mut page = Page::open(&running, &server.url()).await;
    let said = page.text().await;
    assert!(said.contains("does not reach the network"), "{said}");
    assert_eq!(server.came(), Vec::<String>::new());
    running.end().await;
    // The other way round, a page of the network cannot ask the task's own server either.
    let running = launched(&room, apart()).await;
    let mut page = Page::open(&running, &server.url()).await;
    assert_eq!(page.title().await, json!("granted"));
    let mut page = Page::open(&running, own).await;
    let said = page.text().await;
    assert!(
        said.contains("does not show pages of the task's own"),
        "{said}"
    );
    running.end().await;
}
