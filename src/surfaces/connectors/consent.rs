//! The page on which a user sees who asks for what, and ticks what it may do.

use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};

use super::{authorize::PATH, parameters::Parameters};
use crate::{
    features::{connectors::Asker, credentials::Scope},
    surfaces::console::{Page, SignedIn, csrf_field, sign_in_address},
};

/// Names of fields.
pub const DECISION: &str = "decision";
pub const ALLOW: &str = "allow";

pub struct Shown<'a> {
    pub signed_in: &'a SignedIn,
    pub asker: &'a Asker,
    pub asked: &'a [Scope],
    /// What the user has allowed it before.
    pub allowed: Option<&'a [Scope]>,
    /// The address of this page.
    pub again: &'a str,
    /// What was wrong with the form.
    pub why: &'a str,
}

/// The name of the box of a scope.
pub fn field(scope: Scope) -> String {
    format!("may.{scope}")
}

impl Shown<'_> {
    fn is_allowed(&self, scope: Scope) -> bool {
        self.allowed.is_some_and(|all| all.contains(&scope))
    }

    /// A client that is let in already, and asks by name for more.
    fn asks_for_more(&self, scope: Scope) -> bool {
        self.allowed.is_some() && self.asked.contains(&scope) && !self.is_allowed(scope)
    }

    /// To change something is never allowed by default: only what was allowed before, or is asked for besides.
    fn is_ticked(&self, scope: Scope) -> bool {
        let reads = Scope::READ.contains(&scope);
        let asked = self.asked.contains(&scope) || self.asked.is_empty() && self.allowed.is_none();
        self.is_allowed(scope) || self.asks_for_more(scope) || reads && asked
    }
}

pub fn page(shown: &Shown<'_>, parameters: &Parameters) -> Response {
    let (name, host) = (&shown.asker.client.name, shown.asker.host());
    let writes = || {
        Scope::ALL
            .into_iter()
            .filter(|one| !Scope::READ.contains(one))
    };
    let body = html! {
        h1 { "Let " (name) " in?" }
        p {
            strong { (name) } " wants to use the Omi of " strong { (shown.signed_in.known_as()) } ". "
            @if shown.asker.is_on_the_device() {
                "It is a program on this device, and returns to " strong { (host) } "."
            } @else {
                "It returns to " strong { (host) } "."
            }
        }
        p.note { "Any program can give itself this name. Go on only if you have just connected it yourself." }
        @if shown.allowed.is_some() {
            p { "You have let it in before. What you tick now replaces what you allowed then." }
        }
        @if !shown.why.is_empty() { p.wrong role="alert" { (shown.why) } }
        form method="post" action=(PATH) {
            (csrf_field(shown.signed_in))
            @for (name, value) in parameters.asked() { input type="hidden" name=(name) value=(value); }
            section {
                h2 { "It may see" }
                @for scope in Scope::READ { (tick(shown, scope)) }
            }
            section {
                h2 { "It may change" }
                @for scope in writes() { (tick(shown, scope)) }
            }
            p.soft { "You can take this back at any time: disconnect it on the page where you connect assistants." }
            div.actions {
                button name=(DECISION) value=(ALLOW) { "Allow" }
                button.plain name=(DECISION) value="deny" { "Do not allow" }
            }
        }
        p { a href=(sign_in_address(shown.again)) { "Use another account" } }
    };
    Page::new("Let an assistant in", body)
        .of(shown.signed_in)
        .leads_to(shown.asker.address())
        .into_response()
}

fn tick(shown: &Shown<'_>, scope: Scope) -> Markup {
    html! {
        label.check {
            input type="checkbox" name=(field(scope)) value="yes" checked[shown.is_ticked(scope)];
            span {
                (words(scope))
                @if shown.asks_for_more(scope) { " " strong { "It asks for this now." } }
            }
        }
    }
}

fn words(scope: Scope) -> &'static str {
    match scope {
        Scope::ReadConversations => {
            "Your conversations: what was said, summaries, and search in them"
        }
        Scope::WriteConversations => "Your conversations: change and delete them",
        Scope::ReadMemories => "Your memories: what Omi knows about you",
        Scope::WriteMemories => "Your memories: add, change and delete them",
        Scope::ReadActionItems => "Your tasks",
        Scope::WriteActionItems => "Your tasks: add, change, complete and delete them",
        Scope::ReadGoals => "Your goals, and how far you are",
        Scope::WriteGoals => "Your goals: add, change and delete them",
    }
}
