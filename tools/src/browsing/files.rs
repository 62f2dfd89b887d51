//! Files between a task's browser and its workspace: downloads that came, files for a page, a page as PDF.

use std::path::PathBuf;
use std::sync::Arc;

use agent_core::id::StepId;
use browser::{Download, Frames, Notice, Tab};

use super::desk::Live;
use super::tabs::Tabs;
use super::visit::{Stopped, Visit};
use super::{download, events};
use crate::directory::{AccessError, Directory, normalize};
use crate::sandbox::disk::DiskLimits;
use crate::workspace::Entered;

/// The largest file that a page is given, and the largest PDF.
const BYTES_MAX: u64 = 100 << 20;
/// Files that a page is given in one call.
const LENT_MAX: usize = 20;

impl Visit<'_> {
    /// What happened since the step was told last. Downloads that another step began are not of it.
    pub(super) fn notices(&mut self) -> Vec<Notice> {
        let mark = self.mark;
        let live = self.live().ok();
        let mut notices = live
            .map(|live| live.browser.notices_since(mark))
            .unwrap_or_default();
        notices.retain(|notice| match notice {
            Notice::DownloadBegun { guid } => !self.is_of_another(guid),
            Notice::TabOpened { .. }
            | Notice::TabClosed { .. }
            | Notice::TabRefused { .. }
            | Notice::DialogOpened { .. }
            | Notice::Crashed { .. }
            | Notice::AddressRefused { .. }
            | Notice::FilesAsked { .. }
            | Notice::DownloadEnded { .. } => true,
        });
        notices
    }

    /// Whether a download was brought already, or is another step's.
    fn is_of_another(&self, guid: &str) -> bool {
        let desk = &self.sitting.desk;
        let Some(live) = &desk.live else {
            return false;
        };
        let downloads = live.browser.downloads();
        let found = downloads.iter().find(|one| one.guid == guid);
        let step = found.and_then(|found| step_of(live, &desk.tabs, found));
        live.brought.contains(guid) || step.is_some_and(|step| step != self.context.call.place.step)
    }

    /// Copies what was downloaded since the step looked last into its workspace. What goes wrong with that is told, and undoes
    /// nothing of the call.
    pub(super) async fn bring_downloads(&mut self, notices: &[Notice]) -> Vec<String> {
        let mut lines = Vec::new();
        for notice in notices {
            if let Notice::DownloadEnded { guid } = notice {
                lines.extend(self.bring(guid).await);
            }
        }
        lines
    }

    /// Copies a download into the workspace, and says so. Nothing if it is another step's, or was brought.
    async fn bring(&mut self, guid: &str) -> Option<String> {
        let own = self.context.call.place.step.clone();
        let desk = &mut *self.sitting.desk;
        let live = desk.live.as_mut()?;
        let found = live
            .browser
            .downloads()
            .into_iter()
            .find(|one| one.guid == guid)?;
        let step = step_of(live, &desk.tabs, &found);
        if step.is_some_and(|step| step != own) || !live.brought.insert(guid.to_owned()) {
            return None;
        }
        let name = events::one_line(&found.suggested_name);
        if found.state != browser::DownloadState::Done {
            let state = events::state(found.state);
            return Some(format!("the download {name:?} {state}"));
        }
        let from = Arc::clone(live.running.downloads().directory());
        let place = self.context.place().ok()?;
        let limits = DiskLimits::of(&self.context.shared.options);
        let (guid, suggested) = (guid.to_owned(), found.suggested_name);
        let brought = tokio::task::spawn_blocking(move || {
            let brought = download::bring(&from, &guid, &suggested, &place, &limits);
            // It goes with the browser at the latest.
            let _ = from.delete(&guid, false);
            brought
        });
        let brought = brought.await.map_err(std::io::Error::other);
        Some(match brought.and_then(|brought| brought) {
            Ok(Ok((path, bytes))) => format!("downloaded {name:?}: {path} ({bytes} bytes)"),
            Ok(Err(why)) => format!("the download {name:?} was not kept: {why}"),
            Err(error) => format!("the download {name:?} was not kept: {error}"),
        })
    }

    /// Copies files of the workspace to where the browser can read them. Gives their paths as it sees them.
    pub async fn lend_files(&mut self, paths: &[String]) -> Result<Vec<PathBuf>, Stopped> {
        if paths.len() > LENT_MAX {
            return Err(format!("at most {LENT_MAX} files at once"));
        }
        let place = self.context.place().map_err(|error| error.to_string())?;
        let live = self.live()?;
        live.lent += 1;
        let folder = format!("lent-{}", live.lent);
        let inside = live.running.downloads_inside().join(&folder);
        let to = Arc::clone(live.running.downloads().directory());
        let paths = paths.to_vec();
        let lent = tokio::task::spawn_blocking(move || {
            let each = paths.iter().enumerate();
            let each = each.map(|(at, path)| lend(&place, path, &to, &format!("{folder}/{at}")));
            each.collect::<Result<Vec<String>, Stopped>>()
        });
        let lent = lent.await.map_err(|error| error.to_string())??;
        let lent = lent.into_iter().enumerate();
        Ok(lent
            .map(|(at, name)| inside.join(at.to_string()).join(name))
            .collect())
    }

    /// Saves a page as a PDF of the workspace, and says so.
    pub async fn save_pdf(&mut self, tab: &Tab, path: &str) -> Result<String, Stopped> {
        self.may_be_shown(tab)?;
        let bytes_max = usize::try_from(BYTES_MAX).unwrap_or(usize::MAX);
        let bytes = match tab.pdf(bytes_max).await {
            Ok(bytes) => bytes,
            Err(error) => return Err(self.trouble(tab, &error).await),
        };
        self.save_file(path, bytes).await
    }

    /// Saves what the window shows as a JPEG of the workspace, and says so.
    pub async fn save_picture(&mut self, tab: &Tab, path: &str) -> Result<String, Stopped> {
        self.may_be_shown(tab)?;
        let bytes = match tab.screenshot().await {
            Ok(bytes) => bytes,
            Err(error) => return Err(self.trouble(tab, &error).await),
        };
        self.save_file(path, bytes).await
    }

    fn may_be_shown(&mut self, tab: &Tab) -> Result<(), Stopped> {
        if self.is_hidden(tab) {
            return Err("a stored secret was typed into this page, so it is not saved".to_owned());
        }
        Ok(())
    }

    async fn save_file(&self, path: &str, bytes: Vec<u8>) -> Result<String, Stopped> {
        let place = self.context.place().map_err(|error| error.to_string())?;
        let limits = DiskLimits::of(&self.context.shared.options);
        let path = path.to_owned();
        let saved = tokio::task::spawn_blocking(move || save(&place, &path, &bytes, &limits));
        saved.await.map_err(|error| error.to_string())?
    }
}

/// The step whose page began a download, while that is known.
fn step_of(live: &Live, tabs: &Tabs, download: &Download) -> Option<StepId> {
    let mut open = live.browser.tabs().into_iter();
    let is_its = |tab: &Tab| tab.frames().iter().any(|frame| frame.id == download.frame);
    tabs.step(open.find(is_its)?.id()).cloned()
}

fn about(path: &str, error: &AccessError) -> Stopped {
    format!("{path:?}: {error}")
}

/// Copies one file. Gives its name, under which the page sees it.
fn lend(from: &Entered, path: &str, to: &Directory, folder: &str) -> Result<String, Stopped> {
    let read = normalize(path).and_then(|path| {
        let content = from.directory().read(&path, BYTES_MAX)?;
        Ok((path, content.bytes))
    });
    let (path_in, bytes) = read.map_err(|error| about(path, &error))?;
    let name = path_in.rsplit('/').next().unwrap_or_default().to_owned();
    let written = to.write(&format!("{folder}/{name}"), &bytes, Some(false));
    written.map_err(|error| about(path, &error))?;
    Ok(name)
}

fn save(place: &Entered, path: &str, bytes: &[u8], limits: &DiskLimits) -> Result<String, Stopped> {
    let room = limits.room(place).map_err(|error| error.to_string())?;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if room.amount().files == 0 {
        return Err(format!(
            "there is no room for one more file: {}",
            room.of_files()
        ));
    }
    if size > room.amount().bytes {
        let said = room.of_bytes();
        return Err(format!(
            "it has {size} bytes, and there is no room for them: {said}"
        ));
    }
    let written = normalize(path).and_then(|path| {
        place.directory().write(&path, bytes, Some(false))?;
        Ok(path)
    });
    let path = written.map_err(|error| about(path, &error))?;
    Ok(format!("saved as {path} ({size} bytes)"))
}
