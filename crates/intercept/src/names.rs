//! Which names are Tencent's, so far as its upload clients use them.

/// The subtrees of names that the local authority may certify. The first is wider than what
/// [`is_intercepted`] accepts, because a constraint names whole subtrees and the API's regions stand
/// before its product name.
pub(crate) const SUBTREES: [&str; 4] =
    ["tencentcloudapi.com", "myqcloud.com", "vod2.qcloud.com", "vod2.dnsv1.com"];

/// Labels of a region that an API name may have (`vod.ap-guangzhou.tencentcloudapi.com`).
const REGION_CHARS_MAX: usize = 32;

/// Whether requests for this host, written without a port, are meant for Callboard:
///
/// - `vod[.intl][.REGION].tencentcloudapi.com`: the API (the SDKs' endpoints),
/// - `*.myqcloud.com`: object storage (`BUCKET.cos.REGION.myqcloud.com`),
/// - `vod2.qcloud.com`, `vod2.dnsv1.com`: the API of the browser's upload SDK, which turns to the second
///   when the first fails.
pub fn is_intercepted(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    if !host.split('.').all(is_label) {
        return false;
    }
    if matches!(&*host, "vod2.qcloud.com" | "vod2.dnsv1.com") || host.ends_with(".myqcloud.com") {
        return true;
    }
    let Some(api) = host.strip_suffix(".tencentcloudapi.com") else { return false };
    let mut labels = api.split('.');
    let product = labels.next();
    let rest: Vec<&str> = labels.collect();
    product == Some("vod")
        && match rest.as_slice() {
            [] => true,
            [region] | ["intl", region] => region.len() <= REGION_CHARS_MAX,
            _ => false,
        }
}

/// Whether a domain (`com`, `myqcloud.com`, `cos.ap-guangzhou.myqcloud.com`) has hosts below it, or is
/// one, that [`is_intercepted`].
pub fn covers(domain: &str) -> bool {
    let is_below = |name: &str, above: &str| {
        let rest = name.strip_suffix(above);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    SUBTREES.iter().any(|subtree| is_below(subtree, domain) || is_below(domain, subtree))
}

/// A label of a host name as a certificate may carry it.
fn is_label(label: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&label.len()) && label.bytes().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tencents_names_and_no_others() {
        for host in [
            "vod.tencentcloudapi.com",
            "VOD.TencentCloudAPI.com",
            "vod.intl.tencentcloudapi.com",
            "vod.ap-guangzhou.tencentcloudapi.com",
            "vod.intl.ap-singapore.tencentcloudapi.com",
            "4a817c80-1250000000.cos.ap-guangzhou.myqcloud.com",
            "cos.ap-guangzhou.myqcloud.com",
            "vod2.qcloud.com",
            "vod2.dnsv1.com",
        ] {
            assert!(is_intercepted(host), "{host}");
        }
        for host in [
            "cvm.tencentcloudapi.com",
            "tencentcloudapi.com",
            "a.vod.tencentcloudapi.com",
            "vod.a.b.tencentcloudapi.com",
            "vod.intl.a.b.tencentcloudapi.com",
            "vod.tencentcloudapi.com.example",
            "myqcloud.com",
            "evilmyqcloud.com",
            ".myqcloud.com",
            "a..myqcloud.com",
            "a b.myqcloud.com",
            "*.myqcloud.com",
            "a_b.myqcloud.com",
            "qcloud.com",
            "a.vod2.qcloud.com",
            "vod2.qcloud.com.",
            "127.0.0.1",
            "[::1]",
            "localhost",
            "",
        ] {
            assert!(!is_intercepted(host), "{host}");
        }
    }
}
