//! `/v1/auth/authorize`: the page where somebody signs in whom an app sent here. Needs no script and sets no cookie.

use std::sync::LazyLock;

use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
    routing::get,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use secrecy::SecretString;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{form, verify};
use crate::{
    app::App,
    error::Error,
    features::identities,
    surfaces::{
        client_address::ClientAddress,
        html::escaped,
        origins,
        respond::{ApiError, Result},
    },
};

pub const PATH: &str = "/v1/auth/authorize";
/// Longest state that is given back, in bytes.
const LONGEST_STATE: usize = 2048;

pub fn routes() -> Router<App> {
    Router::new().route(PATH, get(ask).post(sign_in))
}

/// What an app asks for.
#[derive(Deserialize)]
struct Asked {
    provider: Option<String>,
    redirect_uri: Option<String>,
    state: Option<String>,
}

#[derive(Deserialize)]
struct Entered {
    email: String,
    password: SecretString,
}

impl Asked {
    /// The address that is to get the code.
    fn redirect(&self) -> std::result::Result<reqwest::Url, Error> {
        // The app names the button that was pressed; here they all lead to the same form.
        if let Some(provider) = &self.provider
            && !matches!(provider.as_str(), "google" | "apple" | "local")
        {
            return Err(Error::BadRequest("Unsupported provider".into()));
        }
        if self
            .state
            .as_ref()
            .is_some_and(|state| state.len() > LONGEST_STATE)
        {
            let text = format!("state may have {LONGEST_STATE} bytes at most");
            return Err(Error::BadRequest(text));
        }
        let redirect_uri = self.redirect_uri.as_deref();
        identities::check_redirect(redirect_uri.ok_or(Error::missing("redirect_uri"))?)
    }
}

async fn ask(RawQuery(query): RawQuery) -> Result<Response> {
    let asked: Asked = form(query.unwrap_or_default().as_bytes())?;
    asked.redirect()?;
    Ok(page(StatusCode::OK, &fields(&asked, "", "")))
}

async fn sign_in(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response> {
    let asked: Asked = form(&body)?;
    let redirect = asked.redirect()?;
    let entered: Entered = form(&body)?;
    if !from_our_page(&app, &headers) {
        let text = "This form was sent by a page of another site. Start again from the app.";
        return Err(Error::Forbidden(text.into()).into());
    }
    let again = |status, why: &str| page(status, &fields(&asked, &entered.email, why));
    let uid = match verify(&app, address, &entered.email, entered.password.clone()).await {
        Ok(Some(uid)) => uid,
        Ok(None) | Err(Error::Invalid(_)) => {
            let why = "E-mail address or password is wrong.";
            return Ok(again(StatusCode::UNAUTHORIZED, why));
        }
        Err(Error::RateLimited { retry_after, .. }) => {
            let why = format!("Too many attempts. Try again in {retry_after} seconds.");
            return Ok(again(StatusCode::TOO_MANY_REQUESTS, &why));
        }
        Err(error) => return Err(ApiError(error)),
    };
    let redirect_uri = asked.redirect_uri.as_deref().unwrap_or_default();
    let code = identities::give_code(&app.db, &uid, redirect_uri).await?;
    let address = escaped(&identities::with_code(
        redirect,
        &code,
        asked.state.as_deref(),
    ));
    // A browser may refuse to be redirected from a form to an app; a page may lead there.
    let body = format!(
        "<meta http-equiv=\"refresh\" content=\"0;url={address}\">\
         <h1>You are signed in</h1><p>The app opens by itself. If it does not:</p>\
         <p><a class=\"button\" href=\"{address}\">Open the app</a></p>"
    );
    Ok(page(StatusCode::OK, &body))
}

/// Somebody who was lured to another site does not sign in as somebody else here.
fn from_our_page(app: &App, headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    !headers.contains_key(header::ORIGIN) || origins::is_ours(&app.public_url, headers)
}

/// The form, with what the app wants back in it.
fn fields(asked: &Asked, email: &str, why: &str) -> String {
    let hidden = |name: &str, value: &Option<String>| match value {
        Some(value) => format!(
            "<input type=\"hidden\" name=\"{name}\" value=\"{}\">",
            escaped(value)
        ),
        None => String::new(),
    };
    let why = match why {
        "" => String::new(),
        why => format!("<p class=\"wrong\" role=\"alert\">{}</p>", escaped(why)),
    };
    format!(
        "<h1>Sign in</h1>{why}<form method=\"post\" action=\"{PATH}\">{}{}{}\
         <label>E-mail address<input name=\"email\" type=\"email\" autocomplete=\"username\" maxlength=\"254\" required autofocus value=\"{}\"></label>\
         <label>Password<input name=\"password\" type=\"password\" autocomplete=\"current-password\" maxlength=\"1024\" required></label>\
         <button>Sign in</button></form>",
        hidden("provider", &asked.provider),
        hidden("redirect_uri", &asked.redirect_uri),
        hidden("state", &asked.state),
        escaped(email)
    )
}

const STYLE: &str = "body{font:1.1rem/1.5 system-ui,sans-serif;margin:0;padding:2rem 1.25rem;background:#fff;color:#1c1c1e}\
main{max-width:24rem;margin:8vh auto 0}h1{font-size:1.6rem}label{display:block;margin:1rem 0}\
input{box-sizing:border-box;display:block;width:100%;font:inherit;padding:.7rem;margin-top:.3rem;border:1px solid #8e8e93;border-radius:.6rem;background:inherit;color:inherit}\
button,.button{box-sizing:border-box;display:block;width:100%;font:inherit;font-weight:600;text-align:center;text-decoration:none;padding:.8rem;margin-top:1.5rem;border:0;border-radius:.6rem;background:#1c1c1e;color:#fff}\
.wrong{color:#b00020}\
@media(prefers-color-scheme:dark){body{background:#1c1c1e;color:#f2f2f7}button,.button{background:#f2f2f7;color:#1c1c1e}.wrong{color:#ff8a80}}";

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
});

fn page(status: StatusCode, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>Sign in</title>\
         <style>{STYLE}</style><main>{body}</main></html>"
    );
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}
