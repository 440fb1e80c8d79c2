//! Rows put straight into the database, where a test needs a state or a time that no request makes.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

/// An instant written as in an answer.
pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub struct Conversation<'a> {
    pub title: &'a str,
    pub overview: &'a str,
    pub status: &'static str,
    pub category: &'a str,
    /// Also when it began.
    pub created_at: DateTime<Utc>,
    pub finished_at: DateTime<Utc>,
    pub discarded: bool,
    pub starred: bool,
    pub folder_id: Option<&'static str>,
}

impl Default for Conversation<'_> {
    fn default() -> Self {
        Self {
            title: "Planted",
            overview: "An overview.",
            status: "completed",
            category: "other",
            created_at: at("2026-01-31T09:00:00Z"),
            finished_at: at("2026-01-31T09:10:00Z"),
            discarded: false,
            starred: false,
            folder_id: None,
        }
    }
}

impl Conversation<'_> {
    pub async fn put(self, db: &PgPool, uid: &str) -> Uuid {
        let id = Uuid::now_v7();
        sqlx::query(
            "insert into conversations (uid, id, title, overview, status, category, source, language, created_at,
                                        started_at, finished_at, discarded, starred, folder_id)
             values ($1, $2, $3, $11, $4, $5, 'omi', 'en', $6, $6, $7, $8, $9, $10)",
        )
        .bind(uid)
        .bind(id)
        .bind(self.title)
        .bind(self.status)
        .bind(self.category)
        .bind(self.created_at)
        .bind(self.finished_at)
        .bind(self.discarded)
        .bind(self.starred)
        .bind(self.folder_id)
        .bind(self.overview)
        .execute(db)
        .await
        .unwrap();
        id
    }
}

/// What somebody said; it lasts two seconds.
pub async fn segment(
    db: &PgPool,
    uid: &str,
    conversation_id: Uuid,
    speaker_id: i32,
    is_user: bool,
    start: f64,
    text: &str,
) {
    sqlx::query(
        "insert into transcript_segments (uid, conversation_id, id, text, speaker, speaker_id, is_user, start_seconds,
                                          end_seconds)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $8 + 2)",
    )
    .bind(uid)
    .bind(conversation_id)
    .bind(Uuid::now_v7())
    .bind(text)
    .bind(format!("SPEAKER_{speaker_id:02}"))
    .bind(speaker_id)
    .bind(is_user)
    .bind(start)
    .execute(db)
    .await
    .unwrap();
}

pub struct ActionItem<'a> {
    pub description: &'a str,
    pub completed: bool,
    pub created_at: DateTime<Utc>,
    pub due_at: Option<DateTime<Utc>>,
    pub conversation_id: Option<Uuid>,
}

impl Default for ActionItem<'_> {
    fn default() -> Self {
        Self {
            description: "Planted",
            completed: false,
            created_at: at("2026-01-31T09:00:00Z"),
            due_at: None,
            conversation_id: None,
        }
    }
}

impl ActionItem<'_> {
    pub async fn put(self, db: &PgPool, uid: &str) -> Uuid {
        let id = Uuid::now_v7();
        sqlx::query(
            "insert into action_items (uid, id, description, completed, completed_at, created_at, updated_at, due_at,
                                       conversation_id)
             values ($1, $2, $3, $4, case when $4 then $5 end, $5, $5, $6, $7)",
        )
        .bind(uid)
        .bind(id)
        .bind(self.description)
        .bind(self.completed)
        .bind(self.created_at)
        .bind(self.due_at)
        .bind(self.conversation_id)
        .execute(db)
        .await
        .unwrap();
        id
    }
}

/// A memory that was found in a conversation. `user_review`: false was rejected.
pub async fn memory(
    db: &PgPool,
    uid: &str,
    content: &str,
    category: &str,
    conversation_id: Option<Uuid>,
    user_review: Option<bool>,
) -> Uuid {
    let id = Uuid::now_v7();
    sqlx::query(
        "insert into memories (uid, id, content, category, visibility, conversation_id, manually_added, reviewed,
                               user_review, scoring, created_at, updated_at)
         values ($1, $2, $3, $4, 'private', $5, false, true, $6, '00_998_1769850000', $7, $7)",
    )
    .bind(uid)
    .bind(id)
    .bind(content)
    .bind(category)
    .bind(conversation_id)
    .bind(user_review)
    .bind(at("2026-01-31T09:00:00Z"))
    .execute(db)
    .await
    .unwrap();
    id
}

pub struct Folder {
    pub id: &'static str,
    pub name: &'static str,
    pub description: Option<&'static str>,
    pub position: i32,
    pub is_system: bool,
    pub category_mapping: Option<&'static str>,
}

impl Default for Folder {
    fn default() -> Self {
        Self {
            id: "planted",
            name: "Planted",
            description: None,
            position: 0,
            is_system: false,
            category_mapping: None,
        }
    }
}

impl Folder {
    pub async fn put(self, db: &PgPool, uid: &str) {
        sqlx::query(
            "insert into folders (uid, id, name, description, position, is_system, category_mapping, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        )
        .bind(uid)
        .bind(self.id)
        .bind(self.name)
        .bind(self.description)
        .bind(self.position)
        .bind(self.is_system)
        .bind(self.category_mapping)
        .bind(at("2026-01-31T09:00:00Z"))
        .execute(db)
        .await
        .unwrap();
    }
}

/// An active goal.
pub async fn goal(db: &PgPool, uid: &str, id: &str) {
    sqlx::query(
        "insert into goals (uid, id, title, goal_type, target_value, current_value, min_value, max_value, created_at,
                            updated_at)
         values ($1, $2, 'Planted', 'scale', 10, 0, 0, 10, $3, $3)",
    )
    .bind(uid)
    .bind(id)
    .bind(at("2026-01-31T09:00:00Z"))
    .execute(db)
    .await
    .unwrap();
}

/// How far a goal was on the day of `recorded_at`.
pub async fn goal_entry(
    db: &PgPool,
    uid: &str,
    goal_id: &str,
    recorded_at: DateTime<Utc>,
    value: f64,
) {
    sqlx::query("insert into goal_history (uid, goal_id, date, value, recorded_at) values ($1, $2, $3, $4, $5)")
        .bind(uid)
        .bind(goal_id)
        .bind(recorded_at.date_naive())
        .bind(value)
        .bind(recorded_at)
        .execute(db)
        .await
        .unwrap();
}

/// A daily summary that says next to nothing.
pub async fn daily_summary(db: &PgPool, uid: &str, date: &str) -> Uuid {
    let id = Uuid::now_v7();
    let content = serde_json::json!({
        "headline": "Planted", "overview": "A day.", "day_emoji": "📅", "highlights": [], "unresolved_questions": [],
        "decisions_made": [], "knowledge_nuggets": [], "action_items": [], "locations": [],
        "stats": {"total_conversations": 1, "total_duration_minutes": 10, "action_items_count": 0},
    });
    sqlx::query(
        "insert into daily_summaries (uid, id, date, scheduled, understood_by, content, created_at)
         values ($1, $2, $3::date, false, 'rules', $4, $5)",
    )
    .bind(uid)
    .bind(id)
    .bind(date.parse::<chrono::NaiveDate>().unwrap())
    .bind(content)
    .bind(at("2026-01-31T22:00:00Z"))
    .execute(db)
    .await
    .unwrap();
    id
}

/// A stored chunk of sound, with its file in the data directory.
pub async fn sound(
    db: &PgPool,
    data_dir: &std::path::Path,
    uid: &str,
    conversation_id: Uuid,
    started_at: DateTime<Utc>,
    samples: &[i16],
) -> Uuid {
    let id = Uuid::now_v7();
    sound_with_id(db, data_dir, uid, conversation_id, id, started_at, samples).await;
    id
}

pub async fn sound_with_id(
    db: &PgPool,
    data_dir: &std::path::Path,
    uid: &str,
    conversation_id: Uuid,
    id: Uuid,
    started_at: DateTime<Utc>,
    samples: &[i16],
) {
    let bytes =
        omi_server::features::audio::write(&data_dir.join("audio"), uid, id, samples).unwrap();
    sqlx::query(
        "with told as (update conversations set private_cloud_sync_enabled = true where uid = $1 and id = $3)
         insert into audio_chunks (uid, id, conversation_id, started_at, samples, bytes)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(uid)
    .bind(id)
    .bind(conversation_id)
    .bind(started_at)
    .bind(samples.len() as i32)
    .bind(bytes)
    .execute(db)
    .await
    .unwrap();
}

/// An upload that has ended.
pub async fn upload(db: &PgPool, uid: &str) -> Uuid {
    let id = Uuid::now_v7();
    sqlx::query(
        "with job as (insert into sync_jobs (uid, id, source, begun_at, ended_at) values ($1, $2, 'omi', now(), now())
                      returning uid, id)
         insert into sync_segments (uid, job_id, number, utterances, state, outcome)
         select uid, id, 0, '[]', 'done', 'nothing' from job",
    )
    .bind(uid)
    .bind(id)
    .execute(db)
    .await
    .unwrap();
    id
}

/// An hour in a calendar.
pub async fn meeting(db: &PgPool, uid: &str) -> Uuid {
    let id = Uuid::now_v7();
    sqlx::query(
        "insert into calendar_meetings (uid, id, calendar_event_id, calendar_source, title, start_time, end_time,
                                        participants, created_at, updated_at)
         values ($1, $2, $3, 'planted', 'Planted', $4, $4 + interval '1 hour', '[]', $4, $4)",
    )
    .bind(uid)
    .bind(id)
    .bind(id.to_string())
    .bind(at("2026-01-31T09:00:00Z"))
    .execute(db)
    .await
    .unwrap();
    id
}

/// An assistant that the user has let in, without tokens.
pub async fn assistant(db: &PgPool, uid: &str) -> Uuid {
    let id = Uuid::now_v7();
    sqlx::query(
        "insert into connector_grants (uid, id, client_id, name, redirect_uri, scopes, created_at)
         values ($1, $2, gen_random_uuid(), 'Planted', 'https://planted.example/cb', '{memories:read}', now())",
    )
    .bind(uid)
    .bind(id)
    .execute(db)
    .await
    .unwrap();
    id
}
