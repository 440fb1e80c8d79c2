//! What becomes of each table and each folder of a user when they move. A new table needs one line here, and a new kind of
//! files one in `FILES`.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::features::{
    audio, calendar, chat,
    conversations::{Event, Geolocation, Translation},
    daily_summaries, health, speech_profile,
};

/// What becomes of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// They go along, in a file with the name of the table.
    Exported,
    /// The server makes them anew of the others.
    Rebuilt,
    /// They stay behind; the reason.
    LeftOut(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub struct Table {
    pub name: &'static str,
    pub fate: Fate,
    /// Columns that stay behind.
    pub without: &'static [&'static str],
    /// Which rows go along, in SQL.
    pub only: &'static str,
    /// Table and column in which each id has one owner on the whole server, and the column here: another's is not taken.
    pub claimed: Option<(&'static str, &'static str, &'static str)>,
    /// Columns that hold JSON of a certain form, and whether it is that.
    pub forms: &'static [(&'static str, Form)],
}

type Form = fn(&Value) -> bool;

impl Table {
    const fn new(name: &'static str, fate: Fate) -> Self {
        Self {
            name,
            fate,
            without: &[],
            only: "true",
            claimed: None,
            forms: &[],
        }
    }

    const fn without(self, without: &'static [&'static str]) -> Self {
        Self { without, ..self }
    }

    const fn only(self, only: &'static str) -> Self {
        Self { only, ..self }
    }

    const fn forms(self, forms: &'static [(&'static str, Form)]) -> Self {
        Self { forms, ..self }
    }

    const fn claimed(self, table: &'static str, id: &'static str, own: &'static str) -> Self {
        Self {
            claimed: Some((table, id, own)),
            ..self
        }
    }
}

fn is<T: DeserializeOwned>(value: &Value) -> bool {
    T::deserialize(value).is_ok()
}

const fn exported(name: &'static str) -> Table {
    Table::new(name, Fate::Exported)
}

const fn rebuilt(name: &'static str) -> Table {
    Table::new(name, Fate::Rebuilt)
}

const fn left_out(name: &'static str, why: &'static str) -> Table {
    Table::new(name, Fate::LeftOut(why))
}

const SECRET: &str = "credentials stay on the server that gave them";
const PASSING: &str = "it counts for a short time only";
const UNHEARD: &str = "its sound waits on the server that took it";

/// Every table. Those that others point to come before them.
pub const TABLES: &[Table] = &[
    // Updated, since the account is there: all others are inserted.
    exported("users").without(&["password_hash", "outside_email"]),
    left_out(
        "user_emails",
        "the account that takes it in has an address of its own",
    ),
    left_out("credentials", SECRET),
    left_out("credential_hashes", SECRET),
    left_out("sign_in_codes", SECRET),
    left_out("connector_grants", SECRET),
    left_out("connector_codes", SECRET),
    left_out("connector_clients", "programs of no user in particular"),
    left_out("identities", "they sign in to the server that they were shown to"),
    left_out("provider_visits", PASSING),
    left_out("link_tickets", PASSING),
    left_out("rate_windows", PASSING),
    left_out("idempotency_keys", PASSING),
    left_out("language_tokens", PASSING),
    left_out("mcp_sessions", PASSING),
    left_out("mcp_session_owners", PASSING),
    left_out("last_locations", PASSING),
    left_out("listen_sessions", UNHEARD),
    left_out("sync_jobs", UNHEARD),
    left_out("sync_segments", UNHEARD),
    rebuilt("search_items"),
    rebuilt("search_words"),
    rebuilt("search_totals"),
    rebuilt("search_vectors"),
    rebuilt("search_changes"),
    exported("preferences"),
    exported("user_platforms"),
    exported("speech_profiles"),
    exported("apple_health").forms(&[("data", is::<health::HealthData>)]),
    exported("people"),
    exported("push_tokens"),
    exported("developer_webhooks"),
    exported("folders"),
    exported("conversations").forms(&[
        ("events", is::<Vec<Event>>),
        ("geolocation", is::<Option<Geolocation>>),
    ]),
    exported("transcript_segments").forms(&[("translations", is::<Vec<Translation>>)]),
    exported("conversation_photos"),
    exported("audio_chunks").only("conversation_id is not null"),
    exported("processing_steps"),
    exported("summary_ratings"),
    exported("shared_conversations"),
    exported("memories"),
    exported("action_items"),
    exported("action_item_shares").claimed("action_item_share_tokens", "token", "token"),
    exported("action_item_share_tokens"),
    exported("accepted_action_item_shares"),
    exported("goals"),
    exported("goal_history"),
    exported("daily_summary_settings"),
    exported("daily_summaries").forms(&[("content", is::<daily_summaries::Content>)]),
    exported("knowledge_graphs"),
    exported("knowledge_nodes"),
    exported("knowledge_edges"),
    exported("knowledge_sources"),
    exported("calendar_meetings").forms(&[("participants", is::<Vec<calendar::Participant>>)]),
    exported("focus_sessions"),
    exported("advice"),
    exported("staged_tasks"),
    exported("apps").claimed("app_owners", "app_id", "id"),
    exported("app_owners"),
    exported("enabled_apps"),
    exported("chat_sessions"),
    exported("messages"),
    exported("message_shares").claimed("message_share_tokens", "token", "token"),
    exported("message_share_tokens"),
    exported("chat_files").only("state = 'there'"),
    exported("chat_file_tokens").only(
        "exists (select from chat_files f where f.uid = $1 and f.id = file_id and f.state = 'there')",
    ),
];

/// Files of a user in a folder of their own.
#[derive(Clone, Copy)]
pub struct Files {
    /// Name of their folder in an export, and of the one below the data directory in which everyone's are.
    pub kind: &'static str,
    /// The folder of one user, in that one.
    pub folder: fn(&Path, &str) -> PathBuf,
    /// The table that names them, and the name that a row gives. None: all that lie in the folder.
    pub named_by: Option<(&'static str, NameOf)>,
}

type NameOf = fn(&Value) -> Option<String>;

pub const FILES: &[Files] = &[
    Files {
        kind: "audio",
        folder: audio::folder_of,
        named_by: Some(("audio_chunks", sound_of)),
    },
    Files {
        kind: "voices",
        folder: speech_profile::folder_of,
        named_by: Some(("speech_profiles", sound_of)),
    },
    Files {
        kind: "files",
        folder: chat::folder_of,
        // A picture has a small one beside it.
        named_by: None,
    },
];

fn sound_of(row: &Value) -> Option<String> {
    Some(format!("{}.opus", row["id"].as_str()?))
}

pub(super) fn find(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}

pub(super) fn files(kind: &str) -> Option<&'static Files> {
    FILES.iter().find(|files| files.kind == kind)
}

/// Those that go along.
pub(super) fn moving() -> impl Iterator<Item = &'static Table> {
    TABLES.iter().filter(|table| table.fate == Fate::Exported)
}

/// A name that leads nowhere else: letters, digits, `-`, `_` and `.`, which does not come first.
pub(super) fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && name.chars().all(plain)
}
