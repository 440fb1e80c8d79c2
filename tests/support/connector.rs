//! A program that asks users for access, as assistants do, and a user's browser on the page that asks them.

use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::{
    openid::{encoded, parameter, post_form},
    server::{Answer, Server},
    visitor::{Shown, Visitor},
};

pub const RETURNS: &str = "https://assistant.example/callback?of=omi";
/// Of which `CHALLENGE` is the SHA-256 (RFC 7636, appendix B).
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const STATE: &str = "a+b/c=&<\"";

pub struct Connector<'a> {
    pub server: &'a Server,
    pub id: String,
    pub secret: Option<String>,
}

pub async fn register(server: &Server, metadata: Value) -> Answer {
    let path = "/oauth/register";
    server.send(Method::POST, path, None, Some(metadata)).await
}

impl<'a> Connector<'a> {
    /// Without a secret, as most are.
    pub async fn new(server: &'a Server) -> Self {
        Self::of(server, "none", RETURNS).await
    }

    pub async fn of(server: &'a Server, way: &str, returns: &str) -> Self {
        let metadata = json!({"client_name": "Test Assistant", "redirect_uris": [returns],
                              "token_endpoint_auth_method": way});
        let answer = register(server, metadata).await;
        assert_eq!(answer.status, 201, "{answer:#?}");
        Self {
            server,
            id: answer.body["client_id"].as_str().unwrap().into(),
            secret: answer.body["client_secret"].as_str().map(Into::into),
        }
    }

    /// The address of the page that asks the user. `other`: instead of what is usual; an empty value leaves it out.
    pub fn page(&self, other: &[(&str, &str)]) -> String {
        let mut asked = vec![
            ("response_type", "code"),
            ("client_id", self.id.as_str()),
            ("redirect_uri", RETURNS),
            ("state", STATE),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        asked.retain(|(name, _)| !other.iter().any(|(known, _)| known == name));
        asked.extend(other.iter().filter(|(_, value)| !value.is_empty()));
        format!("/oauth/authorize?{}", encoded(&asked))
    }

    /// A code for what is ticked on the page by default, and `besides`.
    pub async fn code(&self, visitor: &Visitor<'_>, besides: &[&str]) -> String {
        let page = visitor.get(&self.page(&[])).await;
        let back = led(&allow(visitor, &page, besides).await);
        parameter(&back, "code")
    }

    /// Its own request to the token endpoint.
    pub async fn ask(&self, form: &[(&str, &str)]) -> Answer {
        let mut form = form.to_vec();
        form.push(("client_id", &self.id));
        if let Some(secret) = &self.secret {
            form.push(("client_secret", secret));
        }
        post_form(self.server, "/oauth/token", &[], &form).await
    }

    pub async fn redeem(&self, code: &str) -> Answer {
        self.ask(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", RETURNS),
            ("code_verifier", VERIFIER),
        ])
        .await
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        self.ask(&[("grant_type", "refresh_token"), ("refresh_token", token)])
            .await
    }

    /// Access and refresh token for what is ticked by default, and `besides`.
    pub async fn tokens(&self, visitor: &Visitor<'_>, besides: &[&str]) -> (String, String) {
        let code = self.code(visitor, besides).await;
        pair(&self.redeem(&code).await.ok())
    }
}

pub fn pair(tokens: &Value) -> (String, String) {
    let one = |name: &str| tokens[name].as_str().unwrap().to_string();
    (one("access_token"), one("refresh_token"))
}

/// Where a redirect leads, which must be back to the client.
#[track_caller]
pub fn led(shown: &Shown) -> Url {
    let location = shown.location();
    assert!(location.starts_with(RETURNS), "{location}");
    let url: Url = location.parse().unwrap();
    assert_eq!(parameter(&url, "state"), STATE);
    url
}

/// The fields of the form that asks, as it would be sent unchanged.
pub fn form(page: &Shown) -> Vec<(String, String)> {
    assert_eq!(page.status, 200, "{page:#?}");
    let (_, rest) = page.html.split_once("action=\"/oauth/authorize\"").unwrap();
    let (form, _) = rest.split_once("</form>").unwrap();
    let fields =
        regex::Regex::new(r#"<input type="([a-z]+)" name="([^"]*)" value="([^"]*)"( checked)?>"#)
            .unwrap();
    fields
        .captures_iter(form)
        .filter(|field| &field[1] == "hidden" || field.get(4).is_some())
        .map(|field| (field[2].to_string(), plain(&field[3])))
        .collect()
}

fn plain(html: &str) -> String {
    let text = html.replace("&lt;", "<").replace("&gt;", ">");
    text.replace("&quot;", "\"").replace("&amp;", "&")
}

/// The scopes whose boxes are ticked.
pub fn ticked(page: &Shown) -> Vec<String> {
    let fields = form(page);
    let names = fields
        .iter()
        .filter_map(|(name, _)| name.strip_prefix("may."));
    names.map(str::to_string).collect()
}

/// Sends the form with further boxes ticked.
pub async fn allow(visitor: &Visitor<'_>, page: &Shown, besides: &[&str]) -> Shown {
    let mut fields = form(page);
    fields.extend(
        besides
            .iter()
            .map(|scope| (format!("may.{scope}"), "yes".into())),
    );
    send(
        visitor,
        &fields,
        "allow",
        &[("sec-fetch-site", "same-origin")],
    )
    .await
}

pub async fn send(
    visitor: &Visitor<'_>,
    fields: &[(String, String)],
    decision: &str,
    headers: &[(&str, &str)],
) -> Shown {
    let mut all: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    all.push(("decision", decision));
    visitor.post_from("/oauth/authorize", headers, &all).await
}

/// Calls a tool, and gives the answer as it is.
pub async fn call(server: &Server, token: &str, tool: &str, arguments: Value) -> Answer {
    let message = json!({"jsonrpc": "2.0", "id": 5, "method": "tools/call",
                         "params": {"name": tool, "arguments": arguments}});
    server.post("/v1/mcp/sse", token, message).await
}
