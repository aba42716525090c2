//! Brings the settings together: file, then environment, then flags; later ones win.
//!
//! The environment is handed in as a map, so that tests need none. The one place that reads the
//! real one is [`environment`].

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use super::ConfigError;
use super::settings::Settings;
use super::table::{self, SETTINGS};

/// Variables that are no settings: they say where the server is, who asks and which file to read.
const OTHER_VARIABLES: [&str; 5] = [
    "CALLBOARD_CA_FILE",
    "CALLBOARD_CONFIG",
    "CALLBOARD_ENDPOINT",
    "CALLBOARD_SECRET_ID",
    "CALLBOARD_SECRET_KEY",
];

/// The variables of the environment whose names begin with `CALLBOARD_`.
pub type Environment = BTreeMap<String, String>;

/// Reads the environment. A value that is not UTF-8 is replaced, and then refused as a setting.
pub fn environment() -> Environment {
    std::env::vars_os()
        .map(|(name, value)| {
            (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
        })
        .filter(|(name, _)| name.starts_with("CALLBOARD_"))
        .collect()
}

/// Where programs are looked for: PATH.
pub fn search_path() -> Option<OsString> {
    std::env::var_os("PATH")
}

/// One variable of the process's own environment, for the program that `run` starts; none if it is
/// absent or empty.
pub fn inherited(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// A value given on the command line.
#[derive(Clone, Debug)]
pub struct Flag {
    /// As the user wrote it, such as `--listen`.
    pub given: &'static str,
    /// The setting that it stands for.
    pub name: &'static str,
    /// The value.
    pub value: String,
}

/// The settings from all sources, and where each that was given came from.
#[derive(Clone, Debug)]
pub struct Gathered {
    /// The effective settings.
    pub settings: Settings,
    /// The last source that named a setting.
    pub sources: BTreeMap<&'static str, String>,
    /// Variables that look like settings and are none: worth a warning, not a refusal, because
    /// container platforms make such names up (`CALLBOARD_SERVICE_HOST`).
    pub unknown_variables: Vec<String>,
}

/// Reads the file, if there is one, and puts environment and flags over it.
pub fn gather(
    file: Option<&Path>,
    environment: &Environment,
    flags: &[Flag],
) -> Result<Gathered, ConfigError> {
    let mut merged = Merged::from_file(file)?;
    for setting in SETTINGS {
        let variable = setting.variable();
        if let Some(value) = environment.get(&variable) {
            merged.set(setting.name, value, variable)?;
        }
    }
    for flag in flags {
        merged.set(flag.name, &flag.value, flag.given.to_owned())?;
    }
    let known = |name: &&String| {
        OTHER_VARIABLES.contains(&name.as_str()) || SETTINGS.iter().any(|s| s.variable() == **name)
    };
    let unknown_variables = environment.keys().filter(|name| !known(name)).cloned().collect();
    let settings = merged.settings()?;
    Ok(Gathered { settings, sources: merged.sources, unknown_variables })
}

struct Merged {
    table: Table,
    /// The defaults, which tell the type of each setting.
    defaults: Table,
    sources: BTreeMap<&'static str, String>,
}

impl Merged {
    fn from_file(file: Option<&Path>) -> Result<Self, ConfigError> {
        let defaults = Table::try_from(Settings::default())
            .map_err(|error| ConfigError::Other(error.to_string()))?;
        let mut merged = Self { table: Table::new(), defaults, sources: BTreeMap::new() };
        let Some(path) = file else { return Ok(merged) };
        let text = fs::read_to_string(path)
            .map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })?;
        let refuse = |error: toml::de::Error| ConfigError::File {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| line_of(&text, span.start)),
            reason: error.message().to_owned(),
        };
        toml::from_str::<Settings>(&text).map_err(refuse)?;
        merged.table = toml::from_str(&text).map_err(refuse)?;
        for setting in SETTINGS {
            if get(&merged.table, setting.name).is_some() {
                merged.sources.insert(setting.name, path.display().to_string());
            }
        }
        Ok(merged)
    }

    fn settings(&self) -> Result<Settings, ConfigError> {
        Settings::deserialize(Value::Table(self.table.clone()))
            .map_err(|error| ConfigError::Other(error.message().to_owned()))
    }

    /// Puts one value in its place and checks that the whole still has the right types.
    fn set(&mut self, name: &'static str, text: &str, source: String) -> Result<(), ConfigError> {
        let refuse = |reason: String| ConfigError::Setting {
            name: name.to_owned(),
            reason,
            origin: Some(source.clone()),
        };
        let kind = get(&self.defaults, name);
        let value = parse(text, kind).map_err(refuse)?;
        let Some(setting) = table::find(name) else {
            return Err(refuse("no such setting".to_owned()));
        };
        let (section, key) = setting.split();
        let mut table = &mut self.table;
        for part in section.split('.').filter(|part| !part.is_empty()) {
            table = table
                .entry(part)
                .or_insert_with(|| Value::Table(Table::new()))
                .as_table_mut()
                .ok_or_else(|| refuse(format!("`{section}` is not a section")))?;
        }
        table.insert(key.to_owned(), value);
        Settings::deserialize(Value::Table(self.table.clone()))
            .map_err(|error| refuse(error.message().trim().replace('\n', " ")))?;
        self.sources.insert(name, source);
        Ok(())
    }
}

/// The value of a dotted name.
pub fn get<'t>(table: &'t Table, name: &str) -> Option<&'t Value> {
    match name.rsplit_once('.') {
        None => table.get(name),
        Some((section, key)) => get(table, section)?.as_table()?.get(key),
    }
}

/// Reads a text as a value of the same type as `kind`. Lists may be written `a, b`.
fn parse(text: &str, kind: Option<&Value>) -> Result<Value, String> {
    match kind {
        Some(Value::Integer(_)) => text
            .trim()
            .parse()
            .map(Value::Integer)
            .map_err(|_not_a_number| format!("`{text}` is not a whole number")),
        Some(Value::Boolean(_)) => match text.trim() {
            "true" => Ok(Value::Boolean(true)),
            "false" => Ok(Value::Boolean(false)),
            _ => Err(format!("`{text}` is neither true nor false")),
        },
        Some(Value::Array(_)) if !text.trim_start().starts_with('[') => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
        }
        Some(Value::Array(_) | Value::Table(_)) => {
            let document: Table = toml::from_str(&format!("value = {text}"))
                .map_err(|error| format!("`{text}`: {}", error.message()))?;
            document.get("value").cloned().ok_or_else(|| format!("`{text}` is no value"))
        }
        _ => Ok(Value::String(text.to_owned())),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::super::span::Span;
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn flag(name: &'static str, value: &str) -> Flag {
        Flag { given: "--flag", name, value: value.to_owned() }
    }

    #[test]
    fn flags_win_over_environment_over_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("callboard.toml");
        fs::write(&path, "listen = \"127.0.0.1:1\"\napp_id = 5\n[pull]\nlease = \"1s\"\n").unwrap();
        let env = variables(&[
            ("CALLBOARD_LISTEN", "127.0.0.1:2"),
            ("CALLBOARD_PULL_LEASE", "2s"),
            ("CALLBOARD_SERVICE_HOST", "10.0.0.1"),
            ("CALLBOARD_SECRET_ID", "x"),
        ]);
        let got = gather(Some(&path), &env, &[flag("listen", "127.0.0.1:3")]).unwrap();
        assert_eq!(got.settings.listen, "127.0.0.1:3");
        assert_eq!(got.settings.pull.lease, Span::from_ms(2000));
        assert_eq!(got.settings.app_id, 5);
        assert_eq!(got.settings.pull.wait, Settings::default().pull.wait);
        assert_eq!(got.sources["pull.lease"], "CALLBOARD_PULL_LEASE");
        assert_eq!(got.unknown_variables, ["CALLBOARD_SERVICE_HOST"]);
    }

    #[test]
    fn every_type_can_come_from_the_environment() {
        let env = variables(&[
            ("CALLBOARD_APP_ID", "7"),
            ("CALLBOARD_REQUIRE_SUB_APP_ID", "true"),
            ("CALLBOARD_PUSH_SCHEDULE", "1s, 2s"),
            ("CALLBOARD_PUSH_ALLOW_TARGETS", "[\"10.0.0.0/8\"]"),
            ("CALLBOARD_LIMITS_PER_SECOND", "{PullEvents = 0}"),
        ]);
        let settings = gather(None, &env, &[]).unwrap().settings;
        assert!(settings.require_sub_app_id && settings.app_id == 7);
        assert_eq!(settings.push.schedule, [Span::from_ms(1000), Span::from_ms(2000)]);
        assert_eq!(settings.push.allow_targets, ["10.0.0.0/8"]);
        assert_eq!(settings.limits.per_second["PullEvents"], 0);
        assert_eq!(settings.limits.per_second["ModifyEventConfig"], 20);
    }

    #[test]
    fn errors_name_the_setting_the_source_and_the_reason() {
        for (variable, value, words) in [
            ("CALLBOARD_APP_ID", "many", "app_id: `many` is not a whole number"),
            ("CALLBOARD_PULL_LEASE", "30", "pull.lease: `30` is not a duration"),
            ("CALLBOARD_PULL_EMPTY", "none", "pull.empty: unknown variant `none`"),
            ("CALLBOARD_REQUIRE_SUB_APP_ID", "1", "`1` is neither true nor false"),
        ] {
            let error = gather(None, &variables(&[(variable, value)]), &[]).unwrap_err();
            let text = error.to_string();
            assert!(text.contains(words) && text.contains(variable), "{text}");
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.toml");
        for (text, words) in [
            ("[pull]\nleese = \"1s\"\n", "line 2: unknown field `leese`"),
            ("listen = \n", "line 1"),
            ("[[application]]\nname = \"x\"\n", "missing field `id`"),
        ] {
            fs::write(&path, text).unwrap();
            let error = gather(Some(&path), &Environment::new(), &[]).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
