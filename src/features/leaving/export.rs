//! All that a user has, as one JSON object, written page by page.

use chrono::{DateTime, Utc};
use futures_util::{Stream, stream};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    error::Result,
    features::{
        accounts, action_items, chat,
        conversations::{self, Filter},
        credentials::Caller,
        health, identities, memories, people, preferences, speech_profile,
    },
    platform::clock,
};

/// Things that are held at a time.
const PAGE: i64 = 50;
const SECTIONS: [&str; 5] = [
    "conversations",
    "memories",
    "people",
    "action_items",
    "chat_messages",
];

struct Walk {
    app: App,
    caller: Caller,
    begun_at: DateTime<Utc>,
    /// What comes before the next page.
    text: String,
    section: usize,
    offset: i64,
}

/// The text in pieces, which together are `{"profile": {…}, "conversations": […], "memories": […], "people": […],
/// "action_items": […], "chat_messages": […]}`. Discarded conversations are among them. What fails later than at the
/// beginning ends the text in the middle.
pub async fn export(app: App, caller: Caller) -> Result<impl Stream<Item = Result<String>>> {
    let account = accounts::account(&app.db, &caller.uid).await?;
    let chosen = preferences::get(&app.db, &caller.uid).await?;
    let platforms = accounts::platforms(&app.db, &caller.uid).await?;
    let identities = identities::list(&app.db, &caller.uid).await?;
    let identities: Vec<_> = identities
        .iter()
        .map(
            |one| json!({"provider": one.provider, "email": one.email, "linked_at": one.linked_at}),
        )
        .collect();
    let voice = speech_profile::get(&app.db, &caller.uid).await?;
    let health = health::get(&app.db, &caller.uid).await?;
    let profile = json!({
        "uid": &*caller.uid,
        "name": account.name,
        "email": account.email,
        "time_zone": account.time_zone,
        "language": account.language,
        "created_at": account.created_at,
        "identities": identities,
        "platforms": platforms,
        "onboarding": {"completed": chosen.onboarding_completed, "acquisition_source": chosen.acquisition_source},
        "vocabulary": chosen.vocabulary,
        "ai_profile": chosen.ai_profile,
        "assistant_settings": chosen.assistant,
        "speech_profile": voice.map(|voice| json!({"recorded_at": voice.recorded_at, "seconds": voice.seconds()})),
        "apple_health": health.map(|health| json!({"synced_at": health.synced_at, "data": health.data})),
    });
    let walk = Walk {
        app,
        caller,
        begun_at: clock::now(),
        text: format!("{{\"profile\":{profile}"),
        section: 0,
        offset: 0,
    };
    Ok(stream::try_unfold(walk, Walk::step))
}

impl Walk {
    async fn step(mut self) -> Result<Option<(String, Self)>> {
        let Some(name) = SECTIONS.get(self.section) else {
            return Ok(None);
        };
        let page = self.page().await?;
        let mut text = std::mem::take(&mut self.text);
        if self.offset == 0 {
            text.push_str(&format!(",\"{name}\":["));
        }
        for (n, thing) in page.iter().enumerate() {
            if self.offset > 0 || n > 0 {
                text.push(',');
            }
            text.push_str(&thing.to_string());
        }
        if page.len() as i64 == PAGE {
            self.offset += PAGE;
        } else {
            text.push(']');
            self.section += 1;
            self.offset = 0;
        }
        if self.section == SECTIONS.len() {
            text.push('}');
        }
        Ok(Some((text, self)))
    }

    /// Another number of things than `PAGE`: no more follow.
    async fn page(&self) -> Result<Vec<Value>> {
        let (db, caller, offset) = (&self.app.db, &self.caller, self.offset);
        match self.section {
            0 => {
                let filter = Filter {
                    statuses: conversations::STATUSES.map(str::to_string).into(),
                    include_discarded: true,
                    to: Some(self.begun_at),
                    limit: PAGE,
                    offset,
                    ..Filter::default()
                };
                values(conversations::list(db, caller, &filter, true).await?)
            }
            1 => values(memories::list(db, caller, None, PAGE, offset).await?),
            // All at once.
            2 if offset > 0 => Ok(Vec::new()),
            2 => values(people::list(db, caller).await?),
            3 => {
                let filter = action_items::Filter::default();
                values(
                    action_items::list(db, caller, &filter, PAGE, offset)
                        .await?
                        .0,
                )
            }
            _ => values(chat::page(&self.app, caller, PAGE, offset).await?),
        }
    }
}

fn values<T: Serialize>(things: impl IntoIterator<Item = T>) -> Result<Vec<Value>> {
    let written = things.into_iter().map(serde_json::to_value);
    Ok(written
        .collect::<Result<_, _>>()
        .map_err(anyhow::Error::from)?)
}
