//! Who gets an account here whom somebody outside vouches for.

use crate::error::Error;

/// Addresses, or `@` and a domain, in lower case. None: everybody is welcome.
#[derive(Debug)]
pub struct Newcomers(Vec<String>);

impl Newcomers {
    pub fn new(listed: &[String]) -> Self {
        Self(listed.iter().map(|one| one.to_lowercase()).collect())
    }

    /// `email`: one that was verified.
    pub fn welcome(&self, email: Option<&str>) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let Some(email) = email.map(str::to_lowercase) else {
            return false;
        };
        let domain = email.rfind('@').map_or("", |at| &email[at..]);
        let mut listed = self.0.iter();
        listed.any(|one| *one == email || (one.starts_with('@') && one == domain))
    }
}

pub fn unwelcome() -> Error {
    Error::Forbidden("This server makes no account for you. Ask its operator.".into())
}

/// What somebody outside says, as it may be kept: one line of 200 characters at most.
pub fn clean(text: &str) -> String {
    let visible = text.chars().filter(|c| !c.is_control());
    visible.take(200).collect::<String>().trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newcomers_may_be_chosen_by_their_verified_address() {
        let listed = ["Ann@example.org".to_string(), "@family.example".into()];
        let some = Newcomers::new(&listed);
        assert!(Newcomers::new(&[]).welcome(None));
        assert!(some.welcome(Some("ann@Example.org")));
        assert!(some.welcome(Some("anybody@family.example")));
        assert!(!some.welcome(None));
        for other in [
            "ben@example.org",
            "x@evilfamily.example",
            "x@family.example.evil.example",
            "@family.example@evil.example",
            "",
        ] {
            assert!(!some.welcome(Some(other)), "{other}");
        }
    }
}
