//! Identity providers by OpenID Connect: where a browser is sent, and whom the code names that it brings back.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, Result as Started};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header, Validation, decode, decode_header, encode, errors::ErrorKind,
};
use reqwest::{Client, StatusCode, Url, header, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    clock, endpoints,
    signing_keys::{Found, SigningKeys},
};

/// Longest that an exchange may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// An answer holds a few tokens.
const LARGEST: usize = 64 * 1024;
/// Clocks may differ by so many seconds.
const LEEWAY: i64 = 60;
/// Longest name that a provider may have for somebody, by the standard, in characters.
const LONGEST_SUBJECT: usize = 255;
/// How long a secret that is signed for one exchange counts, in seconds.
const SECRET_LIFETIME: i64 = 300;

#[derive(Clone, Debug)]
pub struct Settings {
    pub client_id: String,
    pub secret: Secret,
    /// What is asked to be known, `openid` first.
    pub scope: &'static str,
    /// Further parameters of the address that a browser is sent to.
    pub wishes: &'static [(&'static str, &'static str)],
    pub issuer: String,
    pub authorize_url: String,
    pub token_url: String,
    pub keys_url: String,
}

/// How a provider knows that it is us.
#[derive(Clone, Debug)]
pub enum Secret {
    Fixed(SecretString),
    /// A token that is made for each exchange, with a key (ES256, PKCS #8) in a file.
    Signed {
        team_id: String,
        key_id: String,
        key_file: PathBuf,
    },
}

enum Key {
    Fixed(SecretString),
    Signed {
        team_id: String,
        key_id: String,
        key: EncodingKey,
    },
}

/// What a visit at the provider is bound to.
pub struct Visit<'a> {
    /// Where the browser comes back to.
    pub redirect_uri: &'a str,
    pub state: &'a str,
    pub nonce: &'a str,
    /// 43 to 128 letters and digits.
    pub verifier: &'a str,
}

/// Whom a code named.
#[derive(Debug)]
pub struct Identity {
    pub issuer: String,
    /// Unique at the issuer.
    pub subject: String,
    pub name: Option<String>,
    /// Only one that the provider has verified.
    pub email: Option<String>,
}

#[derive(Debug)]
pub enum Failure {
    /// The provider does not answer, or not now.
    Unavailable(String),
    /// It does not take the code, or what it says does not count.
    Refused(String),
}

pub struct Provider {
    settings: Settings,
    key: Key,
    authorize_url: Url,
    keys: Arc<SigningKeys>,
    client: Client,
}

#[derive(Serialize)]
struct SecretClaims<'a> {
    iss: &'a str,
    iat: i64,
    exp: i64,
    aud: &'a str,
    sub: &'a str,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    /// One name, or a list.
    aud: Value,
    azp: Option<String>,
    nonce: Option<String>,
    iat: i64,
    name: Option<String>,
    email: Option<String>,
    #[serde(default)]
    email_verified: Truth,
}

/// Some providers write it as a word.
#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Truth {
    Bool(bool),
    Word(String),
    #[default]
    Unsaid,
}

impl Truth {
    fn holds(&self) -> bool {
        match self {
            Self::Bool(told) => *told,
            Self::Word(word) => word == "true",
            Self::Unsaid => false,
        }
    }
}

impl Provider {
    pub fn new(settings: Settings) -> Started<Self> {
        let key = match &settings.secret {
            Secret::Fixed(secret) => Key::Fixed(secret.clone()),
            Secret::Signed {
                team_id,
                key_id,
                key_file,
            } => {
                let text = fs::read(key_file)
                    .with_context(|| format!("the private key {}", key_file.display()))?;
                let key = EncodingKey::from_ec_pem(&text).with_context(|| {
                    format!("{} is no private key (.p8) for ES256", key_file.display())
                })?;
                Key::Signed {
                    team_id: team_id.clone(),
                    key_id: key_id.clone(),
                    key,
                }
            }
        };
        let client = Client::builder()
            .timeout(PATIENCE)
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self {
            authorize_url: Url::parse(&settings.authorize_url)?,
            keys: Arc::new(SigningKeys::new(&settings.keys_url)?),
            key,
            client,
            settings,
        })
    }

    /// Keeps the keys fresh that ID tokens are signed with.
    pub async fn refresh_forever(&self) {
        self.keys.clone().refresh_forever().await;
    }

    /// Where the browser is sent.
    pub fn address(&self, visit: &Visit<'_>) -> String {
        let mut url = self.authorize_url.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", visit.redirect_uri)
            .append_pair("scope", self.settings.scope)
            .append_pair("state", visit.state)
            .append_pair("nonce", visit.nonce)
            .append_pair("code_challenge", &challenge(visit.verifier))
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(self.settings.wishes);
        url.into()
    }

    /// Whom the code names that the browser brought back.
    pub async fn exchange(&self, code: &str, visit: &Visit<'_>) -> Result<Identity, Failure> {
        let token = self.ask(code, visit).await?;
        let claims = self.verify(&token, visit.nonce).await?;
        Ok(Identity {
            issuer: self.settings.issuer.clone(),
            subject: claims.sub,
            name: claims.name,
            email: claims.email.filter(|_| claims.email_verified.holds()),
        })
    }

    /// The ID token for a code.
    async fn ask(&self, code: &str, visit: &Visit<'_>) -> Result<String, Failure> {
        let secret = self.secret().map_err(|error| {
            Failure::Refused(format!("the client secret could not be signed: {error}"))
        })?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", visit.redirect_uri)
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("client_secret", secret.expose_secret())
            .append_pair("code_verifier", visit.verifier)
            .finish();
        let request = self
            .client
            .post(&self.settings.token_url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(form);
        let broken = |error: &dyn std::fmt::Display| Failure::Unavailable(error.to_string());
        let answer = request.send().await.map_err(|error| broken(&error))?;
        let status = answer.status();
        let body = endpoints::body(answer, LARGEST).await;
        let body = body.map_err(|error| broken(&error))?;
        if !status.is_success() {
            let words = String::from_utf8_lossy(&body);
            let told = format!("{status}: {}", endpoints::told(&words, &secret));
            return Err(match status {
                StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                    Failure::Unavailable(told)
                }
                _ if status.is_server_error() => Failure::Unavailable(told),
                _ => Failure::Refused(told),
            });
        }
        match serde_json::from_slice::<Tokens>(&body) {
            Ok(tokens) => Ok(tokens.id_token),
            Err(_) => Err(Failure::Refused("the answer holds no ID token".into())),
        }
    }

    fn secret(&self) -> jsonwebtoken::errors::Result<SecretString> {
        match &self.key {
            Key::Fixed(secret) => Ok(secret.clone()),
            Key::Signed {
                team_id,
                key_id,
                key,
            } => {
                let now = clock::now().timestamp();
                let claims = SecretClaims {
                    iss: team_id,
                    iat: now,
                    exp: now + SECRET_LIFETIME,
                    aud: &self.settings.issuer,
                    sub: &self.settings.client_id,
                };
                let mut head = Header::new(Algorithm::ES256);
                head.kid = Some(key_id.clone());
                encode(&head, &claims, key).map(SecretString::from)
            }
        }
    }

    /// Signature, issuer, audience, nonce and time. Only RS256 is taken, which is what providers sign with.
    async fn verify(&self, token: &str, nonce: &str) -> Result<Claims, Failure> {
        let refused = |why: &str| Failure::Refused(format!("its ID token does not count: {why}"));
        let head = decode_header(token).map_err(|_| refused("it is no token"))?;
        let (Algorithm::RS256, Some(kid)) = (head.alg, head.kid) else {
            return Err(refused(
                "it is not signed by RS256 with a key that has an id",
            ));
        };
        let key = match self.keys.get(&kid).await {
            Found::Key(key) => key,
            Found::Unknown => return Err(refused("it is signed with an unknown key")),
            Found::Unavailable => {
                return Err(Failure::Unavailable("its keys cannot be fetched".into()));
            }
        };
        let Settings {
            issuer, client_id, ..
        } = &self.settings;
        let mut rules = Validation::new(Algorithm::RS256);
        rules.leeway = LEEWAY.unsigned_abs();
        rules.validate_nbf = true;
        rules.set_audience(&[client_id]);
        // Google says that its name may come without a scheme.
        let short = issuer.strip_prefix("https://").unwrap_or(issuer);
        rules.set_issuer(&[issuer, short]);
        rules.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        let claims = match decode::<Claims>(token, &key, &rules) {
            Ok(found) => found.claims,
            Err(error) => {
                return Err(refused(match error.kind() {
                    ErrorKind::InvalidSignature => "its signature is wrong",
                    ErrorKind::InvalidIssuer => "it is of another issuer",
                    ErrorKind::InvalidAudience => "it is for somebody else",
                    ErrorKind::ExpiredSignature => "it has expired",
                    _ => "it cannot be read, or lacks something",
                }));
            }
        };
        let several = claims.aud.as_array().is_some_and(|all| all.len() > 1);
        let for_us = match &claims.azp {
            Some(party) => party == client_id,
            None => !several,
        };
        let subject_is_good = (1..=LONGEST_SUBJECT).contains(&claims.sub.chars().count())
            && !claims.sub.chars().any(char::is_control);
        if !for_us {
            Err(refused("it was issued to somebody else"))
        } else if claims.nonce.as_deref() != Some(nonce) {
            Err(refused("it is of another sign-in"))
        } else if claims.iat > clock::now().timestamp() + LEEWAY {
            Err(refused("it is from the future"))
        } else if !subject_is_good {
            Err(refused("it names nobody"))
        } else {
            Ok(claims)
        }
    }
}

/// What is told beforehand of a verifier (S256).
pub fn challenge(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// Whether a text can be a challenge.
pub fn is_challenge(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text.len() == 43 && text.bytes().all(known)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let told = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert_eq!(challenge(verifier), told);
    }

    #[test]
    fn verified_may_be_a_word() {
        let verified = |text: &str| serde_json::from_str::<Truth>(text).unwrap().holds();
        assert!(verified("true") && verified("\"true\""));
        assert!(!verified("false") && !verified("\"false\"") && !verified("\"yes\""));
        assert!(!Truth::default().holds());
    }
}
