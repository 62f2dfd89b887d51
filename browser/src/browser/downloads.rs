//! The downloads of a browser, as its events tell of them. Pure.

use std::path::PathBuf;

use serde_json::Value;

use crate::driver::FrameId;

/// How many are remembered.
const KEPT_MAX: usize = 200;

/// A download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// Its name in the folder of downloads.
    pub guid: String,
    /// Where it comes from.
    pub url: String,
    /// What the server or the page calls it. It is theirs: no path may be made of it unchecked.
    pub suggested_name: String,
    /// The frame that began it.
    pub frame: FrameId,
    /// How many bytes have come.
    pub bytes: u64,
    /// How it stands.
    pub state: DownloadState,
    /// Where it lies, as the browser sees it, once it is done.
    pub path: Option<PathBuf>,
}

/// How a download stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DownloadState {
    /// Bytes may still come.
    Coming,
    /// All is there.
    Done,
    /// It was cut off, by us or by the server.
    Cancelled,
    /// We cancelled it, because it was larger than it may be.
    TooLarge,
}

#[derive(Debug, Default)]
pub struct Downloads {
    kept: Vec<Download>,
    /// How many there were ever.
    count: usize,
}

/// What the news of a download means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    Nothing,
    Ended,
    TooLarge,
}

impl Downloads {
    pub fn list(&self) -> &[Download] {
        &self.kept
    }

    /// How many there were ever.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Those that began after there had been so many.
    pub fn after(&self, count: usize) -> &[Download] {
        let new = self.count.saturating_sub(count).min(self.kept.len());
        &self.kept[self.kept.len() - new..]
    }

    /// Takes `Browser.downloadWillBegin`, and gives back the name of the download.
    pub fn begun(&mut self, params: &Value) -> String {
        let text = |name: &str| params[name].as_str().unwrap_or_default();
        if self.kept.len() == KEPT_MAX {
            self.kept.remove(0);
        }
        self.count += 1;
        self.kept.push(Download {
            guid: text("guid").to_owned(),
            url: text("url").to_owned(),
            suggested_name: text("suggestedFilename").to_owned(),
            frame: FrameId::from(text("frameId")),
            bytes: 0,
            state: DownloadState::Coming,
            path: None,
        });
        text("guid").to_owned()
    }

    /// Takes `Browser.downloadProgress`.
    pub fn progressed(&mut self, params: &Value, bytes_max: u64) -> News {
        let guid = params["guid"].as_str();
        let found = self
            .kept
            .iter_mut()
            .find(|download| Some(download.guid.as_str()) == guid);
        let Some(download) = found.filter(|download| download.state == DownloadState::Coming)
        else {
            return News::Nothing;
        };
        download.bytes = bytes_of(&params["receivedBytes"]);
        let whole = download.bytes.max(bytes_of(&params["totalBytes"]));
        if whole > bytes_max {
            download.state = DownloadState::TooLarge;
            return News::TooLarge;
        }
        download.state = match params["state"].as_str() {
            Some("completed") => DownloadState::Done,
            Some("canceled") => DownloadState::Cancelled,
            Some(_) | None => return News::Nothing,
        };
        download.path = params["filePath"].as_str().map(PathBuf::from);
        News::Ended
    }
}

/// The protocol tells of bytes as numbers that need not be whole.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of this kind takes the nearest number that there is, and that is what is wanted"
)]
fn bytes_of(number: &Value) -> u64 {
    number.as_f64().map_or(0, |bytes| bytes as u64)
}

#[cfg(test)]
mod tests {
    //! How downloads go.

    use serde_json::json;

    use super::{DownloadState, Downloads, News};

    fn begun() -> Downloads {
        let mut downloads = Downloads::default();
        let told = json!({ "guid": "g", "url": "http://a.test/f", "suggestedFilename": "../f.txt", "frameId": "F" });
        assert_eq!(downloads.begun(&told), "g");
        downloads
    }

    #[test]
    fn a_download_comes_to_its_end_once() {
        let mut downloads = begun();
        let coming = json!({ "guid": "g", "receivedBytes": 10.0, "totalBytes": 20.0, "state": "inProgress" });
        let done = json!({ "guid": "g", "receivedBytes": 20, "totalBytes": 20, "state": "completed", "filePath": "/d/g" });
        let news = [&coming, &done, &done].map(|told| downloads.progressed(told, 100));
        assert_eq!(news, [News::Nothing, News::Ended, News::Nothing]);
        let download = &downloads.list()[0];
        assert_eq!((download.bytes, download.state), (20, DownloadState::Done));
        assert_eq!(download.path.as_deref(), Some(std::path::Path::new("/d/g")));
    }

    #[test]
    fn a_download_that_is_or_says_it_is_too_large_is_cancelled() {
        for (received, total) in [(101, 0), (1, 101)] {
            let mut downloads = begun();
            let told = json!({ "guid": "g", "receivedBytes": received, "totalBytes": total, "state": "inProgress" });
            assert_eq!(downloads.progressed(&told, 100), News::TooLarge);
            assert_eq!(downloads.list()[0].state, DownloadState::TooLarge);
            let cancelled =
                json!({ "guid": "g", "receivedBytes": 1, "totalBytes": 0, "state": "canceled" });
            assert_eq!(downloads.progressed(&cancelled, 100), News::Nothing);
        }
    }
}
