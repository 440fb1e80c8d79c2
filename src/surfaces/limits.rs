//! What a caller may still ask: the limits of every surface, the headers that tell of them, and the guard against
//! guessing.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::http::HeaderMap;

use crate::{
    app::Handles,
    config::RateLimit,
    error::Error,
    features::credentials::{Caller, Kind},
    platform::{
        clock,
        rate_limits::{Attempt, Bucket, Failures, Name, Standing},
    },
};

/// A costly kind of request, which may have a limit an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    Memories,
    MemoriesBatch,
    McpMemories,
    Conversations,
    Reprocessings,
    Merges,
    Searches,
    Questions,
    ImportConversations,
    ImportMemories,
    ChatMessages,
    Dictations,
    VoiceMessages,
    Transcriptions,
    ChatFiles,
    ChatGreetings,
    SessionGreetings,
    ChatTitles,
    DailySummaries,
    KnowledgeGraphs,
    MemoriesDeletions,
    GoalSuggestions,
    GoalAdvice,
    GoalProgress,
    TestPrompts,
}

impl Policy {
    /// As refusals name it, which Omi's command-line client reads.
    fn name(self) -> &'static str {
        match self {
            Self::Memories => "dev:memories",
            Self::MemoriesBatch => "dev:memories_batch",
            Self::McpMemories => "mcp:memories",
            Self::Conversations => "dev:conversations",
            Self::Reprocessings => "conversations:reprocess",
            Self::Merges => "conversations:merge",
            Self::Searches => "conversations:search",
            Self::Questions => "search:questions",
            Self::ImportConversations => "integration:conversations",
            Self::ImportMemories => "integration:memories",
            Self::ChatMessages => "chat:send_message",
            Self::Dictations => "voice:transcribe_stream",
            Self::VoiceMessages => "voice:message",
            Self::Transcriptions => "voice:transcribe",
            Self::ChatFiles => "file:upload",
            Self::ChatGreetings => "chat:initial",
            Self::SessionGreetings => "chat:session_initial",
            Self::ChatTitles => "chat:title",
            Self::DailySummaries => "daily_summary:test",
            Self::KnowledgeGraphs => "knowledge_graph:rebuild",
            Self::MemoriesDeletions => "memories:delete_all",
            Self::GoalSuggestions => "goals:suggest",
            Self::GoalAdvice => "goals:advice",
            Self::GoalProgress => "goals:extract",
            Self::TestPrompts => "test:prompt",
        }
    }

    fn per_hour(self, settings: &RateLimit) -> u32 {
        match self {
            Self::Memories => settings.memories_per_hour,
            Self::MemoriesBatch => settings.memories_batches_per_hour,
            Self::McpMemories => settings.mcp_memories_per_hour,
            Self::Conversations => settings.conversations_per_hour,
            Self::Reprocessings => settings.reprocessings_per_hour,
            Self::Merges => settings.merges_per_hour,
            Self::Searches => settings.searches_per_hour,
            Self::Questions => settings.questions_per_hour,
            Self::ImportConversations => settings.import_conversations_per_hour,
            Self::ImportMemories => settings.import_memories_per_hour,
            Self::ChatMessages => settings.chat_messages_per_hour,
            Self::Dictations => settings.dictations_per_hour,
            Self::VoiceMessages => settings.voice_messages_per_hour,
            Self::Transcriptions => settings.transcriptions_per_hour,
            Self::ChatFiles => settings.chat_files_per_hour,
            Self::ChatGreetings | Self::SessionGreetings | Self::ChatTitles => {
                settings.chat_greetings_per_hour
            }
            Self::DailySummaries => settings.daily_summaries_per_hour,
            Self::KnowledgeGraphs => settings.knowledge_graphs_per_hour,
            Self::MemoriesDeletions => settings.memories_deletions_per_hour,
            Self::GoalSuggestions | Self::GoalAdvice | Self::GoalProgress => {
                settings.goal_questions_per_hour
            }
            Self::TestPrompts => settings.test_prompts_per_hour,
        }
    }
}

/// The buckets that a request of `caller` takes from. Its minute is that of its credential, which is `owner`'s.
fn buckets(
    settings: &RateLimit,
    caller: &Caller,
    owner: &Arc<str>,
    policy: Option<Policy>,
) -> Vec<Bucket> {
    let (per_minute, per_day) = match caller.kind {
        Kind::User | Kind::Refresh | Kind::Browser => (settings.user_per_minute, 0),
        Kind::Developer | Kind::Mcp | Kind::App | Kind::Connector | Kind::ConnectorRefresh => {
            (settings.per_minute, settings.per_day)
        }
    };
    let hour = policy.map(|policy| {
        let name = match caller.app {
            Some(app) => Name::HourOfApp(policy.name(), app),
            None => Name::Hour(policy.name()),
        };
        (name, policy.per_hour(settings))
    });
    [
        Some((Name::Minute(caller.credential_id), per_minute)),
        Some((Name::Day, per_day)),
        hour,
    ]
    .into_iter()
    .flatten()
    .filter(|(_, limit)| *limit > 0)
    .map(|(name, limit)| Bucket {
        uid: match name {
            Name::Minute(_) => owner.clone(),
            _ => caller.uid.clone(),
        },
        name,
        limit,
    })
    .collect()
}

/// Counts a request. `told` becomes what the answer says of the tightest limit, also when it is refused.
pub async fn take(
    app: &Handles,
    caller: &Caller,
    owner: &Arc<str>,
    policy: Option<Policy>,
    told: &mut Option<Standing>,
) -> Result<(), Error> {
    let buckets = buckets(&app.config.rate_limit, caller, owner, policy);
    if buckets.is_empty() {
        return Ok(());
    }
    match app.rate_limits.take(&app.db, &buckets).await? {
        Ok(standing) => {
            *told = standing;
            Ok(())
        }
        Err(standing) => {
            *told = Some(standing);
            let limit = match standing.name {
                Name::Minute(_) => format!("{} requests per minute", standing.limit),
                Name::Day => format!("{} requests per day", standing.limit),
                Name::Hour(policy) | Name::HourOfApp(policy, _) => policy.to_string(),
            };
            Err(Error::RateLimited {
                limit,
                retry_after: seconds_until(standing),
            })
        }
    }
}

fn seconds_until(standing: Standing) -> i64 {
    let left = standing.reset_at - clock::now();
    (left.num_milliseconds() + 999).div_euclid(1000).max(1)
}

/// `X-RateLimit-Reset` is in epoch seconds.
pub fn tell(headers: &mut HeaderMap, standing: Standing) {
    headers.insert("x-ratelimit-limit", standing.limit.into());
    headers.insert("x-ratelimit-remaining", standing.remaining.into());
    headers.insert("x-ratelimit-reset", standing.reset_at.timestamp().into());
}

/// Err: that address has failed too often.
pub fn count_failure(failures: &Failures, address: IpAddr) -> Result<(), Error> {
    failures.note(address).map_err(too_many)
}

/// A place for a password of that address. Err: none is even looked at for a while.
pub fn admit_password(app: &Handles, address: IpAddr) -> Result<Attempt, Error> {
    app.wrong_passwords.admit(address).map_err(too_many)
}

/// A sign-in begins at a provider. Err: that address has begun too many.
pub fn count_departure(app: &Handles, address: IpAddr) -> Result<(), Error> {
    let begun = app.departures.note(address);
    begun.map_err(|wait| refused("sign-ins from this address", wait))
}

fn too_many(wait: Duration) -> Error {
    refused("failed authentication from this address", wait)
}

fn refused(limit: &str, wait: Duration) -> Error {
    Error::RateLimited {
        limit: limit.into(),
        retry_after: i64::try_from(wait.as_secs() + 1).unwrap_or(1),
    }
}
