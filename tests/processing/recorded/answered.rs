//! What the prompts of chat and of daily summaries are worth: questions about some days, and the look back at three of them.

use std::{collections::BTreeSet, time::Instant};

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    PIECE, Stage, ZONE,
    days::{Days, Names, berlin},
    file, of,
    talks::talks,
    tally::{Tally, holds},
};
use crate::api::{
    app::chat::{PATH, Told, ask_with, everything_else, history},
    plant,
};

const SUMMARIES: &str = "/v1/users/daily-summaries";

#[derive(Default)]
struct Asked {
    text: String,
    looks_at: Option<String>,
    marks: Vec<(char, String)>,
}

/// One letter, a blank, and what it says.
fn mark(line: &str) -> (char, String) {
    let mark = line.chars().next().unwrap();
    (mark, line[mark.len_utf8()..].trim().to_string())
}

/// Those of questions.txt, by talks.
fn talks_of_questions() -> Vec<(String, Vec<Asked>)> {
    let mut talks: Vec<(String, Vec<Asked>)> = Vec::new();
    for line in file("questions.txt").lines() {
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        if let Some(name) = line.strip_prefix("== ") {
            talks.push((name.into(), Vec::new()));
            continue;
        }
        let (_, talk) = talks.last_mut().unwrap();
        let Some(question) = line.strip_prefix("? ") else {
            talk.last_mut().unwrap().marks.push(mark(line));
            continue;
        };
        let (looks_at, text) = match question.strip_prefix("@ ") {
            Some(rest) => rest.split_once(' ').unwrap_or_default(),
            None => ("", question),
        };
        talk.push(Asked {
            text: text.into(),
            looks_at: (!looks_at.is_empty()).then(|| looks_at.into()),
            marks: Vec::new(),
        });
    }
    talks
}

fn judge(asked: &Asked, told: &Told, names: &Names, tally: &mut Tally) {
    let (text, question) = (told.final_text(), asked.text.as_str());
    let question = question.get(..60).unwrap_or(question);
    for words in of(&asked.marks, '+') {
        for word in words.split(' ') {
            tally.judge(
                question,
                "answered",
                holds(text, word),
                format!("{word} not in {text}"),
            );
        }
    }
    for word in of(&asked.marks, '!')
        .iter()
        .flat_map(|words| words.split(' '))
    {
        tally.judge(
            question,
            "nothing wrong",
            !holds(text, word),
            format!("{word} in {text}"),
        );
    }
    let cited: Vec<&str> = told.message()["memories"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| name_of(names, one["id"].as_str().unwrap()))
        .collect();
    for wanted in of(&asked.marks, 'c') {
        let there = wanted.split('/').any(|name| cited.contains(&name));
        tally.judge(
            question,
            "cited",
            there,
            format!("{wanted} not among {cited:?}: {text}"),
        );
    }
    for unwanted in of(&asked.marks, 'n') {
        let there = match unwanted {
            "*" => !cited.is_empty(),
            name => cited.contains(&name),
        };
        tally.judge(
            question,
            "cites nothing else",
            !there,
            format!("{cited:?}: {text}"),
        );
    }
}

fn name_of<'a>(names: &'a Names, id: &str) -> &'a str {
    let id: Uuid = id.parse().unwrap();
    let found = names.iter().find(|(_, known)| **known == id);
    found.map(|(name, _)| name.as_str()).unwrap_or("?")
}

/// What was written without blanks and marks of citations: the same in the stream and in the message.
fn letters(text: &str) -> String {
    let mut parts = text.split('[');
    let first = parts.next().unwrap_or_default().to_string();
    let left = parts.fold(first, |left, part| match part.split_once(']') {
        Some((mark, rest)) if mark.chars().all(|c| c.is_ascii_digit()) => left + rest,
        _ => left + "[" + part,
    });
    left.split_whitespace().collect()
}

/// Asks one after another; a prompt that has no answer ends the talk.
async fn talk(days: &Days<'_>, stage: &Stage, asked: &[Asked], tally: &mut Tally) {
    let Days { server, user, .. } = *days;
    assert_eq!(history(server, user, "").await.len(), 1, "a greeting");
    let mut answers = Vec::new();
    for question in asked {
        let mut body = json!({"text": question.text});
        if let Some(name) = &question.looks_at {
            body["context"] = json!({"type": "conversation", "id": days.names[name]});
        }
        let told = ask_with(server, user, "", body).await;
        if !stage.missing.0.lock().unwrap().is_empty() {
            return;
        }
        assert_eq!(
            letters(&told.text()),
            letters(told.final_text()),
            "{told:#?}"
        );
        assert!(!told.final_text().contains('['), "{told:#?}");
        let short = told.text().chars().count() <= PIECE;
        assert!(short || told.words.len() > 1, "{told:#?}");
        judge(question, &told, &days.names, tally);
        answers.push(told);
    }
    let kept = history(server, user, "").await;
    let kept = kept
        .iter()
        .rev()
        .filter(|message| message["sender"] == "ai");
    let kept: Vec<_> = kept.skip(1).collect();
    assert_eq!(kept.len(), answers.len());
    for (kept, told) in kept.iter().zip(&answers) {
        for part in ["id", "text", "memories_id", "memories"] {
            assert_eq!(kept[part], told.message()[part]);
        }
    }
}

/// Has a day summed up, judges that, and dates it to the evening of its day.
async fn sum_up(
    days: &Days<'_>,
    stage: &Stage,
    day: &str,
    marks: &[(char, String)],
    tally: &mut Tally,
) {
    let Days {
        server, db, user, ..
    } = *days;
    let path = "/v1/users/daily-summary-settings/test";
    server
        .post(path, &user.token, json!({"date": day}))
        .await
        .ok();
    let sql = "update daily_summaries set created_at = $3 where uid = $1 and date = $2::date";
    let dated = sqlx::query(sql).bind(&user.uid);
    let dated = dated.bind(day.parse::<chrono::NaiveDate>().unwrap());
    let dated = dated.bind(berlin(&format!("{day} 22:00")));
    dated.execute(db).await.unwrap();
    if !stage.missing.0.lock().unwrap().is_empty() {
        return;
    }
    let found = server.get(SUMMARIES, &user.token).await.ok();
    let found = found["summaries"].as_array().unwrap().iter();
    let found = found
        .clone()
        .find(|summary| summary["date"] == day)
        .unwrap();
    let list = |field: &str| found[field].as_array().unwrap().clone();
    let texts = |field: &str, of: &str| -> Vec<String> {
        let all = list(field);
        let texts = all.iter().map(|one| one[of].as_str().unwrap().to_string());
        texts.collect()
    };
    let headline = found["headline"].as_str().unwrap();
    let highlights = list("highlights");
    let told = format!("{} {}", found["overview"], json!(highlights));
    for words in of(marks, 'h') {
        tally.judge(day, "headline", holds(headline, words), headline);
    }
    for words in of(marks, 'o') {
        tally.judge(day, "overview", holds(&told, words), &told);
    }
    for (kind, field, of_one, wanted, allowed) in [
        ("decisions", "decisions_made", "decision", 'd', 'D'),
        (
            "open questions",
            "unresolved_questions",
            "question",
            'q',
            'Q',
        ),
    ] {
        let expected = of(marks, wanted);
        let allowed = of(marks, allowed);
        let mut there = texts(field, of_one);
        there.retain(|text| {
            let wanted = expected.iter().any(|words| holds(text, words));
            wanted || !allowed.iter().any(|words| holds(text, words))
        });
        let there: Vec<_> = there
            .into_iter()
            .map(|text| (text, String::new()))
            .collect();
        tally.compare(day, kind, &there, &expected);
    }
    let places = format!("{}", found["locations"]);
    let tasks = format!("{}", found["action_items"]);
    for (kind, of_kind, there) in [("tasks of the day", 't', &tasks), ("places", 'p', &places)] {
        for words in of(marks, of_kind) {
            tally.judge(day, kind, holds(there, words), there);
        }
    }
    let shown = |value: &Value| -> BTreeSet<String> {
        let names = days.names.iter();
        let names = names.filter(|(_, id)| value.to_string().contains(&id.to_string()));
        names.map(|(name, _)| name.clone()).collect()
    };
    let highlighted = shown(&json!(highlights));
    for name in of(marks, 'c') {
        tally.judge(
            day,
            "highlights",
            highlighted.contains(name),
            format!("{name} not in {highlighted:?}"),
        );
    }
    let all = shown(found);
    for name in of(marks, 'n') {
        tally.judge(
            day,
            "nothing else",
            !all.contains(name),
            format!("{name} in {found}"),
        );
    }
    for word in of(marks, '!').iter().flat_map(|words| words.split(' ')) {
        tally.judge(
            day,
            "nothing wrong",
            !holds(&found.to_string(), word),
            format!("{word} in {found}"),
        );
    }
}

#[tokio::test]
async fn what_a_large_model_answers() {
    let Some(stage) = Stage::set().await else {
        return;
    };
    let start = Instant::now();
    let (server, db) = (&stage.server, &stage.db);
    let sam = server.user_in("sam@example.org", ZONE).await;
    sqlx::query("update users set name = 'Sam' where uid = $1")
        .bind(&sam.uid)
        .execute(db)
        .await
        .unwrap();
    let bob = server.user("bob@example.org").await;
    let secret = "Bob's secret is the xylophone and the marketing budget of a million";
    plant::memory(db, &bob.uid, secret, "system", None, None).await;
    let talks = talks();
    let understood = stage.understand(&talks).await;
    let mut days = Days::lived(server, db, &sam).await;
    for (place, (talk, (user, id))) in (0..).zip(talks.iter().zip(&understood)) {
        let began = berlin("2026-03-03 06:00") + chrono::Duration::minutes(14 * place);
        days.take_over(user, &talk.name, id, began).await;
    }
    let mut tally = Tally::default();
    let summaries = file("summaries.txt");
    let mut wanted: Vec<(&str, Vec<(char, String)>)> = Vec::new();
    for line in summaries.lines() {
        match line.strip_prefix("= ") {
            Some(day) => wanted.push((day, Vec::new())),
            None if line.is_empty() || line.starts_with('#') => {}
            None => wanted.last_mut().unwrap().1.push(mark(line)),
        }
    }
    let (today, past) = wanted.split_last().unwrap();
    for (day, marks) in past {
        sum_up(&days, &stage, day, marks, &mut tally).await;
    }
    let all_but_talks = async || {
        let mut all = everything_else(db).await;
        all.retain(|(table, _)| table != "chat_sessions");
        all
    };
    let before = all_but_talks().await;
    let mut count = 0;
    for (name, questions) in talks_of_questions() {
        println!(
            "{name}: {} questions after {:?}",
            questions.len(),
            start.elapsed()
        );
        // So that prompts of all talks are found at once.
        let open = std::mem::take(&mut *stage.missing.0.lock().unwrap());
        talk(&days, &stage, &questions, &mut tally).await;
        stage.missing.0.lock().unwrap().extend(open);
        server
            .send(Method::DELETE, PATH, Some(&sam.token), None)
            .await
            .ok();
        count += questions.len();
    }
    assert!(count >= 40, "{count}");
    assert_eq!(all_but_talks().await, before, "an answer changes nothing");
    let (day, marks) = today;
    let open = std::mem::take(&mut *stage.missing.0.lock().unwrap());
    sum_up(&days, &stage, day, marks, &mut tally).await;
    stage.missing.0.lock().unwrap().extend(open);
    stage.end().await;
    tally.report(&FLOORS);
}

/// Kind, precision, recall.
const FLOORS: [(&str, f64, f64); 12] = [
    ("answered", 0.95, 0.95),
    ("cited", 0.95, 0.95),
    ("cites nothing else", 0.85, 0.85),
    ("nothing wrong", 0.9, 0.9),
    ("headline", 1.0, 1.0),
    ("overview", 0.9, 0.9),
    ("highlights", 1.0, 1.0),
    ("decisions", 0.9, 0.9),
    ("open questions", 1.0, 1.0),
    ("tasks of the day", 1.0, 1.0),
    ("places", 1.0, 1.0),
    ("nothing else", 1.0, 1.0),
];
