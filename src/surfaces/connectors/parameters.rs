//! The parameters of a query or a form.

use crate::features::connectors::{Refusal, Request};

pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Err: one comes twice, so that nobody can say which one counts.
    pub fn read(text: &[u8]) -> Result<Self, Refusal> {
        let all: Vec<(String, String)> = form_urlencoded::parse(text)
            .into_owned()
            // One without a value is as good as none.
            .filter(|(_, value)| !value.is_empty())
            .collect();
        for (n, (name, _)) in all.iter().enumerate() {
            if name != "resource" && all[..n].iter().any(|(earlier, _)| earlier == name) {
                let name: String = name.chars().take(40).collect();
                return Err(Refusal::request(format!("{name} comes more than once.")));
            }
        }
        Ok(Self(all))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let mut all = self.0.iter();
        all.find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn needed(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name)
            .ok_or_else(|| Refusal::request(format!("{name} is missing.")))
    }

    /// What a client asks a user for.
    pub fn request(&self) -> Request<'_> {
        Request {
            client_id: self.get("client_id"),
            redirect_uri: self.get("redirect_uri"),
            response_type: self.get("response_type"),
            state: self.get("state"),
            scope: self.get("scope"),
            code_challenge: self.get("code_challenge"),
            code_challenge_method: self.get("code_challenge_method"),
        }
    }

    /// The same as names and values, to come back to the page.
    pub fn asked(&self) -> impl Iterator<Item = (&str, &str)> {
        const NAMES: [&str; 8] = [
            "client_id",
            "redirect_uri",
            "response_type",
            "state",
            "scope",
            "code_challenge",
            "code_challenge_method",
            "resource",
        ];
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| NAMES.contains(name))
    }

    /// Tokens are for one thing only (RFC 8707). Left out, it is meant.
    pub fn check_resource(&self, ours: &str) -> Result<(), Refusal> {
        let named = self.0.iter().filter(|(name, _)| name == "resource");
        let mut others = named.filter(|(_, value)| !is_same(value, ours));
        match others.next() {
            None => Ok(()),
            Some(_) => {
                let text = format!("resource must be {ours}: tokens are given for nothing else.");
                Err(Refusal::new("invalid_target", text))
            }
        }
    }
}

/// In whatever way it is spelled; a slash at the end makes no difference.
fn is_same(asked: &str, ours: &str) -> bool {
    let url = |text: &str| reqwest::Url::parse(text.trim_end_matches('/')).ok();
    url(asked).is_some_and(|asked| Some(asked) == url(ours))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tokens_are_for_one_resource() {
        let ours = "https://omi.example/v1/mcp/sse";
        let check = |query: &str| {
            let parameters = Parameters::read(query.as_bytes()).unwrap();
            parameters.check_resource(ours).is_ok()
        };
        for good in [
            "",
            "resource=",
            "resource=https://omi.example/v1/mcp/sse",
            "resource=https://omi.example/v1/mcp/sse/",
            "resource=HTTPS://OMI.example:443/v1/mcp/sse",
            "resource=https://omi.example/v1/mcp/sse&resource=https://omi.example/v1/mcp/sse",
        ] {
            assert!(check(good), "{good}");
        }
        for bad in [
            "resource=https://omi.example",
            "resource=https://omi.example/v1/mcp/sse?x=1",
            "resource=https://omi.example/v1/mcp/sse%23x",
            "resource=http://omi.example/v1/mcp/sse",
            "resource=https://evil.example/v1/mcp/sse",
            "resource=/v1/mcp/sse",
            "resource=https://omi.example/v1/mcp/sse&resource=https://evil.example",
        ] {
            assert!(!check(bad), "{bad}");
        }
    }

    #[test]
    fn nothing_comes_twice() {
        assert!(Parameters::read(b"state=a&state=b").is_err());
        let parameters = Parameters::read(b"state=&state=b&x=1").unwrap();
        assert_eq!(parameters.get("state"), Some("b"));
        assert_eq!(parameters.asked().collect::<Vec<_>>(), [("state", "b")]);
    }
}
