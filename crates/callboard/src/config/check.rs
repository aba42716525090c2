//! From settings as written to values that the rest of the program trusts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use egress::{Cidr, Proxy};
use model::{AppId, limits};
use queue::Schedule;
use tracing_subscriber::EnvFilter;
use url::Url;

use super::ConfigError;
use super::objects::{self, Bucket};
use super::settings::{Declared, Limits, Log, Media, Profile, Pull, Push, Tls};
use super::source::Gathered;
use super::span::Span;
use crate::failure::chain;

/// The port of health and metrics when nothing else is said.
const OPS_PORT: u16 = 8801;

/// A configuration that can be used as it is.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address of the API, the COS surface and media files.
    pub listen: SocketAddr,
    /// Address of health and metrics.
    pub ops_listen: SocketAddr,
    /// The data directory.
    pub data: PathBuf,
    /// The files of the listener's certificate, if it speaks TLS.
    pub tls: Option<Tls>,
    /// What stands before the paths that are handed out, without a slash at its end; none: the
    /// address that `listen` came to.
    pub public_url: Option<Url>,
    /// The default application's id.
    pub app_id: AppId,
    /// Whether calls without a SubAppId are refused.
    pub require_sub_app_id: bool,
    /// Days that settled events stay readable.
    pub history_days: u32,
    /// PullEvents.
    pub pull: Pull,
    /// PUSH.
    pub push: Push,
    /// `push.allow_targets`, read.
    pub allow_targets: Vec<Cidr>,
    /// `media.pull_allow_targets`, read.
    pub pull_allow_targets: Vec<Cidr>,
    /// `push.proxy`, read.
    pub proxy: Option<Proxy>,
    /// Calls per key, action and second; 0: no limit.
    pub per_second: BTreeMap<String, u32>,
    /// The library.
    pub media: Media,
    /// The bucket that media files are kept in; none: the data directory.
    pub bucket: Option<Bucket>,
    /// Logging.
    pub log: Log,
    /// Declared applications, no id twice.
    pub applications: Vec<Declared>,
}

/// Checks values against each other and against limits; the first that is wrong is reported.
pub fn check(gathered: &Gathered) -> Result<Config, ConfigError> {
    let settings = &gathered.settings;
    let check = Check { gathered };
    let listen = check.address("listen", &settings.listen)?;
    let ops_listen = match settings.ops.listen.as_str() {
        "" if listen.port() == 0 => loopback(0),
        "" => loopback(OPS_PORT),
        text => check.address("ops.listen", text)?,
    };
    if listen == ops_listen && listen.port() != 0 {
        return Err(check.refuse("ops.listen", "must differ from `listen`"));
    }
    check.tls(&settings.tls)?;
    check.that("data", !settings.data.as_os_str().is_empty(), "must name a directory")?;
    check.within("app_id", settings.app_id, 1, (1 << 53) - 1)?;
    let days = u64::from(settings.history_days);
    check.within("history_days", days, u64::from(limits::HISTORY_DAYS_MIN), 3650)?;
    check.pull(&settings.pull)?;
    check.push(&settings.push)?;
    check.limits(&settings.limits)?;
    check.media(&settings.media)?;
    check.origins("media.cors_origins", &settings.media.cors_origins)?;
    check.origins("media.upload_cors_origins", &settings.media.upload_cors_origins)?;
    check.signing_key(&settings.media.signing_key)?;
    if let Err(error) = settings.log.level.parse::<EnvFilter>() {
        return Err(check.refuse("log.level", &error.to_string()));
    }
    check.applications(&settings.application)?;
    Ok(Config {
        listen,
        ops_listen,
        tls: (settings.tls != Tls::default()).then(|| settings.tls.clone()),
        data: settings.data.clone(),
        public_url: check.public_url(&settings.public_url)?,
        app_id: AppId(settings.app_id),
        require_sub_app_id: settings.require_sub_app_id,
        history_days: settings.history_days,
        pull: settings.pull.clone(),
        push: settings.push.clone(),
        allow_targets: check.networks("push.allow_targets", &settings.push.allow_targets)?,
        pull_allow_targets: check
            .networks("media.pull_allow_targets", &settings.media.pull_allow_targets)?,
        proxy: check.proxy(&settings.push)?,
        per_second: settings.limits.per_second.clone(),
        media: settings.media.clone(),
        bucket: objects::check(&check, &settings.objects)?,
        log: settings.log.clone(),
        applications: settings.application.clone(),
    })
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// Refuses settings, and tells where they came from.
pub(super) struct Check<'g> {
    gathered: &'g Gathered,
}

impl Check<'_> {
    pub(super) fn refuse(&self, name: &str, reason: &str) -> ConfigError {
        ConfigError::Setting {
            name: name.to_owned(),
            reason: reason.to_owned(),
            origin: self.gathered.sources.get(name).cloned(),
        }
    }

    pub(super) fn that(&self, name: &str, holds: bool, reason: &str) -> Result<(), ConfigError> {
        if holds { Ok(()) } else { Err(self.refuse(name, reason)) }
    }

    fn within(&self, name: &str, value: u64, least: u64, most: u64) -> Result<(), ConfigError> {
        let fits = (least..=most).contains(&value);
        self.that(name, fits, &format!("{value} is not between {least} and {most}"))
    }

    fn span(&self, name: &str, value: Span, least: u64, most: u64) -> Result<(), ConfigError> {
        let (low, high) = (Span::from_ms(least), Span::from_ms(most));
        let fits = (low..=high).contains(&value);
        self.that(name, fits, &format!("{value} is not between {low} and {high}"))
    }

    fn address(&self, name: &str, text: &str) -> Result<SocketAddr, ConfigError> {
        let numeric = text
            .strip_prefix("localhost:")
            .map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
        numeric.parse().map_err(|_not_an_address| {
            let example = "write a numeric address and a port, such as 127.0.0.1:8800";
            self.refuse(name, &format!("`{text}` cannot be listened on; {example}"))
        })
    }

    fn tls(&self, tls: &Tls) -> Result<(), ConfigError> {
        let given = |path: &PathBuf| !path.as_os_str().is_empty();
        let (certificate, key) = (given(&tls.certificate), given(&tls.key));
        self.that("tls.key", key || !certificate, "must be set with `tls.certificate`")?;
        self.that("tls.certificate", certificate || !key, "must be set with `tls.key`")
    }

    fn public_url(&self, text: &str) -> Result<Option<Url>, ConfigError> {
        if text.is_empty() {
            return Ok(None);
        }
        let refuse = |reason: &str| self.refuse("public_url", &format!("`{text}` {reason}"));
        let url = Url::parse(text.trim_end_matches('/'))
            .map_err(|error| refuse(&format!("is not a URL: {error}")))?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.query().is_none()
            && url.fragment().is_none();
        let reason = "must be http:// or https://, a host and at most a port and a path";
        if plain { Ok(Some(url)) } else { Err(refuse(reason)) }
    }

    fn pull(&self, pull: &Pull) -> Result<(), ConfigError> {
        // clients of the SDKs give up after 60 s, so a longer wait could only fail
        self.span("pull.wait", pull.wait, 0, 50_000)?;
        self.span("pull.lease", pull.lease, 100, 12 * 3_600_000)
    }

    fn push(&self, push: &Push) -> Result<(), ConfigError> {
        // the worker's lease must outlast the attempt
        self.span("push.timeout", push.timeout, 100, limits::PUSH_LEASE_MS - 5_000)?;
        let name = "push.schedule";
        self.that(name, push.schedule.len() <= 100, "has more than 100 waits")?;
        let day = 24 * 3_600_000;
        for wait in &push.schedule {
            self.span(name, *wait, 10, day)?;
        }
        self.span("push.repeat", push.repeat, 10, day)?;
        self.span("push.give_up_after", push.give_up_after, 0, limits::EXPIRY_MS)?;
        self.within("push.in_flight", to_u64(push.in_flight), 1, 10_000)?;
        let most = to_u64(push.in_flight);
        let each = to_u64(push.in_flight_per_application);
        self.within("push.in_flight_per_application", each, 1, most)?;
        self.within("push.per_second", push.per_second.into(), 0, 100_000)?;
        let given = |path: &PathBuf| !path.as_os_str().is_empty();
        let (certificate, key) = (given(&push.client_certificate), given(&push.client_key));
        let together = "must be set with";
        self.that(
            "push.client_key",
            key || !certificate,
            &format!("{together} `push.client_certificate`"),
        )?;
        self.that(
            "push.client_certificate",
            certificate || !key,
            &format!("{together} `push.client_key`"),
        )
    }

    fn proxy(&self, push: &Push) -> Result<Option<Proxy>, ConfigError> {
        if push.proxy.is_empty() {
            return Ok(None);
        }
        // the text may hold a password
        let proxy = push.proxy.parse();
        proxy.map(Some).map_err(|error| self.refuse("push.proxy", &format!("is no proxy: {error}")))
    }

    fn networks(&self, name: &str, networks: &[String]) -> Result<Vec<Cidr>, ConfigError> {
        let read = |text: &String| {
            text.parse::<Cidr>()
                .map_err(|error| self.refuse(name, &format!("`{text}`: {}", chain(&error))))
        };
        networks.iter().map(read).collect()
    }

    fn media(&self, media: &Media) -> Result<(), ConfigError> {
        let day = 24 * 3_600_000;
        self.span("media.session_life", media.session_life, 60_000, 7 * day)?;
        self.span("media.expiry_grace", media.expiry_grace, 1_000, 7 * day)?;
        self.within("media.pull_concurrency", to_u64(media.pull_concurrency), 1, 1_000)?;
        let most = to_u64(media.pull_concurrency);
        let each = to_u64(media.pull_concurrency_per_application);
        self.within("media.pull_concurrency_per_application", each, 1, most)?;
        let most = limits::SESSION_BYTES_MAX;
        self.within("media.pull_bytes_max", media.pull_bytes_max, 1, most)?;
        self.span("media.pull_timeout", media.pull_timeout, 1_000, 7 * day)?;
        self.span("media.live_window", media.live_window, 60_000, 7 * day)
    }

    /// Origins as browsers write them, because they are compared to the letter; or `*` alone.
    fn origins(&self, name: &str, origins: &[String]) -> Result<(), ConfigError> {
        if origins == ["*"] {
            return Ok(());
        }
        for text in origins {
            let url = Url::parse(text);
            let plain = url.is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.origin().ascii_serialization() == *text
            });
            let example = "write it as browsers do, such as https://www.example.com or \
                           http://localhost:3000, or [\"*\"] for any";
            self.that(name, plain, &format!("`{text}` is no origin; {example}"))?;
        }
        Ok(())
    }

    /// As documented for the key of hotlink protection (266/33986).
    fn signing_key(&self, key: &str) -> Result<(), ConfigError> {
        let fits = key.is_empty()
            || (8..=20).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_alphanumeric());
        self.that("media.signing_key", fits, "takes 8 to 20 letters and digits")
    }

    fn limits(&self, limits: &Limits) -> Result<(), ConfigError> {
        for action in limits.per_second.keys() {
            let known = wire::spec::spec().action(action).is_some();
            self.that("limits.per_second", known, &format!("there is no action `{action}`"))?;
        }
        Ok(())
    }

    fn applications(&self, declared: &[Declared]) -> Result<(), ConfigError> {
        let mut seen = BTreeSet::new();
        for application in declared {
            let name = format!("[[application]] {}", application.id);
            self.within(&name, application.id, 1, (1 << 53) - 1)?;
            self.that(&name, seen.insert(application.id), "the id stands twice")?;
            if let Some(text) = &application.name {
                let long = limits::APPLICATION_NAME_CHARS_MAX;
                let fits = !text.is_empty() && text.chars().count() <= long;
                self.that(&name, fits, &format!("name must have 1 to {long} characters"))?;
            }
            if let Some(key) = &application.sign_key {
                let fits = key.len() <= limits::SIGN_KEY_CHARS_MAX
                    && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
                self.that(&name, fits, "sign_key takes letters and digits, at most 32")?;
            }
        }
        Ok(())
    }
}

fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

impl Config {
    /// When a failed attempt of PUSH is tried again.
    pub fn schedule(&self) -> Schedule {
        match self.push.profile {
            Profile::Classic => Schedule::classic(),
            Profile::Standard => Schedule {
                delays_ms: self.push.schedule.iter().map(|wait| wait.ms()).collect(),
                then_ms: self.push.repeat.ms(),
                deadline_ms: self.push.give_up_after.ms(),
                ..Schedule::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Environment, Settings};
    use super::*;

    fn checked(change: impl FnOnce(&mut Settings)) -> Result<Config, ConfigError> {
        let mut settings = Settings::default();
        change(&mut settings);
        let gathered =
            Gathered { settings, sources: BTreeMap::new(), unknown_variables: Vec::new() };
        check(&gathered)
    }

    #[test]
    fn the_defaults_can_be_used() {
        let config = checked(|_| {}).unwrap();
        assert_eq!(config.ops_listen.to_string(), "127.0.0.1:8801");
        assert!(config.listen.ip().is_loopback());
        assert!(super::super::load(None, &Environment::new(), &[]).is_ok());
    }

    #[test]
    fn the_default_schedule_is_the_queues() {
        assert_eq!(checked(|_| {}).unwrap().schedule(), Schedule::default());
        let classic = checked(|s| s.push.profile = Profile::Classic).unwrap();
        assert_eq!(classic.schedule(), Schedule::classic());
    }

    #[test]
    fn ops_takes_a_free_port_when_listen_does() {
        let config = checked(|s| s.listen = "127.0.0.1:0".to_owned()).unwrap();
        assert_eq!(config.ops_listen.port(), 0);
        let config = checked(|s| s.listen = "localhost:9000".to_owned()).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:9000");
    }

    #[test]
    fn wrong_values_are_refused_by_name() {
        type Change = fn(&mut Settings);
        let cases: &[(&str, Change)] = &[
            ("listen", |s| s.listen = "8800".to_owned()),
            ("ops.listen", |s| s.ops.listen = "127.0.0.1:8800".to_owned()),
            ("data", |s| s.data = PathBuf::new()),
            ("tls.key", |s| s.tls.certificate = PathBuf::from("a.pem")),
            ("tls.certificate", |s| s.tls.key = PathBuf::from("a.pem")),
            ("app_id", |s| s.app_id = 0),
            ("history_days", |s| s.history_days = 4),
            ("public_url", |s| s.public_url = "ftp://x".to_owned()),
            ("public_url", |s| s.public_url = "https://a/?b=c".to_owned()),
            ("pull.lease", |s| s.pull.lease = Span::from_ms(1)),
            ("push.timeout", |s| s.push.timeout = Span::from_ms(60_000)),
            ("push.in_flight_per_application", |s| s.push.in_flight = 1),
            ("push.per_second", |s| s.push.per_second = 100_001),
            ("push.client_key", |s| s.push.client_certificate = "own.pem".into()),
            ("push.client_certificate", |s| s.push.client_key = "own.key".into()),
            ("push.proxy", |s| s.push.proxy = "proxy:3128".to_owned()),
            ("push.allow_targets", |s| s.push.allow_targets = vec!["10.0.0.0/33".to_owned()]),
            ("media.cors_origins", |s| s.media.cors_origins = vec!["localhost:3000".to_owned()]),
            ("media.cors_origins", |s| {
                s.media.cors_origins = vec!["https://a".to_owned(), "*".to_owned()];
            }),
            ("media.upload_cors_origins", |s| {
                s.media.upload_cors_origins = vec!["https://A.example:443/".to_owned()];
            }),
            ("media.signing_key", |s| s.media.signing_key = "short".to_owned()),
            ("media.signing_key", |s| s.media.signing_key = "not only letters".to_owned()),
            ("limits.per_second", |s| {
                s.limits.per_second.insert("PullEvent".to_owned(), 1);
            }),
            ("media.pull_allow_targets", |s| {
                s.media.pull_allow_targets = vec!["::/129".to_owned()];
            }),
            ("media.pull_concurrency", |s| s.media.pull_concurrency = 0),
            ("media.pull_concurrency_per_application", |s| s.media.pull_concurrency = 1),
            ("media.pull_bytes_max", |s| s.media.pull_bytes_max = 0),
            ("media.pull_timeout", |s| s.media.pull_timeout = Span::from_ms(1)),
            ("media.live_window", |s| s.media.live_window = Span::from_ms(1)),
            ("log.level", |s| s.log.level = "loud=very=much".to_owned()),
        ];
        for (name, change) in cases {
            let text = checked(change).unwrap_err().to_string();
            assert!(text.starts_with(name), "{name}: {text}");
        }
    }
}
