//! `/v1/auth/authorize`: the page where somebody signs in whom an app sent here, with a password, or from where a provider takes
//! over. It needs no script and sets no cookie.

use std::sync::LazyLock;

use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{Html, IntoResponse as _, Response},
    routing::get,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use secrecy::SecretString;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{form, verify, visits};
use crate::{
    app::App,
    error::Error,
    features::identities::{self, Provider, Wanted, not_set_up},
    surfaces::{
        client_address::ClientAddress,
        console,
        html::escaped,
        origins,
        respond::{ApiError, Result},
    },
};

pub const PATH: &str = "/v1/auth/authorize";

pub fn routes() -> Router<App> {
    Router::new().route(PATH, get(ask).post(sign_in))
}

/// What an app asks for.
#[derive(Deserialize)]
struct Asked {
    provider: Option<String>,
    redirect_uri: Option<String>,
    state: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

#[derive(Deserialize)]
struct Entered {
    email: String,
    password: SecretString,
}

impl Asked {
    fn wanted(&self) -> std::result::Result<Wanted, Error> {
        self.provider()?;
        let plain = self.code_challenge_method.as_deref() != Some("S256");
        if plain && self.code_challenge.is_some() {
            let text = "code_challenge_method must be S256";
            return Err(Error::BadRequest(text.into()));
        }
        let redirect_uri = self.redirect_uri.as_deref();
        Wanted::new(
            redirect_uri.ok_or(Error::missing("redirect_uri"))?,
            self.state.clone(),
            self.code_challenge.clone(),
        )
    }

    /// None: this server itself.
    fn provider(&self) -> std::result::Result<Option<Provider>, Error> {
        let Some(name) = self.provider.as_deref().filter(|name| *name != "local") else {
            return Ok(None);
        };
        let known = Provider::named(name);
        known
            .map(Some)
            .ok_or(Error::BadRequest("Unsupported provider".into()))
    }

    /// What has to come back to this page, as names and values.
    fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("redirect_uri", &self.redirect_uri),
            ("state", &self.state),
            ("code_challenge", &self.code_challenge),
            ("code_challenge_method", &self.code_challenge_method),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}

/// Leads to the provider that is asked for, or, where that is not set up, to the form.
async fn ask(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let asked: Asked = form(query.unwrap_or_default().as_bytes())?;
    let wanted = asked.wanted()?;
    match asked.provider()? {
        Some(provider) if app.providers.has(provider) => {
            Ok(visits::to_sign_in(&app, address, provider, &wanted).await)
        }
        _ => Ok(page(StatusCode::OK, &fields(&app, &asked, "", ""))),
    }
}

async fn sign_in(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response> {
    let asked: Asked = form(&body)?;
    let wanted = asked.wanted()?;
    let entered: Entered = form(&body)?;
    if !origins::from_our_page(&app, &headers) {
        return Err(origins::strangers_form().into());
    }
    let again = |status, why: &str| page(status, &fields(&app, &asked, &entered.email, why));
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
    let address = identities::give_code(&app.db, &uid, "local", &wanted).await?;
    Ok(opens_the_app(&address))
}

/// A browser may refuse to be redirected from a form to an app; a page may lead there. Pages of this server it goes on to.
pub fn opens_the_app(address: &str) -> Response {
    if address.starts_with('/') {
        return console::go_to(address);
    }
    let address = escaped(address);
    let body = format!(
        "<meta http-equiv=\"refresh\" content=\"0;url={address}\">\
         <h1>You are signed in</h1><p>The app opens by itself. If it does not:</p>\
         <p><a class=\"button\" href=\"{address}\">Open the app</a></p>"
    );
    page(StatusCode::OK, &body)
}

/// The form, with what the app wants back in it, and ways to the providers that are set up.
fn fields(app: &App, asked: &Asked, email: &str, why: &str) -> String {
    let hidden: String = asked
        .pairs()
        .map(|(name, value)| {
            format!(
                "<input type=\"hidden\" name=\"{name}\" value=\"{}\">",
                escaped(value)
            )
        })
        .collect();
    let why = match why {
        "" => String::new(),
        why => format!("<p class=\"wrong\" role=\"alert\">{}</p>", escaped(why)),
    };
    let missing = asked.provider().ok().flatten();
    let missing = missing.filter(|provider| !app.providers.has(*provider));
    let note = missing.map_or_else(String::new, |provider| {
        let text = not_set_up(provider);
        format!("<p>{text} Sign in with an account of this server instead.</p>")
    });
    let ways: String = Provider::ALL
        .into_iter()
        .filter(|provider| app.providers.has(*provider))
        .map(|provider| {
            let query = form_urlencoded::Serializer::new(String::new())
                .append_pair("provider", provider.as_str())
                .extend_pairs(asked.pairs())
                .finish();
            format!(
                "<p><a class=\"other\" href=\"{PATH}?{}\">Continue with {}</a></p>",
                escaped(&query),
                provider.name()
            )
        })
        .collect();
    format!(
        "<h1>Sign in</h1>{note}{why}<form method=\"post\" action=\"{PATH}\">{hidden}\
         <label>E-mail address<input name=\"email\" type=\"email\" autocomplete=\"username\" maxlength=\"254\" required autofocus value=\"{}\"></label>\
         <label>Password<input name=\"password\" type=\"password\" autocomplete=\"current-password\" maxlength=\"1024\" required></label>\
         <button>Sign in</button></form>{ways}",
        escaped(email)
    )
}

const STYLE: &str = "body{font:1.1rem/1.5 system-ui,sans-serif;margin:0;padding:2rem 1.25rem;background:#fff;color:#1c1c1e}\
main{max-width:24rem;margin:8vh auto 0}h1{font-size:1.6rem}label{display:block;margin:1rem 0}\
input{box-sizing:border-box;display:block;width:100%;font:inherit;padding:.7rem;margin-top:.3rem;border:1px solid #8e8e93;border-radius:.6rem;background:inherit;color:inherit}\
button,.button,.other{box-sizing:border-box;display:block;width:100%;font:inherit;font-weight:600;text-align:center;text-decoration:none;padding:.8rem;margin-top:1.5rem;border:0;border-radius:.6rem;background:#1c1c1e;color:#fff}\
.other{background:none;color:inherit;border:1px solid #8e8e93}\
.wrong{color:#b00020}\
@media(prefers-color-scheme:dark){body{background:#1c1c1e;color:#f2f2f7}button,.button{background:#f2f2f7;color:#1c1c1e}.wrong{color:#ff8a80}}";

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
});

pub fn page(status: StatusCode, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>Sign in</title>\
         <style>{STYLE}</style><main>{body}</main></html>"
    );
    let mut response = (status, Html(html)).into_response();
    console::close(&mut response, &POLICY);
    response
}
