//! The entry of a calendar that a conversation belongs to.

use serde_json::{Value, json};

use crate::{
    app::Handles,
    error::Result,
    features::{
        calendar,
        conversations::{self, Conversation},
    },
};

/// What a conversation's external data calls it.
const KEY: &str = "calendar_meeting_context";
/// Where the app that reads calendars runs.
const SOURCE: &str = "desktop";

/// A conversation that was heard at a desktop is noted as held in the meeting of that time, unless another is noted.
pub async fn with_meeting(
    app: &Handles,
    uid: &str,
    mut conversation: Conversation,
) -> Result<Conversation> {
    let known = conversation.external_data.as_ref();
    if conversation.source != SOURCE || known.is_some_and(|data| data.get(KEY).is_some()) {
        return Ok(conversation);
    }
    let Some(meeting) = calendar::held_at(&app.db, uid, conversation.started_at).await? else {
        return Ok(conversation);
    };
    let meeting = json!(meeting);
    conversations::link_meeting(&app.db, uid, conversation.id, meeting.clone()).await?;
    match &mut conversation.external_data {
        Some(Value::Object(data)) => {
            data.insert(KEY.into(), meeting);
        }
        other => *other = Some(json!({KEY: meeting})),
    }
    Ok(conversation)
}
