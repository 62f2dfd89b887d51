//! Merging of the layers, with a note of where each value came from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use super::Config;
use crate::seams::TEST_PREFIX;

/// Name of the file that is read from the current folder when no other is named.
const FILE_NAME: &str = "errand.toml";
const PREFIX: &str = "ERRAND_";
/// Short names for settings that are set often.
const SHORT: [(&str, &str); 9] = [
    ("ERRAND_LISTEN", "listen"),
    ("ERRAND_HEALTH_LISTEN", "health_listen"),
    ("ERRAND_DATABASE_URL", "database_url"),
    ("ERRAND_DATA_DIR", "data_dir"),
    ("ERRAND_BLOBS_DIR", "blobs_dir"),
    ("ERRAND_SEAL_KEY", "seal_key"),
    ("ERRAND_MODEL_BASE_URL", "model.base_url"),
    ("ERRAND_MODEL_API_KEY", "model.api_key"),
    ("ERRAND_MODEL", "model.planner.model"),
];
/// Understood because other programs use them; Errand's own names win.
const FOREIGN: [(&str, &str); 4] = [
    ("AWS_ACCESS_KEY_ID", "blobs.access_key_id"),
    ("AWS_SECRET_ACCESS_KEY", "blobs.secret_access_key"),
    ("AWS_SESSION_TOKEN", "blobs.session_token"),
    ("OPENAI_BASE_URL", OPENAI_BASE_URL.1),
];
const OPENAI_BASE_URL: (&str, &str) = ("OPENAI_BASE_URL", "model.base_url");
/// Understood too, but a key is not sent to whatever endpoint happens to be set.
const OPENAI_KEY: (&str, &str) = ("OPENAI_API_KEY", "model.api_key");
/// Where OpenAI is.
const OPENAI: &str = "https://api.openai.com/";
/// Variables with our prefix that are not settings of the server.
const NOT_SETTINGS: [&str; 5] = [
    "ERRAND_URL",
    "ERRAND_API_KEY",
    "ERRAND_CONFIG_FILE",
    "ERRAND_FIXTURES",
    "ERRAND_BLESS",
];
/// Settings that are text even where their value looks like a number.
const TEXT: [&str; 8] = [
    "blobs.access_key_id",
    "blobs.secret_access_key",
    "blobs.session_token",
    "model.api_key",
    "model.planner.model",
    "model.executor.model",
    "database_url",
    "tools.search.key",
];

/// What the layers are read from.
#[derive(Debug, Default)]
pub struct Layers {
    /// The file that was named by flag or environment; it must exist.
    pub file: Option<PathBuf>,
    /// All environment variables.
    pub environment: Vec<(String, String)>,
    /// Settings by flag: path and value.
    pub flags: Vec<(&'static str, String)>,
}

/// The merged configuration.
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// The same as a tree, for showing.
    pub tree: Value,
    /// Where each value that is not a default came from.
    pub sources: BTreeMap<String, String>,
}

/// Merges the layers.
pub fn load(layers: &Layers) -> Result<Loaded> {
    let mut tree =
        serde_json::to_value(Config::default()).context("could not lay out the defaults")?;
    // Secrets serialise as stars, so their defaults are put in by hand.
    set(&mut tree, "database_url", Value::from(""));
    let mut sources = BTreeMap::new();
    if let Some(path) = file_to_read(layers)? {
        let table = read_file(&path)?;
        overlay(
            &mut tree,
            Value::Object(table),
            "",
            &path.display().to_string(),
            &mut sources,
        );
    }
    for (names, is_short) in [(&FOREIGN[..], false), (&SHORT[..], true)] {
        for (name, path) in names {
            if let Some(value) = found(layers, name) {
                put_text(&mut tree, path, value, name)?;
                sources.insert((*path).to_owned(), format!("environment {name}"));
            }
        }
        if is_short {
            long_names(layers, &mut tree, &mut sources)?;
        }
    }
    for (path, value) in &layers.flags {
        put_text(&mut tree, path, value, &format!("flag for {path}"))?;
        sources.insert((*path).to_owned(), "flag".to_owned());
    }
    put_openais_key(layers, &mut tree, &mut sources)?;
    let config =
        serde_json::from_value(tree.clone()).context("could not read the configuration")?;
    Ok(Loaded {
        config,
        tree,
        sources,
    })
}

/// OpenAI's key is for OpenAI, and for the address that stands beside it as OpenAI's own programs read it. No other endpoint gets
/// it, unless it is set under a name that is meant for that.
fn put_openais_key(
    layers: &Layers,
    tree: &mut Value,
    sources: &mut BTreeMap<String, String>,
) -> Result<()> {
    let (name, path) = OPENAI_KEY;
    let given = sources.get(path).map(String::as_str);
    let is_ours = given.is_some_and(|source| source.starts_with("environment "));
    let Some(key) = found(layers, name).filter(|_| !is_ours) else {
        return Ok(());
    };
    let url = get(tree, OPENAI_BASE_URL.1).and_then(Value::as_str);
    let beside = format!("environment {}", OPENAI_BASE_URL.0);
    let is_for_it = url.is_some_and(|url| format!("{url}/").starts_with(OPENAI))
        || sources.get(OPENAI_BASE_URL.1) == Some(&beside);
    if is_for_it {
        put_text(tree, path, key, name)?;
        sources.insert(path.to_owned(), format!("environment {name}"));
    } else if given.is_none() {
        let why = format!(
            "{name} is set, but model.base_url is another endpoint; to send it a key, set ERRAND_MODEL_API_KEY"
        );
        sources.insert(path.to_owned(), why);
    }
    Ok(())
}

fn found<'a>(layers: &'a Layers, name: &str) -> Option<&'a str> {
    let pair = layers.environment.iter().find(|(known, _)| known == name);
    pair.map(|(_, value)| value.as_str())
        .filter(|value| !value.is_empty())
}

fn file_to_read(layers: &Layers) -> Result<Option<PathBuf>> {
    match &layers.file {
        Some(path) if !path.is_file() => {
            bail!("the configuration file {} does not exist", path.display())
        }
        Some(path) => Ok(Some(path.clone())),
        None => Ok(Some(PathBuf::from(FILE_NAME)).filter(|path| path.is_file())),
    }
}

fn read_file(path: &Path) -> Result<Map<String, Value>> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("could not read {shown}"))?;
    // Read as the final type first, for its errors: they name line, column and key.
    toml::from_str::<Config>(&text)
        .map_err(|error| anyhow::anyhow!("{shown} cannot be used: {error}"))?;
    let table: toml::Table =
        toml::from_str(&text).with_context(|| format!("could not read {shown}"))?;
    match serde_json::to_value(table) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) | Err(_) => bail!("{shown} is not a table"),
    }
}

fn overlay(
    tree: &mut Value,
    over: Value,
    path: &str,
    source: &str,
    sources: &mut BTreeMap<String, String>,
) {
    match (tree, over) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                let at = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                overlay(
                    below.entry(key).or_insert(Value::Null),
                    value,
                    &at,
                    source,
                    sources,
                );
            }
        }
        (place, value) => {
            *place = value;
            sources.insert(path.to_owned(), source.to_owned());
        }
    }
}

/// `ERRAND_WORKER__LEASE_MS` and the like.
fn long_names(
    layers: &Layers,
    tree: &mut Value,
    sources: &mut BTreeMap<String, String>,
) -> Result<()> {
    for (name, value) in &layers.environment {
        let Some(rest) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let is_short = SHORT.iter().any(|(short, _)| short == name);
        let is_for_tests = cfg!(debug_assertions) && name.starts_with(TEST_PREFIX);
        if is_short || is_for_tests || NOT_SETTINGS.contains(&name.as_str()) {
            continue;
        }
        let path = rest.to_ascii_lowercase().replace("__", ".");
        let known = get(tree, &path).is_some();
        if !path.contains('.') {
            bail!(
                "the environment variable {name} names no setting; `errand doctor --config` lists them all"
            );
        }
        put_text(tree, &path, value, name).with_context(|| {
            let hint = if known {
                ""
            } else {
                " (is there such a setting? `errand doctor --config` lists them all)"
            };
            format!("the environment variable {name} cannot be used{hint}")
        })?;
        sources.insert(path, format!("environment {name}"));
    }
    Ok(())
}

pub(super) fn get<'a>(tree: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(tree, |value, key| value.get(key))
}

fn set(tree: &mut Value, path: &str, value: Value) {
    let mut place = tree;
    for key in path.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[key];
    }
    *place = value;
}

/// Puts a value that came as text. A setting that is a number, a switch or a list is written as in TOML.
fn put_text(tree: &mut Value, path: &str, text: &str, name: &str) -> Result<()> {
    let is_text = TEXT.contains(&path) || get(tree, path).is_some_and(Value::is_string);
    let read = || {
        toml::from_str::<toml::Table>(&format!("v = {text}"))
            .ok()
            .and_then(|mut table| table.remove("v"))
    };
    let value = match read() {
        Some(value) if !is_text => {
            serde_json::to_value(value).unwrap_or_else(|_| Value::from(text))
        }
        Some(_) | None => Value::from(text),
    };
    set(tree, path, value);
    serde_json::from_value::<Config>(tree.clone())
        .with_context(|| format!("{name} has a value that cannot be used: {text:?}"))?;
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn with(environment: &[(&str, &str)], flags: Vec<(&'static str, String)>) -> Layers {
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Layers {
            file: None,
            environment,
            flags,
        }
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_that_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("errand.toml");
        std::fs::write(
            &path,
            "listen = \"file:1\"\n[worker]\nconcurrency = 2\nlease_ms = 9000\n",
        )
        .unwrap();
        let mut layers = with(
            &[
                ("ERRAND_LISTEN", "environment:1"),
                ("ERRAND_WORKER__CONCURRENCY", "3"),
            ],
            vec![("listen", "flag:1".to_owned())],
        );
        layers.file = Some(path);
        let loaded = load(&layers).unwrap();
        let got = (
            loaded.config.listen.as_str(),
            loaded.config.worker.concurrency,
            loaded.config.worker.lease_ms,
        );
        assert_eq!(got, ("flag:1", 3, 9000));
        assert_eq!(
            loaded.sources["worker.concurrency"],
            "environment ERRAND_WORKER__CONCURRENCY"
        );
    }

    #[test]
    fn unknown_keys_are_errors_that_name_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("errand.toml");
        std::fs::write(&path, "[worker]\nconcurency = 2\n").unwrap();
        let file = load(&Layers {
            file: Some(path),
            ..Layers::default()
        });
        let environment = load(&with(&[("ERRAND_WORKER__CONCURENCY", "2")], Vec::new()));
        assert!(format!("{:#}", file.err().unwrap()).contains("concurency"));
        assert!(format!("{:#}", environment.err().unwrap()).contains("ERRAND_WORKER__CONCURENCY"));
    }

    #[test]
    fn a_key_that_looks_like_a_number_stays_text_and_ours_wins_over_openais() {
        let layers = with(
            &[
                ("OPENAI_API_KEY", "theirs"),
                ("ERRAND_MODEL_API_KEY", "0123"),
            ],
            Vec::new(),
        );
        let loaded = load(&layers).unwrap();
        assert_eq!(
            loaded
                .config
                .model
                .api_key
                .map(|key| key.expose().to_owned()),
            Some("0123".to_owned())
        );
    }

    #[test]
    fn openais_key_goes_to_openai_and_to_the_address_beside_it_alone() {
        let key_with = |environment: &[(&str, &str)], file: &str| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("errand.toml");
            std::fs::write(&path, file).unwrap();
            let mut layers = with(environment, Vec::new());
            layers
                .environment
                .push(("OPENAI_API_KEY".to_owned(), "theirs".to_owned()));
            layers.file = Some(path);
            let loaded = load(&layers).unwrap();
            let source = loaded.sources.get("model.api_key").cloned();
            let key = loaded.config.model.api_key;
            (
                key.map(|key| key.expose().to_owned()),
                source.unwrap_or_default(),
            )
        };
        let elsewhere = ("ERRAND_MODEL_BASE_URL", "http://model.example/v1");
        let theirs = Some("theirs".to_owned());
        assert_eq!(key_with(&[], "").0, theirs);
        let openai = ("ERRAND_MODEL_BASE_URL", "https://api.openai.com/v1/");
        assert_eq!(key_with(&[openai], "").0, theirs);
        let beside = ("OPENAI_BASE_URL", "http://gateway.example/v1");
        assert_eq!(key_with(&[beside], "").0, theirs);

        let (key, source) = key_with(&[elsewhere], "");
        assert_eq!(key, None);
        assert!(source.contains("ERRAND_MODEL_API_KEY"), "{source}");
        let lookalike = ("ERRAND_MODEL_BASE_URL", "https://api.openai.com.example/v1");
        assert_eq!(key_with(&[lookalike], "").0, None);
        // The address beside it was overruled.
        assert_eq!(key_with(&[beside, elsewhere], "").0, None);
        let own = ("ERRAND_MODEL_API_KEY", "own");
        assert_eq!(key_with(&[elsewhere, own], "").0, Some("own".to_owned()));
        let file = "[model]\napi_key = \"filed\"\n";
        assert_eq!(key_with(&[elsewhere], file).0, Some("filed".to_owned()));
    }

    #[test]
    fn a_wrong_type_names_the_variable() {
        let layers = with(&[("ERRAND_WORKER__CONCURRENCY", "many")], Vec::new());
        assert!(
            format!("{:#}", load(&layers).err().unwrap()).contains("ERRAND_WORKER__CONCURRENCY")
        );
    }
}
