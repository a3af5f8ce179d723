//! Whom a post shows as the author, and what it says of the people.
//!
//! A list that took the From line may say for whom (`Message::behind`). Whoever can send us mail as a list can say so of
//! anybody, and our receiving server vouches for the list alone. So a list of ours is believed, and so is one that speaks
//! of its own people or of people whom the configuration does not know; one that speaks of us or of a partner is not: then
//! the list stays the author, and what it says is a remark. None of this decides whether a message is posted, or where.

use super::{Directory, Party};
use crate::mail::{Byline, Correspondent, Message, lookalike};

/// The byline of a message.
pub fn byline(directory: &Directory, message: &Message) -> Byline {
    let from = message.author();
    let mut remarks = Vec::new();
    let (author, via) = match (&message.behind, from) {
        (Some(author), Some(list)) if may_speak_for(directory, list, author) => (Some(author), Some(list)),
        (Some(author), Some(list)) => {
            remarks.push(format!(
                "{} says that this is from {}, which nobody vouches for",
                list.address,
                match author.name.as_str() {
                    "" => author.address.to_string(),
                    name => format!("{name} <{}>", author.address),
                }
            ));
            (Some(list), None)
        }
        (_, from) => (from, None),
    };
    remarks.extend(lookalikes(directory, message));
    remarks.extend(lookalike::remarks(message));
    remarks.truncate(lookalike::MOST_REMARKS);
    Byline { author: author.cloned(), via: via.cloned(), remarks }
}

/// Whether what a list says of an author is shown as if it were so.
fn may_speak_for(directory: &Directory, list: &Correspondent, author: &Correspondent) -> bool {
    match (directory.party(&list.address), directory.party(&author.address)) {
        (Party::Ourselves, _) | (_, Party::Unmapped) => true,
        (Party::Partner(list), Party::Partner(author)) => list.name == author.name,
        (Party::Partner(_) | Party::Unmapped, _) => false,
    }
}

/// The people of nobody that the configuration names whose domain could be taken for one that it does name.
fn lookalikes(directory: &Directory, message: &Message) -> Vec<String> {
    let mut remarks: Vec<String> = Vec::new();
    // Reply-To decides nothing, but an answer would go there.
    for person in message.audience().chain(&message.behind).chain(&message.reply_to).take(MOST_PEOPLE) {
        let Some(domain) = person.address.domain() else { continue };
        if directory.party(&person.address) != Party::Unmapped || remarks.iter().any(|remark| remark.starts_with(domain)) {
            continue;
        }
        if let Some((own, claimant)) = directory.claimed_domains().find(|(own, _)| lookalike::resembles(domain, own)) {
            remarks.push(format!("{domain} looks like {own} of {claimant} and is not"));
        }
        if remarks.len() >= lookalike::MOST_REMARKS {
            break;
        }
    }
    remarks
}

/// People of one message whose domains are compared with every domain of the configuration: a mail to more is read for its
/// text.
const MOST_PEOPLE: usize = 100;
