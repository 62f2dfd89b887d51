//! Files of the web in the workspace: whole or not at all, within limits, and under the name that the model gave.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::by_hand::here;
use crate::installation::Installation;
use crate::web::{content, decisions, results};

const TABLE: &str = "city,price\nBern,7\n";
const TABLE_SHA256: &str = "be0ce5b862671d4b19106bc2209e50f4c4af0c8df4dd7571d757d66eccf7aa4c";

/// The whole answer to a path.
fn answer(path: &str, own: &str) -> Vec<u8> {
    let head =
        |status: &str, more: &str| format!("HTTP/1.1 {status}\r\nConnection: close\r\n{more}");
    let whole = |more: &str, body: &str| {
        let length = body.len();
        head(
            "200 OK",
            &format!("Content-Length: {length}\r\n{more}\r\n{body}"),
        )
    };
    let moved = |to: &str| {
        head(
            "302 Found",
            &format!("Content-Length: 0\r\nLocation: {to}\r\n\r\n"),
        )
    };
    let chunks = "2000\r\n".to_owned() + &"x".repeat(0x2000) + "\r\n";
    let text = match path {
        "/table.csv" => whole("Content-Type: text/csv; charset=utf-8\r\n", TABLE),
        "/named" => whole(
            "Content-Disposition: attachment; filename=\"../../etc/evil\"\r\nContent-Type: ../../x y\r\n",
            "named",
        ),
        "/moved" => moved(&format!("http://{own}/table.csv?signed=1")),
        "/inwards" => moved("http://127.0.0.3/inside"),
        "/metadata" => moved("http://169.254.169.254/latest/meta-data/"),
        "/file" => moved("file:///etc/passwd"),
        "/round" => moved("/round"),
        "/claims-much" => head("200 OK", "Content-Length: 99999999\r\n\r\nx"),
        "/endless" => {
            head("200 OK", "Transfer-Encoding: chunked\r\n\r\n") + &chunks.repeat(20) + "0\r\n\r\n"
        }
        "/broken" => head("200 OK", "Content-Length: 5000\r\n\r\nonly this"),
        "/page" => whole("Content-Type: text/html\r\n", "<p>Log in first"),
        _ => head("404 Not Found", "Content-Length: 4\r\n\r\nlost"),
    };
    text.into_bytes()
}

/// A server with files and with answers that no file should come of.
async fn site() -> String {
    let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let own = address.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 8192];
            let count = stream.read(&mut head).await.unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..count]).into_owned();
            let path = head.split([' ', '?']).nth(1).unwrap_or_default();
            let _ = stream.write_all(&answer(path, &own)).await;
        }
    });
    address
}

fn reaching(address: &str) -> Installation {
    let mut here = here();
    here.set("ERRAND_TOOLS__NETWORK__MODE", "open");
    here.set("ERRAND_TOOLS__WEB__DOWNLOAD_BYTES_MAX", "100000");
    here.set(
        "ERRAND_EGRESS__ALLOW_PRIVATE",
        &json!([address]).to_string(),
    );
    here
}

fn shell(command: &str) -> Value {
    json!({"tool": "shell", "arguments": {"command": command}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_downloaded_as_it_is_under_the_name_that_was_given() {
    let address = site().await;
    let here = reaching(&address);
    let get = |path: &str, to: &str| {
        let url = format!("http://{address}{path}");
        json!({"tool": "file_download", "arguments": {"url": url, "path": to}})
    };
    let mut replacing = get("/table.csv", "a/b.csv");
    replacing["arguments"]["replace"] = json!(true);
    let got = results(
        &here,
        &[
            get("/table.csv", "a/b.csv"),
            get("/moved", "/workspace/moved"),
            get("/named", "named"),
            get("/page", "data.csv"),
            get("/page", "a/b.csv"),
            shell("chmod +x a/b.csv; echo mine > a/b.csv"),
            get("/page", "a/b.csv"),
            replacing,
            shell(
                "sha256sum < a/b.csv; cat moved named; find . -mindepth 1 | sort; stat -c '%U %a' a a/b.csv",
            ),
        ],
    );
    assert_eq!(
        content(&got[0]),
        format!(
            "downloaded a/b.csv: 18 bytes, text/csv\nsha256 {TABLE_SHA256}\nfrom http://{address}/table.csv"
        )
    );
    assert_eq!(got[0]["changed_files"], json!(["a/b.csv"]));
    assert_eq!(got[0]["network"][0]["bytes_down"], 18);
    assert!(
        content(&got[1]).ends_with("/table.csv?signed=1"),
        "{}",
        got[1]
    );
    assert_eq!(decisions(&got[1]), [(address.clone(), true)]);
    assert_eq!(
        got[1]["network"][0]["times"], 2,
        "the redirect is one of them"
    );
    assert!(
        content(&got[2]).starts_with("downloaded named: 5 bytes, of a kind that"),
        "{}",
        got[2]
    );
    assert!(
        content(&got[3]).contains("it is an HTML page"),
        "{}",
        got[3]
    );
    for refused in [&got[4], &got[6]] {
        assert!(
            content(refused).contains("set replace to true"),
            "{refused}"
        );
        assert_eq!(decisions(refused), [], "nobody was asked");
    }
    assert_eq!(got[7]["ok"], true, "{}", got[7]);
    let listed = "./a\n./a/b.csv\n./data.csv\n./moved\n./named\nuser 700\nuser 600";
    let wanted = format!("--- stdout\n{TABLE_SHA256}  -\n{TABLE}named{listed}");
    assert!(content(&got[8]).ends_with(&wanted), "{}", content(&got[8]));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_file_that_is_refused_too_large_or_cut_off_nothing_is_left() {
    let address = site().await;
    let here = reaching(&address);
    let url = |path: &str| format!("http://{address}{path}");
    let cases = [
        (url("/inwards"), "x", "127.0.0.3 is not allowed"),
        (url("/metadata"), "x", "169.254.169.254 is not allowed"),
        (url("/file"), "x", "only http and https"),
        (url("/round"), "x", "redirects once more after 10"),
        (url("/claims-much"), "x", "more than 100000 bytes"),
        (url("/endless"), "x", "more than 100000 bytes"),
        (url("/broken"), "x", "broke off after 9 bytes"),
        (url("/lost"), "x", "answered 404 Not Found"),
        (
            "http://127.0.0.2:1/".to_owned(),
            "x",
            "127.0.0.2:1 is not allowed",
        ),
        ("http://localhost/".to_owned(), "x", "is not allowed"),
        (
            "http://metadata.invalid/".to_owned(),
            "x",
            "could not resolve",
        ),
        ("ftp://a.example/x".to_owned(), "x", "only http and https"),
        (
            "http://u:p@a.example/x".to_owned(),
            "x",
            "must not carry a user name",
        ),
        ("not a URL".to_owned(), "x", "is not a URL"),
        (url("/table.csv"), "../x", "no empty, '.' or '..' part"),
        (url("/table.csv"), "/etc/x", "relative to the workspace"),
        (url("/table.csv"), "d", "is a directory; name the file too"),
        (
            url("/table.csv"),
            "new/",
            "is a directory; name the file too",
        ),
        (url("/table.csv"), "link", "links are not followed"),
        (url("/table.csv"), "up/x", "links are not followed"),
        (url("/table.csv"), "pipe", "there already, and no file"),
        (url("/table.csv"), "file/x", "it is a file, not a directory"),
    ];
    let mut calls = vec![shell(
        "mkdir d; ln -s /etc/passwd link; ln -s / up; mkfifo pipe; touch file",
    )];
    calls.extend(cases.iter().map(
        |(url, path, _)| json!({"tool": "file_download", "arguments": {"url": url, "path": path}}),
    ));
    calls.push(shell("ls -A . d"));
    let got = results(&here, &calls);
    for ((url, path, says), result) in cases.iter().zip(&got[1..]) {
        assert_eq!(result["ok"], false, "{url} {path}: {result}");
        assert!(content(result).contains(says), "{url} {path}: {result}");
        assert_eq!(result["changed_files"], json!([]), "{url} {path}");
    }
    assert_eq!(
        decisions(&got[1]),
        [(address.clone(), true), ("127.0.0.3:80".to_owned(), false)]
    );
    let last = content(got.last().unwrap());
    assert!(
        last.ends_with("--- stdout\n.:\nd\nfile\nlink\npipe\nup\n\nd:"),
        "{last}"
    );
}
