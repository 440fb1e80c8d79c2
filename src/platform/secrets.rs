//! Random secrets, their fingerprints, and password hashing.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::{Arc, LazyLock},
};

use anyhow::{Context as _, Result};
use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::{OnceCell, Semaphore};

/// Argon2id takes 19 MiB and tens of milliseconds; more at once would let sign-ins starve the rest.
static HASHING: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(2)));

/// `bytes` random bytes as lowercase hex.
pub fn random_hex(bytes: usize) -> String {
    let mut buffer = vec![0u8; bytes];
    rand::fill(&mut buffer[..]);
    hex::encode(buffer)
}

/// What is stored of a secret that has at least 128 random bits.
pub fn fingerprint(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// What only who has `key`, a random one, can make of a message: two rounds, so that nothing can be appended to it. In hex.
pub fn seal(key: &str, message: &str) -> String {
    let inner = Sha256::digest(format!("{key}{message}"));
    let mut outer = Sha256::new();
    outer.update(key);
    outer.update(inner);
    hex::encode(outer.finalize())
}

/// Takes as long for every wrong seal.
pub fn is_sealed(key: &str, message: &str, sealed: &str) -> bool {
    seal(key, message)
        .as_bytes()
        .ct_eq(sealed.as_bytes())
        .into()
}

/// A PHC string with argon2id's recommended cost and a random salt.
pub async fn hash_password(password: String) -> Result<String> {
    // The thread holds it: nobody may wait for the outcome any more.
    let permit = HASHING.clone().acquire_owned().await?;
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        Argon2::default()
            .hash_password(password.as_bytes())
            .map(|hash| hash.to_string())
            .map_err(|error| anyhow::anyhow!("the password could not be hashed: {error}"))
    })
    .await?
}

/// The hash of a password that nobody has, made once.
pub async fn nobodys_password() -> Result<String> {
    static HASH: OnceCell<String> = OnceCell::const_new();
    let hash = HASH.get_or_try_init(async || hash_password(random_hex(32)).await);
    Ok(hash.await?.clone())
}

pub async fn verify_password(password: SecretString, hash: String) -> Result<bool> {
    // The thread holds it: nobody may wait for the outcome any more.
    let permit = HASHING.clone().acquire_owned().await?;
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let parsed = PasswordHash::new(&hash)
            .map_err(|error| anyhow::anyhow!("a stored password hash is damaged: {error}"))?;
        Ok(Argon2::default()
            .verify_password(password.expose_secret().as_bytes(), &parsed)
            .is_ok())
    })
    .await?
}

/// Reads the secret in `path`, or makes a random one there (mode 0600).
pub fn read_or_create(path: &Path) -> Result<String> {
    match fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_string()),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => {
            return Err(error).with_context(|| format!("{} cannot be read", path.display()));
        }
    }
    let secret = random_hex(32);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("{} cannot be written", path.display()))?;
    file.write_all(secret.as_bytes())?;
    file.sync_all()?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_seal_is_of_one_key_and_one_message() {
        let sealed = seal("key", "message");
        assert!(is_sealed("key", "message", &sealed));
        for (key, message) in [("kex", "message"), ("key", "messages"), ("keym", "essage")] {
            assert!(!is_sealed(key, message, &sealed), "{key} {message}");
        }
        assert!(!is_sealed("key", "message", &sealed[1..]));
        assert!(!is_sealed("key", "message", ""));
    }

    #[tokio::test]
    async fn a_password_verifies_and_another_does_not() {
        let hash = hash_password("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(
            verify_password("correct horse".into(), hash.clone())
                .await
                .unwrap()
        );
        assert!(
            !verify_password("battery staple".into(), hash)
                .await
                .unwrap()
        );
    }
}
