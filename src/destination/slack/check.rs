//! What `check` looks at: login, scopes, channels. Nothing is changed.

use serde::Deserialize;

use super::api::Api;
use super::channels::{self, Archived, Listing, slack_name};
use super::method::Method;
use crate::destination::{ChannelSpec, Failure, Visibility};
use crate::finding::Finding;

/// A scope of the bot token that we use.
struct Scope {
    name: &'static str,
    purpose: &'static str,
    /// Whether it is needed where all channels are public.
    needed: Needed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Needed {
    Always,
    ForPrivateChannels,
}

const SCOPES: [Scope; 10] = [
    Scope { name: "chat:write", purpose: "to post", needed: Needed::Always },
    Scope { name: "channels:read", purpose: "to find public channels", needed: Needed::Always },
    Scope { name: "groups:read", purpose: "to find private channels", needed: Needed::Always },
    Scope { name: "channels:manage", purpose: "to create public channels", needed: Needed::Always },
    Scope { name: "groups:write", purpose: "to create private channels", needed: Needed::ForPrivateChannels },
    Scope { name: "channels:join", purpose: "to join public channels", needed: Needed::Always },
    Scope { name: "channels:history", purpose: "to look up whether a post arrived", needed: Needed::Always },
    Scope { name: "groups:history", purpose: "to look up whether a private post arrived", needed: Needed::ForPrivateChannels },
    Scope { name: "files:write", purpose: "to upload attachments", needed: Needed::Always },
    Scope { name: "files:read", purpose: "to look up whether a file arrived", needed: Needed::Always },
];

/// Whose token it is, as `auth.test` says.
#[derive(Deserialize)]
struct Identity {
    #[serde(default)]
    team: String,
    #[serde(default)]
    user: String,
}

/// Looks at everything; `subject` begins each finding's subject.
pub(super) async fn check(api: &Api, subject: &str, wanted: &[ChannelSpec]) -> Vec<Finding> {
    let login = format!("{subject}: login");
    let (identity, given) = match api.call::<Identity>(Method::AuthTest, &[]).await {
        Ok(answer) => (answer.body, answer.scopes),
        Err(trouble) => return vec![refused(login, trouble.into())],
    };
    let mut findings = vec![Finding::fine(login, format!("{} in {}", identity.user, identity.team))];
    findings.extend(scopes(subject, given.as_deref(), wanted));
    if !wanted.is_empty() {
        match channels::list(api, Archived::Listed).await {
            Ok(listing) => findings.extend(wanted.iter().map(|spec| channel(subject, &listing, spec))),
            Err(failure) => findings.push(refused(format!("{subject}: channels"), failure)),
        }
    }
    findings
}

fn scopes(subject: &str, given: Option<&[String]>, wanted: &[ChannelSpec]) -> Vec<Finding> {
    let rights = format!("{subject}: rights");
    let Some(given) = given else {
        return vec![Finding::warning(rights, "slack did not say which scopes the token has")];
    };
    let any_private = wanted.iter().any(|spec| spec.visibility == Visibility::Private);
    let missing = SCOPES.iter().filter(|scope| !given.iter().any(|name| name == scope.name));
    let findings: Vec<_> = missing
        .map(|scope| {
            let detail = format!("the token lacks the scope {}, {}", scope.name, scope.purpose);
            if scope.needed == Needed::ForPrivateChannels && !any_private {
                Finding::warning(&rights, detail)
            } else {
                Finding::refused(&rights, detail, "add it to the Slack app under OAuth & Permissions and install it again")
            }
        })
        .collect();
    if findings.is_empty() { vec![Finding::fine(rights, "the token has all scopes that are needed")] } else { findings }
}

fn channel(subject: &str, listing: &Listing, spec: &ChannelSpec) -> Finding {
    let subject = format!("{subject}: channel {}", spec.name);
    let name = match slack_name(&spec.name) {
        Ok(name) => name,
        Err(failure) => return refused(subject, failure),
    };
    match listing.get(&name) {
        None => Finding::fine(subject, "is not there, or is private without the app: would be created"),
        Some(listed) if listed.is_archived => {
            Finding::refused(subject, "is archived", "unarchive it in Slack, or give the partner another channel")
        }
        Some(listed) if listed.is_member => Finding::fine(subject, "is there"),
        Some(listed) if listed.is_private => {
            Finding::refused(subject, "is private and the app is not a member", "invite the app to the channel")
        }
        Some(_) => Finding::fine(subject, "is there: would be joined"),
    }
}

fn refused(subject: String, failure: Failure) -> Finding {
    match failure {
        Failure::Stop { why, advice } | Failure::ChannelClosed { why, advice } => Finding::refused(subject, why, advice),
        Failure::Wait(_) | Failure::Transient(_) | Failure::Unknown(_) | Failure::StaleChannel(_) | Failure::Refused(_) => {
            Finding::refused(subject, failure.to_string(), "look whether api_url is right and Slack can be reached from here")
        }
    }
}
