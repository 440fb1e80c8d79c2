//! Where a client may be answered.

use reqwest::Url;

/// Longest address, in bytes.
const LONGEST: usize = 1000;

/// Schemes of well-known apps. Others name their owner by a domain (RFC 8252, 7.1), so they hold a dot.
const APPS: [&str; 9] = [
    "claude",
    "cursor",
    "jetbrains",
    "raycast",
    "vscode",
    "vscode-insiders",
    "vscodium",
    "windsurf",
    "zed",
];

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// None: it is nothing that a client may be answered at.
pub fn parse(address: &str) -> Option<Url> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
    if address.len() > LONGEST || address.chars().any(odd) {
        return None;
    }
    let url = Url::parse(address).ok()?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none()
        && !url.cannot_be_a_base();
    let allowed = match url.scheme() {
        "https" => url.host_str().is_some_and(|host| !host.is_empty()),
        "http" => is_loopback(&url),
        scheme => scheme.contains('.') || APPS.contains(&scheme),
    };
    (plain && allowed).then_some(url)
}

fn is_loopback(url: &Url) -> bool {
    url.scheme() == "http" && url.host_str().is_some_and(|host| LOOPBACK.contains(&host))
}

/// Whether the address leads to a program on the user's own machine, and so to no site that could lure them.
pub fn stays_on_the_device(url: &Url) -> bool {
    is_loopback(url) || !matches!(url.scheme(), "http" | "https")
}

/// To the letter; but a program that listens on its own machine takes any port that is free (RFC 8252, 7.3).
pub fn matches(registered: &str, asked: &str) -> bool {
    if registered == asked {
        return true;
    }
    let (Some(mut registered), Some(mut asked)) = (parse(registered), parse(asked)) else {
        return false;
    };
    let both = is_loopback(&registered) && is_loopback(&asked);
    both && registered.set_port(None).is_ok() && asked.set_port(None).is_ok() && registered == asked
}

/// What a person is shown of an address: the host, or the scheme of an app.
pub fn host(address: &str) -> String {
    let Ok(url) = Url::parse(address) else {
        return String::new();
    };
    match (url.scheme(), url.host_str()) {
        ("http" | "https", Some(host)) => host.into(),
        (scheme, _) => format!("{scheme}:"),
    }
}

/// The address with an answer for the client in its query.
pub fn with(mut url: Url, pairs: &[(&str, &str)]) -> Url {
    url.query_pairs_mut().extend_pairs(pairs);
    url
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn clients_are_answered_on_the_web_on_the_device_and_in_apps() {
        for good in [
            "https://claude.ai/api/mcp/auth_callback",
            "http://localhost:3334/oauth/callback",
            "http://127.0.0.1/",
            "http://[::1]:9/cb?x=1",
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "com.example.app:/callback",
        ] {
            assert!(parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "/callback",
            "http://example.org/cb",
            "http://localhost.evil.example/",
            "http://localhost@evil.example/",
            "https://user:word@example.org/",
            "https://example.org/#fragment",
            "https://example.org\\@evil.example/",
            "javascript:alert(1)",
            "javascript://x/%0aalert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "unknown://callback",
            "com.example.app:callback",
            "https://exa\nmple.org/",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
        assert!(parse(&format!("https://a.example/{}", "a".repeat(1000))).is_none());
    }

    #[test]
    fn an_address_counts_to_the_letter_but_for_a_port_on_the_device() {
        let registered = "http://127.0.0.1:3334/callback";
        assert!(matches(registered, registered));
        assert!(matches(registered, "http://127.0.0.1:50000/callback"));
        assert!(matches(
            "http://localhost/callback",
            "http://localhost:1/callback"
        ));
        for other in [
            "http://127.0.0.1:3334/other",
            "http://127.0.0.1:3334/callback?x=1",
            "http://localhost:3334/callback",
            "http://evil.example:3334/callback",
            "https://127.0.0.1:3334/callback",
        ] {
            assert!(!matches(registered, other), "{other}");
        }
        for (registered, other) in [
            ("https://a.example/cb", "https://a.example:8443/cb"),
            ("https://a.example/cb", "https://a.example/cb/"),
            ("https://a.example/cb", "https://a.example/cb?next=evil"),
            ("https://a.example/cb", "https://A.example/cb"),
        ] {
            assert!(!matches(registered, other), "{other}");
        }
    }

    #[test]
    fn a_person_sees_where_it_leads() {
        for (address, shown) in [
            ("https://claude.ai/api/mcp/auth_callback", "claude.ai"),
            ("http://127.0.0.1:3334/cb", "127.0.0.1"),
            ("cursor://anysphere.cursor-mcp/cb", "cursor:"),
        ] {
            assert_eq!(host(address), shown);
        }
        let url = parse("https://a.example/cb?x=1").unwrap();
        assert_eq!(
            with(url, &[("code", "c"), ("state", "a&b")]).as_str(),
            "https://a.example/cb?x=1&code=c&state=a%26b"
        );
    }
}
