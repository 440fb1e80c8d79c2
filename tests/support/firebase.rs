//! Firebase as a server sees it: keys at a URL, and tokens that are signed with them.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use aws_lc_rs::{
    encoding::AsDer as _,
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};
use axum::{Json, Router, http::StatusCode, routing::get};
use base64::{Engine as _, prelude::*};
use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

pub const PROJECT: &str = "omi-test";

/// A key that tokens are signed with.
pub struct Key {
    pub id: String,
    pair: KeyPair,
}

impl Key {
    pub fn new(id: &str) -> Self {
        Self {
            id: id.into(),
            pair: KeyPair::generate(KeySize::Rsa2048).unwrap(),
        }
    }

    pub fn private_pem(&self) -> String {
        pem("PRIVATE KEY", self.pair.as_der().unwrap().as_ref())
    }

    /// As JWK sets have it.
    pub fn jwk(&self) -> Value {
        // RSAPublicKey: a sequence of two integers, of which the first begins with a zero byte.
        let public = self.pair.public_key().as_ref();
        json!({"kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.id, "e": "AQAB",
               "n": BASE64_URL_SAFE_NO_PAD.encode(&public[9..265])})
    }

    /// An X.509 certificate with as little in it as one can have.
    pub fn certificate(&self) -> String {
        let public = self.pair.public_key().as_der().unwrap();
        let rsa_sha256 = der(
            0x30,
            &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11, 5, 0],
        );
        let common_name = [0x06, 3, 0x55, 4, 3, 0x0c, 1, b'x'];
        let name = der(0x30, &der(0x31, &der(0x30, &common_name)));
        let time = der(0x17, b"260101000000Z");
        let inside = [
            der(0xa0, &der(2, &[2])),
            der(2, &[1]),
            rsa_sha256.clone(),
            name.clone(),
            der(0x30, &[time.clone(), time].concat()),
            name,
            public.as_ref().to_vec(),
        ];
        let whole = [
            der(0x30, &inside.concat()),
            rsa_sha256,
            der(3, &[0, 1, 2, 3]),
        ];
        pem("CERTIFICATE", &der(0x30, &whole.concat()))
    }

    pub fn public_pem(&self) -> String {
        let public = self.pair.public_key().as_der().unwrap();
        pem("PUBLIC KEY", public.as_ref())
    }

    pub fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(self.id.clone());
        let key = EncodingKey::from_rsa_pem(self.private_pem().as_bytes()).unwrap();
        encode(&header, claims, &key).unwrap()
    }

    /// A token of this user that counts for an hour.
    pub fn token(&self, uid: &str) -> String {
        self.sign(&claims(uid))
    }
}

pub fn claims(uid: &str) -> Value {
    let now = Utc::now().timestamp();
    json!({"iss": format!("https://securetoken.google.com/{PROJECT}"), "aud": PROJECT, "sub": uid, "user_id": uid,
           "iat": now, "auth_time": now, "exp": now + 3600, "name": "Ann", "email": format!("{uid}@example.org")})
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        short @ 0..=127 => out.push(short as u8),
        long => {
            out.push(0x82);
            out.extend_from_slice(&(long as u16).to_be_bytes());
        }
    }
    out.extend_from_slice(content);
    out
}

pub fn pem(kind: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).collect();
    let lines: Vec<_> = lines
        .iter()
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n",
        lines.join("\n")
    )
}

/// Where the keys are published.
pub struct KeysServer {
    pub url: String,
    answer: Arc<Mutex<(u16, Value)>>,
    asked: Arc<AtomicUsize>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for KeysServer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl KeysServer {
    pub async fn start(status: u16, keys: Value) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new((status, keys)));
        let asked: Arc<AtomicUsize> = Arc::default();
        let (told, counted) = (answer.clone(), asked.clone());
        let router = Router::new().route(
            "/keys",
            get(async move || {
                counted.fetch_add(1, Ordering::SeqCst);
                let (status, keys) = told.lock().unwrap().clone();
                let status = StatusCode::from_u16(status).unwrap();
                (
                    status,
                    [("cache-control", "public, max-age=3600")],
                    Json(keys),
                )
            }),
        );
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url,
            answer,
            asked,
            server,
        }
    }

    pub fn publish(&self, status: u16, keys: Value) {
        *self.answer.lock().unwrap() = (status, keys);
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Settings of a server that believes these keys.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("OMI_FIREBASE__PROJECT_ID", format!("another, {PROJECT}")),
            ("OMI_FIREBASE__KEYS_URL", self.url.clone()),
            ("OMI_RATE_LIMIT__FAILURES_PER_MINUTE", "0".into()),
        ]
    }
}
