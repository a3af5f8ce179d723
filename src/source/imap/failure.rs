//! Why a command did not end well, before anybody knows what that means for the mailbox or the account.

use std::time::Duration;

use super::super::{Closed, SourceError};

/// The longest text of a server that is repeated to people: enough for a sentence and a link, too short for a message.
const MAX_SAID_CHARS: usize = 200;

/// Why a command did not end with a tagged OK.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server answered NO: it understood and refuses. The connection goes on.
    No(String),
    /// The server answered BAD: it did not understand, or it throttles (Microsoft 365). The connection goes on.
    Bad(String),
    /// The connection is of no use any more: closed, silent, BYE, or an answer that cannot be understood.
    Lost(String),
    /// It is known what it means.
    Final(SourceError),
}

impl Failure {
    /// Whether the connection ended.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self, Self::Lost(_))
    }

    /// Whether the server asks for patience with the account, whatever the command was.
    pub(super) fn is_throttle(&self) -> bool {
        match self {
            Self::No(text) | Self::Bad(text) | Self::Lost(text) => asks_for_patience(text),
            Self::Final(_) => false,
        }
    }

    /// Whether the same command may succeed later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::No(text) | Self::Bad(text) => asks_for_patience(text) || is_temporary(text),
            Self::Lost(_) => true,
            Self::Final(error) => matches!(error, SourceError::Unreachable { .. }),
        }
    }

    /// How long the server asks to wait: Microsoft 365 says `Suggested Backoff Time: 299961 milliseconds`.
    pub(super) fn suggested_pause(&self) -> Option<Duration> {
        match self {
            Self::No(text) | Self::Bad(text) => suggested_pause(text),
            Self::Lost(_) | Self::Final(_) => None,
        }
    }

    /// The failure as a clause for people.
    pub(super) fn why(&self) -> String {
        match self {
            Self::No(text) => format!("the server refuses: {text}"),
            Self::Bad(text) => format!("the server does not accept the command: {text}"),
            Self::Lost(why) => why.clone(),
            Self::Final(error) => error.to_string(),
        }
    }

    /// What it means for `what`, once there is nothing left to try.
    pub(super) fn into_error(self, what: impl Into<String>) -> SourceError {
        let (what, why) = (what.into(), self.why());
        match self {
            Self::Final(error) => error,
            busy @ (Self::No(_) | Self::Bad(_)) if busy.may_pass() => SourceError::Unreachable { what, why },
            Self::No(_) | Self::Bad(_) | Self::Lost(_) => SourceError::Broken { what, why },
        }
    }
}

impl From<Closed> for Failure {
    fn from(closed: Closed) -> Self {
        Self::Final(closed.into())
    }
}

/// What a server said, fit to be shown: one line of bounded length.
pub(super) fn said(text: Option<&str>) -> String {
    let line: String =
        text.unwrap_or_default().chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_SAID_CHARS).collect();
    match line.trim() {
        "" => "without a reason".to_owned(),
        line => line.to_owned(),
    }
}

/// RFC 5530 codes and the words of providers for "too much at once": Microsoft 365 answers BAD, Gmail also says goodbye with
/// "Account exceeded command or bandwidth limits".
fn asks_for_patience(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["[limit]", "[inuse]", "throttl", "backoff time", "too many simultaneous", "bandwidth"].iter().any(|word| text.contains(word))
}

/// RFC 5530 `UNAVAILABLE`, and Exchange's words while a mailbox is being moved. Not "try again", which servers also say of
/// a wrong password: trying that again locks the account.
fn is_temporary(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["[unavailable]", "server unavailable", "authenticated but not connected"].iter().any(|word| text.contains(word))
}

fn suggested_pause(text: &str) -> Option<Duration> {
    let (_, after) = text.split_once("Backoff Time:")?;
    let digits: String = after.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_that_microsoft_365_suggests_is_read() {
        let failure = Failure::Bad("Request is throttled. Suggested Backoff Time: 299961 milliseconds".into());
        assert!(failure.is_throttle() && failure.may_pass());
        assert_eq!(failure.suggested_pause(), Some(Duration::from_millis(299_961)));
    }

    #[test]
    fn an_unavailable_message_is_temporary_but_says_nothing_about_the_account() {
        let failure = Failure::No("[UNAVAILABLE] UID FETCH Server error while fetching messages".into());
        assert!(failure.may_pass());
        assert!(!failure.is_throttle());
        assert!(!Failure::No("[AUTHENTICATIONFAILED] Invalid password, please try again".into()).may_pass());
        assert!(!Failure::No("[NONEXISTENT] Mailbox does not exist".into()).may_pass());
    }

    #[test]
    fn what_a_server_says_is_one_short_line() {
        assert_eq!(said(Some("a\r\nb\u{7}")), "a  b");
        assert_eq!(said(Some(&"x".repeat(5000))).len(), MAX_SAID_CHARS);
        assert_eq!(said(None), "without a reason");
    }
}
