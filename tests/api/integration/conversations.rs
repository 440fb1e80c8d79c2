//! `/v2/integrations/{app_id}/conversations` and `…/search/conversations`

use serde_json::{Value, json};

use super::{
    examples::assert_no_null,
    importer::{ALL, Importer},
};
use crate::{
    api::plant::{self, at},
    support::Server,
};

fn titles(found: &[Value]) -> Vec<&str> {
    found
        .iter()
        .map(|one| one["structured"]["title"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_list_is_filtered_and_cut() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let app = Importer::new(&server, "ann@example.org", ALL).await;
    app.enabled_by(&ann).await;
    let db = server.pool().await;
    let mut heard = None;
    for (title, status, discarded, created_at) in [
        ("First", "completed", false, "2026-01-30T23:59:59.5Z"),
        ("Second", "processing", false, "2026-01-31T00:00:00Z"),
        ("Third", "failed", false, "2026-01-31T12:00:00Z"),
        ("Fourth", "completed", true, "2026-01-31T13:00:00Z"),
        ("Fifth", "merging", false, "2026-02-01T00:00:00Z"),
    ] {
        let planted = plant::Conversation {
            title,
            status,
            discarded,
            created_at: at(created_at),
            ..plant::Conversation::default()
        };
        let id = planted.put(&db, &ann.uid).await;
        heard.get_or_insert(id);
    }
    let heard = heard.unwrap();
    for n in 0..120 {
        let text = format!("Word {n}");
        plant::segment(
            &db,
            &ann.uid,
            heard,
            n % 2,
            n % 2 == 0,
            f64::from(n) * 2.0,
            &text,
        )
        .await;
    }
    plant::ActionItem {
        conversation_id: Some(heard),
        ..plant::ActionItem::default()
    }
    .put(&db, &ann.uid)
    .await;
    plant::Conversation::default().put(&db, &ben.uid).await;

    let list = async |query: &str| app.list(&format!("conversations?{query}"), &ann.uid).await;
    let all = list("").await;
    assert_eq!(titles(&all), ["Fifth", "Third", "Second", "First"]);
    for (query, expected) in [
        (
            "include_discarded=true",
            &["Fifth", "Fourth", "Third", "Second", "First"][..],
        ),
        ("limit=1&offset=1", &["Third"]),
        ("statuses=completed,processing", &["Second", "First"]),
        (
            "statuses=completed&statuses=processing",
            &["Second", "First"],
        ),
        (
            "statuses=completed&statuses=failed,%20processing",
            &["Third", "Second", "First"],
        ),
        ("statuses=", &["Fifth", "Third", "Second", "First"]),
        ("statuses=,merging,", &["Fifth"]),
        ("start_date=2026-01-31", &["Fifth", "Third", "Second"]),
        (
            "start_date=2026-01-31&end_date=2026-01-31",
            &["Third", "Second"],
        ),
        ("end_date=2026-01-30", &["First"]),
        ("end_date=2026-01-31T00:00:00.000Z", &["Second", "First"]),
        (
            "start_date=2026-01-31T13:00:00%2B01:00",
            &["Fifth", "Third"],
        ),
        ("offset=9223372036854775807", &[]),
    ] {
        assert_eq!(titles(&list(query).await), expected, "{query}");
    }

    let first = &all[3];
    let segments = first["transcript_segments"].as_array().unwrap();
    assert_eq!(segments.len(), 100, "the default");
    assert_eq!(
        segments[1],
        json!({"text": "Word 1", "speaker": "SPEAKER_01", "is_user": false, "start": 2.0, "end": 4.0,
               "start_time": 2.0, "end_time": 4.0})
    );
    let text = first["text"].as_str().unwrap();
    assert!(
        text.starts_with("Word 0\nWord 1\n") && text.ends_with("Word 119"),
        "{text}"
    );
    assert_eq!(
        first["structured"]["action_items"],
        json!([{"description": "Planted", "completed": false, "exported": false}])
    );
    assert_eq!(first["structured"]["events"], json!([]));
    assert_no_null(first);
    for (most, kept) in [(-1, 120), (0, 0), (1, 1), (1000, 120)] {
        let found = list(&format!("max_transcript_segments={most}")).await;
        let segments = found[3]["transcript_segments"].as_array().unwrap();
        assert_eq!(segments.len(), kept, "{most}");
        assert_eq!(found[3]["text"], first["text"]);
    }
    let found = list("max_transcript_segments=1&end_date=2026-01-30").await;
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("conversation", found[0], {
            ".id" => "[id]", ".text" => "[text]"
        });
    });
}

#[tokio::test]
async fn a_search_finds_all_words_wherever_they_are() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let app = Importer::new(&server, "ann@example.org", ALL).await;
    app.enabled_by(&ann).await;
    let db = server.pool().await;
    for (n, title) in ["Dentist", "Painting the kitchen", "Trip to Lisbon"]
        .into_iter()
        .enumerate()
    {
        let planted = plant::Conversation {
            title,
            discarded: n == 0,
            created_at: at(&format!("2026-01-0{}T09:00:00Z", n + 1)),
            ..plant::Conversation::default()
        };
        let id = planted.put(&db, &ann.uid).await;
        plant::segment(&db, &ann.uid, id, 0, true, 0.0, "We need new colours.").await;
        plant::segment(
            &db,
            &ann.uid,
            id,
            1,
            false,
            2.0,
            &format!("Unusual{n} talks."),
        )
        .await;
    }
    let foreign = plant::Conversation {
        title: "Lisbon",
        ..plant::Conversation::default()
    };
    foreign.put(&db, &ben.uid).await;
    let imported =
        json!({"text": "Quarterly numbers of the bakery.", "started_at": "2025-05-01T09:00:00Z"});
    app.post("user/conversations", &ann.uid, imported)
        .await
        .ok();

    let search = async |body: Value| app.post("search/conversations", &ann.uid, body).await.ok();
    for (query, expected) in [
        ("lisbon", &["Trip to Lisbon"][..]),
        ("LISBON trips", &["Trip to Lisbon"]),
        ("lisbon unusual2 colour", &["Trip to Lisbon"]),
        ("lisbon unusual1", &[]),
        ("painted", &["Painting the kitchen"]),
        (
            "colours",
            &["Trip to Lisbon", "Painting the kitchen", "Dentist"],
        ),
        ("the", &[]),
        ("' & | ! <-> (:*", &[]),
        ("zebra", &[]),
    ] {
        let found = search(json!({"query": query})).await;
        let conversations = found["conversations"].as_array().unwrap();
        assert_eq!(titles(conversations), expected, "{query}");
        assert_eq!(
            found["total_pages"],
            i64::from(!expected.is_empty()),
            "{query}"
        );
    }
    let bakery = search(json!({"query": "bakery quarterly"})).await;
    assert_eq!(
        bakery["conversations"][0]["text"],
        "Quarterly numbers of the bakery."
    );

    let kept = search(json!({"query": "colours", "include_discarded": false})).await;
    assert_eq!(kept["conversations"].as_array().unwrap().len(), 2);
    let days = json!({"query": "colours", "start_date": "2026-01-02", "end_date": "2026-01-02"});
    let day = search(days).await;
    assert_eq!(
        titles(day["conversations"].as_array().unwrap()),
        ["Painting the kitchen"]
    );
    for (page, expected) in [(1, 2), (2, 1), (3, 0), (1_000_000_000, 0)] {
        let found = search(json!({"query": "colours", "page": page, "per_page": 2})).await;
        let conversations = found["conversations"].as_array().unwrap();
        assert_eq!(conversations.len(), expected, "{page}");
        assert_eq!(
            (
                &found["total_pages"],
                &found["current_page"],
                &found["per_page"]
            ),
            (&json!(2), &json!(page), &json!(2))
        );
    }
    let whole = app
        .post(
            "search/conversations?max_transcript_segments=1",
            &ann.uid,
            json!({"query": "lisbon"}),
        )
        .await
        .ok();
    let segments = &whole["conversations"][0]["transcript_segments"];
    assert_eq!(segments.as_array().unwrap().len(), 1);
}

/// A text whose vector is as large as it gets.
#[tokio::test]
async fn the_longest_text_can_be_searched() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let app = Importer::new(&server, "ann@example.org", ALL).await;
    app.enabled_by(&ann).await;
    // Letters of four bytes, in compounds, each of which is stored whole and in its parts.
    let letters: Vec<char> = ('\u{20000}'..'\u{2a6d0}').collect();
    let mut text = String::new();
    for n in 0..12_500 {
        let letter = |m: usize| letters[(n * 7 + m * 13) % letters.len()];
        let word = format!("{}{}-{}{}", letter(0), letter(n), letter(1), letter(2 * n));
        text.push_str(&word);
        text.push_str(" b ");
    }
    let text: String = text.chars().take(100_000).collect();
    let answer = app
        .post("user/conversations", &ann.uid, json!({"text": text}))
        .await;
    assert_eq!(answer.ok(), json!({}));
    let rest = "search/conversations?max_transcript_segments=0";
    let found = app.post(rest, &ann.uid, json!({"query": "b"})).await.ok();
    assert_eq!(found["total_pages"], 1);
}
