//! The `Authorization` header of TC3.

use super::{ALGORITHM, TERMINATOR};

/// More names than any client signs; bounds the work that an unauthenticated header can cause.
const MAX_SIGNED_HEADERS: usize = 64;

/// Why an `Authorization` header is not a TC3 signature. The text completes the sentence that the cloud
/// was seen to answer (sdk-go issue 89): "The request `Authorization` header does not conform to
/// tencentcloud standards: `Service` in Credential not valid."
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizationError {
    /// The value is `SKIP`: the client chose not to sign (allowed for two STS actions only).
    #[error("`SKIP` is not allowed for this action")]
    Skip,
    /// The value does not begin with `TC3-HMAC-SHA256`.
    #[error("`Algorithm` not valid")]
    Algorithm,
    /// Something that is not one of `Credential`, `SignedHeaders` and `Signature`, or one of them twice.
    #[error("`Authorization` format not valid")]
    Format,
    /// `Credential` is absent or not `SecretId/Date/Service/tc3_request`.
    #[error("`Credential` not valid")]
    Credential,
    /// The date is not of the form `YYYY-MM-DD`.
    #[error("`Date` in Credential not valid")]
    Date,
    /// The service is empty.
    #[error("`Service` in Credential not valid")]
    Service,
    /// `SignedHeaders` is absent, lacks `content-type` or `host`, names a header twice, or names too many.
    #[error("`SignedHeaders` not valid")]
    SignedHeaders,
    /// `Signature` is absent or empty.
    #[error("`Signature` not valid")]
    Signature,
}

/// A parsed `Authorization` header. Says what the client claims; [`super::verify`] says whether it is true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tc3Authorization {
    /// The public name of the key.
    pub secret_id: String,
    /// The date of the credential scope, `YYYY-MM-DD`.
    pub date: String,
    /// The service of the credential scope; a client's guess (`vod`, `127`, `localhost:19301`), used only
    /// to derive the key.
    pub service: String,
    /// The signed header names in lower case, in the order listed; `content-type` and `host` among them.
    pub signed_headers: Vec<String>,
    /// The signature as sent; lower-case hexadecimal when it is right.
    pub signature: String,
}

impl Tc3Authorization {
    /// Reads the value of an `Authorization` header. White space between the parts is free: .NET sends two
    /// spaces after the algorithm.
    pub fn parse(value: &str) -> Result<Self, AuthorizationError> {
        let value = value.trim();
        if value == "SKIP" {
            return Err(AuthorizationError::Skip);
        }
        let rest = value.strip_prefix(ALGORITHM).ok_or(AuthorizationError::Algorithm)?;
        if !rest.starts_with(|c: char| c.is_ascii_whitespace()) {
            return Err(AuthorizationError::Algorithm);
        }
        let [mut credential, mut signed_headers, mut signature] = [None; 3];
        let parts = rest.split(|c: char| c == ',' || c.is_ascii_whitespace());
        for part in parts.filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or(AuthorizationError::Format)?;
            let slot = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return Err(AuthorizationError::Format),
            };
            if slot.replace(value).is_some() {
                return Err(AuthorizationError::Format);
            }
        }
        let (secret_id, date, service) =
            parse_credential(credential.ok_or(AuthorizationError::Credential)?)?;
        let signed_headers =
            parse_signed_headers(signed_headers.ok_or(AuthorizationError::SignedHeaders)?)?;
        let signature =
            signature.filter(|value| !value.is_empty()).ok_or(AuthorizationError::Signature)?;
        Ok(Self { secret_id, date, service, signed_headers, signature: signature.to_owned() })
    }
}

fn parse_credential(text: &str) -> Result<(String, String, String), AuthorizationError> {
    let mut parts = text.split('/');
    let (Some(secret_id), Some(date), Some(service), Some(TERMINATOR), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(AuthorizationError::Credential);
    };
    if secret_id.is_empty() {
        return Err(AuthorizationError::Credential);
    }
    if !is_date(date) {
        return Err(AuthorizationError::Date);
    }
    if service.is_empty() {
        return Err(AuthorizationError::Service);
    }
    Ok((secret_id.to_owned(), date.to_owned(), service.to_owned()))
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

fn parse_signed_headers(text: &str) -> Result<Vec<String>, AuthorizationError> {
    let mut names: Vec<String> = Vec::new();
    for name in text.split(';') {
        let name = name.to_ascii_lowercase();
        if name.is_empty() || names.len() == MAX_SIGNED_HEADERS || names.contains(&name) {
            return Err(AuthorizationError::SignedHeaders);
        }
        names.push(name);
    }
    let holds = |wanted: &str| names.iter().any(|name| name == wanted);
    if holds("content-type") && holds("host") {
        Ok(names)
    } else {
        Err(AuthorizationError::SignedHeaders)
    }
}

#[cfg(test)]
mod tests {
    use super::{AuthorizationError as E, Tc3Authorization};

    const GOOD: &str = "TC3-HMAC-SHA256 Credential=AK/2026-11-24/vod/tc3_request, \
                        SignedHeaders=content-type;host, Signature=00ff";

    #[test]
    fn reads_the_usual_form_and_free_white_space() {
        let expected = Tc3Authorization {
            secret_id: "AK".to_owned(),
            date: "2026-11-24".to_owned(),
            service: "vod".to_owned(),
            signed_headers: vec!["content-type".to_owned(), "host".to_owned()],
            signature: "00ff".to_owned(),
        };
        for spelling in [
            GOOD.to_owned(),
            GOOD.replacen(' ', "  ", 1),
            GOOD.replace(", ", ","),
            GOOD.replace(", ", " ,\t "),
            format!("  {GOOD} "),
            GOOD.replace("content-type", "Content-Type"),
        ] {
            assert_eq!(Tc3Authorization::parse(&spelling).as_ref(), Ok(&expected), "{spelling}");
        }
    }

    #[test]
    fn the_service_may_be_a_host_with_a_port() {
        let value = GOOD.replace("/vod/", "/localhost:19301/");
        assert_eq!(Tc3Authorization::parse(&value).unwrap().service, "localhost:19301");
    }

    #[test]
    fn names_what_is_wrong() {
        for (value, expected) in [
            ("SKIP".to_owned(), E::Skip),
            (String::new(), E::Algorithm),
            ("Bearer x".to_owned(), E::Algorithm),
            ("TC3-HMAC-SHA256".to_owned(), E::Algorithm),
            (GOOD.replace("SHA256 ", "SHA256"), E::Algorithm),
            (GOOD.replace("HMAC", "HNAC"), E::Algorithm),
            ("TC3-HMAC-SHA256 x".to_owned(), E::Format),
            (format!("{GOOD}, Extra=1"), E::Format),
            (format!("{GOOD}, Signature=00ff"), E::Format),
            (GOOD.replace("/tc3_request", ""), E::Credential),
            (GOOD.replace("tc3_request", "tc4_request"), E::Credential),
            (GOOD.replace("AK/", "/"), E::Credential),
            (GOOD.replace("AK/", "A/K/"), E::Credential),
            (GOOD.replace("2026-11-24", "20261124"), E::Date),
            (GOOD.replace("2026-11-24", "2026-11-2x"), E::Date),
            (GOOD.replace("/vod/", "//"), E::Service),
            (GOOD.replace("content-type;", ""), E::SignedHeaders),
            (GOOD.replace(";host", ""), E::SignedHeaders),
            (GOOD.replace(";host", ";host;host"), E::SignedHeaders),
            (GOOD.replace(";host", ";host;"), E::SignedHeaders),
            (GOOD.replace("SignedHeaders=content-type;host, ", ""), E::SignedHeaders),
            (GOOD.replace("00ff", ""), E::Signature),
            (GOOD.replace(", Signature=00ff", ""), E::Signature),
        ] {
            assert_eq!(Tc3Authorization::parse(&value), Err(expected), "{value}");
        }
        let many: Vec<String> = (0..100).map(|n| format!("h{n}")).collect();
        let many = GOOD.replace("host", &format!("host;{}", many.join(";")));
        assert_eq!(Tc3Authorization::parse(&many), Err(E::SignedHeaders));
    }

    #[test]
    fn the_text_completes_the_sentence_of_the_cloud() {
        assert_eq!(E::Service.to_string(), "`Service` in Credential not valid");
    }
}
