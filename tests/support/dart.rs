//! What Omi's app makes of JSON: it throws, and drops the whole message or list, where a value has another type than it casts to.

use serde_json::Value;

use super::app_models::faults;

#[track_caller]
fn cast(model: &str, value: &Value) {
    let faults = faults(model, value);
    assert!(faults.is_empty(), "the app throws: {faults:#?}\n{value:#}");
}

#[track_caller]
pub fn segment(value: &Value) {
    cast("TranscriptSegment", value);
    // Not cast, but without them the app cannot tell segments and speakers apart.
    let id = value["id"].as_str().unwrap_or_default();
    assert!(!id.is_empty(), "a segment without an id: {value}");
    let speaker = value["speaker"].as_str().unwrap();
    let number = speaker.split('_').nth(1).and_then(|n| n.parse().ok());
    assert_eq!(value["speaker_id"].as_i64(), number, "{value}");
}

#[track_caller]
pub fn conversation(value: &Value) {
    cast("ServerConversation", value);
    let segments = value["transcript_segments"].as_array();
    segments.into_iter().flatten().for_each(segment);
}

/// The answer to a request to end the conversation.
#[track_caller]
pub fn ended(value: &Value) {
    cast("CreateConversationResponse", value);
    conversation(&value["conversation"]);
}

/// An object on the socket; unknown types are harmless.
#[track_caller]
pub fn event(value: &Value) {
    let model = match value["type"].as_str().unwrap() {
        "service_status" => "WsServiceStatus",
        "memory_processing_started" => "WsConversationProcessingStarted",
        "memory_created" => "WsConversationCreated",
        "last_memory" => "WsLastConversation",
        "translating" => "WsTranslating",
        "photo_processing" => "WsPhotoProcessing",
        "photo_described" => "WsPhotoDescribed",
        "speaker_label_suggestion" => "WsSpeakerLabelSuggestion",
        "onboarding_question" => "WsOnboardingQuestion",
        "question_answered" => "WsQuestionAnswered",
        "onboarding_complete" => "WsOnboardingComplete",
        "freemium_threshold_reached" => "WsFreemiumThreshold",
        "segments_deleted" => "WsSegmentsDeleted",
        _ => return,
    };
    cast(model, value);
}
