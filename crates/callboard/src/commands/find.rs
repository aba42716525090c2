//! Finds the running server and the key to call it with.
//!
//! Endpoint: `--endpoint`, CALLBOARD_ENDPOINT, the file `endpoint` that `serve` writes. Key:
//! CALLBOARD_SECRET_ID and CALLBOARD_SECRET_KEY, the file `root.key`. Trust, for https: `--ca-file`,
//! CALLBOARD_CA_FILE, the file `certificate.pem` if the endpoint came from the data directory, too.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use client::{Client, Endpoint, EndpointError, Key, Trust, TrustError};

use crate::args::{ConfigFile, Server};
use crate::config::objects::Bucket;
use crate::config::{self, Environment};
use crate::failure::{Exit, Failure};
use crate::keyfile;

/// The file of a data directory that says where its server is.
pub const ENDPOINT: &str = "endpoint";

/// The file of a data directory with the certificate that its server shows.
pub const CERTIFICATE: &str = "certificate.pem";

/// The configuration file that is meant: `--config`, else CALLBOARD_CONFIG.
pub fn config_path(file: &ConfigFile, environment: &Environment) -> Option<PathBuf> {
    let named = environment.get("CALLBOARD_CONFIG").filter(|path| !path.is_empty());
    file.config.clone().or_else(|| named.map(PathBuf::from))
}

/// The data directory that is meant.
pub fn data(file: &ConfigFile, environment: &Environment) -> Result<PathBuf, Failure> {
    if let Some(data) = &file.data {
        return Ok(PathBuf::from(data));
    }
    let path = config_path(file, environment);
    Ok(config::load(path.as_deref(), environment, &[])?.config.data)
}

/// The bucket that media files are kept in; none: the data directory, or a configuration that is not
/// known here.
pub fn bucket(file: &ConfigFile, environment: &Environment) -> Result<Option<Bucket>, Failure> {
    let path = config_path(file, environment);
    Ok(config::load(path.as_deref(), environment, &[])?.config.bucket)
}

/// Where the server that is meant is, and whom it is believed by.
#[derive(Debug)]
pub struct Whereabouts {
    /// Its address.
    pub endpoint: Endpoint,
    /// Whose certificates it may show.
    pub trust: Trust,
    /// The certificates that are believed besides those of public authorities, PEM.
    pub believed: String,
}

/// Looks for the server that is meant.
pub fn server(server: &Server, environment: &Environment) -> Result<Whereabouts, Failure> {
    let given = environment.get("CALLBOARD_ENDPOINT").filter(|text| !text.is_empty());
    let authorities = authorities(server, environment)?;
    let (endpoint, (trust, believed)) = if let Some(endpoint) = server.endpoint.as_ref().or(given) {
        (endpoint.clone(), authorities.unwrap_or_default())
    } else {
        let data = data(&server.file, environment)?;
        let endpoint = read(&data.join(ENDPOINT))?.trim().to_owned();
        let trust = match authorities {
            Some(trust) => trust,
            None if endpoint.starts_with("https://") => shown(&data.join(CERTIFICATE))?,
            None => Default::default(),
        };
        (endpoint, trust)
    };
    let endpoint = endpoint
        .parse()
        .map_err(|error: EndpointError| Failure::new(Exit::Usage, error.to_string()))?;
    Ok(Whereabouts { endpoint, trust, believed })
}

/// A client of the server that is meant.
pub fn client(server: &Server, environment: &Environment) -> Result<Client, Failure> {
    let Whereabouts { endpoint, trust, .. } = self::server(server, environment)?;
    Client::trusting(trust, &endpoint.to_string(), key(server, environment)?)
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()))
}

/// The authorities that the user names.
fn authorities(
    server: &Server,
    environment: &Environment,
) -> Result<Option<(Trust, String)>, Failure> {
    let given = environment.get("CALLBOARD_CA_FILE").filter(|path| !path.is_empty());
    let Some(path) = server.ca_file.clone().or_else(|| given.map(PathBuf::from)) else {
        return Ok(None);
    };
    let pem = fs::read(&path).map_err(|error| Failure::io(path.display(), &error))?;
    let mut trust = Trust::default();
    trust.add_pem(&pem).map_err(|error| no_trust(&path, &error))?;
    Ok(Some((trust, String::from_utf8_lossy(&pem).into_owned())))
}

/// The one certificate that the server of the data directory shows, whatever name it is for.
fn shown(path: &Path) -> Result<(Trust, String), Failure> {
    let pem = read(path)?;
    let trust = Trust::exactly(pem.as_bytes());
    trust.map(|trust| (trust, pem)).map_err(|error| no_trust(path, &error))
}

fn no_trust(path: &Path, error: &TrustError) -> Failure {
    Failure::new(Exit::Config, format!("{}: {error}", path.display()))
}

fn key(server: &Server, environment: &Environment) -> Result<Key, Failure> {
    if let Some(key) = given_key(environment)? {
        return Ok(key);
    }
    let path = data(&server.file, environment)?.join(keyfile::ROOT_KEY);
    keyfile::parse_root(&read(&path)?)
        .ok_or_else(|| Failure::new(Exit::Data, format!("{} is not a key file", path.display())))
}

/// The key in the environment; half a key is a mistake.
pub fn given_key(environment: &Environment) -> Result<Option<Key>, Failure> {
    let half = |name: &str| environment.get(name).filter(|text| !text.is_empty());
    match (half("CALLBOARD_SECRET_ID"), half("CALLBOARD_SECRET_KEY")) {
        (Some(id), Some(secret)) if is_plain(id) && is_plain(secret) => {
            Ok(Some(Key::new(id, secret)))
        }
        (Some(_), Some(_)) => Err(Failure::new(
            Exit::Config,
            "CALLBOARD_SECRET_ID and CALLBOARD_SECRET_KEY take letters, digits and -_.+/=, at most 128",
        )),
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => Err(Failure::new(
            Exit::Config,
            "CALLBOARD_SECRET_ID and CALLBOARD_SECRET_KEY must be set together",
        )),
    }
}

/// Whether a half of a key can stand in `root.key` and in an Authorization header as it is.
fn is_plain(half: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+/=".contains(&byte);
    half.len() <= 128 && half.bytes().all(plain)
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| {
        let hint = if error.kind() == io::ErrorKind::NotFound {
            "; is `callboard serve` running? --data or --endpoint says where it is"
        } else if error.kind() == io::ErrorKind::PermissionDenied {
            "; it belongs to the user who runs `callboard serve`"
        } else {
            ""
        };
        Failure::new(Exit::Io, format!("cannot read {}: {error}{hint}", path.display()))
    })
}
