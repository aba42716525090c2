//! ModifyEventConfig and DescribeEventConfig: how an application wants its events.

use egress::Policy;
use model::{AppId, Application, limits};
use sign::seal::Purpose;
use url::Url;
use wire::action::ModifyEventConfig;
use wire::{ApiError, Code, Reply};

use super::applications;
use crate::{Gateway, secret};

/// Changes what the request names and keeps the rest. Nothing is changed if any member is refused.
pub(super) async fn modify(
    gateway: &Gateway,
    app: AppId,
    request: ModifyEventConfig,
) -> Result<Reply, ApiError> {
    if let Some(text) = &request.notification_url {
        check_named(gateway.policy(), text)?;
    }
    let sign_key = match &request.sign_key {
        None => None,
        Some(key) if key.0.is_empty() => Some(None),
        Some(key) => {
            let id = app.to_string();
            let sealed = secret::seal(gateway.master(), Purpose::sign_key(&id), &key.0);
            Some(Some(sealed.map_err(ApiError::internal)?))
        }
    };
    applications::update(gateway, app, |application| {
        let config = &mut application.config;
        set(&mut config.mode, request.mode.as_ref());
        set(&mut config.notification_url, request.notification_url.as_ref());
        set(&mut config.upload, request.upload.as_ref());
        set(&mut config.delete, request.delete.as_ref());
        set(&mut config.persistence, request.persistence.as_ref());
        set(&mut config.sign_key, sign_key.as_ref());
        Ok(())
    })
    .await?;
    Ok(Reply::Done)
}

fn set<T: Clone>(member: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        member.clone_from(value);
    }
}

/// Everything but SignKey, which is never shown.
pub(super) fn describe(application: &Application) -> Reply {
    Reply::EventConfig((&application.config).into())
}

/// [`check_url`] for a NotificationUrl that a request names.
pub(super) fn check_named(policy: &Policy, url: &str) -> Result<(), ApiError> {
    check_url(policy, url).map_err(|reason| {
        let text = format!("The parameter `NotificationUrl` is not valid: {reason}.");
        ApiError::new(Code::InvalidParameter, text)
    })
}

/// Whether PUSH may send to that address; the reason if not. The empty address stands for none. A
/// host name is judged again when it is resolved for an attempt.
pub(crate) fn check_url(policy: &Policy, text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Ok(());
    }
    if text.len() > limits::NOTIFICATION_URL_BYTES_MAX {
        return Err(format!("it is longer than {} bytes", limits::NOTIFICATION_URL_BYTES_MAX));
    }
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    if !matches!(scheme.as_deref(), Some("http" | "https")) {
        return Err("it must begin with http:// or https://".to_owned());
    }
    // the URL parser drops these, so what is shown would not be what is used
    if text.trim() != text || text.chars().any(char::is_control) {
        return Err("it has white space around it or control characters in it".to_owned());
    }
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if url.fragment().is_some() {
        return Err("a fragment is not allowed".to_owned());
    }
    policy.check_url(&url).map_err(|refusal| match refusal.remedy("push.allow_targets") {
        Some(remedy) => format!("{refusal}; {remedy}"),
        None => refusal.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_judged_with_a_reason() {
        let policy = Policy::default();
        let check = |text: &str| check_url(&policy, text);
        for good in ["", "http://a.b/c?x=1&y=中 文", "https://example.com:8443", "HTTPS://a.b"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let long = format!("http://a.b/{}", "x".repeat(2_048));
        for (bad, reason) in [
            ("a.b/c", "http:// or https://"),
            ("http:a.b", "http:// or https://"),
            ("ftp://a.b", "http:// or https://"),
            ("http://", "host"),
            ("http://user@a.b", "user information"),
            ("http://a.b/#x", "fragment"),
            ("http://a.b/\n", "white space"),
            ("http://127.0.0.1:9000/", "`push.allow_targets`"),
            ("http://0x7f.1/", "`push.allow_targets`"),
            ("http://[::1]/", "`push.allow_targets`"),
            ("http://localhost/", "`push.allow_targets`"),
            ("http://169.254.169.254/", "`push.allow_targets`"),
            (&long, "2048"),
        ] {
            let told = check(bad).unwrap_err();
            assert!(told.contains(reason), "{bad}: {told}");
        }
        let strict = Policy { https_only: true, ..Policy::default() };
        let told = check_url(&strict, "http://example.com/").unwrap_err();
        assert!(told.contains("`push.https_only`"), "{told}");
        assert_eq!(check_url(&strict, "https://example.com/"), Ok(()));
    }
}
