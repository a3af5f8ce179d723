//! What `check` says of an account: how far one gets, and what each mailbox holds.

use super::connect::{Account, Session};
use super::fetch::examine;
use super::mailboxes::{Mailbox, choose, list};
use super::{ImapSettings, ImapSource};
use crate::finding::Finding;
use crate::position::SourceName;
use crate::source::SourceError;

/// Looks at the connection, the login and the mailboxes, and changes nothing.
pub(super) async fn check(imap: &ImapSource) -> Vec<Finding> {
    let (source, settings) = (&imap.name, &imap.settings);
    let (account, mut session) = match open(imap).await {
        Ok(opened) => opened,
        Err(error) => return vec![refused(&subject(source, step(&error)), &error)],
    };
    let login = format!("{} at {}, {}", settings.username, account.address(), session.manner);
    let mut findings = vec![Finding::fine(subject(source, "login"), login)];
    match list(&mut session).await {
        Ok(mailboxes) => findings.extend(mailbox_findings(source, settings, &mailboxes, session).await),
        Err(failure) => findings.push(refused(&subject(source, "mailboxes"), &failure.into_error(account.address()))),
    }
    findings
}

async fn open(imap: &ImapSource) -> Result<(Account, Session), SourceError> {
    let account = imap.account().await?;
    let session = account.open().await.map_err(|failure| failure.into_error(account.address()))?;
    Ok((account, session))
}

async fn mailbox_findings(
    source: &SourceName,
    settings: &ImapSettings,
    mailboxes: &[Mailbox],
    mut session: Session,
) -> Vec<Finding> {
    let choice = choose(mailboxes, &settings.mailboxes, &session.capabilities);
    let mut findings = Vec::new();
    for (name, error) in &choice.missing {
        findings.push(refused(&mailbox_subject(source, name), error));
    }
    for mailbox in &choice.read {
        let subject = mailbox_subject(source, &mailbox.name);
        match examine(&mut session.connection, mailbox).await {
            Ok(examined) => findings.push(Finding::fine(subject, counted(examined.messages))),
            Err(failure) => {
                let is_lost = failure.is_lost();
                findings.push(refused(&subject, &failure.into_error(format!("the mailbox {}", mailbox.name))));
                if is_lost {
                    return findings;
                }
            }
        }
    }
    if !choice.left_out.is_empty() {
        findings.push(Finding::fine(subject(source, "left out"), choice.left_out.join(", ")));
    }
    session.close().await;
    findings
}

fn counted(messages: Option<u32>) -> String {
    match messages {
        Some(1) => "1 message".to_owned(),
        Some(count) => format!("{count} messages"),
        None => "the server does not say how many messages".to_owned(),
    }
}

fn subject(source: &SourceName, what: &str) -> String {
    format!("source {source}: {what}")
}

fn mailbox_subject(source: &SourceName, name: &str) -> String {
    format!("source {source}: mailbox {name}")
}

fn refused(subject: &str, error: &SourceError) -> Finding {
    // The advice of a token's trouble is part of its sentence, and stands apart here.
    let detail = if let SourceError::Token { what, username, why, .. } = error {
        format!("{username} cannot log in at {what}: {why}")
    } else {
        error.to_string()
    };
    Finding::refused(subject, detail, advice(error))
}

/// The step that failed.
fn step(error: &SourceError) -> &'static str {
    match error {
        SourceError::Tls { .. } => "TLS",
        SourceError::Login { .. } | SourceError::Token { .. } => "login",
        SourceError::Unreachable { .. }
        | SourceError::Missing { .. }
        | SourceError::Broken { .. }
        | SourceError::Resting { .. }
        | SourceError::Stopped => "connection",
    }
}

fn advice(error: &SourceError) -> &str {
    match error {
        SourceError::Unreachable { .. } => "check host and port, and that this machine may reach them",
        SourceError::Tls { .. } => {
            "check tls (implicit on port 993, starttls on port 143); a private certificate goes into ca_file"
        }
        SourceError::Login { .. } => "check username and password; many providers want an app password, or IMAP to be switched on",
        SourceError::Token { advice, .. } => advice,
        SourceError::Missing { .. } => "correct the name in mailboxes, or leave mailboxes out to read all",
        SourceError::Broken { .. } => "try again later; if it stays, the server's administrator can see why in its log",
        SourceError::Resting { .. } => "wait, or set daily_megabytes to what the provider allows",
        SourceError::Stopped => "run it again",
    }
}
