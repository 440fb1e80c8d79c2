//! Refusals: Omi's `detail`, and beside it an `error` object with a stable code.

use reqwest::Method;
use serde_json::json;

use crate::support::Server;

#[tokio::test]
async fn every_status_has_its_shape() {
    let server = Server::deaf().await;
    let user = server.user("ann@example.org").await;
    let key = Some(user.developer_key.as_str());
    let read_only = server
        .cli(&[
            "key",
            "create",
            "--email",
            "ann@example.org",
            "--kind",
            "developer",
            "--name",
            "default",
        ])
        .await;
    let memories = "/v1/dev/user/memories";
    let absent = "/v1/dev/user/conversations/00000000-0000-4000-8000-000000000000";
    let cases = [
        (
            "400_bad_filter",
            400,
            Method::GET,
            "/v1/dev/user/memories?categories=work,cats",
            key,
            None,
        ),
        (
            "400_bad_date",
            400,
            Method::GET,
            "/v1/dev/user/conversations?start_date=yesterday",
            key,
            None,
        ),
        ("401_missing", 401, Method::GET, memories, None, None),
        (
            "401_invalid",
            401,
            Method::GET,
            memories,
            Some("omi_dev_0"),
            None,
        ),
        (
            "403_scope",
            403,
            Method::POST,
            memories,
            Some(read_only.as_str()),
            Some(json!({"content": "x"})),
        ),
        ("404_absent", 404, Method::GET, absent, key, None),
        (
            "404_unknown_path",
            404,
            Method::GET,
            "/v1/dev/user/cats",
            key,
            None,
        ),
        ("405_wrong_method", 405, Method::PUT, memories, key, None),
        (
            "422_parameter",
            422,
            Method::GET,
            "/v1/dev/user/memories?limit=many",
            key,
            None,
        ),
        (
            "422_range",
            422,
            Method::GET,
            "/v1/dev/user/memories?limit=1001",
            key,
            None,
        ),
        (
            "422_missing_field",
            422,
            Method::POST,
            memories,
            key,
            Some(json!({})),
        ),
        (
            "422_wrong_type",
            422,
            Method::POST,
            memories,
            key,
            Some(json!({"content": "x", "tags": [1]})),
        ),
        ("422_no_json", 422, Method::POST, memories, key, None),
    ];
    for (name, status, method, path, secret, body) in cases {
        let answer = server.send(method, path, secret, body).await;
        assert_eq!(answer.status, status, "{name}: {answer:#?}");
        insta::with_settings!({sort_maps => true}, { insta::assert_json_snapshot!(name, answer.body) });
    }
}
