//! Writes settings as TOML with a comment above each: `config --print` and the example file.

use std::fmt::Write as _;

use toml::{Table, Value};

use super::settings::{Declared, Settings};
use super::source::get;
use super::table::{SECTIONS, SETTINGS};

const INTRODUCTION: &str = "\
# Callboard's configuration. Every setting stands here with its value.
# The environment wins over this file: CALLBOARD_ and the name in upper case, dots as underscores
# (CALLBOARD_PULL_LEASE=2s). Flags win over both.
# Durations: a whole number and ms, s, m, h or d.
";

const APPLICATIONS: &str = "
# Applications that exist from the first start on; applied at every start. What is left out keeps
# the value it has. ModifyEventConfig changes the same values until the next start.
";

const APPLICATION_EXAMPLE: &str = "\
# [[application]]
# id = 1250000001
# name = \"shop\"
# mode = \"PUSH\"                                   # or \"PULL\"
# files = \"fileid+path\"                           # or \"fileid\", the default
# notification_url = \"http://127.0.0.1:9000/vod\"
# upload = true                                   # NewFileUpload
# delete = true                                   # FileDeleted
# persistence = true                              # PersistenceComplete
# sign_key = \"a1b2c3\"                             # letters and digits, at most 32; empty: none
";

/// The text. Keys of `Sign` are not shown, because this is printed to terminals and logs.
pub fn render(settings: &Settings) -> Result<String, toml::ser::Error> {
    let table = Table::try_from(settings)?;
    let mut text = INTRODUCTION.to_owned();
    let mut section = "";
    for setting in SETTINGS {
        let (its_section, key) = setting.split();
        if its_section != section {
            section = its_section;
            let about = SECTIONS.iter().find(|(name, _)| *name == section).map_or("", |s| s.1);
            push(&mut text, format_args!("\n# {about}\n[{section}]"));
        } else if section.is_empty() {
            text.push('\n');
        }
        for line in setting.words {
            push(&mut text, format_args!("# {line}"));
        }
        let proxy_with_password = setting.name == "push.proxy" && settings.push.proxy.contains('@');
        let secret = match setting.name {
            "media.signing_key" => !settings.media.signing_key.is_empty(),
            "objects.s3.secret_access_key" => !settings.objects.s3.secret_access_key.is_empty(),
            _ => false,
        };
        if proxy_with_password {
            push(&mut text, format_args!("# {key} is set and not shown: it has a password"));
        } else if secret {
            push(&mut text, format_args!("# {key} is set and not shown"));
        } else if let Some(value) = get(&table, setting.name) {
            push(&mut text, format_args!("{key} = {}", inline(value)));
        }
    }
    text.push_str(APPLICATIONS);
    if settings.application.is_empty() {
        text.push_str(APPLICATION_EXAMPLE);
    }
    for declared in &settings.application {
        application(&mut text, declared)?;
    }
    Ok(text)
}

fn application(text: &mut String, declared: &Declared) -> Result<(), toml::ser::Error> {
    push(text, format_args!("[[application]]"));
    let table = Table::try_from(declared)?;
    for (key, value) in &table {
        if key == "sign_key" {
            push(text, format_args!("# sign_key is set and not shown"));
        } else {
            push(text, format_args!("{key} = {}", inline(value)));
        }
    }
    Ok(())
}

/// A value on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(table) => {
            let pairs: Vec<_> = table.iter().map(|(k, v)| format!("{k} = {}", inline(v))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_) => value.to_string(),
    }
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    // writing to a String cannot fail
    let _infallible = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_documented_and_nothing_else() {
        fn names(prefix: &str, table: &Table) -> Vec<String> {
            let mut found = Vec::new();
            for (key, value) in table {
                let name = format!("{prefix}{key}");
                let section =
                    value.as_table().filter(|_| super::super::table::find(&name).is_none());
                match section {
                    Some(section) => found.extend(names(&format!("{name}."), section)),
                    None => found.push(name),
                }
            }
            found
        }
        let mut names = names("", &Table::try_from(Settings::default()).unwrap());
        names.retain(|name| name != "application");
        let mut documented: Vec<_> = SETTINGS.iter().map(|s| s.name.to_owned()).collect();
        names.sort();
        documented.sort();
        assert_eq!(names, documented);
    }

    #[test]
    fn what_is_printed_reads_back() {
        let mut settings = Settings::default();
        settings.push.allow_targets = vec!["10.0.0.0/8".to_owned()];
        settings.push.proxy = "http://me:topsecret@proxy:3128".to_owned();
        settings.media.signing_key = "topsecret".to_owned();
        settings.objects.s3.secret_access_key = "topsecret".to_owned();
        settings.application = vec![Declared {
            id: 3,
            name: Some("a \"quoted\" name".to_owned()),
            mode: Some(model::Mode::Pull),
            files: Some(crate::config::settings::Files::Path),
            notification_url: None,
            upload: Some(true),
            delete: None,
            persistence: None,
            sign_key: Some("topsecret".to_owned()),
        }];
        let text = render(&settings).unwrap();
        assert!(!text.contains("topsecret"));
        settings.application[0].sign_key = None;
        settings.push.proxy = String::new();
        settings.media.signing_key = String::new();
        settings.objects.s3.secret_access_key = String::new();
        assert_eq!(toml::from_str::<Settings>(&text).unwrap(), settings);
    }

    #[test]
    fn the_example_file_is_what_the_structs_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/callboard.example.toml");
        let file = std::fs::read_to_string(path).unwrap();
        let text = render(&Settings::default()).unwrap();
        assert!(file == text, "run: callboard config --example > docs/callboard.example.toml");
    }
}
