//! The door of the import API: which app, whose key, for which user, to do what; asked in this order.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts as _, RawPathParams},
    http::request::Parts,
};
use uuid::Uuid;

use crate::{
    app::App,
    error::{Error, Problem},
    features::{
        apps::{self, Access, Action},
        credentials::{Caller, Kind, Who},
    },
    surfaces::caller::{self, Refused},
};

/// An app that showed a key of its own, and has not entered a user's account yet.
pub struct Visitor {
    key: Caller,
    access: Access,
    uid: Option<Arc<str>>,
}

/// Refused without a header, for an unknown app, and with any key that is not of this app.
pub async fn knock(app: &App, parts: &mut Parts) -> Result<Visitor, Refused> {
    let accepts = caller::APP;
    let secret = caller::secret(&parts.headers, accepts.bare_keys)
        .ok_or(Error::Unauthenticated(accepts.missing))?
        .to_string();
    let who = app.known.authenticate(&app.db, &secret).await?;
    let refused = |error| Refused {
        error,
        guessed: matches!(who, Who::Nobody),
    };
    let absent = || Error::NotFound("App");
    let app_id = app_id(parts).await.ok_or_else(|| refused(absent()))?;
    let uid = uid(parts);
    let access = match apps::access(&app.db, app_id, uid.as_deref()).await {
        Err(Error::NotFound(_)) => return Err(refused(absent())),
        found => found?,
    };
    match &who {
        Who::Caller(key) if key.kind == Kind::App && key.app == Some(app_id) => Ok(Visitor {
            key: key.clone(),
            access,
            uid,
        }),
        _ => Err(refused(Error::Forbidden(accepts.invalid.into()))),
    }
}

async fn app_id(parts: &mut Parts) -> Option<Uuid> {
    let parameters = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    let (_, text) = parameters.iter().find(|(name, _)| *name == "app_id")?;
    text.parse().ok()
}

fn uid(parts: &Parts) -> Option<Arc<str>> {
    let query = parts.uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, value)| name == "uid" && !value.is_empty())
        .map(|(_, uid)| uid.into())
}

impl Visitor {
    /// Whose limits a request takes from: the user's, or the owner's while the user has not enabled the app.
    pub fn counted(&self) -> Caller {
        let uid = self.uid.as_ref().filter(|_| self.access.enabled());
        Caller {
            uid: uid.unwrap_or(&self.key.uid).clone(),
            ..self.key.clone()
        }
    }

    /// Whose key it is.
    pub fn owner(&self) -> Arc<str> {
        self.key.uid.clone()
    }

    /// From here on the app acts for the user.
    pub fn enter(self, action: Action) -> Result<Caller, Error> {
        let uid = self.uid.ok_or_else(|| {
            Error::Malformed(vec![Problem {
                location: vec!["query".into(), "uid".into()],
                message: "Field required".into(),
                kind: "missing",
            }])
        })?;
        self.access.allow(action)?;
        Ok(Caller { uid, ..self.key })
    }
}
