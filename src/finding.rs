//! What `check` found out about one thing: it is well, or what the operator can do.

use serde::Serialize;

/// One line of `check`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, such as `source vendors: login`.
    pub subject: String,
    /// How it stands.
    #[serde(flatten)]
    pub state: State,
}

/// How the thing that was looked at stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// It works; `detail` says what was seen.
    Fine {
        /// What was seen, such as `12 mailboxes, 40,210 messages`.
        detail: String,
    },
    /// It works, but the operator should know something.
    Warning {
        /// What is odd and what can be done.
        detail: String,
    },
    /// It was refused or cannot work.
    Refused {
        /// What went wrong.
        detail: String,
        /// What the operator can do.
        advice: String,
    },
}

impl Finding {
    /// A thing that works.
    pub fn fine(subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { subject: subject.into(), state: State::Fine { detail: detail.into() } }
    }

    /// A thing that works with a remark.
    pub fn warning(subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { subject: subject.into(), state: State::Warning { detail: detail.into() } }
    }

    /// A thing that does not work.
    pub fn refused(subject: impl Into<String>, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { subject: subject.into(), state: State::Refused { detail: detail.into(), advice: advice.into() } }
    }

    /// Whether this finding makes `check` end with exit code 1.
    pub fn is_refused(&self) -> bool {
        matches!(self.state, State::Refused { .. })
    }
}
