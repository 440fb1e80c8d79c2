//! What Omi's app makes of JSON: it throws, and drops the whole message or list, where a value has another type than it casts to.

use serde_json::Value;

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Flag,
    /// `30.0` is none.
    Whole,
    Number,
    /// `37` is none.
    Double,
    Moment,
    /// Seconds since 1970, or a moment.
    MomentOrWhole,
    Map(fn(&Value)),
    List(fn(&Value)),
}

use Kind::{Double, Flag, List, Map, Moment, MomentOrWhole, Number, Text, Whole};

/// A name, what it is cast to, and whether it may be null or absent.
type Field = (&'static str, Kind, bool);

#[track_caller]
fn cast(what: &str, value: &Value, fields: &[Field]) {
    assert!(value.is_object(), "the app throws: {what} is {value}");
    for (name, kind, optional) in fields {
        let field = &value[*name];
        let right = match kind {
            _ if field.is_null() => *optional,
            Text => field.is_string(),
            Flag => field.is_boolean(),
            Whole => field.is_i64(),
            Number => field.is_number(),
            Double => field.is_f64(),
            Moment => moment(field),
            MomentOrWhole => field.is_i64() || moment(field),
            Map(inner) => {
                inner(field);
                true
            }
            List(inner) => match field.as_array() {
                Some(list) => {
                    list.iter().for_each(inner);
                    true
                }
                None => false,
            },
        };
        assert!(right, "the app throws: {name} of {what} is {field}");
    }
}

/// With a zone: without one the app would take it for its own.
fn moment(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    chrono::DateTime::parse_from_rfc3339(text).is_ok()
}

fn any(_: &Value) {}

fn number(value: &Value) {
    assert!(value.is_number(), "the app throws: {value} is no number");
}

pub fn segment(value: &Value) {
    let fields: &[Field] = &[
        ("id", Text, true),
        ("text", Text, false),
        ("speaker", Text, true),
        ("is_user", Flag, true),
        ("person_id", Text, true),
        ("start", Number, true),
        ("end", Number, true),
        ("translations", List(translation), true),
        ("speech_profile_processed", Flag, true),
        ("stt_provider", Text, true),
    ];
    cast("a segment", value, fields);
    // Not cast, but without them the app cannot tell segments and speakers apart.
    let id = value["id"].as_str().unwrap_or_default();
    assert!(!id.is_empty(), "a segment without an id: {value}");
    let speaker = value["speaker"].as_str().unwrap();
    let number = speaker.split('_').nth(1).and_then(|n| n.parse().ok());
    assert_eq!(value["speaker_id"].as_i64(), number, "{value}");
}

fn translation(value: &Value) {
    let fields: &[Field] = &[("lang", Text, false), ("text", Text, false)];
    cast("a translation", value, fields);
}

fn structured(value: &Value) {
    let fields: &[Field] = &[
        ("title", Text, false),
        ("overview", Text, false),
        ("emoji", Text, false),
        ("category", Text, false),
        ("action_items", List(action_item), true),
        ("events", List(calendar_event), true),
    ];
    cast("what was understood", value, fields);
}

fn action_item(value: &Value) {
    let fields: &[Field] = &[
        ("description", Text, false),
        ("completed", Flag, true),
        ("deleted", Flag, true),
    ];
    cast("an action item", value, fields);
}

fn calendar_event(value: &Value) {
    let fields: &[Field] = &[
        ("title", Text, false),
        ("start", MomentOrWhole, false),
        ("duration", Whole, false),
        ("description", Text, true),
        ("created", Flag, true),
    ];
    cast("an event", value, fields);
}

fn place(value: &Value) {
    let fields: &[Field] = &[
        ("latitude", Double, true),
        ("longitude", Double, true),
        ("altitude", Double, true),
        ("accuracy", Double, true),
        ("time", Moment, true),
        ("google_place_id", Text, true),
        ("address", Text, true),
        ("location_type", Text, true),
    ];
    cast("a place", value, fields);
}

fn photo(value: &Value) {
    let fields: &[Field] = &[
        ("id", Text, true),
        ("base64", Text, true),
        ("description", Text, true),
        ("created_at", Moment, true),
        ("discarded", Flag, true),
    ];
    cast("a picture", value, fields);
}

fn sound(value: &Value) {
    let fields: &[Field] = &[
        ("id", Text, true),
        ("uid", Text, true),
        ("conversation_id", Text, true),
        ("chunk_timestamps", List(number), true),
        ("provider", Text, true),
        ("started_at", Moment, true),
        ("duration", Number, true),
    ];
    cast("a sound", value, fields);
}

fn result(value: &Value) {
    let fields: &[Field] = &[("content", Text, false), ("app_id", Text, true)];
    cast("a result of an app", value, fields);
}

fn brought(value: &Value) {
    cast("what was brought", value, &[("text", Text, true)]);
}

pub fn conversation(value: &Value) {
    let fields: &[Field] = &[
        ("id", Text, false),
        ("created_at", Moment, false),
        ("structured", Map(structured), false),
        ("started_at", Moment, true),
        ("finished_at", Moment, true),
        ("transcript_segments", List(segment), true),
        ("apps_results", List(result), true),
        ("suggested_summarization_apps", List(any), true),
        ("geolocation", Map(place), true),
        ("photos", List(photo), true),
        ("audio_files", List(sound), true),
        ("discarded", Flag, true),
        ("deleted", Flag, true),
        ("is_locked", Flag, true),
        ("starred", Flag, true),
        ("language", Text, true),
        ("folder_id", Text, true),
        ("external_data", Map(brought), true),
        ("visibility", Text, true),
    ];
    cast("a conversation", value, fields);
}

/// The answer to a request to end the conversation.
pub fn ended(value: &Value) {
    let fields: &[Field] = &[
        ("messages", List(any), true),
        ("conversation", Map(conversation), false),
    ];
    cast("an ended conversation", value, fields);
}

/// An object on the socket; unknown types are harmless.
pub fn event(value: &Value) {
    cast("a message", value, &[("type", Text, false)]);
    let fields: &[Field] = match value["type"].as_str().unwrap() {
        "service_status" => &[("status", Text, false), ("status_text", Text, true)],
        "memory_processing_started" => &[("memory", Map(conversation), false)],
        "memory_created" => &[
            ("memory", Map(conversation), false),
            ("messages", List(any), true),
        ],
        "last_memory" => &[("memory_id", Text, false)],
        "translating" => &[("segments", List(segment), false)],
        "photo_processing" => &[("temp_id", Text, false), ("photo_id", Text, false)],
        "photo_described" => &[
            ("photo_id", Text, false),
            ("description", Text, false),
            ("discarded", Flag, true),
        ],
        "speaker_label_suggestion" => &[
            ("speaker_id", Whole, false),
            ("person_id", Text, false),
            ("person_name", Text, false),
            ("segment_id", Text, false),
        ],
        "onboarding_question" => &[
            ("question", Text, true),
            ("question_index", Whole, true),
            ("total_questions", Whole, true),
        ],
        "question_answered" => &[("question_index", Whole, true), ("answered", Flag, true)],
        "onboarding_complete" => &[
            ("conversation_id", Text, true),
            ("memories_created", Whole, true),
            ("error", Text, true),
        ],
        "freemium_threshold_reached" => {
            &[("remaining_seconds", Whole, true), ("action", Text, true)]
        }
        "segments_deleted" => &[("segment_ids", List(any), false)],
        _ => &[],
    };
    cast("an event", value, fields);
}

mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn throws(check: fn(&Value), value: &Value) {
        let caught = std::panic::catch_unwind(|| check(value));
        assert!(caught.is_err(), "the app takes {value}");
    }

    #[test]
    fn the_app_throws_where_dart_does() {
        let event = json!({"title": "Demo", "start": "2026-01-02T15:00:00Z", "duration": 30});
        calendar_event(&event);
        for (name, bad) in [
            ("duration", json!(30.0)),
            ("start", json!(null)),
            ("start", json!(1.5)),
            ("start", json!("2026-01-02T15:00:00")),
            ("title", json!(null)),
        ] {
            let mut wrong = event.clone();
            wrong[name] = bad;
            throws(calendar_event, &wrong);
        }
        place(&json!({"latitude": 37.0}));
        throws(place, &json!({"latitude": 37}));
        let good = json!({"id": "a", "text": "", "speaker": "SPEAKER_1", "speaker_id": 1});
        segment(&good);
        for (name, bad) in [
            ("text", json!(null)),
            ("id", json!("")),
            ("speaker_id", json!(2)),
            ("translations", json!([{"lang": "en"}])),
        ] {
            let mut wrong = good.clone();
            wrong[name] = bad;
            throws(segment, &wrong);
        }
        throws(
            conversation,
            &json!({"id": "a", "created_at": "2026-01-02T15:00:00Z"}),
        );
        throws(
            super::event,
            &json!({"type": "photo_described", "photo_id": "a", "description": null}),
        );
    }
}
