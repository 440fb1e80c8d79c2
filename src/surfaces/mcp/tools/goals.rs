//! Tools: goals, and how far a user is.

use axum::http::request::Parts;
use rmcp::{
    ErrorData,
    handler::server::common::Extension,
    schemars::{self, JsonSchema, Schema, SchemaGenerator, json_schema},
    tool, tool_router,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Success, Tools,
    reading::{self, Page, failed},
};
use crate::{
    features::goals::{self, Goal, GoalType, NewGoal, Twins},
    platform::ids,
    surfaces::mcp::{
        arguments::Parameters,
        results::{Json, schema},
    },
};

fn goal_type(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": ["boolean", "scale", "numeric"], "default": "scale"})
}

#[derive(Deserialize, JsonSchema)]
struct GetGoals {
    /// true: also goals in whose place newer ones have come, the newest first.
    #[serde(default)]
    include_inactive: bool,
    /// How many goals at most.
    #[serde(default = "super::twenty")]
    #[schemars(range(min = 1, max = 500))]
    limit: i64,
}

#[derive(Serialize, ToSchema)]
struct Goals {
    goals: Vec<Goal>,
    /// A greater limit shows more.
    has_more: bool,
}

#[derive(Deserialize, JsonSchema)]
struct CreateGoal {
    /// What the user wants to reach, 1 to 500 characters.
    #[schemars(length(min = 1, max = 500))]
    title: String,
    /// The value at which it is reached; 1 for a goal that is reached or not.
    target_value: f64,
    /// boolean: reached or not; scale: a few steps; numeric: any number.
    #[serde(default)]
    #[schemars(schema_with = "goal_type")]
    goal_type: GoalType,
    /// How far the user is.
    #[serde(default)]
    current_value: f64,
    /// The lowest value, for drawing.
    #[serde(default)]
    min_value: f64,
    /// The highest value, for drawing; left out: 10, or the target if that is higher.
    #[serde(default)]
    #[schemars(with = "f64")]
    max_value: Option<f64>,
    /// What the values count, such as km, at most 100 characters.
    #[serde(default)]
    #[schemars(with = "String", length(max = 100))]
    unit: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Changed {
    success: bool,
    goal: Goal,
}

#[derive(Deserialize, JsonSchema)]
struct UpdateGoalProgress {
    /// The id of the goal, as get_goals shows it.
    goal_id: String,
    /// How far the user is now: the new value, not the difference.
    current_value: f64,
}

#[derive(Deserialize, JsonSchema)]
struct DeleteGoal {
    /// The id of the goal, as get_goals shows it.
    goal_id: String,
}

#[tool_router(router = goals, vis = "pub(super)")]
impl Tools {
    /// What the user wants to reach, and how far they are; the oldest first.
    #[tool(
        title = "Get goals",
        output_schema = schema::<Goals>(),
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn get_goals(
        &self,
        Parameters(wanted): Parameters<GetGoals>,
        Extension(request): Extension<Parts>,
    ) -> Result<Json<Goals>, ErrorData> {
        let caller = reading::asking(&request)?;
        let page = Page::of(wanted.limit, 0, super::MOST)?;
        let all = wanted.include_inactive;
        let mut goals = goals::list(&self.app.db, caller, all, page.fetched())
            .await
            .map_err(failed)?;
        let has_more = page.cut(&mut goals).is_some();
        Ok(Json(Goals { goals, has_more }))
    }

    /// Set a goal. Only a few goals are active at a time: with one more, the oldest becomes inactive.
    #[tool(
        title = "Create goal",
        output_schema = schema::<Changed>(),
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = false,
            open_world_hint = false
        )
    )]
    async fn create_goal(
        &self,
        Parameters(wanted): Parameters<CreateGoal>,
        Extension(request): Extension<Parts>,
    ) -> Result<Json<Changed>, ErrorData> {
        let caller = reading::asking(&request)?;
        let new = NewGoal {
            title: wanted.title,
            goal_type: wanted.goal_type,
            target_value: wanted.target_value,
            current_value: wanted.current_value,
            min_value: wanted.min_value,
            max_value: wanted.max_value.unwrap_or(wanted.target_value.max(10.0)),
            unit: wanted.unit,
        };
        let most = self.app.config.goals.max_active;
        let db = &self.app.db;
        let goal = goals::create(db, caller, ids::new(), new, most, Twins::AreTwo)
            .await
            .map_err(failed)?;
        Ok(Json(Changed {
            success: true,
            goal,
        }))
    }

    /// Note how far the user is with a goal. The history keeps the last value of each day.
    #[tool(
        title = "Update goal progress",
        output_schema = schema::<Changed>(),
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn update_goal_progress(
        &self,
        Parameters(wanted): Parameters<UpdateGoalProgress>,
        Extension(request): Extension<Parts>,
    ) -> Result<Json<Changed>, ErrorData> {
        let caller = reading::asking(&request)?;
        let id = wanted.goal_id.trim();
        let goal = goals::progress(&self.app.db, caller, id, wanted.current_value)
            .await
            .map_err(failed)?;
        Ok(Json(Changed {
            success: true,
            goal,
        }))
    }

    /// Remove a goal and its history for good.
    #[tool(
        title = "Delete goal",
        output_schema = schema::<Success>(),
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn delete_goal(
        &self,
        Parameters(wanted): Parameters<DeleteGoal>,
        Extension(request): Extension<Parts>,
    ) -> Result<Json<Success>, ErrorData> {
        let caller = reading::asking(&request)?;
        goals::delete(&self.app.db, caller, wanted.goal_id.trim())
            .await
            .map_err(failed)?;
        Ok(Json(Success::YES))
    }
}
