//! The questions that are asked of one mailbox, each with its answer as data. None of them changes anything: EXAMINE and
//! `BODY.PEEK` only (RFC 3501 6.3.2, 6.4.5).
//!
//! ENVELOPE and BODYSTRUCTURE are never asked for, as they are what servers get wrong most; nor is RFC822, which sets
//! `\Seen` and is empty on iCloud.

use std::collections::{BTreeMap, BTreeSet};

use async_imap::imap_proto::{AttributeValue, MailboxDatum, Response, ResponseCode, StatusAttribute};
use chrono::{DateTime, Utc};

use super::command::{Command, Connection};
use super::cursor::{Cursor, Window, uid_set};
use super::failure::Failure;
use super::mailboxes::Mailbox;
use super::names::quote;
use crate::source::SourceError;

/// The most of one message that is asked for at once; larger messages come in pieces. async-imap holds a whole answer in
/// memory, so this also bounds that.
pub(super) const PIECE_BYTES: u32 = 4 * 1024 * 1024;

/// What EXAMINE says of a mailbox.
#[derive(Clone, Copy, Debug)]
pub(super) struct Examined {
    /// UIDVALIDITY.
    pub(super) uid_validity: u32,
    /// UIDNEXT, which some servers leave out and others get wrong.
    pub(super) uid_next: Option<u32>,
    /// Messages in it, where the server says so.
    pub(super) messages: Option<u32>,
    /// What [`Connection::expunged`] said then.
    expunged: u64,
}

/// How the UIDs of a mailbox are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Listing {
    /// By SEARCH, which is short.
    #[default]
    Search,
    /// By FETCH, which goes through the messages themselves and not through an index of them.
    Fetch,
}

/// One answer to a question for a message's bytes.
#[derive(Debug, Default)]
pub(super) struct Piece {
    /// The bytes: from the asked offset on, or the whole message from a server that knows no offsets.
    pub(super) content: Content,
    /// INTERNALDATE, where it was asked for.
    pub(super) internal_date: Option<DateTime<Utc>>,
}

/// The bytes of an answer.
#[derive(Debug, Default)]
pub(super) enum Content {
    /// The server sent none.
    #[default]
    Nothing,
    /// A part of the message.
    Part(Vec<u8>),
    /// All of it.
    Whole(Vec<u8>),
}

/// Whether INTERNALDATE is asked for along with a message's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskDate {
    /// It is not known yet.
    Yes,
    /// It is known, or the server could not say it.
    No,
}

/// Opens a mailbox for reading. Without UIDVALIDITY no position would keep its meaning, so that is a failure.
pub(super) async fn examine(connection: &mut Connection, mailbox: &Mailbox) -> Result<Examined, Failure> {
    let Some(name) = quote(&mailbox.wire_name) else {
        return Err(broken(mailbox, "its name holds a line break"));
    };
    let (mut uid_validity, mut uid_next, mut messages) = (None, None, None);
    let expunged = connection.expunged();
    connection.opens_another();
    let examining = connection.run(Command::new(format!("EXAMINE {name}")), |answer| {
        if let Response::Data { outcome, .. } = answer {
            if let Some(ResponseCode::UidValidity(number)) = outcome.code {
                uid_validity = Some(number);
            } else if let Some(ResponseCode::UidNext(number)) = outcome.code {
                uid_next = Some(number);
            }
        } else if let Response::MailboxData(MailboxDatum::Exists(number)) = answer {
            messages = Some(*number);
        }
    });
    match examining.await {
        Err(Failure::No(text)) if is_about_existence(&text) => {
            let what = format!("the mailbox {}", mailbox.name);
            Err(Failure::Final(SourceError::Missing { what, hint: format!("; the server says: {text}") }))
        }
        Err(other) => Err(other),
        Ok(()) => match uid_validity.filter(|number| *number != 0) {
            Some(uid_validity) => Ok(Examined { uid_validity, uid_next, messages, expunged }),
            None => Err(broken(mailbox, "the server gives no UIDVALIDITY, so that no message in it has a lasting place")),
        },
    }
}

/// What STATUS says of a mailbox that is not open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    uid_validity: Option<u32>,
    uid_next: Option<u32>,
    messages: Option<u32>,
}

/// Asks how a mailbox stands without opening it; `None` where the server does not say all of it.
pub(super) async fn standing(connection: &mut Connection, mailbox: &Mailbox) -> Result<Option<Standing>, Failure> {
    let Some(name) = quote(&mailbox.wire_name) else { return Ok(None) };
    let mut standing = Standing::default();
    let command = format!("STATUS {name} (MESSAGES UIDNEXT UIDVALIDITY)");
    let asking = connection.run(Command::new(command), |answer| {
        if let Response::MailboxData(MailboxDatum::Status { status, .. }) = answer {
            for attribute in status {
                if let StatusAttribute::Messages(number) = attribute {
                    standing.messages = Some(*number);
                } else if let StatusAttribute::UidNext(number) = attribute {
                    standing.uid_next = Some(*number);
                } else if let StatusAttribute::UidValidity(number) = attribute {
                    standing.uid_validity = Some(*number);
                }
            }
        }
    });
    match asking.await {
        Ok(()) => {
            let is_whole = standing.uid_validity.is_some() && standing.uid_next.is_some() && standing.messages.is_some();
            Ok(is_whole.then_some(standing))
        }
        // Opening it will say why.
        Err(Failure::No(_) | Failure::Bad(_)) => Ok(None),
        Err(failure @ (Failure::Lost(_) | Failure::Final(_))) => Err(failure),
    }
}

/// RFC 5530 NONEXISTENT, and the words that came before it.
fn is_about_existence(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["[nonexistent]", "doesn't exist", "does not exist", "no such mailbox"].iter().any(|word| text.contains(word))
}

fn broken(mailbox: &Mailbox, why: &str) -> Failure {
    Failure::Final(SourceError::Broken { what: format!("the mailbox {}", mailbox.name), why: why.to_owned() })
}

/// Whether the server gives UIDs anew that it gave before: UIDNEXT says so, and no message contradicts it.
pub(super) async fn is_rewound(connection: &mut Connection, cursor: Cursor, examined: &Examined) -> Result<bool, Failure> {
    if examined.uid_next.is_none_or(|uid_next| uid_next > cursor.uid()) {
        return Ok(false);
    }
    if examined.messages == Some(0) {
        return Ok(true);
    }
    let highest = highest(connection, cursor.uid()).await?;
    Ok(highest.is_some_and(|highest| highest < cursor.uid()))
}

/// Whether another message has the last UID that was sent, though the server counts on from there: it began to count anew
/// and has caught up since. Asked only where there is something new.
pub(super) async fn is_replaced(connection: &mut Connection, cursor: Cursor, examined: &Examined) -> Result<bool, Failure> {
    let is_quiet = examined.uid_next.is_some_and(|uid_next| uid_next == cursor.uid().saturating_add(1));
    if is_quiet || !cursor.is_dated() || examined.messages == Some(0) {
        return Ok(false);
    }
    let mut now = None;
    let fetching = connection.run(Command::new(format!("UID FETCH {} (UID INTERNALDATE)", cursor.uid())), |answer| {
        if let Some((_, attributes)) = message(answer).filter(|(uid, _)| *uid == cursor.uid()) {
            now = internal_date(attributes).or(now);
        }
    });
    match fetching.await {
        Err(failure) if failure.may_pass() => Err(failure),
        // The server refuses to speak of this one message, which says nothing about it.
        Ok(()) | Err(_) => Ok(now.is_some_and(|now| cursor.is_contradicted(now))),
    }
}

/// How many of the messages that EXAMINE counted were neither listed nor expunged since, given how many were listed.
pub(super) async fn unlisted(connection: &mut Connection, examined: &Examined, listed: u64) -> Result<u64, Failure> {
    let unlisted = |connection: &Connection| {
        let expunged = connection.expunged().saturating_sub(examined.expunged);
        u64::from(examined.messages.unwrap_or_default()).saturating_sub(listed).saturating_sub(expunged)
    };
    if unlisted(connection) == 0 {
        return Ok(0);
    }
    // A server may tell of expunged messages now and not before (RFC 3501 7.4.1).
    connection.run(Command::new("NOOP"), |_| {}).await?;
    Ok(unlisted(connection))
}

/// Fails where a mailbox was listed from its beginning and the server keeps some of what it counts to itself.
pub(super) async fn expect_all_listed(
    connection: &mut Connection,
    mailbox: &Mailbox,
    examined: &Examined,
    listed: u64,
) -> Result<(), Failure> {
    if unlisted(connection, examined, listed).await? == 0 {
        return Ok(());
    }
    let counted = examined.messages.unwrap_or_default();
    Err(broken(mailbox, &format!("the server counts {counted} messages in it and lists {listed}")))
}

/// The UIDs that exist in a window, by one way of asking.
pub(super) async fn listed(connection: &mut Connection, window: Window, listing: Listing) -> Result<BTreeSet<u32>, Failure> {
    match listing {
        Listing::Search => existing(connection, window).await,
        Listing::Fetch => fetch_uids(connection, window).await,
    }
}

/// The UIDs that exist in a window, by SEARCH, or by FETCH from a server that refuses to search.
pub(super) async fn existing(connection: &mut Connection, window: Window) -> Result<BTreeSet<u32>, Failure> {
    match search(connection, window).await {
        Err(refused @ (Failure::No(_) | Failure::Bad(_))) if !refused.may_pass() => fetch_uids(connection, window).await,
        searched => searched,
    }
}

async fn fetch_uids(connection: &mut Connection, window: Window) -> Result<BTreeSet<u32>, Failure> {
    let mut found = BTreeSet::new();
    let fetching = connection.run(Command::new(format!("UID FETCH {window} (UID)")), |answer| {
        found.extend(message(answer).map(|(uid, _)| uid).filter(|uid| window.contains(*uid)));
    });
    fetching.await?;
    Ok(found)
}

async fn search(connection: &mut Connection, window: Window) -> Result<BTreeSet<u32>, Failure> {
    let mut found = BTreeSet::new();
    let searching = connection.run(Command::new(format!("UID SEARCH UID {window}")), |answer| {
        if let Response::MailboxData(MailboxDatum::Search(uids)) = answer {
            found.extend(uids.iter().copied().filter(|uid| window.contains(*uid)));
        }
    });
    searching.await?;
    Ok(found)
}

/// The highest UID in the mailbox, by the echo of `n:*` (RFC 3501 6.4.8); `None` from servers that do not echo (Courier).
pub(super) async fn highest(connection: &mut Connection, from: u32) -> Result<Option<u32>, Failure> {
    let mut highest = None;
    let searching = connection.run(Command::new(format!("UID SEARCH UID {from}:*")), |answer| {
        if let Response::MailboxData(MailboxDatum::Search(uids)) = answer {
            highest = highest.max(uids.iter().copied().max());
        }
    });
    searching.await?;
    Ok(highest)
}

/// The whole messages of a few UIDs, as far as they came; and how the command ended.
pub(super) async fn whole_messages(connection: &mut Connection, uids: &[u32]) -> (BTreeMap<u32, Vec<u8>>, Result<(), Failure>) {
    let mut messages = BTreeMap::new();
    let command = format!("UID FETCH {} (UID BODY.PEEK[])", uid_set(uids));
    let end = connection.run(Command::new(command), |answer| {
        if let Some((uid, attributes)) = message(answer)
            && let Content::Whole(raw) = content(attributes)
        {
            messages.insert(uid, raw);
        }
    });
    let end = end.await;
    (messages, end)
}

/// Up to [`PIECE_BYTES`] of one message, from `offset` on.
pub(super) async fn piece(connection: &mut Connection, uid: u32, offset: usize, date: AskDate) -> Result<Piece, Failure> {
    let date = if date == AskDate::Yes { " INTERNALDATE" } else { "" };
    one_message(connection, uid, format!("UID FETCH {uid} (UID{date} BODY.PEEK[]<{offset}.{PIECE_BYTES}>)")).await
}

/// The whole of one message.
pub(super) async fn whole_message(connection: &mut Connection, uid: u32) -> Result<Piece, Failure> {
    one_message(connection, uid, format!("UID FETCH {uid} (UID BODY.PEEK[])")).await
}

async fn one_message(connection: &mut Connection, wanted: u32, command: String) -> Result<Piece, Failure> {
    let mut piece = Piece::default();
    let fetching = connection.run(Command::new(command), |answer| {
        if let Some((_, attributes)) = message(answer).filter(|(uid, _)| *uid == wanted) {
            piece.internal_date = internal_date(attributes).or(piece.internal_date);
            if let Content::Nothing = piece.content {
                piece.content = content(attributes);
            }
        }
    });
    fetching.await?;
    Ok(piece)
}

/// The message that an answer is about. Servers also send FETCH for flags that others change (RFC 3501 7.4.2), so an
/// answer is only known by its UID, and only one with content counts as content.
pub(super) fn message<'a, 'b>(answer: &'a Response<'b>) -> Option<(u32, &'a [AttributeValue<'b>])> {
    let Response::Fetch(_, attributes) = answer else { return None };
    let uid = attributes.iter().find_map(|attribute| if let AttributeValue::Uid(uid) = attribute { Some(*uid) } else { None })?;
    Some((uid, attributes))
}

fn content(attributes: &[AttributeValue<'_>]) -> Content {
    for attribute in attributes {
        if let AttributeValue::BodySection { section: None, index, data: Some(data) } = attribute {
            if is_stand_in(data) {
                return Content::Nothing;
            }
            return if index.is_some() { Content::Part(data.to_vec()) } else { Content::Whole(data.to_vec()) };
        }
    }
    Content::Nothing
}

/// Whether this is what Courier sends in place of a message that another client has expunged, or whose file it cannot read.
/// Nobody else's mail is these bytes and no others: it has neither a date nor an identity.
fn is_stand_in(raw: &[u8]) -> bool {
    const STAND_IN: &[u8] = b"From: System Administrator <root@localhost>\nSubject: message unavailable\n\n\
        This message is no longer available on the server.\n";
    raw.len() < 2 * STAND_IN.len() && raw.iter().filter(|byte| **byte != b'\r').eq(STAND_IN)
}

pub(super) fn internal_date(attributes: &[AttributeValue<'_>]) -> Option<DateTime<Utc>> {
    attributes.iter().find_map(|attribute| if let AttributeValue::InternalDate(text) = attribute { date_time(text) } else { None })
}

/// `date-time` of RFC 3501 9, such as ` 7-Jul-1996 02:44:25 -0700`.
fn date_time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_str(text.trim(), "%d-%b-%Y %H:%M:%S %z").ok().map(|date| date.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_dates_are_read_with_one_or_two_digits() {
        let date = |text| date_time(text).map(|date| date.to_rfc3339());
        assert_eq!(date(" 7-Jul-1996 02:44:25 -0700").as_deref(), Some("1996-07-07T09:44:25+00:00"));
        assert_eq!(date("17-Jul-1996 02:44:25 +0000").as_deref(), Some("1996-07-17T02:44:25+00:00"));
        assert_eq!(date("yesterday"), None);
    }
}
