//! What a client asks a user for.

use reqwest::Url;

use super::{
    clients::{self, Client},
    redirects,
    refusal::{Refusal, Result},
};
use crate::{app::Handles, error::Error, features::credentials::Scope, platform::openid};

/// Longest state that is given back, in bytes.
const LONGEST_STATE: usize = 2048;

/// As it came, before anything of it is believed.
#[derive(Clone, Copy, Default)]
pub struct Request<'a> {
    pub client_id: Option<&'a str>,
    pub redirect_uri: Option<&'a str>,
    pub response_type: Option<&'a str>,
    pub state: Option<&'a str>,
    pub scope: Option<&'a str>,
    pub code_challenge: Option<&'a str>,
    pub code_challenge_method: Option<&'a str>,
}

/// A client, and where it may be told something.
pub struct Asker {
    pub client: Client,
    pub redirect_uri: String,
    address: Url,
    state: Option<String>,
}

/// What a client may ask for.
pub struct Asked {
    /// Empty: for nothing in particular.
    pub scopes: Vec<Scope>,
    pub(super) challenge: String,
}

impl Asker {
    /// Err: nobody knows where to answer, so the user is told.
    pub async fn find(app: &Handles, request: &Request<'_>) -> Result<Self, Error> {
        let wrong = |text: &str| Error::BadRequest(text.into());
        let id = request.client_id.ok_or_else(|| {
            wrong("The program that sent you here has not said who it is (client_id).")
        })?;
        let client = clients::find(app, id).await?.ok_or_else(|| {
            wrong(
                "The program that sent you here is not known on this server, or was forgotten because nobody let it in for \
                 long. Remove the connection there, and add it again.",
            )
        })?;
        let redirect_uri = request.redirect_uri.ok_or_else(|| {
            wrong("The program that sent you here has not said where to return to (redirect_uri).")
        })?;
        let known = client
            .redirect_uris
            .iter()
            .any(|one| redirects::matches(one, redirect_uri));
        let address = redirects::parse(redirect_uri)
            .filter(|_| known)
            .ok_or_else(|| {
                wrong(
                    "The address to return to (redirect_uri) is none of those that the program has registered here. Somebody \
                     may be trying to get at your data: close this page, and start again from your assistant.",
                )
            })?;
        let state = request.state.map(str::to_string);
        if state
            .as_ref()
            .is_some_and(|state| state.len() > LONGEST_STATE)
        {
            let text = format!("state may have {LONGEST_STATE} bytes at most.");
            return Err(Error::BadRequest(text));
        }
        Ok(Self {
            client,
            redirect_uri: redirect_uri.into(),
            address,
            state,
        })
    }

    /// Whether an answer leads to no site, but to a program on the user's own machine.
    pub fn is_on_the_device(&self) -> bool {
        redirects::stays_on_the_device(&self.address)
    }

    /// Where an answer leads.
    pub fn address(&self) -> &Url {
        &self.address
    }

    pub fn host(&self) -> String {
        redirects::host(&self.redirect_uri)
    }

    /// The address with an answer, with the client's own `state` as it came, and with who answers (RFC 9207).
    pub fn answer(&self, issuer: &str, pairs: &[(&str, &str)]) -> Url {
        let mut all = pairs.to_vec();
        if let Some(state) = &self.state {
            all.push(("state", state));
        }
        all.push(("iss", issuer));
        redirects::with(self.address.clone(), &all)
    }
}

impl Asked {
    /// Err: the client is told.
    pub fn read(request: &Request<'_>) -> Result<Self> {
        match request.response_type {
            Some("code") => {}
            Some(_) => {
                let text = "response_type must be code.";
                return Err(Refusal::new("unsupported_response_type", text));
            }
            None => {
                return Err(Refusal::request(
                    "response_type is missing; it must be code.",
                ));
            }
        }
        let challenge = request.code_challenge.ok_or_else(|| {
            Refusal::request("code_challenge is missing: PKCE (RFC 7636) is required.")
        })?;
        if request.code_challenge_method != Some("S256") {
            return Err(Refusal::request("code_challenge_method must be S256."));
        }
        if !openid::is_challenge(challenge) {
            let text =
                "code_challenge must be the SHA-256 of the verifier in base64url, 43 characters.";
            return Err(Refusal::request(text));
        }
        Ok(Self {
            scopes: scopes(request.scope.unwrap_or_default()),
            challenge: challenge.into(),
        })
    }
}

/// Those that are known here, in their usual order. Clients also ask for what others know.
pub fn scopes(text: &str) -> Vec<Scope> {
    let asked: Vec<_> = text.split_ascii_whitespace().collect();
    let known = Scope::ALL.into_iter();
    known
        .filter(|scope| asked.contains(&scope.as_str()))
        .collect()
}

/// As a client reads them.
pub fn written(scopes: &[Scope]) -> String {
    let names: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn scopes_are_taken_as_far_as_they_are_known() {
        let found = scopes("openid memories:write  memories:read memories:read offline_access");
        assert_eq!(found, [Scope::ReadMemories, Scope::WriteMemories]);
        assert_eq!(written(&found), "memories:read memories:write");
        assert!(scopes("").is_empty());
    }

    #[test]
    fn a_request_needs_a_code_and_pkce() {
        let good = Request {
            response_type: Some("code"),
            code_challenge: Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            code_challenge_method: Some("S256"),
            ..Request::default()
        };
        assert!(Asked::read(&good).is_ok());
        for (request, name) in [
            (
                Request {
                    response_type: Some("token"),
                    ..good
                },
                "unsupported_response_type",
            ),
            (
                Request {
                    response_type: None,
                    ..good
                },
                "invalid_request",
            ),
            (
                Request {
                    code_challenge: None,
                    ..good
                },
                "invalid_request",
            ),
            (
                Request {
                    code_challenge: Some("short"),
                    ..good
                },
                "invalid_request",
            ),
            (
                Request {
                    code_challenge_method: None,
                    ..good
                },
                "invalid_request",
            ),
            (
                Request {
                    code_challenge_method: Some("plain"),
                    ..good
                },
                "invalid_request",
            ),
        ] {
            match Asked::read(&request) {
                Err(Refusal::Told(told, _)) => assert_eq!(told, name),
                _ => panic!("{name} expected"),
            }
        }
    }
}
