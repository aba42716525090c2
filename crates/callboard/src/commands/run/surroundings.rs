//! What the program is given: variables, and the directory with the files that they name.
//!
//! | variable | read by |
//! |---|---|
//! | `HTTP_PROXY`, `HTTPS_PROXY` in both cases | nearly everything; some read only one case |
//! | `ALL_PROXY` in both cases | curl and Chromium, if the user has set it: theirs must not win |
//! | `NO_PROXY` in both cases | the same; our own address and this machine are reached directly |
//! | `SSL_CERT_FILE` | OpenSSL and what is built on it, Go, Python's ssl |
//! | `REQUESTS_CA_BUNDLE` | Python's requests, cos-python-sdk-v5 |
//! | `CURL_CA_BUNDLE` | curl, requests |
//! | `NODE_EXTRA_CA_CERTS` | Node.js, which adds it to its own |
//! | `NODE_USE_ENV_PROXY` | Node.js 24 and later: `fetch` and `http` read the proxy variables only then |
//! | `PYTHONPATH` | Python: finds our certifi before the real one |
//!
//! A proxy of the user's own is out of the way while the program runs: what the program reaches is this
//! server and, with `--pass-through`, what this machine reaches by itself.
//!
//! `JAVA_TOOL_OPTIONS` is deliberately absent: a JVM takes a trust store in its own format only, and
//! says on standard error that it has picked the variable up. `callboard trust` tells what to do.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::SocketAddr;

use client::Endpoint;
use tempfile::TempDir;

use super::bundle;

/// The stand-in for certifi.
const CERTIFI: &str = include_str!("certifi.py");
/// The local authority's certificate in the directory.
const OWN: &str = "ca.pem";
/// Variables that name a bundle which is read instead of the system's.
const BUNDLES: [&str; 3] = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];

/// The surroundings of a program. Dropping them removes the directory.
#[derive(Debug)]
pub(super) struct Surroundings {
    variables: Vec<(&'static str, OsString)>,
    directory: TempDir,
}

impl Surroundings {
    /// Makes the directory and names it. `inherited` tells the variables that the program would have
    /// had.
    pub(super) fn make(
        proxy: SocketAddr,
        endpoint: &Endpoint,
        certificate: &str,
        inherited: impl Fn(&str) -> Option<OsString>,
    ) -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("callboard-run-").tempdir()?;
        let path = directory.path();
        let system = bundle::system();
        let mut variables = Vec::new();
        fs::write(path.join(OWN), certificate)?;
        for name in BUNDLES {
            let file = path.join(name.to_lowercase()).with_extension("pem");
            fs::write(&file, bundle::of(inherited(name), &system, certificate))?;
            variables.push((name, file.into_os_string()));
        }
        let file = path.join("node.pem");
        fs::write(&file, bundle::of(inherited("NODE_EXTRA_CA_CERTS"), "", certificate))?;
        variables.push(("NODE_EXTRA_CA_CERTS", file.into_os_string()));
        variables.push(("NODE_USE_ENV_PROXY", "1".into()));

        let url = format!("http://{proxy}");
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
            variables.push((name, url.clone().into()));
        }
        for name in ["ALL_PROXY", "all_proxy"] {
            variables.extend(inherited(name).map(|_theirs| (name, url.clone().into())));
        }
        let theirs = inherited("no_proxy").or_else(|| inherited("NO_PROXY")).unwrap_or_default();
        let direct = direct(endpoint, &theirs.to_string_lossy());
        for name in ["NO_PROXY", "no_proxy"] {
            variables.push((name, direct.clone().into()));
        }

        let python = path.join("python");
        fs::create_dir_all(python.join("certifi"))?;
        fs::write(python.join(OWN), certificate)?;
        fs::write(python.join("certifi").join("__init__.py"), CERTIFI)?;
        let mut search = python.into_os_string();
        if let Some(theirs) = inherited("PYTHONPATH") {
            search.push(":");
            search.push(theirs);
        }
        variables.push(("PYTHONPATH", search));
        Ok(Self { variables, directory })
    }

    /// The variables.
    pub(super) fn variables(&self) -> &[(&'static str, OsString)] {
        &self.variables
    }

    /// Removes the directory; dropping does the same and cannot say that it failed.
    pub(super) fn remove(self) -> io::Result<()> {
        self.directory.close()
    }
}

/// What is reached without the proxy: this machine and the server, for MediaUrls, and what the user
/// reaches so, unless that would be Tencent.
fn direct(endpoint: &Endpoint, theirs: &str) -> String {
    let authority = endpoint.authority();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    };
    let mut hosts = vec!["127.0.0.1", "localhost", "::1", host.trim_matches(['[', ']'])];
    let theirs = theirs.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty());
    hosts.extend(theirs.filter(|entry| !is_tencent(entry)));
    let mut seen = HashSet::new();
    hosts.retain(|host| seen.insert(*host));
    hosts.join(",")
}

/// Whether an entry of NO_PROXY covers a name that `run` is there for.
fn is_tencent(entry: &str) -> bool {
    let name = entry.trim_start_matches('*').trim_start_matches('.').to_ascii_lowercase();
    let name = name.split(':').next().unwrap_or_default();
    name.is_empty() || intercept::covers(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(theirs: &[(&str, &str)]) -> Surroundings {
        let endpoint = "http://10.0.0.5:8800".parse().unwrap();
        let inherited = |name: &str| {
            let found = theirs.iter().find(|(theirs, _)| *theirs == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let proxy = "127.0.0.1:8899".parse().unwrap();
        Surroundings::make(proxy, &endpoint, "own\n", inherited).unwrap()
    }

    fn value(surroundings: &Surroundings, name: &str) -> String {
        let found = surroundings.variables().iter().find(|(variable, _)| *variable == name);
        found.unwrap().1.to_str().unwrap().to_owned()
    }

    #[test]
    fn every_variable_has_its_file_and_none_stays() {
        let made = make(&[]);
        let directory = made.directory.path().to_owned();
        for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
            assert!(fs::read_to_string(value(&made, name)).unwrap().ends_with("own\n"), "{name}");
        }
        assert_eq!(fs::read_to_string(value(&made, "NODE_EXTRA_CA_CERTS")).unwrap(), "own\n");
        assert_eq!(value(&made, "https_proxy"), "http://127.0.0.1:8899");
        assert_eq!(value(&made, "NO_PROXY"), "127.0.0.1,localhost,::1,10.0.0.5");
        made.remove().unwrap();
        assert!(!directory.exists());
    }

    #[test]
    fn what_the_user_has_set_stays() {
        let made = make(&[
            ("PYTHONPATH", "/a:/b"),
            ("all_proxy", "socks5://proxy:1080"),
            (
                "NO_PROXY",
                "intra.example, .tencentcloudapi.com,*,myqcloud.com,com,localhost,10.0.0.0/8",
            ),
        ]);
        assert!(value(&made, "PYTHONPATH").ends_with("/python:/a:/b"));
        assert_eq!(value(&made, "all_proxy"), "http://127.0.0.1:8899");
        assert!(made.variables().iter().all(|(name, _)| *name != "ALL_PROXY"), "it is not theirs");
        let direct = value(&made, "no_proxy");
        assert_eq!(direct, "127.0.0.1,localhost,::1,10.0.0.5,intra.example,10.0.0.0/8");
    }
}
