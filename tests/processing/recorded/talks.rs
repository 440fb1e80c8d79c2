//! The conversations of one morning, as talks.txt tells them, and how they come to a server.

use serde_json::json;
use sqlx::PgPool;

use super::{super::CONVERSATIONS, GOALS, file, goal, of};
use crate::{
    api::plant as planted,
    support::{Server, server::User},
};

#[derive(Default, Debug)]
pub struct Talk {
    pub name: String,
    text: Option<String>,
    known: Vec<(String, String)>,
    lines: Vec<(bool, String)>,
    expected: Vec<(char, String)>,
}

impl Talk {
    pub fn of(&self, mark: char) -> Vec<&str> {
        of(&self.expected, mark)
    }

    pub fn is_discarded(&self) -> bool {
        !self.of('d').is_empty()
    }
}

/// Those of talks.txt.
pub fn talks() -> Vec<Talk> {
    let mut talks: Vec<Talk> = Vec::new();
    for line in file("talks.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        if let Some(name) = line.strip_prefix("= ") {
            let text = name.ends_with(" text").then(String::new);
            let name = name.trim_end_matches(" text").to_string();
            talks.push(Talk {
                name,
                text,
                ..Talk::default()
            });
            continue;
        }
        let Some(talk) = talks.last_mut() else {
            continue;
        };
        let mark = line
            .chars()
            .next()
            .filter(|_| line.len() == 1 || line[1..].starts_with(' '));
        match (mark, &mut talk.text) {
            (
                Some(
                    mark @ ('-' | '@' | '*' | 'c' | 't' | 'f' | 'd' | 'g' | 'l' | 'n' | 'x' | '!'),
                ),
                _,
            ) => {
                talk.expected.push((mark, line[1..].trim().to_string()));
            }
            (Some('~'), _) => {
                let (kind, what) = line[2..].split_once(' ').unwrap();
                talk.known.push((kind.into(), what.into()));
            }
            (Some(mark @ ('>' | '<')), _) => talk.lines.push((mark == '>', line[2..].into())),
            (_, Some(text)) => {
                text.push_str(line);
                text.push('\n');
            }
            _ => assert!(line.trim().is_empty(), "not understood: {line}"),
        }
    }
    talks
}

pub async fn plant(db: &PgPool, server: &Server, user: &User, talk: &Talk) -> String {
    for (kind, what) in &talk.known {
        let (path, body) = match kind.as_str() {
            "task" => ("/v1/dev/user/action-items", json!({"description": what})),
            "goal" => (GOALS, goal(what)),
            _ => panic!("{kind}"),
        };
        server.post(path, &user.developer_key, body).await.ok();
    }
    if let Some(text) = &talk.text {
        let body = json!({"text": text.trim(), "text_source": "message",
            "started_at": "2026-03-03T09:20:00Z", "finished_at": "2026-03-03T09:25:00Z"});
        let made = server.post(CONVERSATIONS, &user.developer_key, body).await;
        return made.ok()["id"].as_str().unwrap().into();
    }
    let open = planted::Conversation {
        title: "",
        status: "in_progress",
        created_at: planted::at("2026-03-03T09:20:00Z"),
        finished_at: planted::at("2026-03-03T09:25:00Z"),
        ..planted::Conversation::default()
    };
    let id = open.put(db, &user.uid).await;
    if let [language] = talk.of('l')[..] {
        let sql = "update conversations set language = $2 where uid = $1";
        let update = sqlx::query(sql).bind(&user.uid).bind(language);
        update.execute(db).await.unwrap();
    }
    for (number, (own, text)) in (0..).zip(&talk.lines) {
        let start = f64::from(number) * 6.0;
        planted::segment(db, &user.uid, id, i32::from(!own), *own, start, text).await;
    }
    id.to_string()
}
