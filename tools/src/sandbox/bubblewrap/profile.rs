//! The view that a sandboxed program has: which files, which namespaces, which environment, as arguments of bwrap.
//!
//! The system's programs are readable; of `/etc` only what programs need to run, never as a whole; the workspace is
//! writable; nothing else of the host is there. What holds service state must never be below a bound path.

use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::MemfdFlags;

use crate::sandbox::{Kind, environment};

/// Small files of `/etc`, made up.
const MADE_UP: &[(&str, &str)] = &[
    (
        "/etc/passwd",
        "root:x:0:0:root:/:/usr/sbin/nologin\nuser:x:1000:1000:user:/workspace:/bin/bash\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
    ),
    ("/etc/group", "root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n"),
    ("/etc/hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n"),
    (
        "/etc/nsswitch.conf",
        "passwd: files\ngroup: files\nhosts: files\n",
    ),
    ("/etc/resolv.conf", ""),
];

/// Parts of the host's `/etc` without which programs do not find their libraries, certificates or each other.
const ETC: &[&str] = &[
    "/etc/ld.so.cache",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/ca-certificates",
    "/etc/pki/ca-trust",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/mime.types",
];

/// What a browser reads beside that: which fonts there are, so that it does not look at each of them at every start.
const FONTS: &str = "/var/cache/fontconfig";

/// What a browser is told by an administrator, where Chromium and Chrome look for it: no page, whoever asks for it, is one of the
/// machine's own files or of the browser's inner ones; nothing is installed, nobody signed in, and nobody asked by itself.
const POLICIES: [&str; 2] = [
    "/etc/chromium/policies/managed/errand.json",
    "/etc/opt/chrome/policies/managed/errand.json",
];
const POLICY: &str = r#"{
  "URLBlocklist": ["file://*", "chrome://*", "devtools://*", "view-source:*", "ftp://*"],
  "BrowserSignin": 0, "SyncDisabled": true, "ExtensionInstallBlocklist": ["*"],
  "PasswordManagerEnabled": false, "AutofillAddressEnabled": false, "AutofillCreditCardEnabled": false,
  "DnsOverHttpsMode": "off", "BuiltInDnsClientEnabled": false, "QuicAllowed": false,
  "BrowserNetworkTimeQueriesEnabled": false, "NetworkPredictionOptions": 2, "DefaultSearchProviderEnabled": false,
  "SearchSuggestEnabled": false, "TranslateEnabled": false, "SafeBrowsingProtectionLevel": 0,
  "DefaultNotificationsSetting": 2, "DefaultGeolocationSetting": 2, "BackgroundModeEnabled": false
}"#;

/// Windows into the kernel; bwrap can cover only those that exist.
const COVERED: &[&str] = &[
    "/proc/kcore",
    "/proc/keys",
    "/proc/key-users",
    "/proc/timer_list",
    "/proc/sysrq-trigger",
    "/proc/kmsg",
];

/// Links that a distribution with merged folders has.
const SYSTEM_LINKS: &[&str] = &["bin", "sbin", "lib", "lib64", "lib32", "libx32"];

const MIB: u64 = 1024 * 1024;

/// A browser's home, in memory.
pub(crate) const PROFILE: &str = "/profile";
/// Where a browser puts what it downloads.
pub(crate) const DOWNLOADS: &str = "/downloads";

/// What goes into the arguments.
pub(super) struct Profile<'a> {
    pub kind: Kind,
    /// The workspace's path, or that of a browser's downloads, as bwrap sees it.
    pub workspace: &'a str,
    pub read_only_binds: &'a [std::path::PathBuf],
    /// The tool tree, and its path as bwrap sees it.
    pub tree: Option<(&'a Path, &'a str)>,
    pub environment: &'a [(String, String)],
    /// Whether this bwrap can forbid further user namespaces.
    pub disable_userns: bool,
    pub seccomp: &'a [Vec<u8>],
}

/// Arguments, and the descriptors that they name.
pub(super) struct Arguments {
    pub text: Vec<String>,
    pub inherited: Vec<OwnedFd>,
}

impl Profile<'_> {
    /// The arguments up to the program; `status` is where bwrap reports.
    pub fn arguments(&self, status: OwnedFd, argv: &[String]) -> io::Result<Arguments> {
        let mut options = Arguments {
            text: Vec::new(),
            inherited: Vec::new(),
        };
        options.isolation(self.disable_userns && self.kind == Kind::Command);
        options.system();
        options.etc()?;
        options.kernel_views();
        let home = match self.kind {
            Kind::Command => options.writable(self.workspace),
            Kind::Browser => {
                options.browsers_own()?;
                options.writable_by_browser(self.workspace)
            }
        };
        for path in self.read_only_binds {
            let path = path.to_string_lossy();
            options.add(&["--ro-bind", &path, &path]);
        }
        if let Some((tree, source)) = self.tree {
            options.add(&["--ro-bind", source, &tree.to_string_lossy()]);
        }
        // Both are file systems in memory, without a size of their own.
        options.add(&["--remount-ro", "/dev", "--remount-ro", "/"]);
        let own = environment(home, self.tree.map(|(tree, _)| tree));
        for (name, value) in own.iter().chain(self.environment) {
            options.add(&["--setenv", name, value]);
        }
        for filter in self.seccomp {
            let number = options.inherit(memory_file(filter)?);
            options.add(&["--add-seccomp-fd", &number]);
        }
        let number = options.inherit(status);
        options.add(&["--json-status-fd", &number]);
        options.behind_a_file(argv)
    }
}

impl Arguments {
    fn add(&mut self, arguments: &[&str]) {
        self.text
            .extend(arguments.iter().map(|argument| (*argument).to_owned()));
    }

    fn inherit(&mut self, descriptor: OwnedFd) -> String {
        let number = descriptor.as_raw_fd().to_string();
        self.inherited.push(descriptor);
        number
    }

    fn isolation(&mut self, disable_userns: bool) {
        self.add(&[
            "--unshare-user",
            "--unshare-pid",
            "--unshare-net",
            "--unshare-ipc",
            "--unshare-uts",
            "--unshare-cgroup-try",
            "--uid",
            "1000",
            "--gid",
            "1000",
            "--hostname",
            "sandbox",
            "--die-with-parent",
            "--new-session",
            "--cap-drop",
            "ALL",
            "--clearenv",
        ]);
        if disable_userns {
            self.add(&["--disable-userns", "--assert-userns-disabled"]);
        }
    }

    fn system(&mut self) {
        self.add(&["--ro-bind", "/usr", "/usr"]);
        for name in SYSTEM_LINKS {
            let path = format!("/{name}");
            let Ok(kind) = std::fs::symlink_metadata(&path) else {
                continue;
            };
            if kind.is_symlink() {
                self.add(&["--symlink", &format!("usr/{name}"), &path]);
            } else if kind.is_dir() {
                self.add(&["--ro-bind", &path, &path]);
            }
        }
    }

    fn etc(&mut self) -> io::Result<()> {
        for path in ETC {
            self.add(&["--ro-bind-try", path, path]);
        }
        for (path, text) in MADE_UP {
            let number = self.inherit(memory_file(text.as_bytes())?);
            self.add(&["--perms", "0444", "--ro-bind-data", &number, path]);
        }
        Ok(())
    }

    fn kernel_views(&mut self) {
        // Host root owns these files, so a lost uid drop would make them writable: the second line of defence.
        self.add(&["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"]);
        for path in COVERED.iter().filter(|path| Path::new(path).exists()) {
            self.add(&["--ro-bind", "/dev/null", path]);
        }
        self.add(&["--dev", "/dev"]);
    }

    /// Gives the home folder, as the ones below do.
    fn writable(&mut self, workspace: &str) -> &'static str {
        self.in_memory("/tmp", 64 * MIB, "1777");
        self.in_memory("/dev/shm", 16 * MIB, "1777");
        self.add(&["--bind", workspace, "/workspace", "--chdir", "/workspace"]);
        "/workspace"
    }

    fn browsers_own(&mut self) -> io::Result<()> {
        self.add(&["--ro-bind-try", FONTS, FONTS]);
        for path in POLICIES {
            let number = self.inherit(memory_file(POLICY.as_bytes())?);
            self.add(&["--perms", "0444", "--ro-bind-data", &number, path]);
        }
        Ok(())
    }

    /// A browser's profile is gone with it, and what it downloads is all that it leaves.
    fn writable_by_browser(&mut self, downloads: &str) -> &'static str {
        self.in_memory("/tmp", 64 * MIB, "1777");
        self.in_memory("/dev/shm", 256 * MIB, "1777");
        self.in_memory(PROFILE, 256 * MIB, "0700");
        self.add(&["--bind", downloads, DOWNLOADS, "--chdir", PROFILE]);
        PROFILE
    }

    fn in_memory(&mut self, path: &str, bytes: u64, mode: &str) {
        let bytes = bytes.to_string();
        self.add(&["--size", &bytes, "--perms", mode, "--tmpfs", path]);
    }

    /// Puts the options into a file in memory, so that no one on the host reads them in a list of processes.
    fn behind_a_file(mut self, argv: &[String]) -> io::Result<Self> {
        let mut text = Vec::new();
        for option in &self.text {
            text.extend_from_slice(option.as_bytes());
            text.push(0);
        }
        let number = self.inherit(memory_file(&text)?);
        self.text = vec!["--args".to_owned(), number, "--".to_owned()];
        self.text.extend(argv.iter().cloned());
        Ok(self)
    }
}

pub(in crate::sandbox) fn memory_file(bytes: &[u8]) -> io::Result<OwnedFd> {
    let file = rustix::fs::memfd_create("errand", MemfdFlags::CLOEXEC)?;
    let mut file = std::fs::File::from(file);
    file.write_all(bytes)?;
    io::Seek::rewind(&mut file)?;
    Ok(file.into())
}
