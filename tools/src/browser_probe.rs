//! Whether a browser works here, found out by starting one and letting it show a page. For `errand doctor`.
//!
//! Chromium runs as an unprivileged user, started through a small launcher script when we are root, with nothing of our
//! environment. It is given no name to resolve. Whatever happens, we answer within the deadline: the library blocks, and it
//! starts a browser that fails again and again, so it has a thread of its own, and past the deadline the launcher is gone.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use headless_chrome::{Browser as Chrome, LaunchOptions};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::options::Options;
use crate::sandbox::Lack;
use crate::workspace::{UidLease, UidPool};

const DEADLINE: Duration = Duration::from_secs(40);
const TITLE: &str = "errand can browse";

/// The program itself before the distribution's script around it, which adds flags and extensions.
const USUAL: &[&str] = &[
    "/usr/lib/chromium/chromium",
    "/usr/lib64/chromium-browser/chromium-browser",
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/opt/google/chrome/chrome",
    "/usr/bin/google-chrome",
];
const SETPRIV: &str = "/usr/bin/setpriv";

/// A browser that works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Browser {
    /// What it calls itself.
    pub version: String,
    /// Whether its own sandbox works here.
    pub own_sandbox: bool,
}

/// Starts a browser, lets it show a page, and reads the page's title.
pub async fn probe(options: &Options) -> Result<Browser, Lack> {
    let options = options.clone();
    let made = tokio::task::spawn_blocking(move || Site::make(&options)).await;
    let site = Arc::new(made.map_err(|error| broken(error.to_string()))??);
    let (answer, answered) = oneshot::channel();
    let worker = Arc::clone(&site);
    std::thread::Builder::new()
        .name("browser-probe".to_owned())
        .spawn(move || {
            let outcome = worker.try_both();
            worker.clear();
            answer.send(outcome)
        })
        .map_err(|error| broken(error.to_string()))?;
    match tokio::time::timeout(DEADLINE, answered).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(broken("the browser library failed while it read the page")),
        Err(_) => {
            site.give_up();
            Err(broken(format!(
                "it did not show a page within {} s",
                DEADLINE.as_secs()
            )))
        }
    }
}

fn broken(what: impl AsRef<str>) -> Lack {
    Lack::new(
        "chromium",
        format!("Chromium does not work: {}", what.as_ref()),
        "see that it runs by hand as an ordinary user, with --headless --dump-dom about:blank; reinstall it if not",
    )
}

/// A folder with the launcher and the browser's profile.
struct Site {
    folder: TempDir,
    version: String,
    uid: Option<UidLease>,
}

impl Site {
    fn make(options: &Options) -> Result<Self, Lack> {
        let usual = || USUAL.iter().map(PathBuf::from).find(|path| path.is_file());
        let program = options
            .chromium
            .clone()
            .or_else(usual)
            .filter(|path| path.is_file())
            .ok_or_else(|| {
                Lack::new(
                    "chromium",
                    "Chromium is not installed",
                    "install it: apt-get install chromium, or dnf install chromium, or set tools.chromium to its path",
                )
            })?;
        if !Path::new(SETPRIV).is_file() {
            return Err(Lack::new(
                "chromium",
                format!("{SETPRIV} is missing"),
                "install the package util-linux",
            ));
        }
        let failed = |error: io::Error| broken(error.to_string());
        let uid = UidPool::for_this_process(options)
            .and_then(|pool| pool.as_deref().map(UidPool::take).transpose())
            .map_err(failed)?;
        let mut site = Self {
            folder: TempDir::with_prefix("errand-browser-").map_err(failed)?,
            version: String::new(),
            uid,
        };
        site.fill(&program).map_err(failed)?;
        site.version = site.ask_version()?;
        Ok(site)
    }

    fn launcher(&self) -> PathBuf {
        self.folder.path().join("launch")
    }

    fn profile(&self) -> PathBuf {
        self.folder.path().join("profile")
    }

    fn fill(&self, program: &Path) -> io::Result<()> {
        let profile = self.profile();
        fs::create_dir(&profile)?;
        let mut user = String::new();
        if let Some(uid) = self.uid.as_ref().map(UidLease::uid) {
            chown(&profile, Some(uid), Some(uid))?;
            user = format!("--reuid={uid} --regid={uid} --clear-groups");
        }
        fs::set_permissions(self.folder.path(), Permissions::from_mode(0o711))?;
        // The browser takes the place of the script, so the number that it notes is the browser's.
        let script = format!(
            "#!/bin/sh\necho $$ > '{pid}'\ncd /\nexec {SETPRIV} {user} --no-new-privs --pdeathsig KILL -- \
             /usr/bin/env -i PATH=/usr/bin:/bin LANG=C.UTF-8 HOME='{home}' TMPDIR='{home}' '{program}' \"$@\"\n",
            pid = self.folder.path().join("pid").display(),
            home = profile.display(),
            program = program.display(),
        );
        fs::write(self.launcher(), script)?;
        fs::set_permissions(self.launcher(), Permissions::from_mode(0o755))
    }

    /// A program that cannot start would cost the library minutes; asking its version costs a moment.
    fn ask_version(&self) -> Result<String, Lack> {
        let asked = Command::new(self.launcher())
            .arg("--version")
            .env_clear()
            .stdin(Stdio::null())
            .output()
            .map_err(|error| broken(error.to_string()))?;
        let said = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
        if asked.status.success() && !said.is_empty() {
            return Ok(said);
        }
        let complaint = String::from_utf8_lossy(&asked.stderr);
        Err(broken(
            complaint.lines().last().unwrap_or("it ends at once"),
        ))
    }

    fn try_both(&self) -> Result<Browser, Lack> {
        let with = |own_sandbox| Browser {
            version: self.version.clone(),
            own_sandbox,
        };
        match self.show_a_page(true) {
            Ok(()) => Ok(with(true)),
            // Only to tell a browser that lacks its sandbox from one that does not work at all.
            Err(first) => match self.show_a_page(false) {
                Ok(()) => Ok(with(false)),
                Err(_) => Err(broken(first)),
            },
        }
    }

    fn show_a_page(&self, own_sandbox: bool) -> Result<(), String> {
        let launch = LaunchOptions {
            path: Some(self.launcher()),
            user_data_dir: Some(self.profile().join(own_sandbox.to_string())),
            sandbox: own_sandbox,
            ignore_certificate_errors: false,
            args: [
                "--no-first-run",
                "--disable-component-update",
                "--disable-quic",
                "--disable-background-networking",
                "--host-resolver-rules=MAP * ~NOTFOUND",
            ]
            .map(std::ffi::OsStr::new)
            .to_vec(),
            ..LaunchOptions::default()
        };
        let browser = Chrome::new(launch).map_err(|error| error.to_string())?;
        let tab = browser.new_tab().map_err(|error| error.to_string())?;
        let page = format!(
            "data:text/html,<title>{}</title>",
            TITLE.replace(' ', "%20")
        );
        tab.navigate_to(&page).map_err(|error| error.to_string())?;
        tab.wait_until_navigated()
            .map_err(|error| error.to_string())?;
        let title = tab.get_title().map_err(|error| error.to_string())?;
        if title == TITLE {
            Ok(())
        } else {
            Err(format!("the page's title was {title:?}"))
        }
    }

    /// Removes the folder. The browser's last processes may still write to it for a moment after the browser has ended.
    fn clear(&self) {
        for _ in 0..40 {
            match fs::remove_dir_all(self.folder.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                Ok(()) | Err(_) => return,
            }
        }
    }

    /// Ends the browser, and takes the launcher away so that no other is started.
    fn give_up(&self) {
        let noted = fs::read_to_string(self.folder.path().join("pid")).unwrap_or_default();
        let _ = fs::remove_file(self.launcher());
        let pid = noted.trim().parse().ok();
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}
