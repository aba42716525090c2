//! `callboard trust`: what to do by hand where the variables of `run` are not read.
//!
//! It changes nothing on the machine but the two files of the authority in the data directory.

use crate::args::Trust;
use crate::clock;
use crate::commands::find;
use crate::commands::run::authority;
use crate::config::Environment;
use crate::failure::{Exit, Failure};
use crate::out;

/// Prints the words.
pub fn run(args: &Trust, environment: &Environment) -> Result<(), Failure> {
    let data = find::data(&args.file, environment)?;
    let io = |error| Failure::io(data.display(), &error);
    let data = std::path::absolute(&data).map_err(io)?;
    // a directory that is absent has no authority to trust
    std::fs::metadata(&data).map_err(|error| {
        let what =
            format!("{}: {error}; --data says where the server keeps its data", data.display());
        Failure::new(Exit::Io, what)
    })?;
    let authority = authority::kept(&data, clock::wall())?;
    let spki = authority.spki_sha256();
    let path = data.join(authority::CERTIFICATE);
    let text = if args.spki {
        spki + "\n"
    } else {
        TEXT.replace("CA.PEM", &path.display().to_string()).replace("SPKI", &spki)
    };
    out::text(&text).map_err(|error| Failure::stdout(&error))
}

const TEXT: &str = "\
The certificate of this data directory's local authority:

    CA.PEM

Who trusts it believes Callboard to be vod.tencentcloudapi.com, *.myqcloud.com, vod2.qcloud.com and
vod2.dnsv1.com; it is good for no other name. Its key never leaves the directory.

A Chromium for one try needs no proxy to be set and nothing to be undone:

    callboard run -- chromium --user-data-dir=/tmp/callboard-browser \\
        --ignore-certificate-errors-spki-list=SPKI http://localhost:3000/

A proxy to set by hand, as long as this runs:

    callboard run --proxy 127.0.0.1:8899 -- sleep infinity

curl:       curl --proxy http://127.0.0.1:8899 --cacert CA.PEM https://vod.tencentcloudapi.com/
wget:       it takes the proxy from `run`, and --ca-certificate=CA.PEM
Node.js:    before version 24 its own fetch and http read no proxy variable; Tencent's SDKs do
Chromium:   --proxy-server=http://127.0.0.1:8899, and the certificate under Settings, Privacy and
            security, Security, Manage certificates, Authorities; or for a test, on Debian:
            certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n callboard -i CA.PEM
Firefox:    Settings, Network Settings, and Certificates, View Certificates, Authorities, Import
Java:       keytool -importcert -noprompt -alias callboard -file CA.PEM \\
                -keystore trust.p12 -storepass changeit
            java -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=8899 \\
                -Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=8899 \\
                -Djavax.net.ssl.trustStore=trust.p12 -Djavax.net.ssl.trustStorePassword=changeit ...
PHP:        php -d curl.cainfo=CA.PEM -d openssl.cafile=CA.PEM ...
Python -I:  it reads no variable: pass verify='CA.PEM' and proxies={'https': 'http://127.0.0.1:8899'}
Debian:     sudo cp CA.PEM /usr/local/share/ca-certificates/callboard.crt
            sudo update-ca-certificates

To take it back: remove it there, and delete intercept.key and intercept-ca.pem.
";
