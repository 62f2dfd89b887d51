//! `browser_file`: gives files to a page, tells of downloads, and makes a PDF of a page.

use std::fmt::Write;

use agent_core::policy::Outward;
use agent_core::ports::tool::EffectClass;
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Move, joined, report};
use crate::browsing::{Stopped, Told, Visit};
use crate::tool::{object, text};

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum What {
    Upload,
    Downloads,
    Pdf,
    Picture,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Files {
    #[serde(rename = "do")]
    what: What,
    #[serde(default, rename = "ref")]
    reference: Option<String>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    path: Option<String>,
}

#[async_trait]
impl Move for Files {
    const NAME: &'static str = "browser_file";
    const DESCRIPTION: &'static str = "Gives files of the workspace to a field for files (upload), tells how downloads stand (they land in downloads/), or saves the \
        page as a PDF (pdf), or what the window shows as a JPEG (picture).";
    const EFFECT: EffectClass = EffectClass::Once;

    fn parameters() -> Value {
        object(
            &json!({
                "do": {"type": "string", "enum": ["upload", "downloads", "pdf", "picture"]},
                "ref": {"type": "string", "description": "upload: the field for files, such as \"e12\"."},
                "paths": {"type": "array", "items": {"type": "string"}, "description": "upload: files of the workspace."},
                "path": {"type": "string", "description": "pdf, picture: where to save it, such as \"page.pdf\" or \"page.jpg\"."}
            }),
            &["do"],
        )
    }

    fn effect(arguments: &Value) -> EffectClass {
        match text(arguments, "do").as_deref() {
            Some("downloads" | "pdf" | "picture") => EffectClass::Repeatable,
            Some(_) | None => EffectClass::Once,
        }
    }

    fn outward(arguments: &Value) -> Outward {
        match text(arguments, "do").as_deref() {
            Some("downloads" | "pdf" | "picture") => Outward::Page,
            Some(_) | None => Outward::Program,
        }
    }

    fn summary(arguments: &Value) -> Option<String> {
        let what = text(arguments, "do")?;
        let paths = arguments.get("paths").and_then(Value::as_array);
        let paths = paths.into_iter().flatten().filter_map(Value::as_str);
        let all: Vec<&str> = std::iter::once(what.as_str()).chain(paths).collect();
        Some(all.join(" "))
    }

    async fn make(self, visit: &mut Visit<'_>) -> Result<Told, Stopped> {
        match self.what {
            What::Upload => self.upload(visit).await,
            What::Downloads => downloads(visit),
            What::Pdf => {
                let tab = visit.tab(None)?;
                let path = self.path.as_deref().unwrap_or("page.pdf");
                let text = visit.save_pdf(&tab, path).await?;
                Ok(Told { ok: true, text })
            }
            What::Picture => {
                let tab = visit.tab(None)?;
                let path = self.path.as_deref().unwrap_or("page.jpg");
                let text = visit.save_picture(&tab, path).await?;
                Ok(Told { ok: true, text })
            }
        }
    }
}

impl Files {
    async fn upload(&self, visit: &mut Visit<'_>) -> Result<Told, Stopped> {
        let tab = visit.tab(None)?;
        let reference = self.reference.as_deref().ok_or("upload needs a ref")?;
        if self.paths.is_empty() {
            return Err("upload needs paths of files in the workspace".to_owned());
        }
        let (node, on) = visit.node(&tab, reference, true).await?;
        let lent = visit.lend_files(&self.paths).await?;
        let start = match tab.start() {
            Ok(start) => start,
            Err(error) => return Err(visit.trouble(&tab, &error).await),
        };
        if let Err(error) = tab.set_files(&node, &lent).await {
            return Err(visit.act_trouble(&tab, &error).await);
        }
        let remark = match visit.settle(&tab, start).await {
            Ok(remark) => remark,
            Err(why) => {
                return Err(format!(
                    "the page has the files; what came of it is not known: {why}"
                ));
            }
        };
        let action = format!("give {} to {on}", self.paths.join(", "));
        visit.acted(&tab, &action, None).await;
        let shown = report(visit, &tab, true).await?;
        Ok(Told {
            ok: true,
            text: joined(&[
                &format!("done: {action}"),
                remark.unwrap_or_default(),
                &shown,
            ]),
        })
    }
}

fn downloads(visit: &mut Visit<'_>) -> Result<Told, Stopped> {
    let mut text = String::new();
    for download in visit.live()?.browser.downloads() {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:?} from {} {}, {} bytes",
            crate::browsing::one_line(&download.suggested_name),
            crate::browsing::one_line(&download.url),
            crate::browsing::download_state(download.state),
            download.bytes
        );
    }
    if text.is_empty() {
        text.push_str("nothing was downloaded");
    } else {
        text.push_str("files that are there were put into downloads/ when they came");
    }
    Ok(Told { ok: true, text })
}
