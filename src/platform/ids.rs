//! Identifiers.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// A new row's id: UUIDv7, so that ids sort by age.
pub fn new() -> Uuid {
    Uuid::now_v7()
}

/// The same id for the same text: the first 16 bytes of its SHA-256, dressed as a UUIDv4.
pub fn from_content(content: &str) -> Uuid {
    let hash = digest(content);
    let mut bytes = [0u8; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// SHA-256.
pub fn digest(content: &str) -> [u8; 32] {
    Sha256::digest(content.as_bytes()).into()
}

/// The first 12 hex digits of the SHA-256 of an id, where a short one is wanted.
pub fn short(id: Uuid) -> String {
    hex::encode(&Sha256::digest(id.as_bytes())[..6])
}

#[cfg(test)]
mod tests {
    #[test]
    fn content_ids_follow_omis_rule() {
        assert_eq!(
            super::from_content("User likes tea").to_string(),
            "e2f077a7-05af-4e99-8112-96cc0d3d9096"
        );
    }
}
