//! What Chromium is started with.

use headless_chrome::browser::DEFAULT_ARGS;

use crate::network::PROXY_PORT;
use crate::sandbox::PROFILE;

/// Defaults of the library that give pages more than they need, or that name features, which is done once below.
const LEFT_OUT: [&str; 5] = [
    "--disable-popup-blocking",
    "--disable-ipc-flooding-protection",
    "--disable-dev-shm-usage",
    "--disable-features=TranslateUI,BlinkGenPropertyTrees",
    "--enable-features=NetworkService,NetworkServiceInProcess",
];

const OURS: [&str; 24] = [
    "--headless",
    "--remote-debugging-port=0",
    "--window-size=1280,800",
    "--disable-gpu",
    "--mute-audio",
    "--no-default-browser-check",
    // Nothing of its own accord. Services that it would ask all the same are given an address that it never goes to.
    "--gaia-url=http://localhost:9/",
    "--gcm-checkin-url=http://localhost:9/",
    "--gcm-registration-url=http://localhost:9/",
    "--gcm-mcs-endpoint=http://localhost:9/",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-crash-reporter",
    "--disable-notifications",
    "--deny-permission-prompts",
    "--no-pings",
    // One way out.
    "--proxy-bypass-list=<-loopback>",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--disable-quic",
    "--dns-prefetch-disable",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    // The profile is in memory.
    "--disk-cache-size=67108864",
    "--media-cache-size=33554432",
    "--disable-features=Translate,OptimizationHints,MediaRouter,DialMediaRouteProvider,AutofillServerCommunication,InterestFeedContentSuggestions,CertificateTransparencyComponentUpdater",
];

/// The arguments of a browser that shows nothing yet.
pub fn arguments() -> Vec<String> {
    let defaults = DEFAULT_ARGS
        .iter()
        .filter(|default| !LEFT_OUT.contains(default));
    let fixed = defaults.chain(&OURS).map(|argument| (*argument).to_owned());
    let made = [
        format!("--proxy-server=http://127.0.0.1:{PROXY_PORT}"),
        format!("--user-data-dir={PROFILE}/data"),
        "about:blank".to_owned(),
    ];
    fixed.chain(made).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_never_told_to_do_without_its_sandbox_nor_without_checks() {
        let arguments = arguments();
        let starts = |text: &str| arguments.iter().any(|one| one.starts_with(text));
        for never in [
            "--no-sandbox",
            "--disable-setuid-sandbox",
            "--ignore-certificate-errors",
            "--disable-popup-blocking",
            "--disable-ipc-flooding-protection",
            "--disable-web-security",
            "--remote-allow-origins",
        ] {
            assert!(!starts(never), "{never}");
        }
        for always in [
            "--proxy-server=http://127.0.0.1:3128",
            "--disable-extensions",
            "--disable-background-networking",
        ] {
            assert!(starts(always), "{always}");
        }
    }

    #[test]
    fn what_is_left_out_is_among_the_librarys_defaults() {
        for one in LEFT_OUT {
            assert!(DEFAULT_ARGS.contains(&one), "{one}");
        }
    }

    #[test]
    fn features_are_named_once_since_the_last_list_is_all_that_counts() {
        for list in ["--disable-features=", "--enable-features="] {
            let arguments = arguments();
            let named = arguments.iter().filter(|one| one.starts_with(list));
            assert!(named.count() <= 1, "{list}");
        }
    }
}
