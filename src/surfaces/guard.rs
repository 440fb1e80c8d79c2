//! What stands before a route, declared with it: accepted credential, scope, limit, idempotency, and what the OpenAPI
//! document says of them.

use std::{convert::Infallible, panic::AssertUnwindSafe};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequestParts, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use futures_util::FutureExt as _;
use sha2::{Digest as _, Sha256};
use tracing::Instrument as _;
use utoipa_axum::router::UtoipaMethodRouter;
use uuid::Uuid;

use super::{
    caller::{self, Accepts},
    challenges,
    client_address::ClientAddress,
    documents,
    integration::door,
    limits::{self, Policy},
    respond::ApiError,
};
use crate::{
    app::App,
    error::Error,
    features::{
        apps::Action,
        credentials::{Caller, Kind, Scope},
    },
    platform::{
        idempotency::{self, Claim, Ended, Outcome},
        ids,
        rate_limits::Standing,
    },
};

/// Largest body of a request, in bytes.
pub const BODY_LIMIT: usize = 2 * 1024 * 1024;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// What an app says that it runs on.
const PLATFORM: HeaderName = HeaderName::from_static("x-app-platform");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The answer is for now only: the same request again is to run again.
#[derive(Clone, Copy)]
pub struct NotFinal;

#[derive(Clone, Copy)]
pub struct Guard {
    pub accepts: Accepts,
    pub scope: Option<Scope>,
    pub action: Option<Action>,
    policy: Option<Policy>,
    pub once: bool,
}

const fn guard(accepts: Accepts) -> Guard {
    Guard {
        accepts,
        scope: None,
        action: None,
        policy: None,
        once: false,
    }
}

/// For a person who is signed in.
pub const fn user() -> Guard {
    guard(caller::USER)
}

pub const fn user_or_developer() -> Guard {
    guard(caller::USER_OR_DEVELOPER)
}

/// For a developer key that has this scope.
pub const fn scoped(scope: Scope) -> Guard {
    Guard {
        scope: Some(scope),
        ..guard(caller::DEVELOPER)
    }
}

/// For a key of an app that may do this, in the name of a user who enabled the app.
pub const fn app(action: Action) -> Guard {
    Guard {
        action: Some(action),
        ..guard(caller::APP)
    }
}

/// For an assistant: by a key, or by a token for what a user allows it.
pub const fn mcp() -> Guard {
    guard(caller::MCP)
}

/// Routes for everybody, without a credential and without limits.
pub fn open(routes: UtoipaMethodRouter<App>) -> UtoipaMethodRouter<App> {
    let (mut schemas, mut paths, methods) = routes;
    documents::complete_open(&mut schemas, &mut paths);
    (schemas, paths, methods)
}

impl Guard {
    /// Counts towards a limit an hour.
    pub const fn hourly(self, policy: Policy) -> Self {
        Self {
            policy: Some(policy),
            ..self
        }
    }

    /// Honours `Idempotency-Key`.
    pub const fn once(self) -> Self {
        Self { once: true, ..self }
    }

    /// The routes behind this guard, with all it may answer in their documents.
    pub fn on(self, routes: UtoipaMethodRouter<App>) -> UtoipaMethodRouter<App> {
        let (mut schemas, mut paths, methods) = routes;
        documents::complete(&self, &mut schemas, &mut paths);
        let methods = methods.route_layer(middleware::from_fn(move |request, next| {
            self.pass(request, next)
        }));
        (schemas, paths, methods)
    }

    /// Credential, scope, limit, idempotency, in this order; then the handler.
    pub async fn pass(self, request: Request, next: Next) -> Response {
        let (mut parts, body) = request.into_parts();
        let Some(app) = parts.extensions.get::<App>().cloned() else {
            return internal("a guarded route was mounted without the app");
        };
        let mut standing = None;
        let admitted = self.admit(&app, &mut parts, &mut standing).await;
        let request = Request::from_parts(parts, body);
        let mut response = match admitted {
            Ok(caller) if self.once && request.headers().contains_key(KEY) => {
                run_once(&app, &caller, request, next).await
            }
            Ok(_) => next.run(request).await,
            Err(error) => self.refuse(&app, request.headers(), error),
        };
        if let Some(standing) = standing {
            limits::tell(response.headers_mut(), standing);
        }
        response
    }

    fn refuse(&self, app: &App, asked: &HeaderMap, error: Error) -> Response {
        let mut told = HeaderMap::new();
        if self.accepts.kinds.contains(&Kind::Connector) {
            challenges::add(&app.public_url, &error, asked, &mut told);
        }
        let mut response = ApiError(error).into_response();
        response.headers_mut().extend(told);
        response
    }

    /// Lets a caller in, or says why not. `standing` becomes what the answer tells of the limits.
    pub async fn admit(
        &self,
        app: &App,
        parts: &mut Parts,
        standing: &mut Option<Standing>,
    ) -> Result<Caller, Error> {
        let known = match self.action {
            None => caller::authenticate(app, &parts.headers, self.accepts)
                .await
                .map(|caller| (caller, None)),
            Some(action) => door::knock(app, parts)
                .await
                .map(|visitor| (visitor.counted(), Some((visitor, action)))),
        };
        let (mut caller, visitor) = match known {
            Ok(known) => known,
            Err(refused) => {
                if refused.guessed {
                    let Ok(ClientAddress(address)) =
                        ClientAddress::from_request_parts(parts, app).await;
                    limits::count_failure(&app.failures, address)?;
                }
                return Err(refused.error);
            }
        };
        if let Some(scope) = self.scope
            && !caller.scopes.contains(&scope)
        {
            return Err(Error::MissingScope(scope.as_str()));
        }
        let owner = match &visitor {
            Some((visitor, _)) => visitor.owner(),
            None => caller.uid.clone(),
        };
        limits::take(app, &caller, &owner, self.policy, standing).await?;
        if let Some((visitor, action)) = visitor {
            caller = visitor.enter(action)?;
        }
        if caller.kind == Kind::User
            && let Some(platform) = parts.headers.get(PLATFORM)
        {
            app.platforms
                .note(&caller.uid, platform.to_str().unwrap_or_default());
        }
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }
}

fn internal(why: &'static str) -> Response {
    ApiError(anyhow::anyhow!(why).into()).into_response()
}

/// Runs a request whose `Idempotency-Key` is new, or gives the answer that it had.
async fn run_once(app: &App, caller: &Caller, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let key = match parts.headers[KEY].to_str() {
        Ok(key) if (1..=255).contains(&key.len()) => key.to_string(),
        _ => {
            let text = "Idempotency-Key must have 1 to 255 visible characters";
            return ApiError(Error::BadRequest(text.into())).into_response();
        }
    };
    let bytes = match axum::body::to_bytes(body, BODY_LIMIT).await {
        Ok(bytes) => bytes,
        Err(_) => {
            let text = "The body could not be read, or is larger than 2 MiB.";
            return ApiError(Error::TooLarge(text.into())).into_response();
        }
    };
    let id = idempotency::Id {
        uid: caller.uid.to_string(),
        route: format!("{} {}", parts.method, parts.uri.path()),
        key,
    };
    let mut digest = Sha256::new();
    digest.update(parts.uri.query().unwrap_or_default());
    digest.update([0]);
    digest.update(&bytes);
    let claim = match idempotency::begin(&app.db, id, &digest.finalize()).await {
        Ok(Outcome::Run(claim)) => claim,
        Ok(Outcome::Answered(status, body)) => return replay(status, body),
        Ok(Outcome::Another) => {
            let text = "This Idempotency-Key came with another request in the last 24 hours. Take a new key for it.";
            return ApiError(Error::Invalid(vec![crate::error::Problem {
                location: vec!["header".into(), "Idempotency-Key".into()],
                message: text.into(),
                kind: "value_error",
            }]))
            .into_response();
        }
        Ok(Outcome::Busy) => {
            let text = "a request with this Idempotency-Key still runs";
            return ApiError(Error::Unavailable(text.into())).into_response();
        }
        Err(error) => return ApiError(error.into()).into_response(),
    };
    parts.extensions.insert(Seed(claim.seed));
    let request = Request::from_parts(parts, Body::from(bytes));
    // On a task of its own: a client that hangs up is likely to come back for the answer.
    let work = finish(app.clone(), claim, request, next).in_current_span();
    match app.runs.spawn(work).await {
        Ok(response) => response,
        Err(_) => ApiError(Error::Unavailable("the server is stopping".into())).into_response(),
    }
}

async fn finish(app: App, claim: Claim, request: Request, next: Next) -> Response {
    let run = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let response = run.unwrap_or_else(|_| internal("a handler panicked"));
    let status = response.status();
    let unfinished = status.is_server_error() || response.extensions().get::<NotFinal>().is_some();
    let (parts, body) = response.into_parts();
    let bytes = match axum::body::to_bytes(body, usize::MAX).await {
        Ok(bytes) => bytes,
        Err(_) => return internal("an answer could not be read"),
    };
    let ended = if unfinished {
        Ended::Unfinished
    } else if status.is_success() {
        Ended::Answered(status.as_u16(), bytes.to_vec())
    } else {
        Ended::Refused
    };
    if let Err(error) = claim.end(&app.db, ended).await {
        // What was created stays; the same request again finds it by its ids.
        tracing::warn!(%error, "an answer could not be kept for its Idempotency-Key");
    }
    Response::from_parts(parts, Body::from(bytes))
}

fn replay(status: u16, body: Vec<u8>) -> Response {
    let json = HeaderValue::from_static("application/json");
    (
        StatusCode::from_u16(status).unwrap_or(StatusCode::OK),
        [
            (header::CONTENT_TYPE, json),
            (REPLAYED, HeaderValue::from_static("true")),
        ],
        Bytes::from(body),
    )
        .into_response()
}

/// What the ids of a request with an `Idempotency-Key` follow from.
#[derive(Clone, Copy)]
struct Seed(Uuid);

/// Ids for what a request creates: new ones, or, under an `Idempotency-Key`, the same each time.
pub struct NewIds {
    seed: Option<Uuid>,
    given: u32,
}

impl NewIds {
    pub fn next(&mut self) -> Uuid {
        self.given += 1;
        match self.seed {
            Some(seed) => ids::from_content(&format!("{seed} {}", self.given)),
            None => ids::new(),
        }
    }

    /// Whether the ids would be the same if the request came again.
    pub fn repeatable(&self) -> bool {
        self.seed.is_some()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for NewIds {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self {
            seed: parts.extensions.get::<Seed>().map(|seed| seed.0),
            given: 0,
        })
    }
}
