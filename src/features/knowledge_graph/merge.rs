//! How what was found joins what is known: a node by its label or else an alias, whatever their case; an edge by its ends and label.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::model::{Found, FoundNode, GraphEdge, GraphNode, Origin, USER, USUAL_TYPE};
use crate::platform::ids;

/// Nodes of one user; what would be one more is left out.
const MOST_NODES: usize = 5000;
const MOST_ALIASES: usize = 20;
/// Memories or conversations that a node or an edge names, the newest.
pub const MOST_ORIGINS: usize = 1000;

/// What is to be written.
#[derive(Debug, Default)]
pub struct Merged {
    pub nodes: Vec<GraphNode>,
    pub edges: Vec<GraphEdge>,
}

struct Known {
    nodes: Vec<GraphNode>,
    changed: Vec<bool>,
    by_label: HashMap<String, usize>,
    by_alias: HashMap<String, usize>,
}

/// `name`: what the user's own node is called. It is there as soon as there is another.
pub fn merge(nodes: Vec<GraphNode>, name: &str, found: Found, now: DateTime<Utc>) -> Merged {
    if found.is_empty() {
        return Merged::default();
    }
    let mut known = Known::new(nodes);
    if !known.nodes.iter().any(|node| node.is_user) {
        known.add_user(name, now);
    }
    for node in found.nodes {
        known.take(node, now);
    }
    let mut edges: HashMap<String, GraphEdge> = HashMap::new();
    for edge in found.edges {
        let (Some(source), Some(target)) = (known.find(&edge.source), known.find(&edge.target))
        else {
            continue;
        };
        if source == target {
            continue;
        }
        let ends = (known.nodes.get(source), known.nodes.get(target));
        let (Some(source_id), Some(target_id)) = (ends.0.map(|n| n.id), ends.1.map(|n| n.id))
        else {
            continue;
        };
        for end in [source, target] {
            known.note_origin(end, &edge.origin, now);
        }
        let id = format!("{source_id}_{}_{target_id}", edge.label).replace('/', "_");
        let known_edge = edges.entry(id.clone()).or_insert_with(|| GraphEdge {
            id,
            source_id,
            target_id,
            label: edge.label.clone(),
            memory_ids: Vec::new(),
            conversation_ids: Vec::new(),
            created_at: now,
        });
        unite(&mut known_edge.memory_ids, &edge.origin.memories);
        unite(&mut known_edge.conversation_ids, &edge.origin.conversations);
    }
    let mut edges: Vec<_> = edges.into_values().collect();
    edges.sort_by(|a, b| a.id.cmp(&b.id));
    let nodes = known.nodes.into_iter().zip(known.changed);
    Merged {
        nodes: nodes
            .filter_map(|(node, changed)| changed.then_some(node))
            .collect(),
        edges,
    }
}

impl Known {
    fn new(nodes: Vec<GraphNode>) -> Self {
        let mut known = Self {
            changed: vec![false; nodes.len()],
            by_label: HashMap::new(),
            by_alias: HashMap::new(),
            nodes: Vec::new(),
        };
        for node in nodes {
            known.index(known.nodes.len(), &node);
            known.nodes.push(node);
        }
        known
    }

    /// Of two with the same alias the older is meant.
    fn index(&mut self, at: usize, node: &GraphNode) {
        self.by_label.insert(node.label_lower.clone(), at);
        for alias in &node.aliases_lower {
            self.by_alias.entry(alias.clone()).or_insert(at);
        }
    }

    fn find(&self, label: &str) -> Option<usize> {
        let lower = label.to_lowercase();
        let found = self
            .by_label
            .get(&lower)
            .or_else(|| self.by_alias.get(&lower));
        found.copied()
    }

    fn push(&mut self, node: GraphNode) {
        self.index(self.nodes.len(), &node);
        self.nodes.push(node);
        self.changed.push(true);
    }

    fn add_user(&mut self, name: &str, now: DateTime<Utc>) {
        let free = |label: &str| !self.by_label.contains_key(&label.to_lowercase());
        // Somebody else may be called the same.
        let label = [name, USER]
            .into_iter()
            .find(|label| !label.is_empty() && free(label));
        let label = label.map_or_else(|| format!("{USER} (you)"), str::to_string);
        let mut node = fresh(&label, "person", now);
        node.is_user = true;
        node.alias(USER);
        self.push(node);
    }

    fn take(&mut self, found: FoundNode, now: DateTime<Utc>) {
        let at = match self.find(&found.label) {
            Some(at) => at,
            None if self.nodes.len() >= MOST_NODES => return,
            None => {
                self.push(fresh(&found.label, USUAL_TYPE, now));
                self.nodes.len() - 1
            }
        };
        let Some(node) = self.nodes.get_mut(at) else {
            return;
        };
        // What the user is called is not for others to say.
        if !node.is_user {
            let former = std::mem::replace(&mut node.label, found.label.clone());
            node.label_lower = node.label.to_lowercase();
            node.alias(&former);
            if let Some(node_type) = found.node_type {
                node.node_type = node_type.into();
            }
        }
        for alias in &found.aliases {
            node.alias(alias);
        }
        let label = node.label_lower.clone();
        let kept = node.aliases_lower.iter().position(|alias| *alias == label);
        if let Some(kept) = kept {
            node.aliases.remove(kept);
            node.aliases_lower.remove(kept);
        }
        let node = node.clone();
        self.by_label.retain(|_, known| *known != at);
        self.index(at, &node);
        self.note_origin(at, &found.origin, now);
    }

    fn note_origin(&mut self, at: usize, origin: &Origin, now: DateTime<Utc>) {
        if let Some(node) = self.nodes.get_mut(at) {
            unite(&mut node.memory_ids, &origin.memories);
            unite(&mut node.conversation_ids, &origin.conversations);
            node.updated_at = now;
        }
        if let Some(changed) = self.changed.get_mut(at) {
            *changed = true;
        }
    }
}

fn fresh(label: &str, node_type: &str, now: DateTime<Utc>) -> GraphNode {
    GraphNode {
        id: ids::new(),
        label: label.into(),
        node_type: node_type.into(),
        aliases: Vec::new(),
        memory_ids: Vec::new(),
        conversation_ids: Vec::new(),
        created_at: now,
        updated_at: now,
        label_lower: label.to_lowercase(),
        aliases_lower: Vec::new(),
        is_user: false,
    }
}

impl GraphNode {
    fn alias(&mut self, alias: &str) {
        let lower = alias.to_lowercase();
        let new = lower != self.label_lower && !self.aliases_lower.contains(&lower);
        if new && self.aliases.len() < MOST_ALIASES {
            self.aliases.push(alias.into());
            self.aliases_lower.push(lower);
        }
    }
}

fn unite(known: &mut Vec<Uuid>, more: &[Uuid]) {
    for id in more {
        if !known.contains(id) {
            known.push(*id);
        }
    }
    let over = known.len().saturating_sub(MOST_ORIGINS);
    known.drain(..over);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::model::FoundEdge;
    use super::*;

    fn node(
        label: &str,
        node_type: Option<&'static str>,
        aliases: &[&str],
        memory: u128,
    ) -> FoundNode {
        FoundNode {
            label: label.into(),
            node_type,
            aliases: aliases.iter().map(|alias| alias.to_string()).collect(),
            origin: Origin {
                memories: vec![Uuid::from_u128(memory)],
                conversations: Vec::new(),
            },
        }
    }

    fn edge(source: &str, label: &str, target: &str, memory: u128) -> FoundEdge {
        FoundEdge {
            source: source.into(),
            label: label.into(),
            target: target.into(),
            origin: node("", None, &[], memory).origin,
        }
    }

    #[test]
    fn nodes_meet_by_label_then_alias_and_edges_need_both_ends() {
        let now = crate::platform::clock::now();
        let found = Found {
            nodes: vec![
                node("Robert Miller", Some("person"), &["Bob"], 1),
                node("ACME", Some("organization"), &[], 1),
                node("acme", None, &["Acme Inc"], 2),
            ],
            edges: vec![
                edge("bob", "works at", "Acme", 1),
                edge("Robert Miller", "works at", "acme inc", 2),
                edge("User", "knows/likes", "BOB", 1),
                edge("Bob", "likes", "Tea", 1),
                edge("Bob", "is", "Robert Miller", 1),
            ],
        };
        let first = merge(Vec::new(), "Ann", found, now);
        let labels: Vec<_> = first.nodes.iter().map(|node| node.label.as_str()).collect();
        assert_eq!(labels, ["Ann", "Robert Miller", "acme"]);
        assert!(first.nodes[0].is_user && first.nodes[0].aliases == ["User"]);
        assert_eq!(
            first.nodes[2].node_type, "organization",
            "nothing better was known"
        );
        assert_eq!(first.nodes[2].memory_ids.len(), 2);
        assert_eq!(first.edges.len(), 2, "{:#?}", first.edges);
        let works = first
            .edges
            .iter()
            .find(|edge| edge.label == "works at")
            .unwrap();
        assert_eq!(works.memory_ids.len(), 2);
        let knows = first
            .edges
            .iter()
            .find(|edge| edge.label == "knows/likes")
            .unwrap();
        assert_eq!(
            knows.id,
            format!("{}_knows_likes_{}", first.nodes[0].id, first.nodes[1].id)
        );

        // By alias: the new label counts, the old one is remembered.
        let id = first.nodes[1].id;
        let more = Found {
            nodes: vec![
                node("BOB", Some("thing"), &["Bobby"], 3),
                node("user", Some("place"), &[], 3),
            ],
            edges: vec![edge("robert miller", "met", "Ann", 3)],
        };
        let second = merge(first.nodes, "Ann", more, now);
        let bob = second.nodes.iter().find(|node| node.id == id).unwrap();
        assert_eq!(
            (bob.label.as_str(), bob.node_type.as_str()),
            ("BOB", "thing")
        );
        assert_eq!(bob.aliases, ["Robert Miller", "Bobby"]);
        assert_eq!(bob.memory_ids.len(), 3, "an edge is a mention too");
        let ann = second.nodes.iter().find(|node| node.is_user).unwrap();
        assert_eq!(
            (ann.label.as_str(), ann.node_type.as_str()),
            ("Ann", "person")
        );
        assert_eq!(second.edges.len(), 1);
        assert_eq!(second.nodes.len(), 2, "acme did not change");
    }

    #[test]
    fn nothing_found_is_nothing_written() {
        let merged = merge(
            Vec::new(),
            "Ann",
            Found::default(),
            crate::platform::clock::now(),
        );
        assert!(merged.nodes.is_empty() && merged.edges.is_empty());
    }
}
