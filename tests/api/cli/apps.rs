//! `omi-server app`

use uuid::Uuid;

use super::{assert_misused, assert_sentence, is_hex, omi};
use crate::support::Server;

#[tokio::test]
async fn apps_are_created_enabled_and_get_keys() {
    let server = Server::deaf().await;
    let ann = server.user("ann@example.org").await;
    let create = async |rest: &[&str]| {
        let start = ["app", "create", "--email", "ann@example.org", "--name"];
        omi(&server, &[&start[..], rest].concat()).await
    };
    let actions = "create_conversation,create_memories,read_conversations,read_memories";
    let created = create(&["Importer", "--actions", actions]).await;
    assert_eq!(
        (created.code, created.err.as_str()),
        (0, ""),
        "{created:#?}"
    );
    let id = created.out.trim_end();
    assert!(id.parse::<Uuid>().is_ok(), "the id alone: {created:#?}");
    assert_misused(&create(&["x", "--actions", "fly"]).await, "create_memories");
    assert_misused(&create(&["x", "--actions", ""]).await, "read_tasks");
    assert_sentence(&create(&[" "]).await, "name");
    assert_sentence(&create(&[&"x".repeat(101)]).await, "name");
    let nobody = [
        "app",
        "create",
        "--email",
        "cleo@example.org",
        "--name",
        "x",
    ];
    assert_sentence(
        &omi(&server, &nobody).await,
        "cleo@example.org has no account",
    );

    let made = omi(&server, &["app", "key", "--app", id]).await;
    assert_eq!((made.code, made.err.as_str()), (0, ""), "{made:#?}");
    let key = made.out.trim_end();
    assert!(is_hex(key.strip_prefix("sk_").unwrap(), 32), "{made:#?}");
    for absent in [&Uuid::new_v4().to_string(), "no-uuid", ""] {
        assert_sentence(
            &omi(&server, &["app", "key", "--app", absent]).await,
            "there is no app",
        );
    }

    let memories = format!("/v2/integrations/{id}/memories?uid={}", ann.uid);
    let switch = async |word: &str, email: &str, id: &str| {
        omi(&server, &["app", word, "--app", id, "--email", email]).await
    };
    assert_eq!(server.get(&memories, key).await.status, 403);
    for _ in 0..2 {
        let enabled = switch("enable", "ann@example.org", id).await;
        assert_eq!(enabled.code, 0, "{enabled:#?}");
        assert_eq!((enabled.out.as_str(), enabled.err.as_str()), ("", ""));
    }
    assert_eq!(server.get(&memories, key).await.status, 200);
    let disabled = switch("disable", "ann@example.org", id).await;
    assert_eq!(
        (disabled.code, disabled.out.as_str()),
        (0, ""),
        "{disabled:#?}"
    );
    assert_eq!(server.get(&memories, key).await.status, 403);
    let again = switch("disable", "ann@example.org", id).await;
    assert_sentence(&again, "has not enabled the app");
    let absent = Uuid::new_v4().to_string();
    assert_sentence(
        &switch("enable", "ann@example.org", &absent).await,
        "there is no app",
    );
    assert_sentence(
        &switch("enable", "cleo@example.org", id).await,
        "no account",
    );

    create(&["Second"]).await;
    let listed = server
        .cli(&["app", "list", "--email", "ann@example.org"])
        .await;
    let lines: Vec<_> = listed.lines().collect();
    assert_eq!(lines.len(), 2, "{listed}");
    assert!(
        lines[0].starts_with(id) && lines[0].contains("Importer"),
        "{listed}"
    );
    assert!(lines[0].contains("read_memories"), "{listed}");
}
