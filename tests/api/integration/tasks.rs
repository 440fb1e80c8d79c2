//! `/v2/integrations/{app_id}/tasks`

use super::{
    examples::assert_no_null,
    importer::{ALL, Importer},
};
use crate::{
    api::plant::{self, at},
    support::Server,
};

#[tokio::test]
async fn all_filters_count_together() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let ben = server.user("ben@example.org").await;
    let app = Importer::new(&server, "ann@example.org", ALL).await;
    app.enabled_by(&ann).await;
    let db = server.pool().await;
    let conversation = plant::Conversation::default().put(&db, &ann.uid).await;
    for (description, completed, created_at, due_at, conversation_id) in [
        (
            "old and due",
            false,
            "2026-01-01T09:00:00Z",
            Some("2026-03-01T12:00:00Z"),
            None,
        ),
        (
            "new and due",
            true,
            "2026-02-01T09:00:00Z",
            Some("2026-03-01T18:00:00Z"),
            Some(conversation),
        ),
        (
            "new",
            false,
            "2026-02-01T10:00:00Z",
            None,
            Some(conversation),
        ),
        (
            "due late",
            false,
            "2026-02-01T11:00:00Z",
            Some("2026-04-01T00:00:00Z"),
            None,
        ),
    ] {
        plant::ActionItem {
            description,
            completed,
            created_at: at(created_at),
            due_at: due_at.map(at),
            conversation_id,
        }
        .put(&db, &ann.uid)
        .await;
    }
    plant::ActionItem::default().put(&db, &ben.uid).await;

    let of = format!("conversation_id={conversation}");
    for (query, expected) in [
        ("", &["old and due", "new and due", "due late", "new"][..]),
        ("completed=true", &["new and due"]),
        ("completed=false&limit=1", &["due late"]),
        (&of, &["new and due", "new"]),
        ("conversation_id=no-uuid", &[]),
        ("start_date=2026-02-01", &["new and due", "due late", "new"]),
        ("end_date=2026-01-01", &["old and due"]),
        (
            "due_start_date=2026-03-01&due_end_date=2026-03-01",
            &["old and due", "new and due"],
        ),
        (
            "due_end_date=2026-03-01&start_date=2026-01-15",
            &["new and due"],
        ),
        ("due_start_date=2026-03-02", &["due late"]),
        ("due_start_date=2026-03-02&end_date=2026-01-15", &[]),
    ] {
        let found = app.list(&format!("tasks?{query}"), &ann.uid).await;
        let found: Vec<_> = found
            .iter()
            .map(|task| task["description"].as_str().unwrap())
            .collect();
        assert_eq!(found, expected, "{query}");
    }
    let found = app.list("tasks?completed=true", &ann.uid).await;
    assert_no_null(&found[0]);
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!("task", found[0], { ".id" => "[id]", ".conversation_id" => "[id]" });
    });
}
