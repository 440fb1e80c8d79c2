//! The days before, as days.txt tells them, in the life of one person, who is given the morning of talks.txt as well.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, NaiveDateTime, Utc};
use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use super::{GOALS, ZONE, file, goal, parts};
use crate::{
    api::plant,
    support::{Server, server::User},
};

/// A time of Berlin; of a day alone its morning.
pub fn berlin(text: &str) -> DateTime<Utc> {
    let text = match text.len() {
        10 => format!("{text} 08:00"),
        _ => text.to_string(),
    };
    let local = NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M").unwrap();
    let zone: chrono_tz::Tz = ZONE.parse().unwrap();
    local.and_local_timezone(zone).unwrap().to_utc()
}

/// Ids of conversations by their names.
pub type Names = BTreeMap<String, Uuid>;

pub struct Days<'a> {
    pub server: &'a Server,
    pub db: &'a PgPool,
    pub user: &'a User,
    people: BTreeMap<String, String>,
    pub names: Names,
}

impl<'a> Days<'a> {
    /// All that days.txt tells.
    pub async fn lived(server: &'a Server, db: &'a PgPool, user: &'a User) -> Self {
        let mut days = Self {
            server,
            db,
            user,
            people: BTreeMap::new(),
            names: Names::new(),
        };
        let text = file("days.txt");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let mut open: Option<(Uuid, DateTime<Utc>)> = None;
        let mut spoken = 0;
        let mut lines = lines.filter(|line| !line.is_empty());
        while let Some(line) = lines.next() {
            let (mark, rest) = (&line[..1], line.get(2..).unwrap_or_default());
            match (mark, open) {
                ("=", _) => {
                    let overview = lines.next().unwrap();
                    open = Some(days.conversation(rest, overview).await);
                    spoken = 0;
                }
                ("~", _) => days.known(rest).await,
                (">" | "<", Some((id, _))) => {
                    days.segment(id, spoken, line).await;
                    spoken += 1;
                }
                ("-", Some((id, at))) => days.task(&parts(rest), at, Some(id)).await,
                ("*", Some((id, at))) => days.memory(rest, at, Some(id)).await,
                ("@", Some((id, _))) => days.place(id, &parts(rest)).await,
                _ => panic!("not understood: {line}"),
            }
        }
        days
    }

    async fn conversation(&mut self, heading: &str, overview: &str) -> (Uuid, DateTime<Utc>) {
        let [name, began, minutes, category, title] = parts(heading)[..] else {
            panic!("{heading}");
        };
        let began = berlin(began);
        let conversation = plant::Conversation {
            title,
            overview,
            category,
            created_at: began,
            finished_at: began + Duration::minutes(minutes.parse().unwrap()),
            ..plant::Conversation::default()
        };
        let id = conversation.put(self.db, &self.user.uid).await;
        self.names.insert(name.into(), id);
        (id, began)
    }

    async fn segment(&mut self, id: Uuid, number: i32, line: &str) {
        let start = f64::from(number) * 6.0;
        let uid = &self.user.uid;
        if let Some(text) = line.strip_prefix("> ") {
            return plant::segment(self.db, uid, id, 0, true, start, text).await;
        }
        let line = &line[1..];
        let Some((name, text)) = line.split_once(' ').filter(|(name, _)| !name.is_empty()) else {
            return plant::segment(self.db, uid, id, 1, false, start, line.trim()).await;
        };
        if !self.people.contains_key(name) {
            let made =
                self.server
                    .post("/v1/users/people", &self.user.token, json!({"name": name}));
            let made = made.await.ok();
            let person = made["id"].as_str().unwrap().to_string();
            self.people.insert(name.into(), person);
        }
        let place = self.people.keys().position(|known| known == name).unwrap();
        let speaker = 10 + place as i32;
        plant::segment(self.db, uid, id, speaker, false, start, text).await;
        let sql = "update transcript_segments set person_id = $4
                   where uid = $1 and conversation_id = $2 and start_seconds = $3";
        let named = sqlx::query(sql).bind(uid).bind(id).bind(start);
        named
            .bind(&self.people[name])
            .execute(self.db)
            .await
            .unwrap();
    }

    async fn task(&self, parts: &[&str], made: DateTime<Utc>, of: Option<Uuid>) {
        let time = |at: usize| parts.get(at).map(|text| berlin(text));
        let task = plant::ActionItem {
            description: parts[0],
            completed: time(2).is_some(),
            created_at: made,
            due_at: time(1),
            conversation_id: of,
        };
        let id = task.put(self.db, &self.user.uid).await;
        let sql = "update action_items set completed_at = $3 where uid = $1 and id = $2";
        let done = sqlx::query(sql).bind(&self.user.uid).bind(id).bind(time(2));
        done.execute(self.db).await.unwrap();
    }

    async fn memory(&self, content: &str, made: DateTime<Utc>, of: Option<Uuid>) {
        let uid = &self.user.uid;
        let id = plant::memory(self.db, uid, content, "system", of, None).await;
        date_memories(self.db, uid, Some(id), made).await;
    }

    async fn place(&self, id: Uuid, parts: &[&str]) {
        let number = |at: usize| parts[at].parse::<f64>().unwrap();
        let place = json!({"latitude": number(0), "longitude": number(1), "address": parts[2]});
        let sql = "update conversations set geolocation = $3 where uid = $1 and id = $2";
        let update = sqlx::query(sql).bind(&self.user.uid).bind(id).bind(place);
        update.execute(self.db).await.unwrap();
    }

    /// What is there of no conversation.
    async fn known(&self, text: &str) {
        let (kind, text) = text.split_once(' ').unwrap();
        if kind == "goal" {
            self.server
                .post(GOALS, &self.user.developer_key, goal(text))
                .await
                .ok();
            let sql = "update goals set created_at = $2, updated_at = $2 where uid = $1";
            let update = sqlx::query(sql)
                .bind(&self.user.uid)
                .bind(berlin("2026-02-01"));
            update.execute(self.db).await.unwrap();
            return;
        }
        let (made, text) = text.split_once(" | ").unwrap();
        let made = berlin(made);
        match kind {
            "memory" => self.memory(text, made, None).await,
            "task" => self.task(&parts(text), made, None).await,
            _ => panic!("{kind}"),
        }
    }

    /// Gives them what another user has: one conversation and all that came of it, as if it had begun then.
    pub async fn take_over(&mut self, from: &User, name: &str, id: &str, began: DateTime<Utc>) {
        let finished = began + Duration::minutes(5);
        let sql = "update conversations set created_at = $2, started_at = $2, finished_at = $3, folder_id = null
                   where uid = $1";
        let update = sqlx::query(sql).bind(&from.uid).bind(began).bind(finished);
        update.execute(self.db).await.unwrap();
        // Ids are made in the order of time, which differs from run to run.
        let sql = "update action_items set id = md5(description)::uuid, created_at = $2, updated_at = $2 where uid = $1";
        let update = sqlx::query(sql).bind(&from.uid).bind(finished);
        update.execute(self.db).await.unwrap();
        date_memories(self.db, &from.uid, None, finished).await;
        let sql = "update goals set created_at = $2, updated_at = $2 where uid = $1";
        let update = sqlx::query(sql).bind(&from.uid).bind(finished);
        update.execute(self.db).await.unwrap();
        for table in [
            "conversations",
            "transcript_segments",
            "action_items",
            "memories",
            "goals",
        ] {
            let sql = AssertSqlSafe(format!(
                "insert into {table}
                 select (jsonb_populate_record(null::{table}, to_jsonb(t) || jsonb_build_object('uid', $2::text))).*
                 from {table} t where uid = $1"
            ));
            let copy = sqlx::query(sql).bind(&from.uid).bind(&self.user.uid);
            copy.execute(self.db).await.unwrap();
        }
        self.names.insert(name.into(), id.parse().unwrap());
    }
}

/// All of a user or one of them; their order has its seconds.
async fn date_memories(db: &PgPool, uid: &str, id: Option<Uuid>, made: DateTime<Utc>) {
    let sql = "update memories
               set created_at = $3, updated_at = $3,
                   scoring = left(scoring, 7) || extract(epoch from $3::timestamptz)::bigint
               where uid = $1 and ($2::uuid is null or id = $2)";
    let update = sqlx::query(sql).bind(uid).bind(id).bind(made);
    update.execute(db).await.unwrap();
}
