//! Who and what texts are about, by a language model.

use schemars::JsonSchema;
use serde::Deserialize;

use super::model::{
    Found, FoundEdge, FoundNode, LONGEST_LABEL, NODE_TYPES, Origin, USER, USUAL_TYPE,
};
use crate::{
    error::Result,
    features::{
        memories::Memory,
        processing::{self, clean},
    },
    platform::language::Language,
};

/// How it is called in metrics.
const TASK: &str = "knowledge_graph";
const MOST_NODES: usize = 50;
const MOST_EDGES: usize = 100;
const MOST_ALIASES: usize = 10;

/// Who and what the texts are about.
#[derive(Deserialize, JsonSchema)]
struct GraphAnswer {
    #[serde(default)]
    nodes: Vec<NodeAnswer>,
    #[serde(default)]
    edges: Vec<EdgeAnswer>,
}

#[derive(Deserialize, JsonSchema)]
struct NodeAnswer {
    label: String,
    /// person, place, thing, concept or organization.
    #[serde(default)]
    node_type: String,
    #[serde(default)]
    aliases: Vec<String>,
}

/// What is said of two nodes.
#[derive(Deserialize, JsonSchema)]
struct EdgeAnswer {
    source_label: String,
    target_label: String,
    /// One to four words.
    label: String,
}

/// `material`: the texts. Each of `memories` is among them and counts as the origin of what it names; `origin` is that of all.
/// None: the rules are to do it.
pub async fn read(
    language: &Language,
    uid: &str,
    material: &str,
    memories: &[Memory],
    origin: &Origin,
    attempts: i32,
) -> Result<Option<Found>> {
    let rules = include_str!("prompt.txt");
    let asked = language.ask::<GraphAnswer>(uid, TASK, rules, material);
    let answer = processing::or_rules(asked.await, attempts, TASK)?;
    Ok(answer.map(|answer| accepted(answer, memories, origin)))
}

fn accepted(answer: GraphAnswer, memories: &[Memory], origin: &Origin) -> Found {
    let texts: Vec<_> = memories
        .iter()
        .map(|memory| (memory, words(&memory.content)))
        .collect();
    let of = |names: &[&[String]]| {
        let mut found = origin.clone();
        for (memory, words) in &texts {
            let named = |names: &&[String]| names.iter().any(|name| mentions(words, name));
            if names.iter().all(named) {
                found.memories.push(memory.id);
                found.conversations.extend(memory.conversation_id);
            }
        }
        found
    };
    let label = |text: &str| {
        let text = clean(text, LONGEST_LABEL);
        let user =
            ["user", "the user", "me", "i", "myself"].contains(&text.to_lowercase().as_str());
        if user { USER.to_string() } else { text }
    };
    let mut found = Found::default();
    for node in answer.nodes.into_iter().take(MOST_NODES) {
        let called = label(&node.label);
        if called.is_empty() {
            continue;
        }
        let wanted = node.node_type.trim().to_lowercase();
        let known = NODE_TYPES.into_iter().find(|known| *known == wanted);
        let aliases: Vec<_> = node
            .aliases
            .iter()
            .map(|alias| label(alias))
            .filter(|alias| !alias.is_empty() && alias != USER)
            .take(MOST_ALIASES)
            .collect();
        let names: Vec<_> = aliases.iter().chain([&called]).cloned().collect();
        found.nodes.push(FoundNode {
            origin: of(&[&names]),
            label: called,
            node_type: Some(known.unwrap_or(USUAL_TYPE)),
            aliases,
        });
    }
    for edge in answer.edges.into_iter().take(MOST_EDGES) {
        let (source, target) = (label(&edge.source_label), label(&edge.target_label));
        let says = clean(&edge.label, LONGEST_LABEL);
        if source.is_empty() || target.is_empty() || says.is_empty() {
            continue;
        }
        let names = |end: &String| {
            let node = found.nodes.iter().find(|node| {
                node.label.to_lowercase() == end.to_lowercase()
                    || node
                        .aliases
                        .iter()
                        .any(|alias| alias.to_lowercase() == end.to_lowercase())
            });
            let mut names = node.map_or_else(Vec::new, |node| node.aliases.clone());
            names.extend(node.map(|node| node.label.clone()));
            names.push(end.clone());
            names
        };
        let ends = [names(&source), names(&target)];
        found.edges.push(FoundEdge {
            origin: of(&[&ends[0], &ends[1]]),
            source,
            label: says,
            target,
        });
    }
    found
}

/// Lower-case words, without a possessive end.
fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .replace('’', "'")
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .map(|word| word.trim_end_matches("'s").trim_matches('\'').to_string())
        .filter(|word| !word.is_empty())
        .collect()
}

/// Whether a text names it; memories are about the user, named or not.
fn mentions(text: &[String], name: &str) -> bool {
    let name = words(name);
    name == ["user"] || (!name.is_empty() && text.windows(name.len()).any(|part| part == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_mentions_whole_words() {
        let text = words("User's sister Anna-Maria lives in São Paulo");
        for (name, named) in [
            ("anna", true),
            ("Anna Maria", true),
            ("são paulo", true),
            ("User", true),
            ("Ann", false),
            ("Paul", false),
            ("", false),
        ] {
            assert_eq!(mentions(&text, name), named, "{name}");
        }
    }
}
