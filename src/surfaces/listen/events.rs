//! What goes out on the socket: an array of segments, or an object with a `type`.

use axum::extract::ws::Message;
use serde_json::{Value, json};

use crate::{
    features::listening::{Failure, Update},
    platform::speech::Change,
};

/// The bare word by which the server asks whether the device is still there.
pub const PING: &str = "ping";

pub fn message(update: &Update) -> Message {
    let value = match update {
        Update::Status { status, text } => service_status(status, *text),
        Update::Conversation(id) => json!({"type": "conversation_session", "conversation_id": id,
            "status": "in_progress", "recording_session_id": null}),
        Update::Translated(segments) => json!({"type": "translating", "segments": segments}),
        Update::PhotoTaken { temporary, id } => {
            json!({"type": "photo_processing", "temp_id": temporary, "photo_id": id})
        }
        Update::PhotoDescribed {
            id,
            description,
            discarded,
        } => {
            json!({"type": "photo_described", "photo_id": id, "description": description, "discarded": discarded})
        }
        Update::Question(asked) => {
            json!({"type": "onboarding_question", "question": asked.question,
            "question_index": asked.index, "total_questions": asked.total, "question_segment_id": asked.segment_id})
        }
        Update::QuestionAnswered {
            index,
            skipped: true,
        } => {
            json!({"type": "question_skipped", "question_index": index})
        }
        Update::QuestionAnswered {
            index,
            skipped: false,
        } => {
            json!({"type": "question_answered", "question_index": index, "answered": true})
        }
        Update::Onboarded { answers } => {
            json!({"type": "onboarding_complete", "answers_count": answers})
        }
        Update::Recogniser(change) => recogniser(change),
        Update::LastConversation(id) => json!({"type": "last_memory", "memory_id": id}),
        Update::SegmentsDeleted(ids) => json!({"type": "segments_deleted", "segment_ids": ids}),
        Update::Segments(segments) => json!(segments),
        Update::Interim(segment) => {
            let mut segment = json!(segment);
            segment["provisional"] = json!(true);
            json!([segment])
        }
        Update::ProcessingStarted(conversation) => {
            json!({"type": "memory_processing_started", "memory": conversation, "messages": []})
        }
        Update::Processed(conversation) => {
            json!({"type": "memory_created", "memory": conversation, "messages": []})
        }
        Update::Failed(why) => stt_failed(why),
    };
    Message::text(value.to_string())
}

/// Fields without a value are left out.
fn recogniser(change: &Change) -> Value {
    let Some(reason) = change.instead else {
        let mut event = service_status("ready", None);
        event["provider"] = json!(change.provider);
        return event;
    };
    let text = format!("Speech is recognised by {} for now.", change.provider);
    let mut event = service_status("stt_degraded", Some(&text));
    event["provider"] = json!(change.provider);
    event["reason"] = json!(reason);
    event["retryable"] = json!(reason != "refused");
    event
}

fn service_status(status: &str, text: Option<&str>) -> Value {
    json!({"type": "service_status", "status": status, "status_text": text})
}

/// Nothing is heard: the socket closes, and the device keeps its audio.
fn stt_failed(why: &Failure) -> Value {
    let mut event = service_status("stt_failed", Some(&why.text));
    event["outcome"] = json!("failed");
    event["reason"] = json!(why.reason);
    event["retryable"] = json!(why.retryable);
    if let Some(provider) = why.provider {
        event["provider"] = json!(provider);
    }
    event
}
