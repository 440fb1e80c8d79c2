//! A provider of identities that says what a test wants, and a browser that goes there and comes back.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use axum::{
    Json, Router,
    body::Bytes,
    http::StatusCode,
    routing::{get, post},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::Utc;
use jsonwebtoken::DecodingKey;
use reqwest::{Url, header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    Server,
    firebase::{Key, pem},
    server::{Answer, client},
};

pub const CLIENT: &str = "client.example.org";

type Fields = HashMap<String, String>;

pub struct Issuer {
    pub url: String,
    pub key: Key,
    /// 200: exchanges codes; else that is its answer.
    status: Arc<AtomicU16>,
    /// The ID token of each code that was not exchanged yet, and the challenge that it is bound to.
    codes: Arc<Mutex<HashMap<String, (String, String)>>>,
    /// What it was asked.
    pub asked: Arc<Mutex<Vec<Fields>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Issuer {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let key = Key::new("issuer");
        let keys = json!({"keys": [key.jwk()]});
        let status = Arc::new(AtomicU16::new(200));
        let codes: Arc<Mutex<HashMap<String, (String, String)>>> = Arc::default();
        let asked: Arc<Mutex<Vec<Fields>>> = Arc::default();
        let (answered, granted, heard) = (status.clone(), codes.clone(), asked.clone());
        let exchange = async move |body: Bytes| {
            let form: Fields = form_urlencoded::parse(&body).into_owned().collect();
            heard.lock().unwrap().push(form.clone());
            let status = answered.load(Ordering::SeqCst);
            let found = granted.lock().unwrap().remove(&form["code"]);
            let shown = challenge(&form["code_verifier"]);
            let (status, body) = match found {
                _ if status != 200 => (status, json!({"error": "out of order"})),
                Some((token, challenge)) if challenge == shown => (
                    200,
                    json!({"access_token": "a", "token_type": "Bearer", "id_token": token}),
                ),
                _ => (400, json!({"error": "invalid_grant"})),
            };
            (StatusCode::from_u16(status).unwrap(), Json(body))
        };
        let router = Router::new()
            .route("/keys", get(async move || Json(keys)))
            .route("/token", post(exchange));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url,
            key,
            status,
            codes,
            asked,
            server,
        }
    }

    /// What it answers to every exchange from now on; 200: as it should.
    pub fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// Settings of a server on which people sign in with it as if it were Google.
    pub fn as_google(&self) -> Vec<(&'static str, String)> {
        vec![
            ("OMI_GOOGLE__CLIENT_ID", CLIENT.into()),
            ("OMI_GOOGLE__CLIENT_SECRET", "a secret of google".into()),
            ("OMI_GOOGLE__ISSUER", self.url.clone()),
            (
                "OMI_GOOGLE__AUTHORIZE_URL",
                format!("{}/authorize?x=1", self.url),
            ),
            ("OMI_GOOGLE__TOKEN_URL", format!("{}/token", self.url)),
            ("OMI_GOOGLE__KEYS_URL", format!("{}/keys", self.url)),
        ]
    }

    /// The same as if it were Apple. `key_file`: with the key that client secrets are signed with.
    pub fn as_apple(&self, key_file: &std::path::Path) -> Vec<(&'static str, String)> {
        vec![
            ("OMI_APPLE__CLIENT_ID", CLIENT.into()),
            ("OMI_APPLE__TEAM_ID", "TEAM".into()),
            ("OMI_APPLE__KEY_ID", "KEY".into()),
            ("OMI_APPLE__PRIVATE_KEY", key_file.to_str().unwrap().into()),
            ("OMI_APPLE__ISSUER", self.url.clone()),
            (
                "OMI_APPLE__AUTHORIZE_URL",
                format!("{}/authorize", self.url),
            ),
            ("OMI_APPLE__TOKEN_URL", format!("{}/token", self.url)),
            ("OMI_APPLE__KEYS_URL", format!("{}/keys", self.url)),
        ]
    }

    /// What its ID tokens say of `subject` in answer to a trip.
    pub fn claims(&self, trip: &Trip, subject: &str) -> Value {
        let now = Utc::now().timestamp();
        json!({"iss": self.url, "aud": CLIENT, "sub": subject, "iat": now, "exp": now + 600, "nonce": trip.get("nonce"),
               "name": format!("{subject} of the issuer"), "email": format!("{subject}@example.org"), "email_verified": true})
    }

    /// A code for a browser on this trip, which is exchanged for this token.
    pub fn code_for(&self, trip: &Trip, token: String) -> String {
        let mut codes = self.codes.lock().unwrap();
        let code = format!("code/{}+{}", codes.len(), Utc::now().timestamp_micros());
        codes.insert(code.clone(), (token, trip.get("code_challenge")));
        code
    }

    /// The same for somebody.
    pub fn code(&self, trip: &Trip, subject: &str) -> String {
        self.code_for(trip, self.key.sign(&self.claims(trip, subject)))
    }
}

fn challenge(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// A key on P-256: its PKCS #8 in PEM, and what verifies.
pub fn ec_key() -> (String, DecodingKey) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let private = pair.to_pkcs8v1().unwrap();
    let point = pair.public_key().as_ref();
    let half = |part: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(part);
    let public = DecodingKey::from_ec_components(&half(&point[1..33]), &half(&point[33..]));
    (pem("PRIVATE KEY", private.as_ref()), public.unwrap())
}

pub fn encoded(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// A browser, which follows nothing by itself.
pub fn browser() -> reqwest::Client {
    // Sets up cryptography.
    drop(client());
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// Posts a form.
pub async fn post_form(
    server: &Server,
    path: &str,
    headers: &[(&str, &str)],
    form: &[(&str, &str)],
) -> Answer {
    let mut request = browser()
        .post(format!("{}{path}", server.url))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(encoded(form));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request.send().await.unwrap()).await
}

/// A browser on its way to a provider.
pub struct Trip {
    pub to: Url,
    /// `name=value`, as it sends it back.
    pub cookie: String,
    pub set_cookie: String,
}

impl Trip {
    /// An app has it sign in.
    pub async fn begin(server: &Server, asked: &[(&str, &str)]) -> Self {
        let url = format!("{}/v1/auth/authorize?{}", server.url, encoded(asked));
        let answer = Answer::of(browser().get(url).send().await.unwrap()).await;
        assert_eq!(answer.status, 307, "{answer:#?}");
        assert_eq!(answer.headers["cache-control"], "no-store");
        let to = answer.headers["location"].to_str().unwrap();
        Self::of(to.parse().unwrap(), &answer)
    }

    pub async fn to_sign_in(server: &Server, provider: &str) -> Self {
        let asked = [
            ("provider", provider),
            ("redirect_uri", "omi://auth/callback"),
            ("state", "a+b/c=&<\""),
        ];
        Self::begin(server, &asked).await
    }

    /// The owner of an account links an identity: opens the address, and says yes.
    pub async fn to_link(server: &Server, address: &str) -> Self {
        let page = Answer::of(browser().get(address).send().await.unwrap()).await;
        assert_eq!(page.status, 200, "{page:#?}");
        let (_, ticket) = address.split_once("?ticket=").unwrap();
        let own = [("origin", server.url.as_str())];
        let answer = post_form(server, "/v1/auth/link", &own, &[("ticket", ticket)]).await;
        assert_eq!(answer.status, 200, "{answer:#?}");
        let to = leads_to(&answer);
        Self::of(to, &answer)
    }

    fn of(to: Url, answer: &Answer) -> Self {
        let set_cookie = answer.headers[header::SET_COOKIE].to_str().unwrap();
        let (cookie, _) = set_cookie.split_once(';').unwrap();
        Self {
            to,
            cookie: cookie.into(),
            set_cookie: set_cookie.into(),
        }
    }

    /// What the provider is told.
    pub fn get(&self, name: &str) -> String {
        parameter(&self.to, name)
    }

    /// Comes back from Google with this, and `cookie`.
    pub async fn back_with(&self, server: &Server, cookie: &str, told: &[(&str, &str)]) -> Answer {
        let path = format!("/v1/auth/callback/google?{}", encoded(told));
        let request = browser().get(format!("{}{path}", server.url));
        let request = request.header(header::COOKIE, cookie);
        Answer::of(request.send().await.unwrap()).await
    }

    pub async fn back(&self, server: &Server, code: &str) -> Answer {
        let state = self.get("state");
        let told = [("code", code), ("state", state.as_str())];
        self.back_with(server, &self.cookie, &told).await
    }

    /// Comes back from Apple.
    pub async fn post_back(&self, server: &Server, told: &[(&str, &str)]) -> Answer {
        let state = self.get("state");
        let mut form = vec![("state", state.as_str())];
        form.extend(told);
        let headers = [
            ("cookie", self.cookie.as_str()),
            ("origin", "https://appleid.apple.com"),
            ("sec-fetch-site", "cross-site"),
        ];
        post_form(server, "/v1/auth/callback/apple", &headers, &form).await
    }
}

/// A parameter of its query.
pub fn parameter(url: &Url, name: &str) -> String {
    let mut pairs = url.query_pairs();
    let found = pairs.find(|(known, _)| known == name);
    found
        .unwrap_or_else(|| panic!("{name}: {url}"))
        .1
        .into_owned()
}

/// Where a page leads by itself, and by its button.
pub fn leads_to(page: &Answer) -> Url {
    let html = page.body.as_str().unwrap();
    let (_, rest) = html
        .split_once("href=\"")
        .unwrap_or_else(|| panic!("{html}"));
    let (address, _) = rest.split_once('"').unwrap();
    assert!(
        html.contains(&format!("content=\"0;url={address}\"")),
        "{html}"
    );
    address.replace("&amp;", "&").parse().unwrap()
}
