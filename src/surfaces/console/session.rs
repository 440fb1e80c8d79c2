//! Who is signed in to the pages, by a cookie.

use std::sync::Arc;

use axum::{
    extract::{Extension, FromRequestParts},
    http::{HeaderMap, HeaderValue, header, request::Parts},
    response::Response,
};
use maud::{Markup, html};
use secrecy::{ExposeSecret as _, SecretString};

use super::layout::sorry;
use crate::{
    app::App,
    error::Error,
    features::{
        accounts,
        credentials::{BROWSER, Caller, Kind, Who},
    },
    platform::secrets,
    surfaces::origins,
};

/// Of a form, the field that proves that a page of this session sent it.
pub const CSRF: &str = "csrf";

/// Whether somebody is signed in.
pub struct Browser(pub Option<SignedIn>);

pub struct SignedIn {
    pub caller: Caller,
    name: String,
    email: Option<String>,
    secret: SecretString,
}

impl SignedIn {
    pub fn uid(&self) -> &Arc<str> {
        &self.caller.uid
    }

    /// As a person tells their accounts apart.
    pub fn known_as(&self) -> &str {
        match (&self.email, self.name.as_str()) {
            (Some(email), _) => email,
            (None, "") => "an account without a name",
            (None, name) => name,
        }
    }

    fn csrf(&self) -> String {
        secrets::seal(self.secret.expose_secret(), CSRF)
    }

    /// Err: the form was not sent by a page that this session was shown.
    pub fn check(&self, app: &App, headers: &HeaderMap, csrf: &str) -> Result<(), Error> {
        let sealed = secrets::is_sealed(self.secret.expose_secret(), CSRF, csrf);
        if sealed && origins::from_our_page(app, headers) {
            return Ok(());
        }
        let text = "This form does not belong to your session, or comes from a page of another site. Open the page again and repeat it there.";
        Err(Error::Forbidden(text.into()))
    }
}

/// The hidden field of every form.
pub fn csrf_field(signed_in: &SignedIn) -> Markup {
    html! { input type="hidden" name=(CSRF) value=(signed_in.csrf()); }
}

impl<S: Send + Sync> FromRequestParts<S> for Browser {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let Ok(Extension(app)) = Extension::<App>::from_request_parts(parts, state).await else {
            let error = anyhow::anyhow!("a page was mounted without the app");
            return Err(sorry(error.into()));
        };
        match signed_in(&app, &parts.headers).await {
            Ok(known) => Ok(Self(known)),
            Err(error) => Err(sorry(error)),
        }
    }
}

async fn signed_in(app: &App, headers: &HeaderMap) -> Result<Option<SignedIn>, Error> {
    let Some(secret) = cookie(headers, name(app)) else {
        return Ok(None);
    };
    let Who::Caller(caller) = app.known.authenticate(&app.db, secret).await? else {
        return Ok(None);
    };
    if caller.kind != Kind::Browser {
        return Ok(None);
    }
    let account = match accounts::account(&app.db, &caller.uid).await {
        Ok(account) => account,
        Err(Error::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(Some(SignedIn {
        caller,
        name: account.name,
        email: account.email,
        secret: secret.to_string().into(),
    }))
}

/// Where the connection is secret, browsers keep such a cookie from other hosts and from plain connections.
fn is_secret(app: &App) -> bool {
    app.public_url.starts_with("https:")
}

fn name(app: &App) -> &'static str {
    if is_secret(app) { "__Host-omi" } else { "omi" }
}

/// Signs a browser in, or out where `secret` is empty.
pub fn keep(app: &App, secret: &str, response: &mut Response) {
    let seconds = if secret.is_empty() {
        0
    } else {
        BROWSER.num_seconds()
    };
    set(app, name(app), secret, "/", seconds, response);
}

/// Gives a browser a cookie that no script sees.
pub fn set(app: &App, name: &str, value: &str, path: &str, seconds: i64, response: &mut Response) {
    let secure = if is_secret(app) { "; Secure" } else { "" };
    let text =
        format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    if let Ok(text) = HeaderValue::from_str(&text) {
        response.headers_mut().append(header::SET_COOKIE, text);
    }
}

/// The value of a cookie.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
        .filter(|value| !value.is_empty())
}
