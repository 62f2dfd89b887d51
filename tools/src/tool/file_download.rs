//! `file_download`: a file of the web into the workspace, as it is.
//!
//! It is asked for through the guard, redirects included, and written piece by piece under a name of its own, which gets its place
//! when all is there. The name comes from the model alone: what a server calls its file is not looked at.

use std::time::Duration;

use agent_core::policy::{Outward, Source};
use agent_core::ports::tool::{EffectClass, FileUse, ToolError, ToolOutcome, ToolSpec};
use async_trait::async_trait;
use data_encoding::HEXLOWER;
use egress::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use egress::{Guard, Response, Url, next_piece};
use rustix::fs::FileType;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::get::{Got, get, sentence};
use super::{Complaint, Context, Tool, cut, file_path, object, spec};
use crate::directory::{AccessError, Unfinished};
use crate::network;
use crate::options::{Options, WebOptions};
use crate::sandbox::disk::DiskLimits;
use crate::sandbox::room::Room;
use crate::workspace::Entered;

const ADDRESS_SHOWN_BYTES_MAX: usize = 500;
const MEDIA_TYPE_BYTES_MAX: usize = 100;

pub(super) struct FileDownload {
    guard: Guard,
    options: WebOptions,
}

impl FileDownload {
    pub fn new(options: &WebOptions, guard: Guard) -> Self {
        Self {
            guard,
            options: options.clone(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    url: String,
    path: String,
    #[serde(default)]
    replace: bool,
}

#[async_trait]
impl Tool for FileDownload {
    fn spec(&self) -> ToolSpec {
        let parameters = object(
            &json!({
                "url": {"type": "string", "minLength": 1, "description": "An http or https URL."},
                "path": {"type": "string", "description": "Where the file is to be, relative to /workspace and with its name, such as \"data/prices.csv\"."},
                "replace": {"type": "boolean", "description": "Replace a file that is there. Without it nothing is overwritten."}
            }),
            &["url", "path"],
        );
        let description = "Downloads a file of the web into the workspace as it is, whole or not at all, and says its size, kind and \
            SHA-256. Only from hosts that this task may reach. To read a page use web_fetch; to unpack an archive use archive_unpack \
            afterwards.";
        ToolSpec {
            outside: true,
            files: FileUse::Changes,
            ..spec(
                "file_download",
                description,
                parameters,
                EffectClass::Repeatable,
            )
        }
    }

    fn source(&self, _arguments: &Value) -> Source {
        Source::Outside
    }

    fn outward(&self, arguments: &Value) -> Option<Outward> {
        Some(super::fetched(arguments))
    }

    fn summary(&self, arguments: &Value) -> Option<String> {
        let url = Url::parse(&super::text(arguments, "url")?).ok()?;
        let path = super::text(arguments, "path")?;
        Some(format!("{} to {path}", super::shown_address(&url)?))
    }

    async fn run(&self, context: Context<'_>) -> Result<ToolOutcome, ToolError> {
        let arguments: Arguments = match context.arguments() {
            Ok(arguments) => arguments,
            Err(outcome) => return Ok(outcome),
        };
        let hosts = match context.shared.gate.web(&context.call.grants) {
            Ok(hosts) => hosts,
            Err(refused) => return Ok(ToolOutcome::say(false, refused)),
        };
        let (url, headers) = match request(&context, &arguments.url) {
            Ok(request) => request,
            Err(complaint) => return Ok(ToolOutcome::say(false, complaint)),
        };
        let options = context.shared.options.clone();
        let Arguments { path, replace, .. } = arguments;
        let planned = context.with_files(move |place| plan(place, &options, &path, replace));
        let plan = match planned.await? {
            Ok(plan) => plan,
            Err(outcome) => return Ok(outcome),
        };
        let connection = match context.connection(&url) {
            Ok(connection) => connection,
            Err(outcome) => return Ok(outcome),
        };
        let within = Duration::from_millis(self.options.download_timeout_ms);
        let Got { answer, asked } = get(&self.guard, url, headers, hosts.as_ref(), within).await;
        let mut bytes_down = 0;
        let saved = match answer {
            Ok(response) => save(&context, response, &plan, &mut bytes_down).await,
            Err(error) => Ok(Err(format!("{} Nothing was saved.", sentence(&error)))),
        };
        connection.note(bytes_down);
        let (ok, text) = match saved? {
            Ok(text) => (true, text),
            Err(complaint) => (false, complaint),
        };
        Ok(ToolOutcome {
            network: Box::new(asked.decisions(bytes_down)),
            ..context.say(ok, &text)
        })
    }
}

/// The address and the headers to ask with, or what is wrong.
fn request(context: &Context<'_>, url: &str) -> Result<(Url, HeaderMap), String> {
    let mut url = Url::parse(url).map_err(|error| format!("{url:?} is not a URL: {error}"))?;
    url.set_fragment(None);
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    for (name, value) in network::secrets(&context.call.grants, &url)? {
        headers.insert(name, value);
    }
    Ok((url, headers))
}

/// Where the file is to be, and how large it may be.
struct Plan {
    path: String,
    replace: bool,
    most: Most,
}

/// The bytes that are taken at most, and what to say of a file that has more.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Most {
    bytes: u64,
    beyond: String,
}

impl Most {
    fn of(options: &Options, room: Room) -> Self {
        let allowed = options.web.download_bytes_max.min(options.file_bytes_max);
        let bytes = room.amount().bytes;
        if bytes < allowed {
            let beyond = format!("for which there is no room: {}", room.of_bytes());
            return Self { bytes, beyond };
        }
        let beyond = "and larger files are not downloaded here: take a part of it, or do without";
        Self {
            bytes: allowed,
            beyond: beyond.to_owned(),
        }
    }

    fn exceeded(&self) -> String {
        format!(
            "the file has more than {} bytes, {}. Nothing was saved.",
            self.bytes, self.beyond
        )
    }
}

/// Looks whether the file can be written before anyone is asked for it.
fn plan(place: &Entered, options: &Options, named: &str, replace: bool) -> Result<Plan, Complaint> {
    if named.ends_with('/') {
        let said =
            format!("{named:?} is a directory; name the file too, such as \"{named}data.csv\"");
        return Err(Complaint::Model(said));
    }
    let path = file_path(named)?;
    match place.directory().stat(&path) {
        Err(AccessError::Missing) => {}
        Err(error) => return Err(Complaint::about(named, error)),
        Ok(there) => match FileType::from_raw_mode(there.st_mode) {
            FileType::RegularFile if replace => {}
            FileType::RegularFile => {
                let said =
                    format!("{path:?} is there already; set replace to true to overwrite it");
                return Err(Complaint::Model(said));
            }
            FileType::Directory => {
                let said = format!(
                    "{path:?} is a directory; name the file too, such as \"{path}/data.csv\""
                );
                return Err(Complaint::Model(said));
            }
            FileType::Symlink => return Err(Complaint::about(named, AccessError::Link)),
            FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => {
                return Err(Complaint::Model(format!(
                    "{path:?} is there already, and no file"
                )));
            }
        },
    }
    let room = DiskLimits::of(options).room(place);
    let room = room.map_err(Complaint::Machine)?;
    if room.amount().files == 0 {
        let said = format!("there is no room for one more file: {}", room.of_files());
        return Err(Complaint::Model(said));
    }
    Ok(Plan {
        path,
        replace,
        most: Most::of(options, room),
    })
}

/// Saves an answer's body. Gives what the model is told: of the file, or of why there is none.
async fn save(
    context: &Context<'_>,
    response: Response,
    plan: &Plan,
    bytes_down: &mut u64,
) -> Result<Result<String, String>, ToolError> {
    let status = response.status();
    if !status.is_success() {
        return Ok(Err(format!(
            "the server answered {status}. Nothing was saved; web_fetch shows what the answer says."
        )));
    }
    let claimed = response.content_length();
    if claimed.is_some_and(|bytes| bytes > plan.most.bytes) {
        return Ok(Err(plan.most.exceeded()));
    }
    let place = context.place()?;
    let about = |error| Complaint::about(&plan.path, error);
    let mut unfinished = match place
        .directory()
        .begin(&plan.path, Some(false))
        .map_err(about)
    {
        Ok(unfinished) => unfinished,
        Err(complaint) => return complaint.told().map(|outcome| Err(outcome.content)),
    };
    let head = Head::of(&response);
    let written = write(response, &mut unfinished, &plan.most, bytes_down).await;
    let digest = match written.map_err(|error| crate::toolbox::machine_said_no(&error))? {
        Ok(digest) => digest,
        Err(complaint) => return Ok(Err(complaint)),
    };
    if let Err(error) = place.directory().keep(unfinished, plan.replace) {
        return about(error).told().map(|outcome| Err(outcome.content));
    }
    Ok(Ok(head.told(&plan.path, *bytes_down, &digest)))
}

/// Writes the body into the file and gives its SHA-256, or what the model is told where it is not to be had whole.
async fn write(
    mut response: Response,
    to: &mut Unfinished,
    most: &Most,
    bytes_down: &mut u64,
) -> std::io::Result<Result<String, String>> {
    let mut file = tokio::fs::File::from_std(to.file.try_clone()?);
    let mut digest = Sha256::new();
    loop {
        let piece = match next_piece(&mut response).await {
            Ok(Some(piece)) => piece,
            Ok(None) => break,
            Err(error) => {
                return Ok(Err(format!(
                    "{} It broke off after {bytes_down} bytes. Nothing was saved.",
                    sentence(&error)
                )));
            }
        };
        let piece = piece.as_ref();
        *bytes_down = bytes_down.saturating_add(piece.len().try_into().unwrap_or(u64::MAX));
        if *bytes_down > most.bytes {
            return Ok(Err(most.exceeded()));
        }
        digest.update(piece);
        file.write_all(piece).await?;
    }
    file.flush().await?;
    Ok(Ok(HEXLOWER.encode(&digest.finalize())))
}

/// What an answer says of itself.
struct Head {
    address: String,
    media_type: Option<String>,
    encoding: Option<String>,
}

impl Head {
    fn of(response: &Response) -> Self {
        let word = |name| {
            let value = response.headers().get(name)?.to_str().ok()?;
            let word = value.split(';').next()?.trim().to_ascii_lowercase();
            let is_word = !word.is_empty()
                && word.len() <= MEDIA_TYPE_BYTES_MAX
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-/".contains(&byte));
            is_word.then_some(word)
        };
        Self {
            address: cut::middle(response.url().as_str(), ADDRESS_SHOWN_BYTES_MAX),
            media_type: word(CONTENT_TYPE),
            encoding: word(CONTENT_ENCODING).filter(|encoding| encoding != "identity"),
        }
    }

    fn told(&self, path: &str, bytes: u64, digest: &str) -> String {
        let kind = self
            .media_type
            .as_deref()
            .unwrap_or("of a kind that the server did not say");
        let mut text = format!(
            "downloaded {path}: {bytes} bytes, {kind}\nsha256 {digest}\nfrom {}",
            self.address
        );
        if let Some(encoding) = &self.encoding {
            text.push_str("\nnote: the server sent it compressed, and it is saved so: ");
            text.push_str(encoding);
        }
        let is_named_page = [".html", ".htm", ".xhtml"]
            .iter()
            .any(|end| path.ends_with(end));
        if self.media_type.as_deref() == Some("text/html") && !is_named_page {
            text.push_str(
                "\nnote: it is an HTML page, perhaps in place of the file that you wanted",
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Scope;
    use crate::workspace::ledger::{Amount, Sum};

    #[test]
    fn a_file_is_no_larger_than_the_operator_allows_and_the_workspace_has_room_for() {
        let mut options = Options::default();
        let room = |bytes| {
            let (held, max) = (Amount::default(), Amount { bytes, files: 9 });
            Room::within(&[(Scope::Task, Sum { held, max })])
        };
        let bytes = |options: &Options, of| Most::of(options, room(of)).bytes;
        options.web.download_bytes_max = 1000;
        assert_eq!(bytes(&options, 5000), 1000);
        assert_eq!(bytes(&options, 10), 10);
        options.file_bytes_max = 100;
        assert_eq!(bytes(&options, 5000), 100);
        assert_eq!(
            Most::of(&options, room(10)).exceeded(),
            "the file has more than 10 bytes, for which there is no room: all workspaces of this task together may hold 10 bytes (tools.per_task.workspace_bytes_max), of which 10 are left; delete what is not needed first. Nothing was saved."
        );
    }

    #[test]
    fn what_looks_like_the_wrong_file_is_said() {
        let head = |media_type: Option<&str>, encoding: Option<&str>| Head {
            address: "https://a.example/x".to_owned(),
            media_type: media_type.map(str::to_owned),
            encoding: encoding.map(str::to_owned),
        };
        assert_eq!(
            head(Some("text/csv"), None).told("x.csv", 3, "ab"),
            "downloaded x.csv: 3 bytes, text/csv\nsha256 ab\nfrom https://a.example/x"
        );
        let page = head(Some("text/html"), None);
        assert!(page.told("x.csv", 3, "ab").contains("it is an HTML page"));
        assert!(!page.told("x.html", 3, "ab").contains("note"));
        let packed = head(None, Some("gzip")).told("x", 3, "ab");
        assert!(packed.ends_with("saved so: gzip"), "{packed}");
    }
}
