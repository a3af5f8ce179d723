//! The ids of messages: what the mail says of itself, and what we derive from it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

use super::parse::clean;

/// A SHA-256 digest; 64 hexadecimal digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of a sequence of fields, each preceded by its length, so that no two sequences run together.
    pub fn of_fields(fields: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for field in fields {
            hasher.update((field.len() as u64).to_be_bytes());
            hasher.update(field);
        }
        Self(hasher.finalize().into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A digest from its 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads 64 hexadecimal digits; `None` for anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0_u8; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = pair else { return None };
            *byte = u8::try_from(char::from(*high).to_digit(16)? * 16 + char::from(*low).to_digit(16)?).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_hex(&text).ok_or_else(|| de::Error::custom("a digest has 64 hexadecimal digits"))
    }
}

macro_rules! digest_id {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $type(Digest);

        impl $type {
            /// Wraps a digest.
            pub fn new(digest: Digest) -> Self {
                Self(digest)
            }

            /// The digest.
            pub fn digest(&self) -> &Digest {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

digest_id! {
    /// The identity of a message: Message-ID *and* content. Equal for two copies of one message, different for two messages.
    MessageKey
}
digest_id! {
    /// The id of a thread.
    ThreadId
}

/// A Message-ID in normal form (RFC 5322 3.6.4): without angle brackets, white space trimmed, never empty, at most 998 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(String);

impl MessageId {
    /// The longest id that is taken for one: a line of RFC 5322 2.1.1.
    pub const MAX_BYTES: usize = 998;

    /// Normalises what a header holds; `None` where no usable id is left. What cannot be seen is no part of an id: it is
    /// shown to people.
    pub fn parse(text: &str) -> Option<Self> {
        let bare = text.trim().trim_start_matches('<').trim_end_matches('>');
        let id: String = bare.chars().filter(|c| c.is_control() || !clean::is_hidden(*c)).collect();
        let id: String = id.split_whitespace().collect();
        let usable = !id.is_empty() && id.len() <= Self::MAX_BYTES && !id.chars().any(char::is_control);
        usable.then_some(Self(id))
    }

    /// An id that no header holds, for what is no message.
    pub(super) fn of_digest(digest: &Digest) -> Self {
        Self(digest.to_string())
    }

    /// The id without angle brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an account calls one message, wherever in it the message stands (RFC 8474 EMAILID, Gmail's X-GM-MSGID): a digest of
/// the account, of the server's own name for the message and of its size. The same means the same content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectId(Digest);

impl ObjectId {
    /// Wraps the digest that a source made.
    pub fn new(digest: Digest) -> Self {
        Self(digest)
    }

    /// The digest.
    pub fn digest(&self) -> &Digest {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_what_it_writes() {
        let digest = Digest::of(b"ferry");
        assert_eq!(Digest::from_hex(&digest.to_string()), Some(digest));
        assert_eq!(Digest::from_hex("zz"), None);
    }

    #[test]
    fn fields_do_not_run_together() {
        assert_ne!(Digest::of_fields(&[b"ab", b"c"]), Digest::of_fields(&[b"a", b"bc"]));
    }

    #[test]
    fn message_ids_are_normalised() {
        assert_eq!(MessageId::parse(" <a@x> ").map(|id| id.to_string()), Some("a@x".into()));
        assert_eq!(MessageId::parse("d\r\n @x").map(|id| id.to_string()), Some("d@x".into()));
        assert_eq!(MessageId::parse("a\u{202e}@\u{200b}x").map(|id| id.to_string()), Some("a@x".into()));
        assert_eq!(MessageId::parse("<>"), None);
        assert_eq!(MessageId::parse("<\u{200b}>"), None);
        assert_eq!(MessageId::parse("a\u{1b}@x"), None);
        assert_eq!(MessageId::parse(&"x".repeat(999)), None);
    }
}
